//! `callake plan`: what an export would ask, and how long that would take.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate};
use serde::Serialize;

use crate::api::{self, Client, ClientConfig, Day, Expected, Probed, WindowReport, busy_at_noon};
use crate::config::{ApiSettings, ExportSettings, LakeSettings, PlanSettings};
use crate::day;
use crate::exit::Exit;
use crate::job::Job;
use crate::lake::{DayPath, Lake, LakeOptions};
use crate::{due, export, report, schema};

/// Days whose footers an estimate rests on, at most.
const NEAREST: usize = 8;

/// Days past the asked ones that a reading may look at.
const PAST: u64 = 7;

/// What an export would ask.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    /// The days, but for those that would not be asked for.
    pub(crate) days: Vec<PlannedDay>,
    /// Records expected of them.
    pub(crate) records: u64,
    /// Requests that it would take.
    pub(crate) requests: u64,
    /// Requests over those that full pages would take.
    pub(crate) ratio: Option<f64>,
    /// Requests a minute.
    pub(crate) rate: u32,
    /// Seconds that they would take at this rate.
    pub(crate) seconds: f64,
    /// Requests that measuring has taken.
    pub(crate) asked: u64,
}

/// What would be asked for a day.
#[derive(Debug, Serialize)]
pub(crate) struct PlannedDay {
    pub(crate) date: NaiveDate,
    /// Records expected.
    pub(crate) records: u64,
    /// How that is known.
    pub(crate) basis: Basis,
    /// Requests, those that only learn counted in.
    pub(crate) requests: u64,
    pub(crate) windows: Vec<WindowReport>,
}

/// How the number of a day's records is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Basis {
    /// The lake holds the day.
    Lake,
    /// The lake holds days near it.
    LakeNearby,
    /// A day was probed.
    Probe,
    /// Nothing is known.
    Assumed,
}

/// Plans the export and prints the plan.
pub(crate) async fn run(settings: PlanSettings, job: &Job) -> anyhow::Result<Exit> {
    let PlanSettings {
        export,
        records_per_day,
        probe,
        json,
    } = settings;
    let ExportSettings { lake: place, .. } = &export;
    let lake = lake(place).await?;
    let days = due(&export, lake.as_ref()).await?;
    let outlook = Outlook {
        known: known(&export, lake.as_ref()).await?,
        probed: None,
        assumed: records_per_day,
    };
    let (outlook, asked) = match outlook.unknown_day(&days) {
        Some(day) if probe => job.stop.unless(outlook.measured(&export, day)).await??,
        _ => (outlook, 0),
    };
    let plan = plan(&export, &days, &outlook, asked).await?;
    report::output(|out| match json {
        true => report::json(&plan, out),
        false => report::plan(&plan, out),
    })?;
    Ok(Exit::Done)
}

/// The days that the export would ask for.
async fn due(export: &ExportSettings, lake: Option<&Lake>) -> anyhow::Result<Vec<Day>> {
    let days = due::begun(api::days(export.lake.zone, export.from, export.to)?)?;
    match lake {
        Some(lake) if !export.refresh => due::not_closed(days, &export.api, lake).await,
        _ => Ok(days),
    }
}

/// What the lake, if there is one, says of the asked days and those near them.
async fn known(export: &ExportSettings, lake: Option<&Lake>) -> anyhow::Result<Known> {
    match lake {
        Some(lake) => Known::read(&export.api, lake, export.from, export.to).await,
        None => Ok(Known::default()),
    }
}

/// Lays out the requests for the days; `asked` were made to measure one.
async fn plan(export: &ExportSettings, days: &[Day], outlook: &Outlook, asked: u64) -> anyhow::Result<Plan> {
    let ExportSettings {
        api, from, to, lake, ..
    } = export;
    let last = to.checked_add_days(Days::new(PAST)).unwrap_or(*to);
    let expected: Vec<Expected> = api::days(lake.zone, *from, last)?
        .into_iter()
        .map(|day| outlook.expect(day).0)
        .collect();
    let (reports, run) = api::plan(days, &expected).await?;
    let planned = reports.into_iter().zip(days).map(|(report, day)| PlannedDay {
        date: report.date,
        records: report.unique,
        basis: outlook.expect(*day).1,
        requests: report.cost.requests,
        windows: report.windows,
    });
    Ok(Plan {
        days: planned.collect(),
        records: run.records,
        requests: run.cost.requests,
        ratio: run.ratio,
        rate: api.rate,
        seconds: run.cost.requests as f64 * api::interval(api.rate).as_secs_f64(),
        asked,
    })
}

/// The lake, if there is one: a plan makes none.
async fn lake(place: &LakeSettings) -> anyhow::Result<Option<Lake>> {
    let LakeSettings {
        dest,
        zone,
        endpoint_url,
        ..
    } = place;
    let is_local = !dest.contains("://") || dest.starts_with("file://");
    if is_local && !std::path::Path::new(dest.trim_start_matches("file://")).is_dir() {
        return Ok(None);
    }
    let options = LakeOptions {
        zone: *zone,
        endpoint_url: endpoint_url.clone(),
        ..LakeOptions::default()
    };
    let lake = Lake::for_reading(dest, options)?;
    lake.check_zone().await?;
    Ok(Some(lake))
}

/// How many records each day is expected to hold, and how that is known.
#[derive(Debug)]
struct Outlook {
    known: Known,
    probed: Option<Probed>,
    /// Records of a day of which nothing is known.
    assumed: u64,
}

impl Outlook {
    /// The middle one of the days of which nothing is known.
    fn unknown_day(&self, days: &[Day]) -> Option<Day> {
        let unknown = |day: &&Day| self.known.records(day.date).is_none();
        let unknown: Vec<&Day> = days.iter().filter(unknown).collect();
        unknown.get(unknown.len() / 2).map(|day| **day)
    }

    /// Measures a day, which stands for all of which nothing is known; gives the number of requests too.
    async fn measured(self, export: &ExportSettings, day: Day) -> anyhow::Result<(Outlook, u64)> {
        let ExportSettings { api, lake, .. } = export;
        let client = Client::new(ClientConfig {
            // Nothing that it asks is worth keeping.
            spool: None,
            ..export::client_config(api, lake, export::credentials(api)?)
        })?;
        let (probed, cost) = client.probe(day).await?;
        let outlook = Outlook {
            probed: Some(probed),
            ..self
        };
        Ok((outlook, cost.requests))
    }

    fn expect(&self, day: Day) -> (Expected, Basis) {
        let (records, hours, basis) = match (self.known.records(day.date), self.probed) {
            (Some((records, basis)), _) => (records, busy_at_noon(), basis),
            (None, Some(probed)) => (probed.records, probed.hours, Basis::Probe),
            (None, None) => (self.assumed, busy_at_noon(), Basis::Assumed),
        };
        let expected = Expected { day, records, hours };
        (expected, basis)
    }
}

/// Records of the days that the lake holds of the account.
#[derive(Debug, Default)]
struct Known(BTreeMap<NaiveDate, u64>);

impl Known {
    /// Reads the footers of the asked days and of those nearest to them.
    async fn read(api: &ApiSettings, lake: &Lake, from: NaiveDate, to: NaiveDate) -> anyhow::Result<Known> {
        let table = &schema::call_details().name;
        let paths = lake.day_files(table).await?;
        let ours = paths
            .iter()
            .filter(|path| path.account == api.account.as_str())
            .filter_map(|path| path.day.date());
        let mut dates: Vec<NaiveDate> = ours.collect();
        let distance = |date: &NaiveDate| (from - *date).max(*date - to).num_days().max(0);
        dates.sort_by_key(distance);
        let within = dates.iter().filter(|date| distance(date) == 0).count();
        let mut known = BTreeMap::new();
        for date in dates.into_iter().take(within + NEAREST) {
            let path = DayPath::new(table, day::Day::of(date), api.account.as_str())?;
            // Rows that merely came along with other days say nothing of how many the day has.
            if let Some(file) = lake.file_facts(&path).await?
                && !file.facts.reads.is_empty()
            {
                known.insert(date, file.rows);
            }
        }
        Ok(Known(known))
    }

    /// Records of a day: its own, or the median of the nearest days of its kind.
    fn records(&self, date: NaiveDate) -> Option<(u64, Basis)> {
        if let Some(records) = self.0.get(&date) {
            return Some((*records, Basis::Lake));
        }
        let is_weekend = |date: &NaiveDate| date.weekday().number_from_monday() > 5;
        let same_kind = |other: &&NaiveDate| is_weekend(other) == is_weekend(&date);
        let mut near: Vec<&NaiveDate> = self.0.keys().filter(same_kind).collect();
        if near.is_empty() {
            near = self.0.keys().collect();
        }
        near.sort_by_key(|other| (**other - date).num_days().abs());
        near.truncate(NEAREST);
        let mut records: Vec<u64> = near.iter().map(|date| self.0[*date]).collect();
        records.sort_unstable();
        let median = records.get(records.len() / 2)?;
        Some((*median, Basis::LakeNearby))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_are_not_known_are_like_those_of_their_kind() {
        let date = |day| NaiveDate::from_ymd_opt(2025, 9, day).unwrap();
        assert_eq!(Known::default().records(date(1)), None);
        // The sixth and seventh are a weekend.
        let known = Known(
            [(1, 900), (2, 1_000), (3, 5_000), (6, 10)]
                .map(|(day, records)| (date(day), records))
                .into(),
        );
        assert_eq!(known.records(date(2)), Some((1_000, Basis::Lake)));
        assert_eq!(known.records(date(4)), Some((1_000, Basis::LakeNearby)));
        assert_eq!(known.records(date(7)), Some((10, Basis::LakeNearby)));
    }
}
