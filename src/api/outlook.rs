//! How much of a list is still to come, judged by what its first pages hold. It only ever decides what to ask next.

use super::walk::{Walk, Way, has_parts};

/// Whether the rest of the pages would be asked for in vain, `outlook` being how often they would fit the list. What they
/// would tell is of use to the windows inside ([`Run`]), but for pages of two parts.
pub(crate) fn is_too_wide(way: &Way, walk: &Walk, offset: u32, outlook: f64) -> bool {
    (has_parts(way.full, walk) && outlook > 1.5)
        || (way.is_first && (offset > 0 || way.counts_window) && outlook > 2.0)
}

/// About how many rows a window holds.
pub(crate) fn outlook(way: &Way, walk: &Walk) -> f64 {
    let counts = walk
        .pages
        .iter()
        .filter_map(|(_, answer)| answer.page.num_results);
    let count = counts.max().unwrap_or_default() as f64;
    if count > (walk.before.len() + walk.rows().count()) as f64 {
        return count;
    }
    extrapolated(way, walk)
}

/// The same, judged by how far through the window its first pages have come: bot sessions are listed first and upwards,
/// conversations after them and downwards.
pub(crate) fn extrapolated(way: &Way, walk: &Walk) -> f64 {
    let pages = || walk.pages.iter().map(|(_, answer)| &answer.page);
    let seen = (walk.before.len() + walk.rows().count()) as f64;
    let (mut bots, mut agents) = (0.0, 0.0);
    let (mut up_to, mut down_to) = (way.window.from, way.window.to);
    for row in walk.before.iter().chain(walk.rows()) {
        let Some(time) = row.start.or(row.clock) else {
            continue;
        };
        if row.conversation {
            agents += 1.0;
            down_to = down_to.min(time.max(way.window.from));
        } else {
            bots += 1.0;
            up_to = up_to.max(time.min(way.window.to));
        }
    }
    let width = way.window.seconds() as f64;
    let part = |rows: f64, covered: i64| rows * width / (covered.max(1) as f64).min(width);
    let share = way.bot_share.clamp(0.05, 0.95);
    let bots_have_ended = pages().last().is_some_and(|page| {
        let bots = page.rows.iter().filter(|row| !row.conversation).count();
        bots < page.rows.len() && bots < way.full
    });
    let bots_in_all = if bots_have_ended {
        bots
    } else {
        part(bots, up_to - way.window.from)
    };
    let agents_in_all = if agents > 0.0 {
        part(agents, way.window.to - down_to)
    } else {
        bots_in_all * (1.0 - share) / share
    };
    (bots_in_all + agents_in_all).max(seen)
}
