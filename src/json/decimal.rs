//! Numbers as exact decimals.

/// A decimal number in its one normal form: digits without zeros at either end, times ten to the exponent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) negative: bool,
    pub(crate) digits: String,
    pub(crate) exponent: i64,
}

impl Decimal {
    /// `None` for exponents beyond 64 bits and for zero written with a sign, which no normal form keeps. The text is taken to
    /// be a JSON number.
    pub(crate) fn parse(text: &str) -> Option<Decimal> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let leading = all.trim_start_matches('0');
        let digits = leading.trim_end_matches('0');
        if digits.is_empty() {
            return (!negative).then_some(Decimal {
                negative,
                digits: String::new(),
                exponent: 0,
            });
        }
        let zeros = i64::try_from(leading.len() - digits.len()).ok()?;
        let places = i64::try_from(fraction.len()).ok()?;
        let exponent = exponent.checked_add(zeros)?.checked_sub(places)?;
        Some(Decimal {
            negative,
            digits: digits.to_string(),
            exponent,
        })
    }
}

/// Whether two JSON numbers are the same decimal; 0 and −0 are not. Numbers whose exponents are beyond 64 bits are so only
/// where their texts are.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    match (a.strip_prefix(b"-"), b.strip_prefix(b"-")) {
        (Some(a), Some(b)) => equal(a, b),
        (None, None) => {
            let parse = |text| std::str::from_utf8(text).ok().and_then(Decimal::parse);
            parse(a).is_some_and(|a| Some(a) == parse(b))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        let check = |a: &str, b: &str, want| assert_eq!(equal(a.as_bytes(), b.as_bytes()), want, "{a} {b}");
        check("1", "1.0", true);
        check("100", "1e2", true);
        check("0.5e-3", "5E-4", true);
        check("0", "0e99", true);
        check("1", "-1", false);
        check("1", "10", false);
        check("0", "-0", false);
        check("-0", "-0.0", true);
        check("-1.50", "-15e-1", true);
        check("0.1", "0.1000000000000000055511151231257827", false);
        check("1e99999999999999999999", "1e99999999999999999999", true);
        check("1e99999999999999999999", "1e99999999999999999998", false);
    }
}
