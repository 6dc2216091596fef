//! `callake convert`: saved responses → the lake.

use std::fs::File;

use anyhow::Context as _;
use arrow::array::RecordBatch;

use crate::config::ConvertSettings;
use crate::day::Gather;
use crate::decode::{Decoder, Source, Tally};
use crate::exit::Exit;
use crate::input::{self, Intake, Proof, Reading, Rejects, Tolerance};
use crate::lake::{DayFacts, Lake};
use crate::report::RunRecord;
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
    let (reading, tally, gather) = tokio::task::spawn_blocking(move || read(&settings)).await??;
    record.inputs = Some(reading.inputs);
    record.records = reading.records;
    record.extra = tally;
    record.faults = reading.faults;
    record.files = publish::publish(lake, &account, gather.days()?, DayFacts::default()).await?;
    Ok(report::faults(&record.faults))
}

/// Reads all inputs into sorted rows.
fn read(settings: &ConvertSettings) -> anyhow::Result<(Reading, Tally, Gather)> {
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
    let inputs = input::expand(inputs)?;
    let tolerance = match rejects {
        Some(path) => Tolerance::Rejects(Rejects::new(
            File::create(path).with_context(|| format!("create the rejects file {}", path.display()))?,
        )),
        None if *keep_going => Tolerance::KeepGoing,
        None => Tolerance::Stop,
    };
    let source = Source {
        account_id: account.to_string(),
        endpoint: endpoint.clone(),
        fetched_at: 0,
        timezone_offset: i64::from(*timezone_offset),
    };
    let mut gather = publish::gather(table, lake)?;
    let intake = Intake {
        decoder: Decoder::new(table, source.clone()),
        source,
        tolerance,
        proof: lake.verify.then(|| Proof::new(table)),
        sink: &mut |batch: RecordBatch| Ok(gather.push(batch)?),
    };
    let (reading, tally) = intake.read_all(&inputs)?;
    publish::check_strict(lake, &tally)?;
    Ok((reading, tally, gather))
}
