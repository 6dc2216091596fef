//! Settles which time of a session the window filters on, by looks: single pages that are asked for to learn from, and
//! not to read (rows D4, D5 and D7 of [`read`](super)).

use super::*;
use crate::api::walk::Walk;

/// How far past the days a look goes. Where it brings a whole list and nothing in it tells the filter, that list is the
/// proof: no session that began in the days ended there, so what could be missing lasts longer than this.
const PAST: i64 = MAX_SECONDS - 2 * 86_400;

/// How long the first look of a run is: it ends at the noon of a day, when a list that is sorted downwards begins with
/// sessions under way at its bound, and leaves [`PAST`] after a single day. Where it brings nothing, the second leaves that after two.
const FIRST_LOOK: i64 = 13 * 43_200;

/// Looks at one place, each shorter, before the days past it are read as if the filter took ends, which is right under
/// every filter.
const LOOKS: u32 = 3;

/// Seconds that a session must last for the experiment of D4: the bounds around its start must leave out its end.
const LASTS: i64 = 3;

/// A place past the days that is to be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    window: Window,
    looks: u32,
}

/// The seconds past each stretch of days, as far as they have begun.
pub(super) fn places(coverage: &Coverage, now: i64) -> VecDeque<Place> {
    let past = coverage
        .ends()
        .map(|end| Window::new(end, (end + PAST).min(now + 1)));
    let begun = past.filter(|window| window.from < window.to);
    begun.map(|window| Place { window, looks: 0 }).collect()
}

impl Reader<'_> {
    /// D7: what a run asks before anything else.
    pub(super) async fn look_first<A, F>(&mut self, ask: &A) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        if self.readings.filter().is_some() || self.run.windows_taken_up > 0 {
            return Ok(());
        }
        let Some((from, gap)) = self.coverage.next() else {
            return Ok(());
        };
        let now = (self.setting.now)().timestamp();
        let mut window = Window::new(from, (from + FIRST_LOOK).min(now + 1));
        let mut way = self.way(window, window.wide(), false, true);
        let is_reading = |page: &Page| page.rows.iter().all(|row| self.is_of_days(row));
        let mut walk = walk::look(ask, way, is_reading).await?;
        if walk.rows().next().is_none() {
            // W13, and further while at it.
            window = Window::new(from, (from + MAX_SECONDS).min(now + 1));
            way = self.way(window, window.wide(), false, true);
            let cost = walk.cost;
            walk = walk::look(ask, way, is_reading).await?;
            walk.cost.add(&cost);
        }
        let Verdict::Full(rows) = walk.verdict else {
            // All that there is belongs to the days: this was no look but a reading.
            self.coverage.open(from, gap);
            if matches!(walk.verdict, Verdict::Proven) {
                self.looked_to(window);
                let task = Task {
                    way,
                    head: Head::default(),
                    gap,
                    last_resort: false,
                };
                return self.take(task, walk).await;
            }
            return self.learn(&walk);
        };
        self.learn(&walk)?;
        if walk.rows().count() < self.readings.full {
            self.looked_to(window);
        }
        let has_rows_of_days = walk.rows().any(|row| self.is_of_days(row));
        let by_rate = || Density::width_at(rows / window.seconds() as f64, self.readings.full as f64 * PAGES);
        // Days that begin with nothing are likely to hold no more than a request shows.
        let width = if has_rows_of_days { by_rate() } else { MAX_SECONDS };
        self.coverage.open(
            from,
            Gap {
                width: Some(width),
                ..gap
            },
        );
        if !self.readings.filter_is_sure() && !has_rows_of_days {
            self.look_until_under_way(ask, from, &walk).await?;
        }
        Ok(())
    }

    /// No row of the days was on the first page that could have shown some: asks from their beginning until the first
    /// session after them is under way. Where it comes back, starts count (D4), and the list is what began by then.
    async fn look_until_under_way<A, F>(&mut self, ask: &A, from: i64, first: &Walk) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        // Of a list that goes on, only what it begins with upwards is known to be the first.
        let is_whole = first.rows().count() < self.readings.full;
        let mut last = from;
        let upwards = first.rows().take_while(|row| {
            let is_later = row.start.is_none_or(|start| start >= last);
            last = row.start.unwrap_or(last);
            is_later || is_whole
        });
        let lasting = upwards.filter_map(|row| {
            let (start, end) = row.start.zip(row.end)?;
            (start >= from && end - start >= LASTS).then_some((start, row.key))
        });
        let Some((start, key)) = lasting.min() else {
            return Ok(());
        };
        let window = Window::new(from, start + 1);
        let way = self.way(window, window.wide(), false, true);
        let walk = walk::look(ask, way, |_| false).await?;
        let page = walk.pages.first().map(|(_, answer)| &answer.page);
        let is_whole = page.is_some_and(|page| {
            !self.readings.may_fall_short
                && page.rows.len() < self.readings.full
                && !self.readings.sizes.is_doubtful(page, self.readings.full)
                && page
                    .num_results
                    .is_none_or(|count| count <= page.rows.len() as u64)
                && (self.readings.full_is_known
                    || page.rows.len() <= self.readings.ended
                    || self.readings.sizes.exceeds(page))
        });
        self.learn(&walk)?;
        if walk.rows().any(|row| row.key == key) {
            self.readings.decide(Filter::Start);
        } else if is_whole {
            self.readings.decide(Filter::End);
        }
        if is_whole && !walk.rows().any(|row| self.is_of_days(row)) {
            self.save(&walk, true).await?;
            self.accept(walk, None).await?;
        }
        Ok(())
    }

    /// What a look tells beside its rows.
    fn learn(&mut self, walk: &Walk) -> Result<(), ApiError> {
        for (offset, answer) in &walk.pages {
            self.readings
                .observe(walk.window, walk.bounds, *offset, &answer.page)?;
            self.look_for_candidate(&answer.page);
        }
        match walk.verdict {
            Verdict::SmallPages(rows) => {
                self.readings.full = rows.max(1);
                self.readings.full_is_known = true;
            }
            Verdict::FallsShort => self.readings.may_fall_short = true,
            _ => {}
        }
        self.readings.unit = self.readings.unit.or(walk.unit);
        self.readings.ended = self.readings.ended.max(walk.ended);
        self.charge_look(walk.window, &walk.cost);
        Ok(())
    }

    fn charge_look(&mut self, window: Window, cost: &Cost) {
        self.tally.charge(window, cost);
        self.run.spent.looks += cost.answered();
        self.run.spent.retries += cost.requests - cost.answered();
    }

    /// The whole list of `window` is known: the rest of the places is still to be looked at.
    fn looked_to(&mut self, window: Window) {
        self.places.retain_mut(|place| {
            if place.window.touches(window) {
                place.window.from = place.window.from.max(window.to);
            }
            place.window.from < place.window.to
        });
    }

    /// Whether a row starts in the days asked for, or may.
    pub(super) fn is_of_days(&self, row: &Row) -> bool {
        let time = row.start.or(row.clock);
        time.is_none_or(|time| self.tally.day_window_at(time).is_some())
    }

    pub(super) fn look_for_candidate(&mut self, page: &Page) {
        if self.readings.filter_is_sure() {
            return;
        }
        let length = |row: &Row| row.start.zip(row.end).map_or(0, |(start, end)| end - start);
        // The longest: what windows filter on may come a while before the end in the record.
        let longest = page
            .rows
            .iter()
            .chain(&self.candidate)
            .copied()
            .max_by_key(length);
        self.candidate = longest.filter(|row| length(row) >= LASTS);
    }

    /// Settles the time filter when all days are read, and does what follows from it.
    pub(super) async fn settle_filter<A, F>(&mut self, ask: &A) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        let is_guess =
            |reader: &Self| reader.readings.filter().is_some() && !reader.readings.filter_is_sure();
        while is_guess(self) && self.days_may_be_reported()
            || self.coverage.days_are_done() && !self.filter_is_settled()
        {
            match self.candidate {
                Some(row) => self.experiment(ask, row).await?,
                None if is_guess(self) => break,
                None => self.look_past(ask).await?,
            }
        }
        let past = match self.readings.filter() {
            None => return Ok(()),
            Some(Filter::Start) => {
                self.coverage.drop_tails();
                return Ok(());
            }
            Some(Filter::End) => LONGEST_SESSION,
            Some(Filter::Update) => i64::MAX,
        };
        if self.past.is_none_or(|planned| planned < past) {
            self.run.reads_past_days = true;
            // Sessions that changed meanwhile may have left what is read again for what had been read.
            if let Some(first) = self.provisional.take() {
                self.coverage.reopen(first, true);
            }
            self.plan_past(past);
        } else if self.coverage.is_done() && self.last_looks < LAST_LOOKS {
            // Only where the end of the tail is the present; then it has moved on.
            self.last_looks += 1;
            self.plan_past(past);
        }
        Ok(())
    }

    /// Whether a day that was not reported has been read.
    fn days_may_be_reported(&self) -> bool {
        let read_to = self.coverage.read_to();
        self.tally.next_window().is_some_and(|day| day.to <= read_to)
    }

    /// Whether the filter is known, or nothing is left that could tell it.
    pub(super) fn filter_is_settled(&self) -> bool {
        self.readings.filter().is_some() || (self.candidate.is_none() && self.places.is_empty())
    }

    /// D4.
    async fn experiment<A, F>(&mut self, ask: &A, row: Row) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        self.candidate = None;
        let Some(start) = row.start else { return Ok(()) };
        let window = Window::new(start, start + 1);
        let (answer, cost) = ask(Ask::page(window, window.wide(), 0)).await?;
        self.charge_look(window, &cost);
        self.readings.observe(window, window.wide(), 0, &answer.page)?;
        let came_back = answer.page.rows.iter().any(|other| other.key == row.key);
        self.readings
            .decide(if came_back { Filter::Start } else { Filter::End });
        Ok(())
    }

    /// D5.
    async fn look_past<A, F>(&mut self, ask: &A) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        let Some(Place { window, looks }) = self.places.pop_front() else {
            return Ok(());
        };
        let way = self.way(window, window.wide(), false, false);
        let walk = walk::look(ask, way, |_| false).await?;
        self.learn(&walk)?;
        if self.readings.filter().is_some() || self.candidate.is_some() {
            return Ok(());
        }
        let is_whole = !self.readings.may_fall_short && walk.rows().count() < self.readings.full;
        if !is_whole && looks + 1 < LOOKS {
            // Sessions that last may stand behind those that do not: a shorter list reaches them.
            let reached = walk.rows().filter_map(|row| row.start).max();
            let to = reached.map_or(window.to, |last| last.min(window.to));
            let window = Window::new(window.from, window.from + ((to - window.from) / 2).max(1));
            self.places.push_front(Place {
                window,
                looks: looks + 1,
            });
        } else if !is_whole || looks > 0 {
            // The list of the place itself is not known.
            self.readings.decide(Filter::End);
        }
        Ok(())
    }

    /// Plans to read `seconds` past the end of every day, as far as there is anything and it is not planned yet.
    fn plan_past(&mut self, seconds: i64) {
        self.past = Some(seconds);
        let now = (self.setting.now)().timestamp() + 1;
        for day in self.tally.windows() {
            self.coverage
                .plan_tail(day.to, day.to.saturating_add(seconds).min(now));
        }
    }
}
