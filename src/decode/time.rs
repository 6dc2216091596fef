//! Times as the API writes them → microseconds since 1970-01-01T00:00:00Z.
//!
//! | form | example | reading |
//! | --- | --- | --- |
//! | naive | `2025-09-30T11:40:31` | local to the offset that the request asked for |
//! | with zone | `2025-09-30T06:34:48.810Z`, `…+05:30` | as it says |
//! | older pages | `2023-01-10 2:25:54`, `2023/01/10 2:25:54` | as naive |
//!
//! Fractions of more than six digits are cut to microseconds. Years run from 1 to 9999.

use crate::json::scan::Cursor;
use crate::schema::TimeForm;

const SECOND: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z: the span that all readers of the files share.
const SPAN: std::ops::RangeInclusive<i64> = -62_135_596_800 * SECOND..=253_402_300_799 * SECOND + 999_999;

/// A time that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub(super) micros: i64,
    /// Whether the text is the one that the field's form gives back from `micros`.
    pub(super) canonical: bool,
}

/// Offsets are cut to this on either side. It is beyond every reading, so a naive time has none with such an offset.
const MAX_OFFSET_SECONDS: i64 = 1_000_000_000_000;

/// Seconds of an offset in minutes, within what [`read`] can add without overflow.
pub(super) fn offset_seconds(minutes: i64) -> i64 {
    minutes
        .saturating_mul(60)
        .clamp(-MAX_OFFSET_SECONDS, MAX_OFFSET_SECONDS)
}

/// Reads a time; `offset` is UTC minus local time in seconds, from [`offset_seconds`]. `None` where the text is no time.
#[inline]
pub(super) fn read(text: &[u8], form: TimeForm, offset: i64) -> Option<Reading> {
    let canonical = match form {
        TimeForm::NaiveSeconds => naive_seconds(text).map(|seconds| (seconds + offset) * SECOND),
        TimeForm::UtcMillis => utc_millis(text),
    };
    if let Some(micros) = canonical.filter(|micros| SPAN.contains(micros)) {
        return Some(Reading {
            micros,
            canonical: true,
        });
    }
    let micros = lenient(text, offset).filter(|micros| SPAN.contains(micros))?;
    Some(Reading {
        micros,
        canonical: false,
    })
}

/// The date that was read last. Most times of a record, and of the records around it, are of one date.
#[derive(Debug)]
pub(super) struct Dates {
    /// `YYYY-MM-DDT` as the low bytes of a word; before there is one, a word that no text gives.
    text: u128,
    /// Its midnight, in seconds since 1970-01-01T00:00:00Z.
    midnight: i64,
}

impl Default for Dates {
    fn default() -> Dates {
        Dates {
            text: u128::MAX,
            midnight: 0,
        }
    }
}

/// Which bytes of a word are a date and its `T`.
const DATE: u128 = (1 << 88) - 1;

/// Reads the string under the cursor if it is a time that is the one its form gives back, in microseconds since
/// 1970-01-01T00:00:00Z, and goes behind it; `offset` is as for [`read`].
#[inline]
pub(super) fn next(cursor: &mut Cursor<'_>, form: TimeForm, offset: i64, dates: &mut Dates) -> Option<i64> {
    let rest = cursor.buf.get(cursor.pos + 1..)?;
    let (micros, length) = match form {
        TimeForm::NaiveSeconds => {
            let text: &[u8; 20] = rest.first_chunk().filter(|text| text[19] == b'"')?;
            let seconds = dates.seconds(text.first_chunk()?)?;
            ((seconds + offset) * SECOND, text.len())
        }
        TimeForm::UtcMillis => {
            let text: &[u8; 25] = rest.first_chunk().filter(|text| text[24] == b'"')?;
            let millis = millis(&text[19..24])?;
            let seconds = dates.seconds(text.first_chunk()?)?;
            (seconds * SECOND + millis * 1_000, text.len())
        }
    };
    if !SPAN.contains(&micros) {
        return None;
    }
    cursor.pos += 1 + length;
    Some(micros)
}

impl Dates {
    /// Seconds since 1970-01-01T00:00:00 of `YYYY-MM-DDTHH:MM:SS`.
    #[inline]
    fn seconds(&mut self, text: &[u8; 19]) -> Option<i64> {
        let (date, _) = text.split_first_chunk()?;
        let date = u128::from_le_bytes(*date) & DATE;
        if date != self.text {
            let midnight = naive_date(text)? * DAY_SECONDS;
            *self = Dates { text: date, midnight };
        }
        Some(self.midnight + seconds_of_day(text.last_chunk()?)?)
    }
}

/// Seconds since midnight of `HH:MM:SS`, all eight bytes at once.
#[inline]
fn seconds_of_day(text: &[u8; 8]) -> Option<i64> {
    // What is left of a digit is its value, and of a colon nothing.
    let digits = u64::from_le_bytes(*text) ^ u64::from_le_bytes(*b"00:00:00");
    // Adding this lifts a byte to 128 or more that is neither.
    const TO_128: u64 = u64::from_le_bytes([0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76]);
    const HIGH: u64 = 0x8080_8080_8080_8080;
    if (digits.wrapping_add(TO_128) | digits) & HIGH != 0 {
        return None;
    }
    let pairs = digits * 10 + (digits >> 8);
    let pair = |at: u32| (pairs >> (8 * at) & 0xff) as i64;
    let (hour, minute, second) = (pair(0), pair(3), pair(6));
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3_600 + minute * 60 + second)
}

/// `YYYY-MM-DDTHH:MM:SS` and nothing else.
fn naive_seconds(text: &[u8]) -> Option<i64> {
    Dates::default().seconds(text.try_into().ok()?)
}

/// Days since 1970-01-01 of the date of `YYYY-MM-DDTHH:MM:SS`.
fn naive_date(text: &[u8; 19]) -> Option<i64> {
    if text[4] != b'-' || text[7] != b'-' || text[10] != b'T' {
        return None;
    }
    days(
        pair(text, 0)? * 100 + pair(text, 2)?,
        pair(text, 5)?,
        pair(text, 8)?,
    )
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ` and nothing else.
fn utc_millis(text: &[u8]) -> Option<i64> {
    let text: &[u8; 24] = text.try_into().ok()?;
    let millis = millis(&text[19..])?;
    Some(naive_seconds(&text[..19])? * SECOND + millis * 1_000)
}

/// Milliseconds of `.mmmZ`.
#[inline]
fn millis(text: &[u8]) -> Option<i64> {
    if text[0] != b'.' || text[4] != b'Z' || !text[1].is_ascii_digit() {
        return None;
    }
    Some(i64::from(text[1] - b'0') * 100 + pair(text, 2)?)
}

#[inline]
fn pair(text: &[u8], at: usize) -> Option<i64> {
    let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
}

#[inline]
fn clock(date: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour < 24 && minute < 60 && second < 60)
        .then_some(date * DAY_SECONDS + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar; the method is Howard Hinnant's
/// `days_from_civil` (<https://howardhinnant.github.io/date_algorithms.html>).
#[inline]
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    let shifted = year - i64::from(month <= 2);
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// `Y-M-D` or `Y/M/D`, `T` or a space, `H:M:S`, an optional fraction, an optional `Z` or offset.
fn lenient(text: &[u8], offset: i64) -> Option<i64> {
    let mut at = Reader {
        text: text.trim_ascii(),
    };
    let year = at.number(4, 4)?;
    let separator = at.any(b"-/")?;
    let month = at.number(1, 2)?;
    at.any(&[separator])?;
    let day = at.number(1, 2)?;
    at.any(b"Tt ")?;
    let hour = at.number(1, 2)?;
    at.any(b":")?;
    let minute = at.number(1, 2)?;
    at.any(b":")?;
    let second = at.number(1, 2)?;
    let seconds = clock(days(year, month, day)?, hour, minute, second)?;
    let fraction = if at.any(b".").is_some() { at.fraction()? } else { 0 };
    let shift = at.zone()?.unwrap_or(offset);
    Some((seconds + shift) * SECOND + fraction)
}

struct Reader<'a> {
    text: &'a [u8],
}

impl Reader<'_> {
    fn any(&mut self, bytes: &[u8]) -> Option<u8> {
        let (&first, rest) = self.text.split_first()?;
        if !bytes.contains(&first) {
            return None;
        }
        self.text = rest;
        Some(first)
    }

    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let length = self
            .text
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = self.text.split_at(length);
        self.text = rest;
        (length >= least).then(|| {
            digits
                .iter()
                .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
        })
    }

    /// Microseconds of the digits behind a decimal point.
    fn fraction(&mut self) -> Option<i64> {
        let length = self.text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.text.split_at(length);
        self.text = rest;
        let micros = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
        (length > 0).then(|| micros.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    }

    /// Seconds to add for the zone at the end; `Some(None)` where there is none.
    fn zone(&mut self) -> Option<Option<i64>> {
        if self.text.is_empty() {
            return Some(None);
        }
        if self.any(b"Zz").is_some() {
            return self.text.is_empty().then_some(Some(0));
        }
        let sign = if self.any(b"+-")? == b'+' { -1 } else { 1 };
        let hours = self.number(2, 2)?;
        self.any(b":");
        let minutes = if self.text.is_empty() {
            0
        } else {
            self.number(2, 2)?
        };
        (self.text.is_empty() && hours < 24 && minutes < 60)
            .then_some(Some(sign * (hours * 3_600 + minutes * 60)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta};

    fn check(text: &str, form: TimeForm, offset: i64, want: Option<(&str, bool)>) {
        let want = want.map(|(time, canonical)| Reading {
            micros: DateTime::parse_from_rfc3339(time).unwrap().timestamp_micros(),
            canonical,
        });
        assert_eq!(
            read(text.as_bytes(), form, offset_seconds(offset)),
            want,
            "{text} at {offset}"
        );
    }

    #[test]
    fn forms_of_the_api() {
        use TimeForm::{NaiveSeconds as Naive, UtcMillis as Utc};
        check(
            "2025-09-30T11:40:31",
            Naive,
            0,
            Some(("2025-09-30T11:40:31Z", true)),
        );
        check(
            "2025-09-30T12:04:23",
            Naive,
            -330,
            Some(("2025-09-30T06:34:23Z", true)),
        );
        check(
            "2025-09-30T12:04:23",
            Naive,
            300,
            Some(("2025-09-30T17:04:23Z", true)),
        );
        check(
            "2025-09-30T06:34:48.810Z",
            Utc,
            -330,
            Some(("2025-09-30T06:34:48.810Z", true)),
        );
        check(
            "2025-09-30T06:34:48.810Z",
            Naive,
            -330,
            Some(("2025-09-30T06:34:48.810Z", false)),
        );
        check(
            "2025-09-30T12:04:23",
            Utc,
            -330,
            Some(("2025-09-30T06:34:23Z", false)),
        );
        check(
            "2023-01-10 2:25:54",
            Naive,
            0,
            Some(("2023-01-10T02:25:54Z", false)),
        );
        check(
            "2023/01/10 2:25:54",
            Naive,
            -330,
            Some(("2023-01-09T20:55:54Z", false)),
        );
        check(
            "2025-09-30T06:34:48.8101239Z",
            Utc,
            0,
            Some(("2025-09-30T06:34:48.810123Z", false)),
        );
        check(
            "2025-09-30T06:34:48+05:30",
            Naive,
            0,
            Some(("2025-09-30T01:04:48Z", false)),
        );
        check(
            "2025-09-30T06:34:48-0800",
            Naive,
            0,
            Some(("2025-09-30T14:34:48Z", false)),
        );
        check(
            "2024-02-29T00:00:00",
            Naive,
            0,
            Some(("2024-02-29T00:00:00Z", true)),
        );
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "-",
            "2025-09-30",
            "2025-02-29T00:00:00",
            "2025-13-01T00:00:00",
            "2025-00-10T00:00:00",
            "2025-01-01T24:00:00",
            "2025-01-01T23:59:60",
            "0000-01-01T00:00:00",
            "2025-01-01T00:00:00+",
            "2025-01/01 0:0:0",
            "2025-01-01T00:00:00.Z",
            "2025-01-01T00:00:00Zx",
            "20250-01-01T00:00:00",
            "٢٠٢٥-01-01T00:00:00",
            "\0\0\0\0\0\0\0\0\0\0\x0012:00:00",
            "2025-01-01T0a:00:00",
            "2025-01-01T00:0/:00",
            "2025-01-01T00:00;00",
            "2025-01-01T60:00:00",
        ] {
            check(text, TimeForm::NaiveSeconds, 0, None);
        }
        check("0001-01-01T00:00:00", TimeForm::NaiveSeconds, -330, None);
        check("9999-12-31T23:59:59", TimeForm::NaiveSeconds, 330, None);
        for offset in [i64::MIN, i64::MAX, -20_000_000_000, 20_000_000_000] {
            check("2025-01-01T00:00:00", TimeForm::NaiveSeconds, offset, None);
        }
    }

    #[test]
    fn every_second_of_a_day_is_read() {
        for second in 0..DAY_SECONDS {
            let text = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
            let text = text.as_bytes().try_into().unwrap();
            assert_eq!(seconds_of_day(text), Some(second));
        }
    }

    #[test]
    fn no_other_byte_is_taken_for_a_digit_or_a_colon() {
        for at in 0..8 {
            for byte in 0..=u8::MAX {
                let mut text = *b"12:34:56";
                text[at] = byte;
                let chrono = std::str::from_utf8(&text).ok().and_then(|text| {
                    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
                    digits.then(|| chrono::NaiveTime::parse_from_str(text, "%H:%M:%S").ok())?
                });
                // Chrono reads second 60, and `1::34:56` not at all.
                let want = chrono.filter(|_| byte.is_ascii_digit() || at == 2 || at == 5);
                let want = want.map(|time| i64::from(chrono::Timelike::num_seconds_from_midnight(&time)));
                assert_eq!(seconds_of_day(&text), want, "{text:?}");
            }
        }
    }

    #[test]
    fn a_time_is_the_same_behind_any_other() {
        let texts = [
            "2025-09-30T11:40:31",
            "2025-10-01T00:00:00",
            "2025-09-30T23:59:59",
        ];
        let mut dates = Dates::default();
        for text in texts.iter().cycle().take(9) {
            let json = format!("\"{text}\",");
            let mut cursor = Cursor::new(json.as_bytes());
            let micros = next(&mut cursor, TimeForm::NaiveSeconds, 60, &mut dates);
            assert_eq!(
                micros,
                read(text.as_bytes(), TimeForm::NaiveSeconds, 60).map(|reading| reading.micros)
            );
            assert_eq!(cursor.pos, json.len() - 1);
        }
        let json = br#""2025-09-30T06:34:48.810Z""#;
        let micros = next(&mut Cursor::new(json), TimeForm::UtcMillis, 60, &mut dates);
        assert_eq!(
            micros,
            read(&json[1..25], TimeForm::UtcMillis, 60).map(|reading| reading.micros)
        );
        for odd in [
            &br#""2025-09-30T11:40:31Z""#[..],
            br#""2025-09-30T11:40:3""#,
            br#""2025"#,
        ] {
            let mut cursor = Cursor::new(odd);
            assert_eq!(next(&mut cursor, TimeForm::NaiveSeconds, 0, &mut dates), None);
            assert_eq!(cursor.pos, 0, "nothing is passed");
        }
    }

    #[test]
    fn every_day_agrees_with_chrono() {
        let mut time = DateTime::parse_from_rfc3339("0001-01-01T00:00:00Z")
            .unwrap()
            .to_utc();
        while time.format("%Y").to_string().len() == 4 {
            let text = time.format("%Y-%m-%dT%H:%M:%S").to_string();
            let want = Reading {
                micros: time.timestamp_micros(),
                canonical: true,
            };
            assert_eq!(
                read(text.as_bytes(), TimeForm::NaiveSeconds, 0),
                Some(want),
                "{text}"
            );
            time += TimeDelta::seconds(86_400 * 7 + 4_321);
        }
    }
}
