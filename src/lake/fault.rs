//! Named steps of publishing at which a test can kill the process.
//!
//! `CALLAKE_FAULT_POINT=staged` aborts at the first passage of that step, `staged:3` at the third. Only in builds with
//! debug assertions; in others [`point`] is empty.

/// The steps, in the order in which a publication passes them.
pub const POINTS: [&str; 8] = [
    "fetched",
    "merged",
    "stage-created",
    "staged",
    "before-swap",
    "swapped",
    "synced",
    "published",
];

/// Marks a step.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static PASSED: AtomicUsize = AtomicUsize::new(0);
    debug_assert!(POINTS.contains(&name), "{name} is not in the list");
    let Ok(asked) = std::env::var("CALLAKE_FAULT_POINT") else {
        return;
    };
    let (asked, passage) = asked.split_once(':').unwrap_or((&asked, "1"));
    if asked == name && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == passage.parse().unwrap_or(1) {
        std::process::abort();
    }
}

/// Marks a step.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &str) {}
