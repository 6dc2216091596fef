//! `callake convert`: saved responses → the lake.
//!
//! Inputs are read and decoded on one thread, and what comes of it is sorted, and spilled where it must be, on another.

use std::sync::mpsc;
use std::thread;

use anyhow::Context as _;
use arrow::array::RecordBatch;

use crate::config::{ConvertSettings, LakeSettings};
use crate::day::{DayRows, Gather};
use crate::decode::{Rows, Source, Tally};
use crate::exit::Exit;
use crate::input::{self, Expanded, Intake, Reading, Rejects, Tolerance};
use crate::lake::{DayFacts, Lake};
use crate::report::RunRecord;
use crate::schema::{self, Table};
use crate::zone_check::ZoneCheck;
use crate::{publish, report};

/// Reads all inputs, then publishes day by day.
pub(crate) async fn run(settings: ConvertSettings) -> anyhow::Result<Exit> {
    let lake = publish::open(&settings.lake).await?;
    let mut record = RunRecord::start("convert", settings.account.as_str());
    let outcome = convert(settings, &lake, &mut record).await;
    publish::end_run(&lake, record, outcome, report::convert).await
}

async fn convert(settings: ConvertSettings, lake: &Lake, record: &mut RunRecord) -> anyhow::Result<Exit> {
    let account = settings.account.clone();
    let (reading, tally, gathers) = tokio::task::spawn_blocking(move || read(&settings)).await??;
    record.inputs = Some(reading.inputs);
    record.records = reading.records;
    record.extra = tally;
    record.faults = reading.faults;
    record.files = publish::publish(lake, &account, gathers.days()?, DayFacts::default()).await?;
    Ok(report::faults(&record.faults))
}

/// Reads all inputs into sorted rows.
fn read(settings: &ConvertSettings) -> anyhow::Result<(Reading, Tally, Gathers)> {
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
    let tolerance = match rejects {
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
    let ((reading, tally), gathers, zone) = gather_beside(Gathers::new(lake.clone()), |sink| {
        Intake::new(tables, &source, tolerance, lake.verify, sink).read_all(&inputs, faults)
    })?;
    publish::check_strict(lake, &tally)?;
    if let Some(finding) = zone.finding(*timezone_offset) {
        report::note(&format!("warning: {finding}"));
    }
    Ok((reading, tally, gathers))
}

/// The gathered rows of each table that has some.
struct Gathers {
    lake: LakeSettings,
    /// A table's is made for its first batch: two take twice the share of the memory budget that one takes.
    gathers: Vec<(&'static Table, Gather)>,
}

impl Gathers {
    fn new(lake: LakeSettings) -> Gathers {
        let gathers = Vec::new();
        Gathers { lake, gathers }
    }

    fn push(&mut self, table: &'static Table, batch: RecordBatch) -> anyhow::Result<()> {
        let place = self
            .gathers
            .iter()
            .position(|(other, _)| other.name == table.name);
        let place = match place {
            Some(place) => place,
            None => {
                self.gathers.push((table, publish::gather(table, &self.lake)?));
                self.gathers.len() - 1
            }
        };
        Ok(self.gathers[place].1.push(batch)?)
    }

    /// The days of all tables, a table after the other.
    fn days(self) -> anyhow::Result<impl Iterator<Item = DayRows>> {
        let days: Result<Vec<_>, _> = self
            .gathers
            .into_iter()
            .map(|(_, gather)| gather.days())
            .collect();
        Ok(days?.into_iter().flatten())
    }
}

/// Batches that may wait for the gatherer, which now and then takes the time of some to hand days over. Each is memory beside its
/// budget.
const WAITING_BATCHES: usize = 2;

/// Lets `read` hand its batches to the gatherer on a thread of its own.
///
/// # Errors
/// What the gatherer says, else what `read` says.
fn gather_beside<T>(
    mut gathers: Gathers,
    read: impl FnOnce(&mut input::BatchSink<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<(T, Gathers, ZoneCheck)> {
    let (sender, receiver) = mpsc::sync_channel::<(&'static Table, Rows)>(WAITING_BATCHES);
    thread::scope(|scope| {
        let gatherer = scope.spawn(move || -> anyhow::Result<_> {
            let mut zone = ZoneCheck::default();
            for (table, rows) in receiver {
                let batch = rows.into_batch()?;
                zone.add(&batch);
                gathers.push(table, batch)?;
            }
            Ok((gathers, zone))
        });
        // A gatherer that has stopped is no receiver; why it did is its own to say.
        let reading = read(&mut |table, rows| sender.send((table, rows)).context("hand over rows"));
        drop(sender);
        let (gathers, zone) = gatherer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((reading?, gathers, zone))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;
    use crate::config::DEFAULT_MEMORY;

    fn gathers() -> Gathers {
        Gathers::new(LakeSettings {
            dest: String::new(),
            zone: chrono_tz::Tz::UTC,
            memory: DEFAULT_MEMORY,
            single_writer: false,
            force_network_fs: false,
            endpoint_url: None,
            verify: false,
            strict: false,
        })
    }

    #[test]
    fn a_gatherer_that_stops_ends_the_reading_and_says_why() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let foreign = RecordBatch::try_from_iter([("foreign", column)]).unwrap();
        let outcome = gather_beside(gathers(), |sink| -> anyhow::Result<()> {
            loop {
                sink(schema::call_details(), foreign.clone().into())?;
            }
        });
        let error = format!("{:#}", outcome.err().unwrap());
        assert!(error.contains("has another schema"), "{error}");
    }

    #[test]
    fn what_reading_says_is_kept() {
        let outcome = gather_beside(gathers(), |_| -> anyhow::Result<()> { anyhow::bail!("line 7") });
        assert_eq!(outcome.err().unwrap().to_string(), "line 7");
    }
}
