//! What the documents leave open, and what has been seen of it so far.
//!
//! Nothing here proves a window complete; it says which proofs may be used (see `walk`) and how far
//! past a day the reading has to go (see [`read`](super::read)).

use super::error::ApiError;
use super::page::{Page, Row};
use super::request::LIMIT;
use super::window::{Bounds, Window};

/// What `offset` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Pages of `limit` rows, as the current documents have it.
    Pages,
    /// Rows, as older ones have it; or nothing at all.
    Records,
}

/// Which time of a session the bounds of a request are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The start, perhaps among others: every session that starts in a window comes back for it.
    Start,
    /// The end: a session that starts in a window may come back for a later one only.
    End,
    /// The last change, which may be any time after the end.
    Update,
}

/// Which bounds it takes to miss no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Unknown,
    /// Rows in the bound's own second come back, all that were looked for.
    CountedIn,
    /// Some do not.
    LeftOut,
}

/// How many rows must have come back from a bound's own second before it is believed to be counted in.
pub(crate) const EDGE_HITS: u32 = 8;

/// Windows of fewer seconds than this ask for no more seconds than they must; on longer ones, overlapping their
/// neighbours costs less than a hundredth and goes on showing how bounds are counted.
const NARROW_SECONDS: i64 = 200;

/// No server gives pages of fewer rows than this where it is asked for a hundred.
const SMALLEST_PAGE: usize = 3;

/// Rows that start in their window and end after it before a filter on starts is believed without an experiment, if no row is
/// seen to be chosen by another time.
const SURE_STARTS: u64 = 50;

/// What pages have shown of their sizes, by which the end of a list is told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sizes {
    /// The most rows that a page has had.
    page: usize,
    /// The most that either of its two parts has had.
    part: usize,
    /// Pages that were full.
    full_pages: u32,
    /// The furthest that rows have come from: the offset of their page, and how many they were.
    pub(crate) reached: (u32, usize),
}

impl Sizes {
    pub(crate) fn observe(&mut self, offset: u32, page: &Page, full: usize) {
        let rows = page.rows.len();
        let (bots, conversations) = parts(page);
        self.page = self.page.max(rows);
        self.part = self.part.max(bots).max(conversations);
        self.full_pages = self.full_pages.saturating_add(u32::from(rows >= full));
        if rows > 0 {
            self.reached = self.reached.max((offset, rows));
        }
    }

    /// Whether a page is too small to be full, whatever `limit` holds for: a server gives as many rows as it has given.
    pub(crate) fn exceeds(self, page: &Page) -> bool {
        let (bots, conversations) = parts(page);
        let is_tiny = page.rows.len() < SMALLEST_PAGE;
        is_tiny || page.rows.len() < self.page && bots.max(conversations) < self.part
    }

    /// Whether rows may stand behind a page that is not full. Where one of its parts is as large as any has been, `limit` may
    /// hold for each part; and a server that takes rows out of pages leaves most of them, and none of its pages full: the more
    /// full ones have been seen, the closer to them its others would be.
    pub(crate) fn is_doubtful(self, page: &Page, full: usize) -> bool {
        let rows = page.rows.len();
        let (bots, conversations) = parts(page);
        let larger = bots.max(conversations);
        let is_full_part = match self.page > full {
            // Rows may be taken out of parts, too.
            true => larger * 5 >= self.part * 4,
            false => larger >= self.part,
        };
        let lacks = full.saturating_sub(rows);
        match self.full_pages {
            _ if rows < SMALLEST_PAGE => false,
            0 => rows * 5 >= full * 2 && (is_full_part || rows * 5 >= self.page * 4),
            _ if is_full_part => true,
            1..10 => lacks * 5 <= full,
            10..40 => lacks * 20 <= full,
            _ => lacks * 50 <= full,
        }
    }
}

fn parts(page: &Page) -> (usize, usize) {
    let bots = page.rows.iter().filter(|row| !row.conversation).count();
    (bots, page.rows.len() - bots)
}

/// What has been seen so far.
#[derive(Debug, Clone)]
pub(crate) struct Readings {
    pub(crate) unit: Option<Unit>,
    /// Rows of a full page: the `limit` asked for, until a server shows that it gives fewer.
    pub(crate) full: usize,
    /// Whether a page has shown that size.
    pub(crate) full_is_known: bool,
    /// Rows of the largest page that was seen to be followed by nothing.
    pub(crate) ended: usize,
    pub(crate) sizes: Sizes,
    /// Whether rows have been seen behind a page that was not full, so that only an empty one ends a list.
    pub(crate) may_fall_short: bool,
    /// Whether `limit` holds for each of a page's two parts.
    pub(crate) limit_per_part: Option<bool>,
    /// Whether `numResults` has been larger than its page.
    pub(crate) counts_window: bool,
    decided: Option<Filter>,
    /// Whether an earlier run took the filter for one on starts.
    believes_start: bool,
    by_start_only: u64,
    by_end_only: u64,
    by_neither: u64,
    /// Rows under way at both bounds, which a filter on starts never brings.
    by_across: u64,
    start_edge: EdgeCount,
    end_edge: EdgeCount,
    zone: ZoneCheck,
}

#[derive(Debug, Clone, Copy, Default)]
struct EdgeCount {
    hits: u32,
    misses: u32,
}

impl EdgeCount {
    fn edge(self) -> Edge {
        match (self.hits, self.misses) {
            (_, 1..) => Edge::LeftOut,
            (EDGE_HITS.., 0) => Edge::CountedIn,
            _ => Edge::Unknown,
        }
    }
}

impl Readings {
    pub(crate) fn new(timezone_offset: i32) -> Self {
        Self {
            unit: None,
            full: LIMIT as usize,
            full_is_known: false,
            ended: 0,
            sizes: Sizes::default(),
            may_fall_short: false,
            limit_per_part: None,
            counts_window: false,
            decided: None,
            believes_start: false,
            by_start_only: 0,
            by_end_only: 0,
            by_neither: 0,
            by_across: 0,
            start_edge: EdgeCount::default(),
            end_edge: EdgeCount::default(),
            zone: ZoneCheck {
                asked: timezone_offset,
                few: Vec::new(),
            },
        }
    }

    /// Learns from the page at an offset that was asked for with `bounds`.
    ///
    /// # Errors
    ///
    /// When naive times do not fit the `sessionId` clock.
    pub(crate) fn observe(
        &mut self,
        window: Window,
        bounds: Bounds,
        offset: u32,
        page: &Page,
    ) -> Result<(), ApiError> {
        self.zone.check(window, page)?;
        self.full_is_known |= page.rows.len() >= self.full;
        self.sizes.observe(offset, page, self.full);
        let (bots, conversations) = parts(page);
        if page.rows.len() > self.full {
            self.limit_per_part = Some(true);
        } else if !self.may_fall_short && page.rows.len() == self.full && bots > 0 && conversations > 0 {
            // Were it for each, two parts that end here would have to make a full page by chance.
            self.limit_per_part = self.limit_per_part.or(Some(false));
        }
        self.counts_window |= page
            .num_results
            .is_some_and(|count| count > page.rows.len() as u64);
        for row in &page.rows {
            let (Some(start), Some(end)) = (row.start, row.end) else {
                continue;
            };
            // A session under way at a bound shows which of its times brought it here.
            self.by_start_only += u64::from(bounds.contains(start) && end > bounds.end);
            self.by_end_only += u64::from(bounds.contains(end) && start < bounds.start);
            self.by_neither += u64::from(start <= end && end < bounds.start);
            self.by_across += u64::from(start < bounds.start && end > bounds.end);
        }
        Ok(())
    }

    /// The time filter in force, once something has shown it.
    pub(crate) fn filter(&self) -> Option<Filter> {
        let later = if self.by_neither > 0 {
            Filter::Update
        } else {
            Filter::End
        };
        match (
            self.decided,
            self.by_start_only,
            self.by_end_only + self.by_neither,
        ) {
            // An experiment tells starts from the rest.
            (Some(Filter::Start), ..) => Some(Filter::Start),
            (Some(_), ..) => Some(later),
            (None, 0, 0) => self.believes_start.then_some(Filter::Start),
            // Rows of both kinds are a filter on overlap, which every start satisfies; but rows that merely strayed
            // into an answer must not pass for that, and reading on as for the others is right either way.
            (None, starts, others) if starts * 2 >= others => Some(Filter::Start),
            _ => Some(later),
        }
    }

    /// Whether the filter can't turn out to be another than it is taken for. A filter on an end that comes before the one in the
    /// record, as without after-call work, brings rows of both kinds, or by chance only those of a filter on starts.
    pub(crate) fn filter_is_sure(&self) -> bool {
        let others = self.by_end_only + self.by_neither + self.by_across;
        match (self.decided, self.filter()) {
            (Some(_), _) | (None, Some(Filter::End | Filter::Update)) => true,
            (None, Some(Filter::Start)) => self.by_start_only >= SURE_STARTS && others == 0,
            (None, None) => false,
        }
    }

    /// Settles the time filter by an experiment.
    pub(crate) fn decide(&mut self, filter: Filter) {
        self.decided = Some(filter);
    }

    /// Takes over what an earlier run took the filter for.
    pub(crate) fn believe(&mut self, filter: Filter) {
        match filter {
            Filter::Start => self.believes_start = true,
            other => self.decide(other),
        }
    }

    /// The time of a row that its window was chosen by, as far as is known.
    pub(crate) fn time(&self, row: &Row) -> Option<i64> {
        match self.filter() {
            Some(Filter::End) => row.end,
            Some(Filter::Start) | None => row.start.or(row.clock),
            Some(Filter::Update) => None,
        }
    }

    /// The bounds to ask with for a window.
    pub(crate) fn bounds(&self, window: Window) -> Bounds {
        if window.seconds() >= NARROW_SECONDS {
            return window.wide();
        }
        match (self.start_edge.edge(), self.end_edge.edge()) {
            (Edge::CountedIn, Edge::CountedIn) => window.tight(),
            (Edge::CountedIn, _) => window.snug(),
            _ => window.wide(),
        }
    }

    /// Whether rows in the second of `startDate` come back, and in that of `endDate`, as far as is known.
    pub(crate) fn bounds_count(&self) -> (bool, bool) {
        (
            self.start_edge.edge() == Edge::CountedIn,
            self.end_edge.edge() == Edge::CountedIn,
        )
    }

    /// Learns whether rows in a bound's own second came back.
    pub(crate) fn observe_start_edge(&mut self, came_back: bool) {
        count(&mut self.start_edge, came_back);
    }

    /// As [`observe_start_edge`](Self::observe_start_edge), for `endDate`.
    pub(crate) fn observe_end_edge(&mut self, came_back: bool) {
        count(&mut self.end_edge, came_back);
    }

    /// A last look at the zone where there were too few rows to tell before.
    pub(crate) fn finish_zone(&self, window: Window) -> Result<(), ApiError> {
        self.zone.finish(window)
    }
}

fn count(edge: &mut EdgeCount, came_back: bool) {
    if came_back {
        edge.hits = edge.hits.saturating_add(1);
    } else {
        edge.misses = edge.misses.saturating_add(1);
    }
}

/// The `sessionId` clock held against naive starts.
#[derive(Debug, Clone)]
struct ZoneCheck {
    asked: i32,
    /// Distances in seconds while there are too few for a verdict.
    few: Vec<i64>,
}

/// Rows that it takes for a verdict at once.
const ZONE_ROWS: usize = 3;

/// Zones differ by quarters of an hour.
const QUARTER: i64 = 15 * 60;

/// Holds one page's naive starts against the clocks in its session ids; gives how many it could.
///
/// # Errors
///
/// When they fit another time zone than the one asked for.
pub(crate) fn check_zone(asked: i32, window: Window, page: &Page) -> Result<usize, ApiError> {
    let mut zone = ZoneCheck {
        asked,
        few: Vec::new(),
    };
    zone.check(window, page)?;
    zone.finish(window)?;
    Ok(distances(page).len())
}

/// How far the clocks in the session ids are from the naive starts, in seconds.
fn distances(page: &Page) -> Vec<i64> {
    page.rows
        .iter()
        .filter(|row| row.naive)
        .filter_map(|row| Some(row.clock? - row.start?))
        .collect()
}

impl ZoneCheck {
    fn check(&mut self, window: Window, page: &Page) -> Result<(), ApiError> {
        let distances = distances(page);
        if distances.len() < ZONE_ROWS {
            self.few.extend(distances);
            return Ok(());
        }
        // A minute and a half: some sessions are begun a little after their id was made.
        self.verdict(window, &distances, 90)
    }

    /// One or two rows are judged only at the end, and only when they miss by whole quarters nearly to the second.
    fn finish(&self, window: Window) -> Result<(), ApiError> {
        self.verdict(window, &self.few, 2)
    }

    fn verdict(&self, window: Window, distances: &[i64], tolerance: i64) -> Result<(), ApiError> {
        let quarters = |distance: i64| {
            let quarters = (distance + QUARTER / 2).div_euclid(QUARTER);
            // No zone is further than 14 hours from Greenwich, so no two are further apart than 28.
            let is_zone = quarters.abs() <= 28 * 4 && (distance - quarters * QUARTER).abs() <= tolerance;
            is_zone.then_some(quarters)
        };
        let Some(first) = distances
            .iter()
            .filter_map(|d| quarters(*d))
            .find(|quarters| *quarters != 0)
        else {
            return Ok(());
        };
        let same = distances.iter().filter(|d| quarters(**d) == Some(first)).count();
        // Four fifths: a few ids may have been made by other means.
        if same * 5 < distances.len() * 4 {
            return Ok(());
        }
        let fits = i64::from(self.asked) + first * 15;
        Err(ApiError::Zone {
            window,
            asked: self.asked,
            fits: fits.try_into().unwrap_or(self.asked),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(start: i64, end: i64) -> Row {
        Row {
            key: start as u64,
            session: start as u64,
            conversation: true,
            start: Some(start),
            end: Some(end),
            clock: Some(start),
            naive: true,
        }
    }

    fn page(rows: Vec<Row>) -> Page {
        Page {
            rows,
            num_results: None,
        }
    }

    const WINDOW: Window = Window::new(1_000, 2_000);

    fn filter(rows: &[(i64, i64)]) -> Option<Filter> {
        let mut readings = Readings::new(0);
        let rows = rows.iter().map(|(start, end)| row(*start, *end)).collect();
        readings.observe(WINDOW, WINDOW.wide(), 0, &page(rows)).unwrap();
        readings.filter()
    }

    #[test]
    fn a_session_under_way_at_a_bound_shows_the_filter() {
        assert_eq!(filter(&[]), None);
        assert_eq!(
            filter(&[(1_100, 1_200), (1_500, 1_500), (999, 2_000)]),
            None,
            "inside by both"
        );
        assert_eq!(filter(&[(1_900, 2_100)]), Some(Filter::Start));
        assert_eq!(filter(&[(900, 1_100)]), Some(Filter::End));
        assert_eq!(
            filter(&[(900, 1_100), (1_900, 2_100)]),
            Some(Filter::Start),
            "overlap"
        );
        assert_eq!(
            filter(&[(900, 1_100), (900, 1_100), (900, 1_100), (1_900, 2_100)]),
            Some(Filter::End)
        );
        assert_eq!(filter(&[(900, 2_100)]), None, "outside by both");
        assert_eq!(filter(&[(900, 950), (900, 1_100)]), Some(Filter::Update));
        assert_eq!(
            filter(&[(900, 950), (1_900, 2_100)]),
            Some(Filter::Start),
            "a stray row"
        );
    }

    #[test]
    fn bounds_overlap_until_they_are_known_to_be_counted_in() {
        let short = Window::new(1_000, 1_010);
        let mut readings = Readings::new(0);
        assert_eq!(readings.bounds(short), short.wide());
        for _ in 0..EDGE_HITS {
            readings.observe_start_edge(true);
        }
        assert_eq!(readings.bounds(short), short.snug());
        for _ in 0..EDGE_HITS {
            readings.observe_end_edge(true);
        }
        assert_eq!(readings.bounds(short), short.tight());
        assert_eq!(
            readings.bounds(WINDOW),
            WINDOW.wide(),
            "long windows go on overlapping"
        );
        readings.observe_end_edge(false);
        assert_eq!(readings.bounds(short), short.snug());
        readings.observe_start_edge(false);
        assert_eq!(readings.bounds(short), short.wide());
    }

    fn zone(asked: i32, distances: &[i64]) -> Result<(), ApiError> {
        let mut readings = Readings::new(asked);
        let rows = distances.iter().map(|distance| Row {
            clock: Some(1_500 + distance),
            ..row(1_500, 1_600)
        });
        readings.observe(WINDOW, WINDOW.wide(), 0, &page(rows.collect()))?;
        readings.finish_zone(WINDOW)
    }

    #[test]
    fn a_systematic_distance_from_the_clock_names_the_offset_that_fits() {
        for rows in [1, 2, 50] {
            let error = zone(0, &vec![-330 * 60; rows]).unwrap_err();
            assert!(
                matches!(
                    error,
                    ApiError::Zone {
                        asked: 0,
                        fits: -330,
                        ..
                    }
                ),
                "{rows} rows: {error}"
            );
        }
        let error = zone(-330, &[630 * 60; 5]).unwrap_err();
        assert!(
            matches!(
                error,
                ApiError::Zone {
                    asked: -330,
                    fits: 300,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_clock_that_is_merely_odd_is_no_zone() {
        zone(0, &[0; 9]).unwrap();
        zone(0, &[0, 0, -3600, 1, 2]).unwrap();
        zone(0, &[1_000, 2_000, 3_333, 4_444, 123_456_789]).unwrap();
        zone(0, &[50 * 3600; 9]).unwrap();
        zone(0, &[3_660]).unwrap();
    }

    #[test]
    fn times_that_name_their_zone_are_not_checked() {
        let mut readings = Readings::new(0);
        let rows = vec![
            Row {
                naive: false,
                clock: Some(5_100),
                ..row(1_500, 1_600)
            };
            9
        ];
        readings.observe(WINDOW, WINDOW.wide(), 0, &page(rows)).unwrap();
        readings.finish_zone(WINDOW).unwrap();
    }
}
