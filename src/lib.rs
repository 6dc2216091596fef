//! callake streams call details of a contact-centre API into a lake of date-partitioned Parquet files.
//!
//! ```text
//! days → windows → pages → records → Arrow batches → day files → lake
//! ```
//!
//! One way, no back and forth. Each module is a room that knows its own job and nothing downstream of it.

pub mod api;
pub mod demo;
