//! Which seconds are still to be read, which are being read, and which have been.

use std::collections::BTreeMap;

use super::window::Window;

/// Seconds still to be read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gap {
    pub(crate) to: i64,
    /// Only pages that cannot shift will do: something moved here.
    pub(crate) single: bool,
    /// A width known better than by what lies before.
    pub(crate) width: Option<i64>,
    /// Whether a window that began here has been too wide before.
    pub(crate) was_full: bool,
    /// Past the days, read only for what started in them.
    pub(crate) tail: bool,
}

/// All seconds that a reading is about.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    gaps: BTreeMap<i64, Gap>,
    under_way: BTreeMap<i64, i64>,
    read: BTreeMap<i64, i64>,
}

impl Coverage {
    /// Plans to read a day; one that follows another joins it.
    pub(crate) fn plan_day(&mut self, window: Window) {
        match self.gaps.last_entry() {
            Some(mut last) if last.get().to == window.from => last.get_mut().to = window.to,
            _ => self.open(
                window.from,
                Gap {
                    to: window.to,
                    ..Gap::default()
                },
            ),
        }
    }

    /// Plans to read what lies between `from` and `to` and is neither read nor planned yet.
    pub(crate) fn plan_tail(&mut self, mut from: i64, to: i64) {
        let planned = self.gaps.iter().map(|(from, gap)| (*from, gap.to));
        let known = self
            .read
            .iter()
            .chain(&self.under_way)
            .map(|(from, to)| (*from, *to));
        let mut taken: Vec<(i64, i64)> = planned.chain(known).filter(|(_, to)| *to > from).collect();
        taken.push((to, i64::MAX));
        taken.sort_unstable();
        for (taken_from, taken_to) in taken {
            let gap_to = taken_from.min(to);
            if from < gap_to {
                self.open(
                    from,
                    Gap {
                        to: gap_to,
                        tail: true,
                        ..Gap::default()
                    },
                );
            }
            from = from.max(taken_to);
        }
    }

    /// Seconds are to be read, again perhaps.
    pub(crate) fn open(&mut self, from: i64, gap: Gap) {
        if from < gap.to {
            self.gaps.insert(from, gap);
        }
    }

    /// Where the stretches end that are still to be read.
    pub(crate) fn ends(&self) -> impl Iterator<Item = i64> {
        self.gaps.values().map(|gap| gap.to)
    }

    /// The first seconds still to be read.
    pub(crate) fn next(&mut self) -> Option<(i64, Gap)> {
        self.gaps.pop_first()
    }

    pub(crate) fn begin(&mut self, window: Window) {
        self.under_way.insert(window.from, window.to);
    }

    /// A window is no longer under way, whatever became of it.
    pub(crate) fn end(&mut self, window: Window) {
        self.under_way.remove(&window.from);
    }

    /// A window has been read.
    pub(crate) fn close(&mut self, window: Window) {
        self.read.insert(window.from, window.to);
        for (from, gap) in std::mem::take(&mut self.gaps) {
            self.open(
                from,
                Gap {
                    to: gap.to.min(window.from),
                    ..gap
                },
            );
            self.open(from.max(window.to), gap);
        }
    }

    /// Everything read from `from` on is to be read again, by single pages or by several.
    pub(crate) fn reopen(&mut self, from: i64, single: bool) {
        for (from, to) in self.read.split_off(&from) {
            self.open(
                from,
                Gap {
                    to,
                    single,
                    ..Gap::default()
                },
            );
        }
    }

    /// Nothing past the days is of interest any more.
    pub(crate) fn drop_tails(&mut self) {
        self.gaps.retain(|_, gap| !gap.tail);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.gaps.is_empty() && self.under_way.is_empty()
    }

    /// Whether nothing is left but what lies past the days.
    pub(crate) fn days_are_done(&self) -> bool {
        self.under_way.is_empty() && self.gaps.values().all(|gap| gap.tail)
    }

    /// The second before which everything has been read.
    pub(crate) fn read_to(&self) -> i64 {
        let first = [self.gaps.keys().next(), self.under_way.keys().next()];
        first.into_iter().flatten().min().copied().unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(coverage: &mut Coverage) -> Vec<(i64, i64)> {
        std::iter::from_fn(|| coverage.next())
            .map(|(from, gap)| (from, gap.to))
            .collect()
    }

    #[test]
    fn days_that_follow_each_other_are_one_gap() {
        let mut coverage = Coverage::default();
        for (from, to) in [(0, 10), (10, 20), (30, 40)] {
            coverage.plan_day(Window::new(from, to));
        }
        assert_eq!(gaps(&mut coverage), [(0, 20), (30, 40)]);
    }

    #[test]
    fn a_window_read_is_cut_out() {
        let check = |read: (i64, i64), expected: &[(i64, i64)]| {
            let mut coverage = Coverage::default();
            coverage.plan_day(Window::new(0, 10));
            coverage.plan_day(Window::new(20, 30));
            coverage.close(Window::new(read.0, read.1));
            assert_eq!(gaps(&mut coverage), expected, "{read:?}");
        };
        check((3, 5), &[(0, 3), (5, 10), (20, 30)]);
        check((5, 25), &[(0, 5), (25, 30)]);
        check((-5, 35), &[]);
        check((10, 20), &[(0, 10), (20, 30)]);
        check((20, 30), &[(0, 10)]);
    }

    #[test]
    fn a_tail_leaves_out_what_is_known_and_planned() {
        let mut coverage = Coverage::default();
        coverage.plan_day(Window::new(50, 60));
        coverage.close(Window::new(0, 10));
        coverage.close(Window::new(20, 30));
        coverage.begin(Window::new(70, 80));
        coverage.plan_tail(5, 100);
        assert_eq!(
            gaps(&mut coverage),
            [(10, 20), (30, 50), (50, 60), (60, 70), (80, 100)]
        );
    }

    #[test]
    fn everything_before_the_first_gap_is_read() {
        let mut coverage = Coverage::default();
        assert_eq!(coverage.read_to(), i64::MAX);
        coverage.plan_day(Window::new(50, 60));
        assert_eq!(coverage.read_to(), 50);
        coverage.begin(Window::new(40, 50));
        assert_eq!(coverage.read_to(), 40);
    }
}
