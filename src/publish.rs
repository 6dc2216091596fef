//! Gathered rows → the lake, day by day.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt as _, stream};
use tokio::sync::Semaphore;

use crate::config::{Account, LakeSettings};
use crate::day::{DayRows, Gather, WriteOptions};
use crate::decode::Tally;
use crate::exit::Exit;
use crate::input::InputError;
use crate::job::Job;
use crate::lake::{DayFacts, Lake, LakeOptions, Outcome, Published};
use crate::memory::Shares;
use crate::report::{self, DayLine, RunRecord};
use crate::stop::Stopped;

/// Days published at once: mostly they wait for the disk or the store.
const DAYS_AT_ONCE: usize = 8;

/// How many row groups may be held while days are merged and encoded, so that both cores of a small machine are busy.
const ROW_GROUPS_AT_ONCE: usize = 2;

/// Memory that a day takes while it is encoded, up to a whole row group: for its columns, and for each row. Small days are
/// encoded more than two at once, since each waits for the disk for longer than it is encoded.
const ENCODED_DAY: usize = 8 << 20;
const ENCODED_ROW: usize = 6 << 10;

/// Of larger days that are encoded already, how many take the memory of a row group together: it is needed only where rows of one
/// part replace those of another, and what was gathered has left room by then.
const COPIED_DAYS: usize = 3;

/// Rows of a day up to which nothing is held back for it where it is encoded already.
const SMALL: usize = 50_000;

/// Bytes of a present file from which no other day is encoded beside its merge: of each file that is merged a row group's columns
/// are decoded at once.
const LARGE_FILE: u64 = 4 << 20;

/// Memory to be held back while a day is published, of so much for a row group. `present` are the bytes of the day's file, which
/// may have to be merged with: then all rows are encoded. An object store is not asked for them.
fn memory(rows: &DayRows, row_group: usize, present: Option<u64>) -> usize {
    match (rows.received(), present) {
        (_, Some(LARGE_FILE..)) => ROW_GROUPS_AT_ONCE * row_group,
        (..=SMALL, None | Some(0)) if rows.is_encoded() => 0,
        (_, Some(0)) if rows.is_encoded() => row_group / COPIED_DAYS,
        (received, _) => row_group.min(ENCODED_DAY + received * ENCODED_ROW),
    }
}

/// Opens the lake for publishing.
pub(crate) async fn open(settings: &LakeSettings, job: &Job) -> anyhow::Result<Lake> {
    let LakeSettings {
        dest,
        zone,
        memory,
        single_writer,
        force_network_fs,
        endpoint_url,
        verify: _,
        strict: _,
    } = settings;
    let options = LakeOptions {
        zone: *zone,
        single_writer: *single_writer,
        force_network_fs: *force_network_fs,
        endpoint_url: endpoint_url.clone(),
        write: write_options(*memory),
        progress: job.progress.clone(),
    };
    Ok(Lake::open(dest, options).await?)
}

/// Opens the lake for a look before anything is published: nothing is made, locked or tried.
pub(crate) async fn look(settings: &LakeSettings) -> anyhow::Result<Lake> {
    let options = LakeOptions {
        zone: settings.zone,
        endpoint_url: settings.endpoint_url.clone(),
        ..LakeOptions::default()
    };
    let lake = Lake::for_reading(&settings.dest, options)?;
    lake.check_zone().await?;
    Ok(lake)
}

/// Row groups of the usual size, or of less where the memory budget is small.
fn write_options(memory: usize) -> WriteOptions {
    WriteOptions {
        row_group_bytes: Shares::of(memory).row_group,
        ..WriteOptions::default()
    }
}

/// Starts to gather rows for the lake.
pub(crate) fn gather(settings: &LakeSettings) -> anyhow::Result<Gather> {
    Ok(Gather::new(
        settings.zone,
        Shares::of(settings.memory).gathered,
        write_options(settings.memory),
        &std::env::temp_dir(),
    )?)
}

/// Ends the run where `--strict` was asked for and something went to `extra`.
pub(crate) fn check_strict(settings: &LakeSettings, tally: &Tally) -> anyhow::Result<()> {
    let kept: Vec<_> = tally
        .extra
        .iter()
        .map(|(pattern, count)| format!("{pattern}: {count}"))
        .collect();
    if !settings.strict || kept.is_empty() {
        return Ok(());
    }
    let shown = kept.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    let more = if kept.len() > 10 { ", …" } else { "" };
    Err(InputError::Bad(format!(
        "hold the records in their columns, as --strict asks: {} patterns do not fit ({shown}{more}); nothing of them was written; leave --strict out to keep them in `extra`",
        kept.len()
    ))
    .into())
}

/// Publishes days, each with the same facts, and notes their files in the record as they are done. Where the run is to stop, or a
/// day fails, no other day is begun.
pub(crate) async fn publish(
    job: &Job,
    lake: &Lake,
    account: &Account,
    days: impl IntoIterator<Item = DayRows>,
    facts: DayFacts,
    record: &mut RunRecord,
) -> anyhow::Result<()> {
    let row_group = lake.row_group_bytes();
    let encoding = Semaphore::new(ROW_GROUPS_AT_ONCE * row_group);
    let failed = AtomicBool::new(false);
    let is_stop = |error: &anyhow::Error| error.is::<Stopped>();
    let mut days: Vec<_> = days.into_iter().enumerate().collect();
    // Those to be encoded first: others wait for the disk meanwhile.
    days.sort_by_key(|(_, rows)| rows.is_encoded());
    let publications = days.into_iter().map(|(number, rows)| {
        let (facts, encoding, failed) = (facts.clone(), &encoding, &failed);
        async move {
            let present = lake.present_bytes(account.as_str(), &rows)?;
            let bytes = u32::try_from(memory(&rows, row_group, present)).unwrap_or(u32::MAX);
            let _turn = encoding.acquire_many(bytes).await?;
            if failed.load(Ordering::Relaxed) {
                return Ok(None);
            }
            job.stop.check()?;
            let published = lake.publish(account.as_str(), rows, facts).await?;
            job.progress.steps.add(1);
            job.progress.days_published.add(1);
            anyhow::Ok(Some((number, line(published))))
        }
    });
    let mut published = stream::iter(publications).buffer_unordered(DAYS_AT_ONCE);
    let (mut lines, mut outcome) = (Vec::new(), Ok(()));
    while let Some(day) = published.next().await {
        match day {
            Ok(line) => lines.extend(line),
            Err(error) => {
                // Days that were begun are waited for: they change files, and the record is to say which.
                failed.store(true, Ordering::Relaxed);
                outcome = match outcome {
                    Err(first) if !is_stop(&first) => Err(first),
                    _ => Err(error),
                };
            }
        }
    }
    lines.sort_by_key(|(number, _)| *number);
    record.files.extend(lines.into_iter().map(|(_, line)| line));
    outcome
}

/// Keeps the record of a run in the lake and prints its summary, whatever the outcome was; gives the outcome back. A run that
/// came to nothing leaves no lake where there was none.
pub(crate) async fn end_run(
    job: &Job,
    lake: &Lake,
    mut record: RunRecord,
    outcome: anyhow::Result<Exit>,
    summary: impl FnOnce(&RunRecord, &mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<Exit> {
    let came_to_nothing = outcome.is_err() && !record.has_news();
    record.end(&outcome);
    let kept = if came_to_nothing && lake.withdraw() {
        Ok(String::new())
    } else {
        lake.keep_run(&record.id, record.to_json()?).await
    };
    let printed = match (job.json, came_to_nothing) {
        (true, _) => report::output(|out| report::json(&record, out)),
        (false, false) => report::output(|out| summary(&record, out)),
        (false, true) => Ok(()),
    };
    let exit = outcome?;
    kept?;
    printed?;
    Ok(exit)
}

fn line(published: Published) -> DayLine {
    let Published {
        outcome,
        path,
        rows,
        bytes,
    } = published;
    let outcome = match outcome {
        Outcome::Created => "created",
        Outcome::Merged => "merged",
        Outcome::Unchanged => "unchanged",
    };
    DayLine {
        path: path.to_string(),
        outcome: outcome.to_string(),
        rows,
        bytes,
    }
}
