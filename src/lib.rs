//! callake streams call details and conversations of a contact-centre API into a lake of date-partitioned Parquet files.
//!
//! ```text
//! days → windows → pages → records → Arrow batches → day files → lake
//! ```
//!
//! One way, no back and forth. Each module is a room that knows its own job and nothing downstream of it; in reading order:
//!
//! | room | its one job |
//! | --- | --- |
//! | [`cli`], [`config`] | what was typed, and what it means |
//! | [`run()`], [`exit`] | one command from its settings to its exit code |
//! | `job`, `stop`, [`progress`] | what a run is given beside its settings: what shows it, stops it, counts it |
//! | `convert`, `export`, `conversations`, `tour`, `restore_lake`, `lake_commands` | the drivers of the commands |
//! | `plan` | what an export would ask, and how long that would take |
//! | `doctor` | tries what a run needs, and says what to do about what fails |
//! | `picture` | a lake as one page of HTML |
//! | [`selection`] | which call details are meant: `--where` |
//! | `due` | which days are to be read, by what the lake holds of them |
//! | `zone_check` | naive starts against the clock in the session ids |
//! | `shell` | completions and manual pages |
//! | `secrets` | where the API's credentials come from |
//! | `spool_folder` | where fetched pages lie until they are published |
//! | `publish` | gathered rows → the lake, and the end of every run |
//! | `memory` | how the memory budget of a run is shared out |
//! | [`schema`] | the record types, from `schemas/*.json` |
//! | [`api`] | the client: windows, pages, retries, proofs of completeness, the spool |
//! | [`input`] | saved responses as streams of bytes |
//! | `json` | where JSON values start and end, exact decimals, and keys that no report shows |
//! | [`decode`] | JSON bytes → Arrow batches, and what did not fit → `extra` |
//! | [`day`] | one account-day: sort, deduplicate, merge, write Parquet |
//! | [`lake`] | where files lie and how one is published; verify, status, snapshots |
//! | [`restore`] | rows → JSON records again |
//! | [`proof`] | proves that rows give back the records that they were made of |
//! | `remedy` | what to do about errors that do not say it themselves |
//! | [`report`] | the only printing |
//! | `output_file` | files that are named for output, replaced whole |
//! | [`demo`] | the embedded API server with seeded data and faults |
//!
//! What holds everywhere:
//!
//! - `decode`, `restore` and `json` do no I/O; `api` knows neither Arrow nor Parquet; `lake` and `day` know no JSON of the API.
//! - Nothing but `report` and the drivers' results is printed; no error, log line or report holds a token.
//! - A record is in a row whole, or the input that held it is named as a fault; nothing is dropped in between.

pub mod api;
pub mod cli;
pub mod config;
mod conversations;
mod convert;
pub mod day;
pub mod decode;
pub mod demo;
mod doctor;
mod due;
pub mod exit;
mod export;
pub mod input;
mod job;
mod json;
pub mod lake;
mod lake_commands;
mod memory;
mod output_file;
mod picture;
mod plan;
pub mod progress;
pub mod proof;
mod publish;
mod remedy;
pub mod report;
pub mod restore;
mod restore_lake;
mod run;
pub mod schema;
mod secrets;
pub mod selection;
mod shell;
mod spool_folder;
pub mod stop;
mod tour;
mod zone_check;

pub use run::run;
