//! The least and the greatest value of a page or a column, as statistics and the page index hold them.

use arrow::datatypes::DataType;
use parquet::basic::Type;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Bytes to which texts are cut there, as other writers do.
const TEXT_LIMIT: usize = 64;

/// The least and the greatest of some values.
#[derive(Debug, Clone)]
pub(super) enum Extremes {
    Text(Option<TextRange>),
    Int(Option<(i64, i64)>),
    Double(Option<(f64, f64)>),
    Bool(Option<(bool, bool)>),
}

/// The least and the greatest text.
#[derive(Debug, Clone)]
pub(super) struct TextRange {
    least: Vec<u8>,
    greatest: Vec<u8>,
    /// The prefixes of the two.
    prefixes: (u64, u64),
    /// Whether the two are values, rather than bounds of them.
    exact: (bool, bool),
}

impl TextRange {
    fn new(least: &[u8], greatest: &[u8]) -> TextRange {
        TextRange {
            least: least.to_vec(),
            greatest: greatest.to_vec(),
            prefixes: (prefix(least), prefix(greatest)),
            exact: (true, true),
        }
    }

    #[inline]
    fn see(&mut self, text: &[u8]) {
        let prefix = prefix(text);
        let (low, high) = self.prefixes;
        if prefix <= low || prefix >= high {
            self.compare(text, prefix);
        }
    }

    fn compare(&mut self, text: &[u8], prefix: u64) {
        if text < self.least.as_slice() {
            text.clone_into(&mut self.least);
            self.prefixes.0 = prefix;
        } else if text > self.greatest.as_slice() {
            text.clone_into(&mut self.greatest);
            self.prefixes.1 = prefix;
        }
    }

    /// The same with bounds that are short, which is all that a file holds of them.
    fn cut(self) -> TextRange {
        let (least, greatest) = (lower(&self.least), upper(&self.greatest));
        let exact = (least == self.least.as_slice(), greatest == self.greatest);
        TextRange {
            exact: (self.exact.0 && exact.0, self.exact.1 && exact.1),
            ..TextRange::new(least, &greatest)
        }
    }

    /// Takes in another range.
    fn merge(&mut self, other: &TextRange) {
        if other.least <= self.least {
            self.exact.0 = other.exact.0 || (self.exact.0 && other.least == self.least);
            self.least.clone_from(&other.least);
        }
        if other.greatest >= self.greatest {
            self.exact.1 = other.exact.1 || (self.exact.1 && other.greatest == self.greatest);
            self.greatest.clone_from(&other.greatest);
        }
        self.prefixes = (prefix(&self.least), prefix(&self.greatest));
    }

    /// Whether neither is less than in another range.
    pub(super) fn follows(&self, last: &TextRange) -> bool {
        last.least <= self.least && last.greatest <= self.greatest
    }
}

/// The first bytes as a number that is less only if the text is, and equal if one starts with the other.
fn prefix(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut first = [0; 8];
            first[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(first)
        }
    }
}

impl Extremes {
    /// Those of no values of the type.
    pub(super) fn new(data_type: &DataType) -> Extremes {
        match data_type {
            DataType::Utf8 => Extremes::Text(None),
            DataType::Float64 => Extremes::Double(None),
            DataType::Boolean => Extremes::Bool(None),
            _ => Extremes::Int(None),
        }
    }

    pub(super) fn text(&mut self, value: &[u8]) {
        let Extremes::Text(range) = self else { return };
        match range {
            None => *range = Some(TextRange::new(value, value)),
            Some(range) => range.see(value),
        }
    }

    pub(super) fn int(&mut self, value: i64) {
        let Extremes::Int(range) = self else { return };
        let (least, greatest) = range.unwrap_or((value, value));
        *range = Some((least.min(value), greatest.max(value)));
    }

    /// NaN is no extreme, and zeros of either sign are one value.
    pub(super) fn double(&mut self, value: f64) {
        let Extremes::Double(range) = self else { return };
        if value.is_nan() {
            return;
        }
        let (low, high) = if value == 0.0 { (-0.0, 0.0) } else { (value, value) };
        let (least, greatest) = range.unwrap_or((low, high));
        *range = Some((
            if low.total_cmp(&least).is_lt() { low } else { least },
            if high.total_cmp(&greatest).is_gt() {
                high
            } else {
                greatest
            },
        ));
    }

    pub(super) fn bool(&mut self, value: bool) {
        let Extremes::Bool(range) = self else { return };
        let (least, greatest) = range.unwrap_or((value, value));
        *range = Some((least & value, greatest | value));
    }

    /// Takes in those of other values of the same type.
    pub(super) fn merge(&mut self, other: &Extremes) {
        match other {
            Extremes::Text(Some(range)) => match self {
                Extremes::Text(Some(own)) => own.merge(range),
                own => *own = other.clone(),
            },
            Extremes::Int(Some((least, greatest))) => {
                self.int(*least);
                self.int(*greatest);
            }
            Extremes::Double(Some((least, greatest))) => {
                self.double(*least);
                self.double(*greatest);
            }
            Extremes::Bool(Some((least, greatest))) => {
                self.bool(*least);
                self.bool(*greatest);
            }
            _ => {}
        }
    }

    /// The same, as short as a file holds them: the texts of a page may be large, and those of a row group's pages are held together.
    pub(super) fn cut(self) -> Extremes {
        match self {
            Extremes::Text(range) => Extremes::Text(range.map(TextRange::cut)),
            other => other,
        }
    }

    /// As the page index has them, of what is cut: a lower bound and an upper one; `None` if there are none.
    pub(super) fn bounds(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        Some(match self {
            Extremes::Text(range) => {
                let range = range.as_ref()?;
                (range.least.clone(), range.greatest.clone())
            }
            Extremes::Int(range) => {
                range.map(|(a, b)| (a.to_le_bytes().to_vec(), b.to_le_bytes().to_vec()))?
            }
            Extremes::Double(range) => {
                range.map(|(a, b)| (a.to_le_bytes().to_vec(), b.to_le_bytes().to_vec()))?
            }
            Extremes::Bool(range) => range.map(|(a, b)| (vec![u8::from(a)], vec![u8::from(b)]))?,
        })
    }

    /// As a column's metadata have them, of what is cut, with its number of nulls.
    pub(super) fn statistics(&self, nulls: u64) -> Statistics {
        let nulls = Some(nulls);
        match self {
            Extremes::Text(range) => {
                let bounds = range.as_ref().map(|range| {
                    let (low, high) = (range.least.clone(), range.greatest.clone());
                    (ByteArray::from(low), ByteArray::from(high), range.exact)
                });
                let (min, max, (min_exact, max_exact)) = match bounds {
                    Some((min, max, exact)) => (Some(min), Some(max), exact),
                    None => (None, None, (false, false)),
                };
                let statistics = ValueStatistics::new(min, max, None, nulls, false);
                Statistics::ByteArray(
                    statistics
                        .with_min_is_exact(min_exact)
                        .with_max_is_exact(max_exact),
                )
            }
            Extremes::Int(range) => {
                Statistics::int64(range.map(|r| r.0), range.map(|r| r.1), None, nulls, false)
            }
            Extremes::Double(range) => {
                Statistics::double(range.map(|r| r.0), range.map(|r| r.1), None, nulls, false)
            }
            Extremes::Bool(range) => {
                Statistics::boolean(range.map(|r| r.0), range.map(|r| r.1), None, nulls, false)
            }
        }
    }
}

/// Parquet's physical type of a column of the Arrow type.
pub(super) fn physical(data_type: &DataType) -> Type {
    match data_type {
        DataType::Utf8 => Type::BYTE_ARRAY,
        DataType::Float64 => Type::DOUBLE,
        DataType::Boolean => Type::BOOLEAN,
        _ => Type::INT64,
    }
}

/// A text that is not greater, and short.
fn lower(text: &[u8]) -> &[u8] {
    &text[..cut(text)]
}

/// A text that is not less, and short unless there is none.
fn upper(text: &[u8]) -> Vec<u8> {
    let short = &text[..cut(text)];
    if short.len() == text.len() {
        return text.to_vec();
    }
    let mut chars: Vec<char> = String::from_utf8_lossy(short).chars().collect();
    while let Some(last) = chars.pop() {
        let next = (last..=char::MAX).nth(1);
        if let Some(next) = next {
            chars.push(next);
            return String::from_iter(chars).into_bytes();
        }
    }
    text.to_vec()
}

/// Where the last character starts that does not end within the limit.
fn cut(text: &[u8]) -> usize {
    if text.len() <= TEXT_LIMIT {
        return text.len();
    }
    let is_start = |at: &usize| text[*at] & 0xc0 != 0x80;
    (0..=TEXT_LIMIT).rev().find(is_start).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> (String, String) {
        let mut extremes = Extremes::new(&DataType::Utf8);
        values.iter().for_each(|value| extremes.text(value.as_bytes()));
        let (low, high) = extremes.cut().bounds().unwrap();
        (String::from_utf8(low).unwrap(), String::from_utf8(high).unwrap())
    }

    #[test]
    fn long_texts_are_cut_to_bounds() {
        assert_eq!(texts(&["b", "a", "c"]), ("a".to_string(), "c".to_string()));
        let long = "x".repeat(70);
        assert_eq!(texts(&[&long]), ("x".repeat(64), "x".repeat(63) + "y"));
        let wide = "é".repeat(40);
        assert_eq!(texts(&[&wide]), ("é".repeat(32), "é".repeat(31) + "ê"));
        let odd = "a".to_string() + &"é".repeat(40);
        assert_eq!(texts(&[&odd]).0, "a".to_string() + &"é".repeat(31));
        let last = char::MAX.to_string().repeat(20);
        assert_eq!(texts(&[&last]).1, last);
    }

    #[test]
    fn extremes_of_pages_make_those_of_the_column() {
        let long = "x".repeat(70);
        let page = |values: &[&str]| {
            let mut extremes = Extremes::new(&DataType::Utf8);
            values.iter().for_each(|value| extremes.text(value.as_bytes()));
            extremes.cut()
        };
        for (pages, low, high, exact) in [
            (vec![page(&["b", "c"]), page(&["a"])], "a", "c", (true, true)),
            (
                vec![page(&["b"]), page(&[&long])],
                "b",
                &("x".repeat(63) + "y"),
                (true, false),
            ),
            (
                vec![page(&[&long]), page(&["z"])],
                &"x".repeat(64),
                "z",
                (false, true),
            ),
            (
                vec![page(&[&long]), page(&[&"x".repeat(64), "z"])],
                &"x".repeat(64),
                "z",
                (true, true),
            ),
            (vec![page(&[]), page(&["a"])], "a", "a", (true, true)),
        ] {
            let mut all = Extremes::new(&DataType::Utf8);
            pages.iter().for_each(|page| all.merge(page));
            let Statistics::ByteArray(found) = all.statistics(0) else {
                unreachable!()
            };
            assert_eq!(found.min_opt().unwrap().as_utf8().unwrap(), low);
            assert_eq!(found.max_opt().unwrap().as_utf8().unwrap(), high);
            assert_eq!(
                (found.min_is_exact(), found.max_is_exact()),
                exact,
                "{low} {high}"
            );
        }
    }

    #[test]
    fn numbers_have_their_extremes() {
        let mut extremes = Extremes::new(&DataType::Float64);
        assert_eq!(extremes.bounds(), None);
        [f64::NAN, 0.0, 2.5]
            .into_iter()
            .for_each(|value| extremes.double(value));
        let (low, high) = extremes.bounds().unwrap();
        assert_eq!(
            (low, high),
            ((-0.0_f64).to_le_bytes().to_vec(), 2.5_f64.to_le_bytes().to_vec())
        );
        let mut extremes = Extremes::new(&DataType::Int64);
        [3, -7, 5].into_iter().for_each(|value| extremes.int(value));
        let Statistics::Int64(statistics) = extremes.statistics(2) else {
            unreachable!()
        };
        assert_eq!(
            (statistics.min_opt(), statistics.max_opt()),
            (Some(&-7), Some(&5))
        );
        assert_eq!(statistics.null_count_opt(), Some(2));
    }
}
