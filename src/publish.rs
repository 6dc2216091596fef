//! Gathered rows → the lake, day by day.

use std::io::{self, Write};

use crate::config::{Account, LakeSettings};
use crate::day::{DayRows, Gather, WriteOptions};
use crate::decode::Tally;
use crate::exit::Exit;
use crate::input::InputError;
use crate::lake::{DayFacts, Lake, LakeOptions, Outcome, Published};
use crate::report::{self, DayLine, RunRecord};
use crate::schema::Table;

/// Part of the memory budget that gathered rows may take; the rest is for decoding and for the row group in hand.
const GATHER_SHARE: usize = 2;

/// Opens the lake for publishing.
pub(crate) async fn open(settings: &LakeSettings) -> anyhow::Result<Lake> {
    let LakeSettings {
        dest,
        zone,
        memory: _,
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
        write: WriteOptions::default(),
    };
    Ok(Lake::open(dest, options).await?)
}

/// Starts to gather rows for the lake.
pub(crate) fn gather(table: &'static Table, settings: &LakeSettings) -> anyhow::Result<Gather> {
    Ok(Gather::new(
        table,
        settings.zone,
        settings.memory / GATHER_SHARE,
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
        "hold the records in their columns, as --strict asks: {} patterns do not fit ({shown}{more}); nothing of them was written",
        kept.len()
    ))
    .into())
}

/// Publishes days, each with the same facts.
pub(crate) async fn publish(
    lake: &Lake,
    account: &Account,
    days: impl IntoIterator<Item = DayRows>,
    facts: DayFacts,
) -> anyhow::Result<Vec<DayLine>> {
    let mut lines = Vec::new();
    for rows in days {
        lines.push(line(lake.publish(account.as_str(), rows, facts.clone()).await?));
    }
    Ok(lines)
}

/// Keeps the record of a run in the lake and prints its summary, whatever the outcome was; gives the outcome back.
pub(crate) async fn end_run(
    lake: &Lake,
    mut record: RunRecord,
    outcome: anyhow::Result<Exit>,
    summary: impl FnOnce(&RunRecord, &mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<Exit> {
    record.end(&outcome);
    let kept = lake.keep_run(&record.id, record.to_json()?).await;
    let told = outcome.is_ok() || !record.files.is_empty() || record.cost.is_some();
    let printed = if told {
        report::output(|out| summary(&record, out))
    } else {
        Ok(())
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
