//! The lake's days as ranges of UTC seconds: 23 or 25 hours where the zone changes its clocks.

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::error::ConfigError;
use super::window::Window;

/// One day of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Day {
    /// The calendar day in the lake's zone.
    pub date: NaiveDate,
    /// Its seconds in UTC.
    pub window: Window,
}

/// The days `from` to `to`, both counted in, in `zone`.
///
/// # Errors
///
/// When `to` lies before `from`, or outside the calendar.
pub fn days(zone: Tz, from: NaiveDate, to: NaiveDate) -> Result<Vec<Day>, ConfigError> {
    let error = |why| ConfigError::Days { from, to, why };
    if to < from {
        return Err(error(
            "the last day lies before the first; --from is the first day, --to the last",
        ));
    }
    let mut days = Vec::new();
    let mut date = from;
    while date <= to {
        let next = date
            .checked_add_days(Days::new(1))
            .ok_or_else(|| error("outside the calendar"))?;
        let start = first_second(zone, date).ok_or_else(|| error("outside the calendar"))?;
        let end = first_second(zone, next).ok_or_else(|| error("outside the calendar"))?;
        // A zone that crossed the date line has skipped whole days (Apia, 2011-12-30).
        if start < end {
            days.push(Day {
                date,
                window: Window::new(start, end),
            });
        }
        date = next;
    }
    Ok(days)
}

/// The first UTC second of a calendar day. Some zones change their clocks at midnight, so that 00:00 does not exist.
fn first_second(zone: Tz, date: NaiveDate) -> Option<i64> {
    let mut local = date.and_time(NaiveTime::MIN);
    // The longest jump of any zone is a day; jumps are whole minutes.
    for _ in 0..=24 * 60 {
        if let Some(time) = zone.from_local_datetime(&local).earliest() {
            return Some(time.with_timezone(&Utc).timestamp());
        }
        local = local.checked_add_signed(TimeDelta::minutes(1))?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(zone: Tz, date: &str) -> i64 {
        let date = date.parse().unwrap();
        let days = days(zone, date, date).unwrap();
        days[0].window.seconds() / 3600
    }

    #[test]
    fn days_have_23_24_or_25_hours() {
        assert_eq!(hours(Tz::UTC, "2025-03-09"), 24);
        assert_eq!(hours(Tz::America__New_York, "2025-03-09"), 23);
        assert_eq!(hours(Tz::America__New_York, "2025-11-02"), 25);
        assert_eq!(hours(Tz::Asia__Kolkata, "2025-11-02"), 24);
    }

    #[test]
    fn neighbouring_days_meet_without_gap_or_overlap() {
        let zone = Tz::America__New_York;
        let days = days(zone, "2025-01-01".parse().unwrap(), "2025-12-31".parse().unwrap()).unwrap();
        assert_eq!(days.len(), 365);
        assert!(
            days.windows(2)
                .all(|pair| pair[0].window.to == pair[1].window.from)
        );
    }

    #[test]
    fn a_day_without_midnight_starts_later() {
        // Beirut's clocks go from 00:00 to 01:00 on the last Sunday of March.
        assert_eq!(hours(Tz::Asia__Beirut, "2025-03-30"), 23);
    }

    #[test]
    fn a_day_that_was_skipped_is_no_day() {
        let skipped = "2011-12-30".parse().unwrap();
        assert!(days(Tz::Pacific__Apia, skipped, skipped).unwrap().is_empty());
    }

    #[test]
    fn days_that_run_backwards_are_refused() {
        let error = days(
            Tz::UTC,
            "2025-01-02".parse().unwrap(),
            "2025-01-01".parse().unwrap(),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "read days 2025-01-02 to 2025-01-01: the last day lies before the first; \
             --from is the first day, --to the last"
        );
    }
}
