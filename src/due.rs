//! Which days are to be read, by what the lake holds of them.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use crate::api::{self, Day};
use crate::config::{ApiSettings, LakeSettings, Refused};
use crate::lake::{Coverage, DayFacts, DayPath, Lake, stretches};
use crate::{day, report, schema};

/// How old the last read of a day must be for a lookback to read it again: a little less than a day, so that a daily job
/// that starts a bit earlier than yesterday does not skip it.
const LOOKBACK_AGE: TimeDelta = TimeDelta::hours(20);

/// The days that have begun.
///
/// # Errors
/// None has.
pub(crate) fn begun(days: Vec<Day>) -> Result<Vec<Day>, Refused> {
    let now = Utc::now().timestamp();
    let (begun, future): (Vec<_>, Vec<_>) = days.into_iter().partition(|day| day.window.from <= now);
    match (future.first(), begun.last()) {
        (Some(day), None) => {
            return Err(Refused(format!(
                "export {}: that day has not begun, so that there is nothing to ask for; name a day up to today",
                day.date
            )));
        }
        (Some(day), Some(_)) => report::note(&format!(
            "{} and what comes after it has not begun: not asked for",
            day.date
        )),
        (None, _) => {}
    }
    Ok(begun)
}

/// The days that the lake does not hold complete and closed by this endpoint.
pub(crate) async fn not_closed(
    days: Vec<Day>,
    settings: &ApiSettings,
    lake: &Lake,
) -> anyhow::Result<Vec<Day>> {
    let mut due = Vec::new();
    for day in days {
        let facts = facts(day.date, settings, lake).await?;
        if coverage(&facts, day) != Coverage::Closed {
            due.push(day);
        } else {
            report::note(&format!(
                "{} is complete and closed: not asked for again (--refresh does)",
                day.date
            ));
        }
    }
    Ok(due)
}

/// The days up to now that are missing, were open when last read, or lie in the lookback and were not read today. Without a lake
/// all of them are missing.
pub(crate) async fn by_now(
    from: Option<NaiveDate>,
    lookback: u32,
    settings: &ApiSettings,
    place: &LakeSettings,
    lake: Option<&Lake>,
) -> anyhow::Result<Vec<Day>> {
    let now = Utc::now();
    let today = now.with_timezone(&place.zone).date_naive();
    let Some(from) = (match (from, lake) {
        (None, Some(lake)) => first_day(settings, lake, today).await?,
        (from, _) => from,
    }) else {
        return Err(Refused(format!(
            "sync {}: it holds no day of the account {}; say where to start with --from",
            place.dest, settings.account
        ))
        .into());
    };
    if from > today {
        return Err(Refused(format!(
            "sync from {from}: that day lies in the future; name a day up to today"
        ))
        .into());
    }
    let again_from = today.checked_sub_days(Days::new(lookback.into())).unwrap_or(from);
    let mut due = Vec::new();
    for day in api::days(place.zone, from, today)? {
        let facts = match lake {
            Some(lake) => facts(day.date, settings, lake).await?,
            None => DayFacts::default(),
        };
        let last = facts.proofs().map(|read| read.fetched_to).max();
        let is_old = last.is_none_or(|last| now - last >= LOOKBACK_AGE);
        if coverage(&facts, day) != Coverage::Closed || (day.date >= again_from && is_old) {
            due.push(day);
        }
    }
    Ok(due)
}

/// The account's first day in the lake, of those that lead up to now: a record with a wrong clock can stand ages before.
async fn first_day(
    settings: &ApiSettings,
    lake: &Lake,
    today: NaiveDate,
) -> anyhow::Result<Option<NaiveDate>> {
    let paths = lake.day_files(&schema::call_details().name).await?;
    let ours = paths
        .iter()
        .filter(|path| path.account == settings.account.as_str());
    let mut dates: Vec<_> = ours
        .filter_map(|path| path.day.date())
        .filter(|date| *date <= today)
        .collect();
    dates.sort_unstable();
    Ok(stretches(&dates).last().map(|(first, _)| *first))
}

/// What the lake knows of a day by this endpoint; says so where it was read by another.
async fn facts(date: NaiveDate, settings: &ApiSettings, lake: &Lake) -> anyhow::Result<DayFacts> {
    let path = DayPath::new(
        &schema::call_details().name,
        day::Day::of(date),
        settings.account.as_str(),
    )?;
    let facts = lake
        .file_facts(&path)
        .await?
        .map(|file| file.facts)
        .unwrap_or_default();
    let (ours, others): (Vec<_>, Vec<_>) = facts
        .reads
        .into_iter()
        .partition(|read| read.endpoint == settings.endpoint.name());
    if let Some(read) = others.first() {
        report::note(&format!(
            "{date} was read by the endpoint {} before; what comes now replaces it",
            read.endpoint
        ));
    }
    Ok(DayFacts { reads: ours, ..facts })
}

fn coverage(facts: &DayFacts, day: Day) -> Coverage {
    let second = |second| DateTime::from_timestamp(second, 0).unwrap_or_default();
    facts.coverage(second(day.window.from), second(day.window.to))
}
