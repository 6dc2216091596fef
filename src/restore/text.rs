//! Scalars → JSON text, as the API writes them.

use std::io::Write as _;

use crate::json::scan::Cursor;
use crate::schema::TimeForm;

const SECOND: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Appends a JSON value without the white space between its tokens, so that it stays on one line; false, and nothing
/// appended, where the text is no JSON value.
pub(super) fn write_compact(text: &str, out: &mut Vec<u8>) -> bool {
    if !is_value(text) {
        return false;
    }
    let mut rest = text.as_bytes();
    // A text without white space outside strings is copied whole, string by string.
    while let Some(quote) = memchr::memchr(b'"', rest) {
        out.extend(rest[..quote].iter().filter(|byte| !byte.is_ascii_whitespace()));
        let end = string_end(&rest[quote..]);
        out.extend_from_slice(&rest[quote..quote + end]);
        rest = &rest[quote + end..];
    }
    out.extend(rest.iter().filter(|byte| !byte.is_ascii_whitespace()));
    true
}

/// Whether the text is one JSON value, with white space around it or not.
fn is_value(text: &str) -> bool {
    let text = text.trim_matches([' ', '\n', '\r', '\t']);
    // A number has no end of its own.
    let padded;
    let bytes = if text.ends_with(|last: char| last.is_ascii_digit()) {
        padded = format!("{text} ");
        padded.as_bytes()
    } else {
        text.as_bytes()
    };
    Cursor::new(bytes)
        .skip_value()
        .is_ok_and(|value| value.len() == text.len())
}

/// Length of the string at the start, with its quotes.
fn string_end(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(offset) = bytes
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += offset;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    // Writing a string to a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}

pub(super) fn write_int(value: i64, out: &mut Vec<u8>) {
    // Nor can this.
    let _ = serde_json::to_writer(out, &value);
}

/// Appends a double in its shortest text; false where it is not finite, which no JSON number is.
pub(super) fn write_double(value: f64, out: &mut Vec<u8>) -> bool {
    if value.is_finite() {
        let _ = write!(out, "{value}");
    }
    value.is_finite()
}

/// Appends a time, given in microseconds since 1970-01-01T00:00:00Z, with its quotes; false where its year is none of 0 to
/// 9999, which no time of the API is. `offset_minutes` is UTC minus local time.
pub(super) fn write_time(micros: i64, form: TimeForm, offset_minutes: i64, out: &mut Vec<u8>) -> bool {
    let shift = match form {
        TimeForm::NaiveSeconds => offset_minutes.saturating_mul(60),
        TimeForm::UtcMillis => 0,
    };
    let seconds = micros.div_euclid(SECOND).saturating_sub(shift);
    let (year, month, day) = date(seconds.div_euclid(DAY_SECONDS));
    if !(0..=9_999).contains(&year) {
        return false;
    }
    let clock = seconds.rem_euclid(DAY_SECONDS);
    let digits = |value: i64, place: i64| b'0' + u8::try_from(value / place % 10).unwrap_or_default();
    let pair = |value: i64| [digits(value, 10), digits(value, 1)];
    let ([y1, y2], [y3, y4]) = (pair(year / 100), pair(year % 100));
    let ([m1, m2], [d1, d2]) = (pair(month), pair(day));
    let ([h1, h2], [n1, n2], [s1, s2]) = (pair(clock / 3_600), pair(clock / 60 % 60), pair(clock % 60));
    out.extend_from_slice(&[
        b'"', y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2,
    ]);
    if form == TimeForm::UtcMillis {
        let millis = micros.rem_euclid(SECOND) / 1_000;
        out.extend_from_slice(&[
            b'.',
            digits(millis, 100),
            digits(millis, 10),
            digits(millis, 1),
            b'Z',
        ]);
    }
    out.push(b'"');
    true
}

/// Year, month and day of a number of days since 1970-01-01 in the proleptic Gregorian calendar; the method is Howard
/// Hinnant's `civil_from_days` (<https://howardhinnant.github.io/date_algorithms.html>).
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta};

    #[test]
    fn white_space_within_strings_stays() {
        let check = |text: &str, want: Option<&str>| {
            let mut out = b"before".to_vec();
            let fits = write_compact(text, &mut out);
            let written = std::str::from_utf8(&out[6..]).unwrap();
            assert_eq!(fits.then_some(written), want, "{text}");
            assert!(fits || written.is_empty());
        };
        check(
            "{ \"a b\" :\n[1,\t\"\\\" \\\\\" , \" \"]}",
            Some(r#"{"a b":[1,"\" \\"," "]}"#),
        );
        check(" 1 ", Some("1"));
        check("-0.5e3", Some("-0.5e3"));
        check("", None);
        check("1 2", None);
        check("[1}", None);
        check("\"a", None);
        check("nul", None);
        check("{\"a\":1}\n{}", None);
    }

    #[test]
    fn doubles_that_are_no_numbers_are_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut out = Vec::new();
            assert!(!write_double(value, &mut out) && out.is_empty());
        }
    }

    fn time(micros: i64, form: TimeForm, offset: i64) -> Option<String> {
        let mut out = Vec::new();
        write_time(micros, form, offset, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_day_agrees_with_chrono() {
        let mut utc = DateTime::parse_from_rfc3339("0000-01-01T00:00:00Z")
            .unwrap()
            .to_utc();
        while utc.format("%Y").to_string().len() == 4 {
            let micros = utc.timestamp_micros();
            let want = utc.format("\"%Y-%m-%dT%H:%M:%S%.3fZ\"").to_string();
            assert_eq!(time(micros, TimeForm::UtcMillis, -330), Some(want));
            let want = (utc + TimeDelta::minutes(330)).format("\"%Y-%m-%dT%H:%M:%S\"");
            let want = Some(want.to_string()).filter(|want| want.len() == 21);
            assert_eq!(time(micros, TimeForm::NaiveSeconds, -330), want);
            utc += TimeDelta::milliseconds((86_400 * 5 + 4_321) * 1_000 + 7);
        }
    }

    #[test]
    fn times_that_no_api_writes_are_refused() {
        for micros in [i64::MIN, i64::MAX] {
            for offset in [0, i64::MIN, i64::MAX] {
                assert_eq!(time(micros, TimeForm::UtcMillis, offset), None);
                assert_eq!(time(micros, TimeForm::NaiveSeconds, offset), None);
            }
        }
    }
}
