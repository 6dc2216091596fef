//! Plans windows: how wide the next one is, and what becomes of one that was too wide.

use super::*;

impl Reader<'_> {
    /// The first seconds still to be read, as a window of the width that suits them.
    pub(super) fn next_task(&mut self) -> Option<Task> {
        let (from, gap) = self.coverage.next()?;
        let settled_to = (self.setting.now)().timestamp() - self.setting.settling;
        let paged = !gap.single
            && self.readings.unit != Some(Unit::Records)
            && matches!(self.readings.filter(), None | Some(Filter::Start))
            && settled_to > from;
        let (width, is_first) = self.width(from, gap, paged);
        let mut to = (from + width.clamp(1, MAX_SECONDS)).min(gap.to);
        if paged {
            // Beyond that, rows may still come in.
            to = to.min(settled_to);
        }
        self.coverage.open(to, Gap { width: None, ..gap });
        let window = Window::new(from, to);
        let bounds = self.readings.bounds(window);
        let way = self.way(window, bounds, paged, is_first);
        Some(Task {
            way,
            head: if paged { self.head(bounds) } else { Head::default() },
            gap: Gap { to, ..gap },
            last_resort: window.seconds() == 1 && gap.was_full,
        })
    }

    /// The width for a window in seconds, and whether nothing is known of the density there.
    fn width(&self, from: i64, gap: Gap, paged: bool) -> (i64, bool) {
        let full = self.readings.full as f64;
        let rows = if paged { full * PAGES } else { full * SINGLE };
        let by_density = self.density.width(
            from,
            Target {
                rows,
                cautious: false,
            },
        );
        let is_first = by_density.is_none();
        // It is known that rows are dense, not how dense: a small window tells.
        let rows = if is_first && gap.was_full {
            rows.min(full * FIRST_PAGES)
        } else {
            rows
        };
        let by_run = || self.width_by_run(from, rows).filter(|_| paged);
        let whole_day = || {
            self.tally
                .day_window_at(from)
                .map_or(MAX_SECONDS, |day| day.to - from)
        };
        let width = gap.width.or_else(by_run).or(by_density).unwrap_or_else(whole_day);
        (width, is_first)
    }

    /// The width of a window from `from` on, by the bot sessions that a run has told of: where they are dense, so are
    /// the others.
    fn width_by_run(&self, from: i64, rows: f64) -> Option<i64> {
        let run = self.runs.iter().rev().find(|run| run.window.contains(from))?;
        let wanted = (rows * self.density.bot_share()) as usize;
        // Fewer say too little.
        if wanted < 20 {
            return None;
        }
        match run.bots_from(from).get(wanted) {
            Some(time) => Some((time - from).max(1)),
            None if run.holds_all_bots() => Some(run.window.to - from),
            None => None,
        }
    }

    /// What is known of the head of the list of `bounds` (W6); only a filter on starts keeps its rows in it.
    fn head(&self, bounds: Bounds) -> Head {
        if self.readings.filter() != Some(Filter::Start) {
            return Head::default();
        }
        let (start_counts, end_counts) = self.readings.bounds_count();
        let encloses = |run: &&Run| run.bounds.start <= bounds.start && bounds.end <= run.bounds.end;
        let heads = self
            .runs
            .iter()
            .filter(encloses)
            .map(|run| run.head(bounds, start_counts, end_counts));
        heads.max_by_key(|head| head.rows.len()).unwrap_or_default()
    }

    /// Takes apart a window that holds more than can be reached.
    pub(super) async fn split(&mut self, task: Task, walk: Walk, rows: f64) -> Result<(), ApiError> {
        let window = walk.window;
        let half = (window.seconds() / 2).max(1);
        let full = self.readings.full as f64;
        let rest = Gap {
            to: window.to,
            was_full: true,
            width: None,
            ..task.gap
        };
        let by_rows = |rows_wanted: f64| (window.seconds() as f64 * rows_wanted / rows.max(1.0)) as i64;
        let Some(run) = walk.run(self.readings.full).filter(|_| task.way.paged) else {
            let rows_wanted = if task.way.paged {
                full * PAGES
            } else {
                full * SINGLE
            };
            let width = by_rows(rows_wanted).clamp((half / 8).max(1), half);
            self.coverage.open(
                window.from,
                Gap {
                    width: Some(width),
                    ..rest
                },
            );
            return Ok(());
        };
        // Half a page is left for the seconds that bounds share.
        let reach = self.readings.full * (MAX_OFFSET as usize + 1) - self.readings.full / 2;
        let (known_from, known) = run.known_from(reach);
        self.remember(run);
        if window.from < known_from && known_from < window.to && known > 2 * self.readings.full {
            // One request proves what is known; what comes before it is still to be read.
            self.coverage.open(
                known_from,
                Gap {
                    width: Some(window.to - known_from),
                    ..rest
                },
            );
            if task.gap.was_full {
                // Too much by far: the next window from the beginning on must not be this long again.
                let middle = (window.from + (known_from - window.from) / 2).max(window.from + 1);
                self.coverage.open(window.from, Gap { to: middle, ..rest });
                self.coverage.open(
                    middle,
                    Gap {
                        to: known_from,
                        ..rest
                    },
                );
            } else {
                let width = task.way.is_first.then_some(by_rows(full * PAGES).max(1));
                self.coverage.open(
                    window.from,
                    Gap {
                        to: known_from,
                        width,
                        ..rest
                    },
                );
            }
        } else {
            let rows_wanted = if task.way.is_first {
                full * FIRST_PAGES
            } else {
                full * PAGES
            };
            let by_run = self
                .width_by_run(window.from, rows_wanted)
                .filter(|width| *width < window.seconds());
            let width = by_run.unwrap_or(if task.way.is_first {
                by_rows(rows_wanted).clamp(1, half)
            } else {
                half
            });
            self.coverage.open(
                window.from,
                Gap {
                    width: Some(width),
                    ..rest
                },
            );
        }
        self.save(&walk, false).await?;
        self.deliver(walk).await
    }

    pub(super) fn remember(&mut self, run: Run) {
        self.runs.push_back(run);
        if self.runs.len() > RUNS {
            self.runs.pop_front();
        }
    }

    /// How to walk a window, by what is known so far.
    pub(super) fn way(&self, window: Window, bounds: Bounds, paged: bool, is_first: bool) -> Way {
        Way {
            window,
            bounds,
            paged,
            bot_share: self.density.bot_share(),
            unit: self.readings.unit,
            filter: self.readings.filter(),
            full: self.readings.full,
            full_is_known: self.readings.full_is_known,
            ended: self.readings.ended,
            may_fall_short: self.readings.may_fall_short,
            sizes: self.readings.sizes,
            counts_window: self.readings.counts_window,
            is_first,
        }
    }
}
