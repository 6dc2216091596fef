//! Windows: ranges of whole UTC seconds, and the bounds that are asked of the API for them.

use chrono::{DateTime, SecondsFormat, Utc};

/// The widest range that the API takes is seven days; two seconds less, because bounds overlap their neighbours.
pub const MAX_SECONDS: i64 = 7 * 86_400 - 2;

/// The seconds `from..to` since 1970 in UTC, `to` excluded. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Window {
    /// First second.
    pub from: i64,
    /// The second after the last.
    pub to: i64,
}

/// The two date-times of a request, in whole UTC seconds. Whether the API counts them in is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Bounds {
    /// `startDate`.
    pub start: i64,
    /// `endDate`.
    pub end: i64,
}

impl Window {
    /// A window of `from..to`.
    pub const fn new(from: i64, to: i64) -> Self {
        Self { from, to }
    }

    /// Its length in seconds.
    pub const fn seconds(self) -> i64 {
        self.to - self.from
    }

    /// Whether a time in seconds lies in it.
    pub const fn contains(self, second: i64) -> bool {
        self.from <= second && second < self.to
    }

    /// Whether two windows share a second.
    pub const fn touches(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// Bounds whose open interior holds every instant of the window, so that it does not matter whether the API
    /// counts its bounds in, and whether it compares fractions of a second.
    pub const fn wide(self) -> Bounds {
        Bounds {
            start: self.from - 1,
            end: self.to,
        }
    }

    /// Bounds that are right where the API is known to count the start in: neighbours share one second.
    pub const fn snug(self) -> Bounds {
        Bounds {
            start: self.from,
            end: self.to,
        }
    }

    /// Bounds that are right where the API is known to count both bounds in, as whole seconds: nothing is shared.
    pub const fn tight(self) -> Bounds {
        Bounds {
            start: self.from,
            end: self.to - 1,
        }
    }
}

impl Bounds {
    /// Whether a time in seconds lies between them, both counted in.
    pub const fn contains(self, second: i64) -> bool {
        self.start <= second && second <= self.end
    }
}

impl std::fmt::Display for Window {
    /// `2025-09-30T00:00:00Z/2025-10-01T00:00:00Z`, as ISO 8601 writes intervals.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", utc(self.from), utc(self.to))
    }
}

fn utc(second: i64) -> String {
    DateTime::<Utc>::from_timestamp(second, 0).map_or_else(
        || format!("@{second}"),
        |time| time.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_bounds_of_neighbours_cover_every_instant_with_their_interiors() {
        let (left, right) = (Window::new(100, 110).wide(), Window::new(110, 120).wide());
        assert!(left.start < 100 && right.start < left.end && right.end >= 120);
    }

    #[test]
    fn a_window_reads_as_an_iso_interval() {
        assert_eq!(
            Window::new(0, 86_400).to_string(),
            "1970-01-01T00:00:00Z/1970-01-02T00:00:00Z"
        );
    }
}
