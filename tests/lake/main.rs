//! One suite for every kind of place that a lake can be in: a folder, S3-compatible servers, and servers with faults.
//!
//! Publications run in processes of their own, as in production: each is this binary, started again as an [`agent`].
//! S3 tests need Python with `moto[server]`; without it they print why they are skipped.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test's helpers fail and speak as tests do"
)]

mod agent;
mod conformance;
mod faults;
mod front;
mod places;
mod readers;
mod rows;
mod s3s;
