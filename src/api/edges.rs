//! Holds neighbouring windows against each other, to learn whether bounds are counted in.
//!
//! Two neighbours share the two seconds around their boundary. What the one brings of the second that is a bound of
//! the other, the other brings too, or leaves out.

use std::collections::HashMap;

use super::page::Row;
use super::readings::Readings;
use super::window::{Bounds, Window};

/// Boundaries of which one side has been read.
#[derive(Debug, Default)]
pub(crate) struct Edges {
    open: HashMap<i64, Edge>,
}

#[derive(Debug, Default)]
struct Edge {
    left: Option<Side>,
    right: Option<Side>,
}

#[derive(Debug)]
struct Side {
    bounds: Bounds,
    /// Keys and times in the two seconds.
    rows: Vec<(u64, i64)>,
}

impl Side {
    fn has(&self, key: u64) -> bool {
        self.rows.iter().any(|row| row.0 == key)
    }
}

impl Edges {
    /// Learns from a window and those of its neighbours that have been read.
    pub(crate) fn compare<'a>(
        &mut self,
        readings: &mut Readings,
        window: Window,
        bounds: Bounds,
        rows: impl Iterator<Item = &'a Row>,
    ) {
        if readings.filter().is_none() {
            return;
        }
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for row in rows {
            let Some(time) = readings.time(row) else { continue };
            if time == window.from - 1 || time == window.from {
                first.push((row.key, time));
            }
            if time == window.to - 1 || time == window.to {
                last.push((row.key, time));
            }
        }
        self.open.entry(window.from).or_default().right = Some(Side { bounds, rows: first });
        self.open.entry(window.to).or_default().left = Some(Side { bounds, rows: last });
        for boundary in [window.from, window.to] {
            let Some(Edge {
                left: Some(left),
                right: Some(right),
            }) = self.open.get(&boundary)
            else {
                continue;
            };
            if right.bounds.start == boundary - 1 {
                for (key, _) in left.rows.iter().filter(|(_, time)| *time == boundary - 1) {
                    readings.observe_start_edge(right.has(*key));
                }
            }
            if left.bounds.end == boundary {
                for (key, _) in right.rows.iter().filter(|(_, time)| *time == boundary) {
                    readings.observe_end_edge(left.has(*key));
                }
            }
            self.open.remove(&boundary);
        }
    }
}
