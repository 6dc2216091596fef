//! Walks one window: asks for its pages, and says what they prove.
//!
//! The documents leave open what `offset` counts, what `numResults` counts, and whether `limit` holds for all rows
//! or for each of two parts (sessions that ended at the bot, then agent conversations). Rows may come in, change or
//! move between two pages. What is known of a window after its pages have come:
//!
//! | row | seen | what it means under every reading | what follows |
//! | --- | --- | --- | --- |
//! | W1 | one page, fewer rows than a full page | the list ends in it, and one answer cannot shift | proven |
//! | W2 | pages 0 to k, all full but the last, no row twice, and no row can leave the window | as many rows were read as the list holds at the end, and all of them are still in it: they are the list | proven |
//! | W3 | half or more of page 1 is on page 0 | `offset` counts rows (or nothing): only page 0 is of use | one-page windows from now on |
//! | W4 | a row twice, or a session with and without its conversation | something came in or moved while the pages were read, and may have pushed a row past us | one-page windows here |
//! | W5 | page 10 is full, or `numResults` is above what can be reached | the reachable rows do not hold the list | split; what was read is a [`Run`] |
//! | W6 | a window inside a run, whose first page asked begins with the very row that the run puts there, and whose distinct rows, the run's before that page and those that came, are as many as the list is long | the rows before that page are the run's, and W2 holds for all | proven |
//! | W7 | `numResults` above the rows that came, the list at its end | a row is missing, or the number means nothing | one-page windows; there: unproven |
//! | W8 | pages of more rows than `limit`, and a part that ended early | a row may have moved from the part that was still being read into the part that had ended | ask the page where it ended again: the same rows, or W4 |
//! | W9 | no full page was ever seen, and a short one is followed by rows that were not on it | the server gives smaller pages than it was asked for | their size is the full one from now on |
//! | W12 | a short page that [is doubtful](super::readings::Sizes::is_doubtful) | it may not be the last | ask for the next: nothing new, and it was; else the server takes rows out of pages, or gives less of each part: all windows are read again, and from now on only an empty page ends a list |
//! | W13 | an empty answer | the list ends there, or the answer is a mistake | ask again |
//! | W14 | an end so far from the beginning that no row was ever seen further, where the reach may end | the list ends, or is cut off there | ask for the same page of a longer list: more rows, and it is no cut; else W5 |
//! | W11 | as W4, the filter on starts, and after some pages again and then the last, as many distinct rows as the list is long | W2 asks for no order: the rows are the list | proven |
//! | W10 | a one-second window is not proven by W1 or W2 | nothing smaller can be asked | read it until two readings in a row are the same; then by narrower bounds; then by direction; or unproven |
//!
//! Why W2 holds whatever the order: a row that stays in the list but was on no page must have crossed, between two
//! pages, a boundary that had been read, so that some other row crossed it the other way; if that row had been
//! read, it comes twice (W4); if not, the same holds for it. Rows that leave break this, and they leave where the
//! filter is on the end of sessions that still change: there, and on days that have not settled, W2 is not used.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::error::{ApiError, Doubt};
use super::fetch::Cost;
use super::http::Answer;
use super::outlook::{extrapolated, is_too_wide, outlook};
use super::page::{Page, Row};
use super::readings::{Filter, Sizes, Unit};
use super::request::{Ask, MAX_OFFSET, Narrow};
use super::run::{Head, Run};
use super::window::{Bounds, MAX_SECONDS, Window};

/// How often pages that share rows are asked for again before the window is read by single pages.
const REPAIRS: u32 = 3;

/// Offsets from which on an empty page may be the end of what can be reached instead of that of the list: the documents put it at
/// about 1,000 rows.
const CUT_FROM: u32 = 4;

/// How to walk a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) window: Window,
    pub(crate) bounds: Bounds,
    /// Whether several pages may prove it (W2).
    pub(crate) paged: bool,
    /// Share of the rows that are sessions which ended at the bot, to judge from the first pages what is to come.
    pub(crate) bot_share: f64,
    pub(crate) unit: Option<Unit>,
    pub(crate) filter: Option<Filter>,
    pub(crate) full: usize,
    pub(crate) full_is_known: bool,
    /// Rows of the largest page that was seen to be followed by nothing: one of no more rows is no full one that is small.
    pub(crate) ended: usize,
    /// Whether only an empty page ends a list (W12).
    pub(crate) may_fall_short: bool,
    /// What pages have had, which tells a smaller one to be the last.
    pub(crate) sizes: Sizes,
    /// Whether nothing is known of the density here, so that the window is as likely as not much too wide.
    pub(crate) is_first: bool,
    pub(crate) counts_window: bool,
}

impl Way {
    /// Whether a page of so many rows is not followed by others, as far as sizes tell.
    pub(crate) fn is_last(&self, rows: usize) -> bool {
        match self.may_fall_short {
            true => rows == 0,
            false => rows < self.full,
        }
    }

    /// Whether a list that ends there may be one that is cut off (W14).
    pub(crate) fn may_be_cut(&self, offset: u32, rows: usize) -> bool {
        let is_far = offset == MAX_OFFSET || (rows == 0 && offset >= CUT_FROM);
        is_far && (offset, rows) >= self.sizes.reached
    }
}

/// What became of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// Every row that the API selects for it is among its pages.
    Proven,
    /// It holds more than can be reached, about so many rows.
    Full(f64),
    /// Rows moved while they were read.
    Moved,
    /// Pages are smaller than asked for.
    SmallPages(usize),
    /// Rows stand behind a page that was not full (W12).
    FallsShort,
    /// It cannot be proven.
    Unproven(Doubt),
}

/// A window walked.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) window: Window,
    pub(crate) bounds: Bounds,
    pub(crate) verdict: Verdict,
    /// The pages that the verdict rests on, by offset.
    pub(crate) pages: Vec<(u32, Answer)>,
    /// Rows known to stand before the first of the pages (W6).
    pub(crate) before: Vec<Row>,
    /// The window of the run that told of them.
    pub(crate) leans_on: Option<Window>,
    /// What `offset` has been seen to count.
    pub(crate) unit: Option<Unit>,
    /// Rows of the last page, where it was seen to be followed by nothing.
    pub(crate) ended: usize,
    /// The furthest that rows of other lists have come from (W14).
    pub(crate) reached: (u32, usize),
    pub(crate) cost: Cost,
}

impl Walk {
    /// A walk that has not asked for anything yet.
    pub(crate) fn new(window: Window, bounds: Bounds, unit: Option<Unit>) -> Self {
        Self {
            window,
            bounds,
            verdict: Verdict::Proven,
            pages: Vec::new(),
            before: Vec::new(),
            leans_on: None,
            unit,
            ended: 0,
            reached: (0, 0),
            cost: Cost::default(),
        }
    }

    /// All rows of its pages.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.pages.iter().flat_map(|(_, answer)| &answer.page.rows)
    }

    /// What it has learnt of its list although that could not be read to its end (W5).
    pub(crate) fn run(&self, full: usize) -> Option<Run> {
        let is_of_use = self.unit != Some(Unit::Records)
            && self
                .pages
                .iter()
                .all(|(_, answer)| answer.page.rows.len() == full)
            && motion(&self.before, &self.pages) == Motion::None;
        let rows = || self.before.iter().chain(self.rows()).copied().collect();
        is_of_use.then(|| Run {
            window: self.window,
            bounds: self.bounds,
            rows: rows(),
        })
    }
}

/// Asks and keeps account.
pub(crate) struct Asker<'a, A> {
    ask: &'a A,
    pub(crate) way: Way,
    pub(crate) bounds: Bounds,
    pub(crate) narrow: Narrow,
    pub(crate) cost: Cost,
}

impl<'a, A, F> Asker<'a, A>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    pub(crate) fn new(ask: &'a A, way: Way) -> Self {
        Self {
            ask,
            way,
            bounds: way.bounds,
            narrow: Narrow::No,
            cost: Cost::default(),
        }
    }

    pub(crate) async fn page(&mut self, offset: u32) -> Result<Answer, ApiError> {
        let ask = Ask {
            window: self.way.window,
            bounds: self.bounds,
            offset,
            narrow: self.narrow,
        };
        let (answer, cost) = (self.ask)(ask).await?;
        self.cost.add(&cost);
        Ok(answer)
    }

    /// The same, asked for twice where it is empty (W13).
    pub(crate) async fn sure_page(&mut self, offset: u32) -> Result<Answer, ApiError> {
        let answer = self.page(offset).await?;
        if answer.page.rows.is_empty() {
            return self.page(offset).await;
        }
        Ok(answer)
    }

    /// W14.
    async fn is_cut_off(&mut self, walk: &mut Walk, offset: u32, rows: usize) -> Result<bool, ApiError> {
        if !self.way.may_be_cut(offset, rows) {
            return Ok(false);
        }
        let longer = Bounds {
            start: self.way.bounds.end - MAX_SECONDS,
            ..self.way.bounds
        };
        let bounds = std::mem::replace(&mut self.bounds, longer);
        let answer = self.page(offset).await;
        self.bounds = bounds;
        let found = answer?.page.rows.len();
        walk.reached = (offset, found);
        Ok(found <= rows)
    }
}

/// Walks a window, of whose list `head` may be known already.
///
/// # Errors
///
/// When a page cannot be had at all.
pub(crate) async fn walk<A, F>(ask: &A, way: Way, head: &Head) -> Result<Walk, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let mut asker = Asker::new(ask, way);
    let mut walk = Walk::new(way.window, way.bounds, way.unit);
    walk.verdict = if way.paged {
        paged(&mut asker, &mut walk, head).await?
    } else {
        single(&mut asker, &mut walk).await?
    };
    walk.cost = asker.cost;
    Ok(walk)
}

/// One page to learn from, whose list is taken for whole only where it ends in that page and `is_reading` says so.
///
/// # Errors
///
/// When the page cannot be had at all.
pub(crate) async fn look<A, F>(
    ask: &A,
    way: Way,
    is_reading: impl FnOnce(&Page) -> bool,
) -> Result<Walk, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let mut asker = Asker::new(ask, way);
    let mut walk = Walk::new(way.window, way.bounds, way.unit);
    let answer = asker.page(0).await?;
    let is_reading = !way.may_fall_short && answer.page.rows.len() < way.full && is_reading(&answer.page);
    walk.pages.push((0, answer));
    walk.verdict = if is_reading {
        end(&mut asker, &mut walk).await?
    } else {
        // A window this wide is far from even: what its list begins with says more of its beginning than its length.
        Verdict::Full(extrapolated(&way, &walk))
    };
    walk.cost = asker.cost;
    Ok(walk)
}

/// One page or nothing (W1).
async fn single<A, F>(asker: &mut Asker<'_, A>, walk: &mut Walk) -> Result<Verdict, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let answer = asker.sure_page(0).await?;
    let rows = answer.page.rows.len();
    walk.pages.push((0, answer));
    if !asker.way.may_fall_short && rows >= asker.way.full {
        return Ok(Verdict::Full(outlook(&asker.way, walk)));
    }
    end(asker, walk).await
}

/// Page after page (W2), which is upwards: rows that come in then push others onto pages still to be read. Where the
/// head of the list is known, it need not be asked for (W6).
async fn paged<A, F>(asker: &mut Asker<'_, A>, walk: &mut Walk, head: &Head) -> Result<Verdict, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let full = asker.way.full;
    let skipped = head.rows.len().saturating_sub(1) / full;
    if !asker.way.may_fall_short
        && skipped > 0
        && skipped <= MAX_OFFSET as usize
        && walk.unit == Some(Unit::Pages)
    {
        if let Some(verdict) = upwards(asker, walk, Some((head, skipped))).await? {
            return Ok(verdict);
        }
        // The run has not told the truth about this list: read it from its beginning.
        walk.before.clear();
        walk.leans_on = None;
        walk.pages.clear();
    }
    let verdict = upwards(asker, walk, None).await?;
    Ok(verdict.unwrap_or(Verdict::Moved))
}

/// From the page after the rows known already to the end of the list; nothing where those rows prove wrong.
async fn upwards<A, F>(
    asker: &mut Asker<'_, A>,
    walk: &mut Walk,
    known: Option<(&Head, usize)>,
) -> Result<Option<Verdict>, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let full = asker.way.full;
    let reach = full * (MAX_OFFSET as usize + 1);
    let first = known.map_or(0, |(_, skipped)| skipped as u32);
    for offset in first..=MAX_OFFSET {
        let answer = asker.sure_page(offset).await?;
        let rows = answer.page.rows.len();
        walk.pages.push((offset, answer));
        if let Some((head, skipped)) = known.filter(|_| offset == first) {
            let Some(before) = head.before(skipped * full, walk.rows().next()) else {
                return Ok(None);
            };
            walk.before = before;
            walk.leans_on = head.run;
        }
        if offset == 1 && walk.unit.is_none() {
            walk.unit = Some(unit(&walk.pages[0].1.page, &walk.pages[1].1.page));
        }
        if offset > 0 && walk.unit == Some(Unit::Records) {
            return Ok(Some(Verdict::Full(outlook(&asker.way, walk))));
        }
        if asker.way.is_last(rows) {
            if asker.is_cut_off(walk, offset, rows).await? {
                return Ok(Some(Verdict::Full(outlook(&asker.way, walk))));
            }
            if known.is_some() {
                let distinct: HashSet<u64> =
                    walk.before.iter().chain(walk.rows()).map(|row| row.key).collect();
                if distinct.len() != offset as usize * full + rows {
                    return Ok(None);
                }
            }
            return end(asker, walk).await.map(Some);
        }
        let outlook = outlook(&asker.way, walk);
        if is_too_wide(&asker.way, walk, offset, outlook / reach as f64) {
            return Ok(Some(Verdict::Full(outlook)));
        }
    }
    Ok(Some(Verdict::Full(outlook(&asker.way, walk).max(reach as f64))))
}

/// The list has ended in a short page: does that prove the window?
async fn end<A, F>(asker: &mut Asker<'_, A>, walk: &mut Walk) -> Result<Verdict, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let Some((last, count)) = walk
        .pages
        .last()
        .map(|(offset, answer)| (*offset, answer.page.num_results))
    else {
        return Ok(Verdict::Proven);
    };
    match motion(&walk.before, &walk.pages) {
        Motion::None => {}
        Motion::Order(pages)
            if asker.way.filter == Some(Filter::Start)
                && !asker.way.may_fall_short
                && !has_parts(asker.way.full, walk) =>
        {
            return repair(asker, walk, pages, last).await;
        }
        _ => return Ok(Verdict::Moved),
    }
    let rows = walk.before.len() + walk.rows().count();
    let short_by_count = count.is_some_and(|count| count > rows as u64);
    let first = &walk.pages[0].1.page;
    let unsure_of_size =
        !asker.way.full_is_known && first.rows.len() > asker.way.ended && !asker.way.sizes.exceeds(first);
    let is_unsure = last == 0 && (short_by_count || unsure_of_size) || is_doubtful(&asker.way, walk);
    if is_unsure && last < MAX_OFFSET {
        match behind(asker, walk, last).await? {
            Behind::Nothing => walk.ended = walk.pages.last().map_or(0, |(_, answer)| answer.page.rows.len()),
            Behind::Moved => return Ok(Verdict::Moved),
            Behind::More if asker.way.may_fall_short => {
                return Ok(Verdict::Full(outlook(&asker.way, walk).max(rows as f64 * 2.0)));
            }
            Behind::More if last == 0 && !asker.way.full_is_known => return Ok(Verdict::SmallPages(rows)),
            Behind::More => return Ok(Verdict::FallsShort),
        }
    }
    if short_by_count {
        return Ok(if last == 0 {
            Verdict::Unproven(Doubt::CountTooLarge)
        } else {
            Verdict::Moved
        });
    }
    parts_stood_still(asker, walk).await
}

/// W12: whether the last page needs to be followed by nothing.
fn is_doubtful(way: &Way, walk: &Walk) -> bool {
    let Some(((_, last), before)) = walk.pages.split_last() else {
        return false;
    };
    if way.may_fall_short {
        return !last.page.rows.is_empty();
    }
    let mut sizes = way.sizes;
    for (offset, answer) in before {
        sizes.observe(*offset, &answer.page, way.full);
    }
    sizes.is_doubtful(&last.page, way.full)
}

/// What stands behind the last page.
enum Behind {
    Nothing,
    More,
    /// Some rows, as where a few came in meanwhile.
    Moved,
}

async fn behind<A, F>(asker: &mut Asker<'_, A>, walk: &mut Walk, last: u32) -> Result<Behind, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let known: HashSet<u64> = walk.before.iter().chain(walk.rows()).map(|row| row.key).collect();
    let fresh = |page: &Page| page.rows.iter().filter(|row| !known.contains(&row.key)).count();
    if walk.unit != Some(Unit::Records) {
        let next = asker.page(last + 1).await?;
        let fresh = fresh(&next.page);
        let is_shifted = last == 0 && unit(&walk.pages[0].1.page, &next.page) == Unit::Records;
        // Of rows, one page tells only of one behind it, and that may have been taken out.
        let may_hide = walk.pages[0].1.page.rows.len() * 5 >= asker.way.full * 3;
        if fresh == 0 && !(is_shifted && may_hide) {
            return Ok(Behind::Nothing);
        }
        if !is_shifted && fresh * 2 > next.page.rows.len() {
            return Ok(Behind::More);
        }
        if !is_shifted {
            return Ok(Behind::Moved);
        }
        walk.unit = Some(Unit::Records);
    }
    // The page that begins behind ten of its rows ends behind ten others, where there are any.
    let next = asker.page(MAX_OFFSET).await?;
    let fresh = fresh(&next.page);
    Ok(match fresh {
        0 => Behind::Nothing,
        _ if fresh * 2 > (MAX_OFFSET as usize).min(next.page.rows.len()) => Behind::More,
        _ => Behind::Moved,
    })
}

/// W8: where a part ended before the last page, that page must still be what it was.
async fn parts_stood_still<A, F>(asker: &mut Asker<'_, A>, walk: &Walk) -> Result<Verdict, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    if walk.pages.len() < 2 || !has_parts(asker.way.full, walk) {
        return Ok(Verdict::Proven);
    }
    // Where either part came with fewer rows than a full page for the first time.
    let ended = walk.pages.iter().find(|(_, answer)| {
        let bots = answer.page.rows.iter().filter(|row| !row.conversation).count();
        bots < asker.way.full || answer.page.rows.len() - bots < asker.way.full
    });
    let Some((offset, before)) = ended.filter(|(offset, _)| *offset as usize + 1 < walk.pages.len()) else {
        return Ok(Verdict::Proven);
    };
    let again = asker.page(*offset).await?;
    let same = keys(&again.page) == keys(&before.page);
    Ok(if same { Verdict::Proven } else { Verdict::Moved })
}

/// Whether `limit` holds for each part: some page has more rows.
pub(crate) fn has_parts(full: usize, walk: &Walk) -> bool {
    walk.pages.iter().any(|(_, answer)| answer.page.rows.len() > full)
}

/// W3.
pub(crate) fn unit(first: &Page, second: &Page) -> Unit {
    let known: HashSet<u64> = first.rows.iter().map(|row| row.key).collect();
    let shared = second.rows.iter().filter(|row| known.contains(&row.key)).count();
    if shared > 0 && shared * 2 >= second.rows.len() {
        Unit::Records
    } else {
        Unit::Pages
    }
}

/// What the rows of several pages say of each other (W4).
#[derive(Debug, PartialEq)]
enum Motion {
    None,
    /// Rows stand on two pages, these.
    Order(BTreeSet<u32>),
    /// A session has got a conversation, or a row stands twice on one page.
    Rows,
}

fn motion(before: &[Row], pages: &[(u32, Answer)]) -> Motion {
    if pages.len() < 2 && before.is_empty() {
        return Motion::None;
    }
    // What was known before stands on no page of these.
    let mut seen: HashMap<u64, u32> = before.iter().map(|row| (row.key, u32::MAX)).collect();
    let mut sessions: HashMap<u64, bool> = before.iter().map(|row| (row.session, row.conversation)).collect();
    let mut twice = BTreeSet::new();
    for (offset, answer) in pages {
        for row in &answer.page.rows {
            match seen.insert(row.key, *offset) {
                Some(other) if other == *offset => return Motion::Rows,
                Some(other) => twice.extend([other, *offset]),
                None => {}
            }
            if sessions
                .insert(row.session, row.conversation)
                .is_some_and(|before| before != row.conversation)
            {
                return Motion::Rows;
            }
        }
    }
    twice.remove(&u32::MAX);
    if twice.is_empty() {
        Motion::None
    } else {
        Motion::Order(twice)
    }
}

/// W11: asks for the pages with the same rows again, and then for the last one, by which the list is as long as it
/// was: rows of one second may come in another order each time.
async fn repair<A, F>(
    asker: &mut Asker<'_, A>,
    walk: &mut Walk,
    pages: BTreeSet<u32>,
    last: u32,
) -> Result<Verdict, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    for _ in 0..REPAIRS {
        for offset in pages
            .iter()
            .copied()
            .filter(|offset| *offset != last)
            .chain([last])
        {
            let answer = asker.page(offset).await?;
            walk.pages.push((offset, answer));
        }
        let rows = walk.pages.last().map_or(0, |(_, answer)| answer.page.rows.len());
        let all = || walk.before.iter().chain(walk.rows());
        let distinct = all().map(|row| row.key).collect::<HashSet<_>>().len();
        let sessions = all()
            .map(|row| (row.session, row.conversation))
            .collect::<HashSet<_>>()
            .len();
        let same_sessions = all().map(|row| row.session).collect::<HashSet<_>>().len() == sessions;
        if rows < asker.way.full && same_sessions && distinct == last as usize * asker.way.full + rows {
            return Ok(Verdict::Proven);
        }
    }
    Ok(Verdict::Moved)
}

pub(crate) fn keys(page: &Page) -> Vec<u64> {
    page.rows.iter().map(|row| row.key).collect()
}
