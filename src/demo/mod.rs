//! The demo: an API server with seeded data and seeded faults, and the generator of its records.
//!
//! It stands in for the real API in the first command of the README, in the tests and in the benches. It is
//! written from the API's documents alone and shares no code with the client or the decoder, so that a
//! misreading in one of them shows as a failing test instead of being repeated here.
//!
//! ```text
//! Dataset (seed, records, days) → Outline (when, what kind) → Session (every value) → JSON text
//! ```
//!
//! Everything about a record follows from the data set's seed and the record's index: a page in the middle
//! is made without the records before it, and nothing but outlines is kept in memory.

pub mod args;
mod calendar;
mod conversation;
mod json;
mod outline;
mod pools;
mod random;
pub mod records;
mod render;
mod route;
pub mod server;
mod session;
