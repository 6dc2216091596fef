//! `callake plan`: what an export would ask, and how long that would take.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate, Utc};
use serde::Serialize;

use crate::api::{self, Client, Day, Expected, Probed, WindowReport, busy_at_noon};
use crate::config::{ApiSettings, ExportSettings, LakeSettings, PlanSettings, SyncSettings};
use crate::day;
use crate::exit::Exit;
use crate::job::Job;
use crate::lake::{DayPath, Lake};
use crate::{due, export, publish, report, schema};

/// Days whose footers an estimate rests on, at most.
const NEAREST: usize = 8;

/// Records of a day of which nothing is known, where nobody says how many.
pub(crate) const RECORDS_PER_DAY: u64 = 10_000;

/// Days past the asked ones that a reading may look at.
const PAST: u64 = 7;

/// What an export would ask.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    /// The account.
    pub(crate) account: String,
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
    let ExportSettings {
        api,
        from,
        to,
        refresh,
        lake: place,
    } = &export;
    let lake = lake(place).await?;
    let mut days = due::begun(api::days(place.zone, *from, *to)?)?;
    if let (Some(lake), false) = (&lake, refresh) {
        days = due::not_closed(days, api, lake).await?;
    }
    let asked = Asked {
        api,
        place,
        from: *from,
        to: *to,
        days,
    };
    let outlook = asked.outlook(lake.as_ref(), records_per_day).await?;
    let (outlook, requests) = match outlook.unknown_day(&asked.days) {
        Some(day) if probe => job.stop.unless(outlook.measured(&asked, day)).await??,
        _ => (outlook, 0),
    };
    show(&asked.plan(&outlook, requests).await?, json)
}

/// Says what an export would ask.
pub(crate) async fn of_export(export: ExportSettings, job: &Job) -> anyhow::Result<Exit> {
    let settings = PlanSettings {
        export,
        records_per_day: RECORDS_PER_DAY,
        probe: false,
        json: job.json,
    };
    run(settings, job).await
}

/// Says what a sync would ask.
pub(crate) async fn of_sync(settings: SyncSettings, job: &Job) -> anyhow::Result<Exit> {
    let SyncSettings {
        api,
        from,
        lookback,
        lake: place,
    } = settings;
    let lake = lake(&place).await?;
    let days = due::by_now(from, lookback, &api, &place, lake.as_ref()).await?;
    let today = Utc::now().with_timezone(&place.zone).date_naive();
    let asked = Asked {
        api: &api,
        place: &place,
        from: days.first().map_or(today, |day| day.date),
        to: days.last().map_or(today, |day| day.date),
        days,
    };
    let outlook = asked.outlook(lake.as_ref(), RECORDS_PER_DAY).await?;
    show(&asked.plan(&outlook, 0).await?, job.json)
}

fn show(plan: &Plan, json: bool) -> anyhow::Result<Exit> {
    report::output(|out| match json {
        true => report::json(plan, out),
        false => report::plan(plan, out),
    })?;
    Ok(Exit::Done)
}

/// The days that a plan is for.
struct Asked<'a> {
    api: &'a ApiSettings,
    place: &'a LakeSettings,
    from: NaiveDate,
    to: NaiveDate,
    /// Those of them that would be asked for.
    days: Vec<Day>,
}

impl Asked<'_> {
    /// What the lake, if there is one, says of the days and those near them.
    async fn outlook(&self, lake: Option<&Lake>, assumed: u64) -> anyhow::Result<Outlook> {
        let known = match lake {
            Some(lake) => Known::read(self.api, lake, self.from, self.to).await?,
            None => Known::default(),
        };
        Ok(Outlook {
            known,
            probed: None,
            assumed,
        })
    }

    /// Lays out the requests for the days; so many were made to measure one.
    async fn plan(&self, outlook: &Outlook, asked: u64) -> anyhow::Result<Plan> {
        let last = self.to.checked_add_days(Days::new(PAST)).unwrap_or(self.to);
        let expected: Vec<Expected> = api::days(self.place.zone, self.from, last)?
            .into_iter()
            .map(|day| outlook.expect(day).0)
            .collect();
        let (reports, run) = api::plan(&self.days, &expected).await?;
        let planned = reports
            .into_iter()
            .zip(&self.days)
            .map(|(report, day)| PlannedDay {
                date: report.date,
                records: report.unique,
                basis: outlook.expect(*day).1,
                requests: report.cost.requests,
                windows: report.windows,
            });
        Ok(Plan {
            account: self.api.account.to_string(),
            days: planned.collect(),
            records: run.records,
            requests: run.cost.requests,
            ratio: run.ratio,
            rate: self.api.rate,
            seconds: run.cost.requests as f64 * api::interval(self.api.rate).as_secs_f64(),
            asked,
        })
    }
}

/// The lake, if there is one: a plan makes none.
pub(crate) async fn lake(place: &LakeSettings) -> anyhow::Result<Option<Lake>> {
    let dest = &place.dest;
    let is_local = !dest.contains("://") || dest.starts_with("file://");
    if is_local && !std::path::Path::new(dest.trim_start_matches("file://")).is_dir() {
        return Ok(None);
    }
    Ok(Some(publish::look(place).await?))
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
    async fn measured(self, asked: &Asked<'_>, day: Day) -> anyhow::Result<(Outlook, u64)> {
        let Asked { api, .. } = asked;
        let client = Client::new(export::client_config(api, export::credentials(api)?))?;
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
