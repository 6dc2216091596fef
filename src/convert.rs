//! `callake convert`: saved responses → the lake.
//!
//! Inputs are read and decoded on one thread, and what comes of it is sorted, and spilled where it must be, on another.

use std::sync::mpsc;
use std::thread;

use anyhow::Context as _;

use crate::config::ConvertSettings;
use crate::day::Gather;
use crate::decode::{Rows, Source, Tally};
use crate::exit::Exit;
use crate::input::{self, Expanded, Intake, Reading, Rejects, Tolerance};
use crate::job::Job;
use crate::lake::{DayFacts, DayPath, Lake};
use crate::memory::Shares;
use crate::report::{DayLine, RunRecord};
use crate::schema::{self, Table};
use crate::zone_check::ZoneCheck;
use crate::{plan, publish, report};

/// Reads all inputs, then publishes day by day.
pub(crate) async fn run(settings: ConvertSettings, job: &Job) -> anyhow::Result<Exit> {
    if job.dry_run {
        return foresee(settings, job).await;
    }
    let lake = publish::open(&settings.lake, job).await?;
    let mut record = RunRecord::start("convert", settings.account.as_str());
    let outcome = job.shown(convert(settings, &lake, &mut record, job)).await;
    publish::end_run(job, &lake, record, outcome, report::convert).await
}

async fn convert(
    settings: ConvertSettings,
    lake: &Lake,
    record: &mut RunRecord,
    job: &Job,
) -> anyhow::Result<Exit> {
    let account = settings.account.clone();
    let reader = job.clone();
    let (reading, tally, gather) = tokio::task::spawn_blocking(move || read(&settings, &reader)).await??;
    note(reading, tally, record);
    let days: Vec<_> = gather.days()?.collect();
    job.progress.begin("publishing", "days");
    job.progress.expect(days.len() as u64, 0);
    publish::publish(job, lake, &account, days, DayFacts::default(), record).await?;
    Ok(report::faults(&record.faults))
}

/// Notes what was read.
fn note(reading: Reading, tally: Tally, record: &mut RunRecord) {
    record.inputs = Some(reading.inputs);
    record.records = reading.records;
    record.extra = tally;
    record.faults = reading.faults;
}

/// Reads all inputs, and says which files their rows would go to.
async fn foresee(settings: ConvertSettings, job: &Job) -> anyhow::Result<Exit> {
    // Refuses a lake of another zone, as publishing would.
    plan::lake(&settings.lake).await?;
    let mut record = RunRecord::start("convert", settings.account.as_str());
    let account = settings.account.clone();
    let reader = job.clone();
    let reading = tokio::task::spawn_blocking(move || read(&settings, &reader));
    let (reading, tally, gather) = job.shown(reading).await??;
    note(reading, tally, &mut record);
    for rows in gather.days()? {
        record.files.push(DayLine {
            path: DayPath::new(&rows.table().name, rows.day(), account.as_str())?.to_string(),
            outcome: "planned".to_string(),
            rows: rows.received() as u64,
            bytes: 0,
        });
    }
    let exit = report::faults(&record.faults);
    record.end(&Ok(exit));
    report::output(|out| match job.json {
        true => report::json(&record, out),
        false => report::conversion_foreseen(&record, out),
    })?;
    Ok(exit)
}

/// Reads all inputs into sorted rows.
fn read(settings: &ConvertSettings, job: &Job) -> anyhow::Result<(Reading, Tally, Gather)> {
    let ConvertSettings {
        inputs,
        table,
        account,
        endpoint,
        timezone_offset,
        keep_going,
        rejects,
        lake,
    } = settings;
    let Expanded { inputs, faults } = input::expand(inputs);
    job.progress.begin("reading", "inputs");
    job.progress.expect(inputs.len() as u64, input::size(&inputs));
    let tolerance = match rejects {
        Some(_) if job.dry_run => Tolerance::Rejects(Rejects::new(std::io::sink())),
        Some(path) => Tolerance::Rejects(Rejects::create(path)?),
        None if *keep_going => Tolerance::KeepGoing,
        None => Tolerance::Stop,
    };
    let source = Source {
        account_id: account.to_string(),
        endpoint: endpoint.clone(),
        fetched_at: 0,
        timezone_offset: i64::from(*timezone_offset),
    };
    let tables = table.map_or_else(|| schema::tables().to_vec(), |table| vec![table]);
    let ((reading, tally), gather, zone) = gather_beside(publish::gather(lake)?, |sink| {
        let mut sink = |table, rows| {
            job.stop.check()?;
            sink(table, rows)
        };
        Intake::new(tables, &source, tolerance, lake.verify, &mut sink)
            .counted_by(&job.progress)
            .in_batches_of(Shares::of(lake.memory).batch)
            .read_all(&inputs, faults)
    })?;
    publish::check_strict(lake, &tally)?;
    if let Some(finding) = zone.finding(*timezone_offset) {
        report::warn(&format!("warning: {finding}"));
    }
    Ok((reading, tally, gather))
}

/// Batches that may wait for the gatherer, which now and then takes the time of some to hand days over. Each is memory beside its
/// budget.
const WAITING_BATCHES: usize = 2;

/// Lets `read` hand its batches to the gatherer on a thread of its own.
///
/// # Errors
/// What the gatherer says, else what `read` says.
fn gather_beside<T>(
    mut gather: Gather,
    read: impl FnOnce(&mut input::BatchSink<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<(T, Gather, ZoneCheck)> {
    let (sender, receiver) = mpsc::sync_channel::<(&'static Table, Rows)>(WAITING_BATCHES);
    thread::scope(|scope| {
        let gatherer = scope.spawn(move || -> anyhow::Result<_> {
            let mut zone = ZoneCheck::default();
            for (table, rows) in receiver {
                let batch = rows.into_batch()?;
                zone.add(&batch);
                gather.push(table, batch)?;
            }
            Ok((gather, zone))
        });
        // A gatherer that has stopped is no receiver; why it did is its own to say.
        let reading = read(&mut |table, rows| sender.send((table, rows)).context("hand over rows"));
        drop(sender);
        let (gather, zone) = gatherer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((reading?, gather, zone))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch};

    use super::*;
    use crate::config::{DEFAULT_MEMORY, LakeSettings};

    fn gather() -> Gather {
        let settings = LakeSettings {
            dest: String::new(),
            zone: chrono_tz::Tz::UTC,
            memory: DEFAULT_MEMORY,
            single_writer: false,
            force_network_fs: false,
            endpoint_url: None,
            verify: false,
            strict: false,
        };
        publish::gather(&settings).unwrap()
    }

    #[test]
    fn a_gatherer_that_stops_ends_the_reading_and_says_why() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let foreign = RecordBatch::try_from_iter([("foreign", column)]).unwrap();
        let outcome = gather_beside(gather(), |sink| -> anyhow::Result<()> {
            loop {
                sink(schema::call_details(), foreign.clone().into())?;
            }
        });
        let error = format!("{:#}", outcome.err().unwrap());
        assert!(error.contains("has another schema"), "{error}");
    }

    #[test]
    fn what_reading_says_is_kept() {
        let outcome = gather_beside(gather(), |_| -> anyhow::Result<()> { anyhow::bail!("line 7") });
        assert_eq!(outcome.err().unwrap().to_string(), "line 7");
    }
}
