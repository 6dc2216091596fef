//! `callake plan`: what an export would ask, and how long that would take.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate};
use serde::Serialize;

use crate::api::{self, Client, ClientConfig, Day, Expected, Probed, WindowReport, busy_at_noon};
use crate::config::{ApiSettings, ExportSettings, LakeSettings, PlanSettings};
use crate::day;
use crate::exit::Exit;
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
pub(crate) async fn run(settings: PlanSettings) -> anyhow::Result<Exit> {
    let PlanSettings {
        export,
        records_per_day,
        probe,
        json,
    } = settings;
    let ExportSettings {
        api,
        from,
        to,
        refresh,
        lake: place,
    } = &export;
    let mut days = due::begun(api::days(place.zone, *from, *to)?)?;
    let lake = lake(place).await?;
    if let (Some(lake), false) = (&lake, refresh) {
        days = due::not_closed(days, api, lake).await?;
    }
    let known = match &lake {
        Some(lake) => Known::read(api, lake, *from, *to).await?,
        None => Known::default(),
    };
    let unknown: Vec<Day> = days
        .iter()
        .filter(|day| known.records(day.date).is_none())
        .copied()
        .collect();
    let (probed, asked) = match unknown.get(unknown.len() / 2) {
        Some(day) if probe => {
            let client = Client::new(ClientConfig {
                // Nothing that it asks is worth keeping.
                spool: None,
                ..export::client_config(api, place, export::credentials(api)?)
            })?;
            let (probed, cost) = client.probe(*day).await?;
            (Some(probed), cost.requests)
        }
        _ => (None, 0),
    };
    let expect = |day: &Day| expect(*day, &known, probed, records_per_day);
    let past = api::days(
        place.zone,
        *from,
        to.checked_add_days(Days::new(PAST)).unwrap_or(*to),
    )?;
    let expected: Vec<Expected> = past.iter().map(|day| expect(day).0).collect();
    let (reports, run) = api::plan(&days, &expected).await?;
    let planned = reports.into_iter().zip(&days).map(|(report, day)| PlannedDay {
        date: report.date,
        records: report.unique,
        basis: expect(day).1,
        requests: report.cost.requests,
        windows: report.windows,
    });
    let planned: Vec<PlannedDay> = planned.collect();
    let plan = Plan {
        days: planned,
        records: run.records,
        requests: run.cost.requests,
        ratio: run.ratio,
        rate: api.rate,
        seconds: run.cost.requests as f64 * api::interval(api.rate).as_secs_f64(),
        asked,
    };
    report::output(|out| match json {
        true => report::json(&plan, out),
        false => report::plan(&plan, out),
    })?;
    Ok(Exit::Done)
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

fn expect(day: Day, known: &Known, probed: Option<Probed>, assumed: u64) -> (Expected, Basis) {
    let (records, hours, basis) = match (known.records(day.date), probed) {
        (Some((records, basis)), _) => (records, busy_at_noon(), basis),
        (None, Some(probed)) => (probed.records, probed.hours, Basis::Probe),
        (None, None) => (assumed, busy_at_noon(), Basis::Assumed),
    };
    let expected = Expected { day, records, hours };
    (expected, basis)
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
