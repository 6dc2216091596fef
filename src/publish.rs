//! Gathered rows → the lake, day by day.

use chrono::NaiveDate;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::config::{Account, LakeSettings};
use crate::day::{DayRows, Gather, WriteOptions};
use crate::lake::{DayFacts, Lake, LakeOptions, Outcome, Published};
use crate::report::DayLine;
use crate::schema::Table;

/// Part of the memory budget that gathered rows may take; the rest is for decoding and for the row group in hand.
const GATHER_SHARE: usize = 2;

/// Days that are merged and written at once: one encodes while the other waits for the disk or the store, and both cores of
/// a small machine are busy. Each holds the row group in hand.
const DAYS_AT_ONCE: usize = 2;

/// Opens the lake for publishing.
pub(crate) async fn open(settings: &LakeSettings) -> anyhow::Result<Lake> {
    let LakeSettings {
        dest,
        zone,
        memory: _,
        single_writer,
        force_network_fs,
        endpoint_url,
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

/// Publishes all that was gathered; `facts` are those of the day that was asked for.
pub(crate) async fn publish(
    lake: &Lake,
    account: &Account,
    days: impl Iterator<Item = DayRows>,
    facts: Option<(NaiveDate, DayFacts)>,
) -> anyhow::Result<Vec<DayLine>> {
    let facts = facts.as_ref();
    let publications = days.map(|rows| {
        let known = facts.filter(|(date, _)| Some(*date) == rows.day().date());
        let facts = known.map(|(_, facts)| facts.clone()).unwrap_or_default();
        async move { anyhow::Ok(line(lake.publish(account.as_str(), rows, facts).await?)) }
    });
    stream::iter(publications)
        .buffered(DAYS_AT_ONCE)
        .try_collect()
        .await
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
