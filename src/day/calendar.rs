//! The day of a row: which partition it belongs to.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;

use super::keys::Keys;

/// Partition value of rows without a day, as Hive spells it.
pub const UNDATED: &str = "__HIVE_DEFAULT_PARTITION__";

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Day of the start in the lake's zone, or none; those without a day sort last.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(Number);

/// Days since 1970-01-01; `i32::MAX` for rows without a day.
type Number = i32;

const NO_DAY: Number = i32::MAX;

impl Day {
    /// The partition of rows without a usable start.
    pub const NONE: Day = Day(NO_DAY);

    /// That date.
    pub fn of(date: NaiveDate) -> Day {
        Day(date.to_epoch_days())
    }

    /// The date, unless this is the partition of rows without one.
    pub fn date(self) -> Option<NaiveDate> {
        match self.0 {
            NO_DAY => None,
            days => NaiveDate::from_epoch_days(days),
        }
    }

    /// First instant of the day and of the next one in the zone; `None` for rows without a day. Days of 23 and 25 hours
    /// come out as such; a midnight that the zone skips is the first instant after the gap.
    pub fn bounds(self, zone: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let date = self.date()?;
        Some((midnight(date, zone)?, midnight(date.succ_opt()?, zone)?))
    }
}

/// First instant of the date in the zone.
fn midnight(date: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    // A gap at midnight lasts an hour at most in the zone database, and a day (a skipped date) in Samoa and Kiribati.
    (0..=48).find_map(|half_hours| {
        let local = date.and_hms_opt(0, 0, 0)? + chrono::Duration::minutes(30 * half_hours);
        Some(zone.from_local_datetime(&local).earliest()?.with_timezone(&Utc))
    })
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(date) => write!(f, "{date}"),
            None => f.write_str(UNDATED),
        }
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Day, String> {
        if text == UNDATED {
            return Ok(Day::NONE);
        }
        let date = text.parse().ok().map(Day::of);
        // Only the one spelling that we write, so that a day has one path.
        date.filter(|day| day.to_string() == text)
            .ok_or_else(|| format!("read day {text:?}: want YYYY-MM-DD"))
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Tells the day of rows in one zone.
#[derive(Debug, Clone, Copy)]
pub struct DayClock {
    zone: Tz,
}

impl DayClock {
    /// A clock of the lake's zone.
    pub fn new(zone: Tz) -> DayClock {
        DayClock { zone }
    }

    /// Day of a row: of its start (microseconds since 1970, UTC); where that is null or not in the years 1 to 9999,
    /// of the time in its session id; where there is none, [`Day::NONE`].
    pub fn day(&self, start: Option<i64>, session_id: Option<&str>) -> Day {
        start
            .and_then(|micros| self.day_of_micros(micros))
            .or_else(|| self.day_of_micros(session_clock(session_id?)? * 1_000_000))
            .unwrap_or(Day::NONE)
    }

    fn day_of_micros(&self, micros: i64) -> Option<Day> {
        if self.zone == Tz::UTC {
            // The common zone, without the calendar: 0001-01-01 and 9999-12-31 are days −719,162 and 2,932,896.
            let days = micros.div_euclid(MICROS_PER_DAY);
            return (-719_162..=2_932_896)
                .contains(&days)
                .then_some(Day(days as Number));
        }
        let date = self.zone.timestamp_micros(micros).single()?.date_naive();
        (1..=9999).contains(&date.year()).then(|| Day::of(date))
    }
}

/// How rows find their day.
#[derive(Debug, Clone, Copy)]
pub(super) enum DayOf {
    /// By their start or their id.
    Clock(DayClock),
    /// All are of the same.
    One(Day),
}

impl DayOf {
    pub(super) fn day(&self, keys: &Keys, row: usize) -> Day {
        match self {
            DayOf::Clock(clock) => clock.day(keys.start(row), keys.session(row)),
            DayOf::One(day) => *day,
        }
    }
}

/// Seconds since 1970 in the first 8 hexadecimal digits of an ObjectId. Published samples mask the last characters, so only
/// the length and those 8 digits are looked at.
fn session_clock(session_id: &str) -> Option<i64> {
    let digits = session_id.get(..8).filter(|_| session_id.len() == 24)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    i64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Option<i64> {
        Some(text.parse::<DateTime<Utc>>().unwrap().timestamp_micros())
    }

    #[test]
    fn day_of_row() {
        let check = |zone: Tz, start: Option<&str>, session: Option<&str>, want: &str| {
            let day = DayClock::new(zone).day(start.and_then(micros), session);
            assert_eq!(day.to_string(), want, "{zone} {start:?} {session:?}");
        };
        let utc = Tz::UTC;
        check(utc, Some("2025-09-30T00:00:00Z"), None, "2025-09-30");
        check(utc, Some("2025-09-29T23:59:59.999999Z"), None, "2025-09-29");
        check(utc, Some("1969-12-31T23:59:59Z"), None, "1969-12-31");
        check(
            Tz::America__New_York,
            Some("2025-09-30T03:59:59Z"),
            None,
            "2025-09-29",
        );
        check(
            Tz::America__New_York,
            Some("2025-09-30T04:00:00Z"),
            None,
            "2025-09-30",
        );
        check(
            Tz::Asia__Kolkata,
            Some("2025-09-29T18:30:00Z"),
            None,
            "2025-09-30",
        );
        check(utc, None, Some("68db745779cb8cebd651xxxx"), "2025-09-30");
        check(utc, None, Some("68db7457"), UNDATED);
        check(utc, None, Some("68db745779cb8cebd651-xxxx"), UNDATED);
        check(utc, None, Some("+8db745779cb8cebd651xxxx"), UNDATED);
        check(utc, None, None, UNDATED);
    }

    #[test]
    fn a_start_beyond_the_calendar_is_not_usable() {
        for zone in [Tz::UTC, Tz::America__New_York] {
            let clock = DayClock::new(zone);
            for start in [i64::MIN, i64::MAX] {
                assert_eq!(clock.day(Some(start), None), Day::NONE);
                assert_eq!(
                    clock
                        .day(Some(start), Some("68db745779cb8cebd651xxxx"))
                        .to_string(),
                    "2025-09-30"
                );
            }
        }
    }

    #[test]
    fn days_have_23_24_and_25_hours() {
        let check = |day: &str, hours: i64| {
            let (from, to) = day.parse::<Day>().unwrap().bounds(Tz::America__New_York).unwrap();
            assert_eq!((to - from).num_hours(), hours, "{day}");
        };
        check("2025-03-09", 23);
        check("2025-06-01", 24);
        check("2025-11-02", 25);
    }

    #[test]
    fn a_day_has_one_spelling() {
        assert_eq!("2025-09-30".parse::<Day>().unwrap().to_string(), "2025-09-30");
        assert_eq!(UNDATED.parse::<Day>().unwrap(), Day::NONE);
        for text in [
            "2025-9-30",
            "2025-09-31",
            "",
            "20250930",
            "+2025-09-30",
            "2025-09-30 ",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        assert!("2025-09-30".parse::<Day>().unwrap() < Day::NONE);
    }
}
