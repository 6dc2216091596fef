//! A window of one second that pages do not prove the ordinary way (row W10 of [`walk`](super::walk)): nothing smaller
//! can be asked for, so it is read until it stands still, by narrower bounds, and by direction.

use std::collections::HashSet;

use super::error::{ApiError, Doubt};
use super::fetch::Cost;
use super::http::Answer;
use super::page::Row;
use super::readings::{EDGE_HITS, Filter, Unit};
use super::request::{Ask, Direction, MAX_OFFSET, Narrow};
use super::walk::{Asker, Verdict, Walk, Way, keys, unit};

/// Readings of a second before it is given up as never standing still.
const PASSES: u32 = 6;

/// Walks a window of one second.
///
/// # Errors
///
/// When a page cannot be had at all.
pub(crate) async fn walk<A, F>(ask: &A, way: Way) -> Result<Walk, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let mut asker = Asker::new(ask, way);
    let mut walk = Walk::new(way.window, way.bounds, way.unit);
    walk.verdict = Verdict::Unproven(Doubt::TooDense);
    let mut candidates = vec![way.window.wide(), way.window.snug(), way.window.tight()];
    candidates.retain(|bounds| bounds.start >= way.bounds.start && bounds.end <= way.bounds.end);
    // Rows known to lie in the second itself, which narrower bounds must all bring back.
    let mut owed: HashSet<u64> = HashSet::new();
    for bounds in candidates {
        asker.bounds = bounds;
        let listing = settle(&mut asker).await?;
        let is_trusted = bounds == way.bounds;
        if !is_trusted && (owed.len() < EDGE_HITS as usize || !owed.is_subset(&listing.keys())) {
            break;
        }
        walk.bounds = bounds;
        walk.pages = listing.pages;
        walk.verdict = listing.verdict;
        if walk.verdict != Verdict::Unproven(Doubt::TooDense) {
            break;
        }
        let in_second = |row: &&Row| match way.filter {
            Some(Filter::Start) => row.start == Some(way.window.from),
            Some(Filter::End) => row.end == Some(way.window.from),
            None | Some(Filter::Update) => false,
        };
        owed.extend(walk.rows().filter(in_second).map(|row| row.key));
    }
    if walk.verdict == Verdict::Unproven(Doubt::TooDense) {
        by_direction(&mut asker, &mut walk).await?;
    }
    walk.cost = asker.cost;
    Ok(walk)
}

/// Asks for either direction alone. That proves the second only if every row seen without the filter comes back.
async fn by_direction<A, F>(asker: &mut Asker<'_, A>, walk: &mut Walk) -> Result<(), ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    asker.bounds = walk.bounds;
    let owed: HashSet<u64> = walk.rows().map(|row| row.key).collect();
    let mut came = HashSet::new();
    let mut pages = Vec::new();
    for direction in [Direction::Inbound, Direction::Outbound] {
        asker.narrow = Narrow::Direction(direction);
        let listing = settle(asker).await?;
        if listing.verdict != Verdict::Proven {
            return Ok(());
        }
        came.extend(listing.keys());
        pages.extend(listing.pages);
    }
    if owed.is_subset(&came) {
        walk.pages = pages;
        walk.verdict = Verdict::Proven;
    }
    Ok(())
}

struct Listing {
    pages: Vec<(u32, Answer)>,
    verdict: Verdict,
}

impl Listing {
    fn keys(&self) -> HashSet<u64> {
        self.pages
            .iter()
            .flat_map(|(_, answer)| keys(&answer.page))
            .collect()
    }
}

/// Reads the reachable pages until two readings in a row are the same.
async fn settle<A, F>(asker: &mut Asker<'_, A>) -> Result<Listing, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let mut before: Option<Vec<u64>> = None;
    let mut pages = Vec::new();
    for _ in 0..PASSES {
        let full;
        (pages, full) = reachable(asker).await?;
        if full {
            return Ok(Listing {
                pages,
                verdict: Verdict::Unproven(Doubt::TooDense),
            });
        }
        let now: Vec<u64> = pages
            .iter()
            .flat_map(|(_, answer): &(u32, Answer)| keys(&answer.page))
            .collect();
        let rows = now.iter().collect::<HashSet<_>>().len();
        // One short page cannot shift (W1).
        let stands = pages.len() == 1 || before.as_ref() == Some(&now);
        if stands {
            let count = pages
                .iter()
                .filter_map(|(_, answer)| answer.page.num_results)
                .max();
            let too_large = count.is_some_and(|count| count > rows as u64);
            let verdict = if too_large {
                Verdict::Unproven(Doubt::CountTooLarge)
            } else {
                Verdict::Proven
            };
            return Ok(Listing { pages, verdict });
        }
        before = Some(now);
    }
    Ok(Listing {
        pages,
        verdict: Verdict::Unproven(Doubt::Unstable),
    })
}

/// All pages that can be reached, and whether there may be more.
async fn reachable<A, F>(asker: &mut Asker<'_, A>) -> Result<(Vec<(u32, Answer)>, bool), ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let mut pages = Vec::new();
    let (mut offset, mut rows_are_counted) = (0, asker.way.unit == Some(Unit::Records));
    loop {
        let answer = asker.sure_page(offset).await?;
        let rows = answer.page.rows.len();
        let short = asker.way.is_last(rows);
        pages.push((offset, answer));
        if short || offset == MAX_OFFSET {
            let is_cut = !rows_are_counted && asker.way.may_be_cut(offset, rows);
            return Ok((pages, !short || is_cut));
        }
        // Where rows are counted, the furthest page overlaps the first and holds all that can be reached beyond it.
        rows_are_counted |= pages.len() == 2 && unit(&pages[0].1.page, &pages[1].1.page) == Unit::Records;
        offset = if rows_are_counted { MAX_OFFSET } else { offset + 1 };
    }
}
