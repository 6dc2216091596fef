//! What goes into a row comes out of it: decode, then restore, then compare as JSON values.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod json;
mod properties;
mod records;
mod regressions;
mod streams;
mod tree;
