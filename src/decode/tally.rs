//! Counts of what did not fit, for the run report.

use std::collections::BTreeMap;

/// Counts of what went to `extra` and of keys that stood twice.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Values that went to `extra`, by JSON Pointer with `*` for array indexes. Keys are cut where they are very long, and
    /// masked where the schema does not have them and they may be personal data: those with an `@` or five digits.
    #[serde(rename = "by_pattern")]
    pub extra: BTreeMap<String, u64>,
    /// Keys that stood again in one object whose keys are told apart: the record, and what has a struct column. Within a
    /// value that is kept as it came (of an unknown key, or in a column of JSON text) keys are not compared, and the text
    /// has all of them.
    pub duplicate_keys: u64,
}

impl Tally {
    /// Patterns counted apart; beyond them all go to [`Tally::OTHER`], so that hostile keys cannot fill the memory.
    const MAX_PATTERNS: usize = 1_000;
    /// Bytes of a pattern at most, for the same reason.
    pub(super) const MAX_PATTERN_BYTES: usize = 256;
    /// Pattern under which the values beyond the first thousand patterns are counted.
    pub const OTHER: &'static str = "(other)";

    /// Adds the counts of another tally.
    pub fn add(&mut self, other: &Tally) {
        for (pattern, count) in &other.extra {
            self.count(pattern, *count);
        }
        self.duplicate_keys += other.duplicate_keys;
    }

    /// Counts a value; what is not UTF-8 in the pattern, such as the half of a character where it was cut, is left out.
    pub(crate) fn count_pattern(&mut self, pattern: &[u8]) {
        let mut end = pattern.len().min(Tally::MAX_PATTERN_BYTES);
        if let Err(error) = std::str::from_utf8(&pattern[..end]) {
            end = error.valid_up_to();
        }
        let text = String::from_utf8_lossy(&pattern[..end]);
        if end < pattern.len() {
            self.count(&format!("{text}…"), 1);
        } else {
            self.count(&text, 1);
        }
    }

    fn count(&mut self, pattern: &str, count: u64) {
        if let Some(sum) = self.extra.get_mut(pattern) {
            *sum += count;
            return;
        }
        let pattern = if self.extra.len() < Tally::MAX_PATTERNS {
            pattern
        } else {
            Tally::OTHER
        };
        *self.extra.entry(pattern.to_string()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_keys_do_not_fill_the_memory() {
        let mut tally = Tally::default();
        let long = "é".repeat(1_000_000);
        tally.count_pattern(long.as_bytes());
        assert_eq!(
            tally.extra.keys().next().map(|key| key.chars().count()),
            Some(129)
        );
        for key in 0..5_000 {
            tally.count_pattern(format!("/{key}").as_bytes());
        }
        assert_eq!(tally.extra.len(), 1_001);
        assert_eq!(tally.extra.values().sum::<u64>(), 5_001);
    }
}
