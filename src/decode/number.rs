//! JSON numbers → `int64` and `float64`, and whether the number read is exactly the number written.

use crate::json::decimal::Decimal;

/// Reads an integer: the value, and whether its decimal text is the text that was read. `None` where the number is not a
/// whole one within 64 bits.
#[inline]
pub(super) fn int64(text: &[u8]) -> Option<(i64, bool)> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return unusual_int64(text);
    }
    let value = digits
        .iter()
        .fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some((if negative { -value } else { value }, !(negative && value == 0)))
}

/// The long, fractional and exponential ways to write an integer.
fn unusual_int64(text: &[u8]) -> Option<(i64, bool)> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(value) = text.parse::<i64>() {
        return Some((value, value.to_string() == text));
    }
    let decimal = Decimal::parse(text)?;
    if decimal.digits.is_empty() {
        // Zero, unless there are no digits at all.
        return text.parse::<f64>().is_ok().then_some((0, false));
    }
    let zeros = usize::try_from(decimal.exponent)
        .ok()
        .filter(|&zeros| zeros < 20)?;
    let digits = format!(
        "{}{}{}",
        if decimal.negative { "-" } else { "" },
        decimal.digits,
        "0".repeat(zeros)
    );
    Some((digits.parse().ok()?, false))
}

/// Reads a number: the nearest finite double, and whether its shortest decimal text is the same number. `None` beyond the
/// largest double.
#[inline]
pub(super) fn double(text: &[u8]) -> Option<(f64, bool)> {
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some((value, is_short(text, value) || is_exact(text, value)))
}

/// Whether a number has few enough digits that no other one with as few reads as the same double (C's `DBL_DIG`), so that
/// the shortest text of the double is this number. Most scores are such.
fn is_short(text: &str, value: f64) -> bool {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    plain && text.len() <= 15 && (value != 0.0 || !text.starts_with('-'))
}

fn is_exact(text: &str, value: f64) -> bool {
    Decimal::parse(text).is_some_and(|written| Some(written) == Decimal::parse(&value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let check = |text: &str, want| assert_eq!(int64(text.as_bytes()), want, "{text}");
        check("0", Some((0, true)));
        check("-17", Some((-17, true)));
        check("9223372036854775807", Some((i64::MAX, true)));
        check("-9223372036854775808", Some((i64::MIN, true)));
        check("9223372036854775808", None);
        check("-0", Some((0, false)));
        check("7.0", Some((7, false)));
        check("1.20e1", Some((12, false)));
        check("1.5", None);
        check("1e400", None);
        check("1e99999999999999999999", None);
        check("0.0", Some((0, false)));
        check("0e5", Some((0, false)));
        check("", None);
        check("e5", None);
    }

    #[test]
    fn doubles() {
        let check = |text: &str, want| assert_eq!(double(text.as_bytes()), want, "{text}");
        check("2.5", Some((2.5, true)));
        check("-3", Some((-3.0, true)));
        check("2.50", Some((2.5, true)));
        check("4.0", Some((4.0, true)));
        check("0.0", Some((0.0, true)));
        check("0e5", Some((0.0, true)));
        check("-4.10", Some((-4.1, true)));
        check("0.000000000001", Some((1e-12, true)));
        check("25e-1", Some((2.5, true)));
        check("0.1", Some((0.1, true)));
        check("0.1000000000000000055511151231257827", Some((0.1, false)));
        check("9007199254740993", Some((9_007_199_254_740_992.0, false)));
        check("1e300", Some((1e300, true)));
        check("1e400", None);
        check("1e-400", Some((0.0, false)));
        check("-0", Some((-0.0, false)));
        check("-0.0", Some((-0.0, false)));
    }
}
