//! What was typed.

mod conversations;
mod examples;
mod file;
mod parse;
mod settings;
mod variables;

use std::path::PathBuf;

use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{self, Account};
use crate::demo::args::{RecordsArgs, ServeArgs};
use crate::report::LogFormat;
use crate::schema::{self, Table};

pub use conversations::ConversationsArgs;
pub use parse::{Invocation, command, parse};

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 failed · 2 usage · 3 bad input · 4 retry later · 5 incomplete · 6 integrity · \
130 interrupted · 143 terminated";

/// Streams call details of a contact-centre API into a lake of date-partitioned Parquet files.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// TOML file with options, for one account or several; an argument or a variable beats what it says.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// What it says while it is at work.
    #[command(flatten)]
    pub speech: SpeechArgs,
}

/// What a command says on standard error.
#[derive(Debug, Args)]
pub struct SpeechArgs {
    /// Say more on standard error; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say only warnings and errors on standard error: no progress, no notes.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How lines on standard error are written.
    #[arg(long, value_name = "FORMAT", global = true, value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Seconds between two lines of progress where standard error is no terminal; 0 for none.
    #[arg(long, value_name = "SECONDS", global = true, default_value = "30")]
    pub progress_interval: u64,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Converts saved API responses into the lake.
    #[command(after_help = examples::CONVERT)]
    Convert(RunOf<ConvertArgs>),
    /// Exports days of the API into the lake.
    #[command(after_help = examples::EXPORT)]
    Export(Box<RunOf<ExportArgs>>),
    /// Brings a lake up to now: missing days, days that were open when last read, and a lookback for late changes.
    #[command(after_help = examples::SYNC)]
    Sync(Box<RunOf<SyncArgs>>),
    /// Exports the conversations that the lake's call details name, one request each.
    #[command(after_help = examples::CONVERSATIONS)]
    Conversations(Box<RunOf<ConversationsArgs>>),
    /// Says what an export would ask, and how long that would take; asks nothing itself.
    #[command(after_help = examples::PLAN)]
    Plan(Box<PlanArgs>),
    /// Tries what a run needs (token, host, clock, zone, destination, room) and says what to do about each that fails.
    #[command(after_help = examples::DOCTOR)]
    Doctor(Box<DoctorArgs>),
    /// Writes the lake's records as NDJSON, each as it came from the API.
    #[command(after_help = examples::RESTORE)]
    Restore(RestoreArgs),
    /// Checks that a lake is what it says: footers, rows, order, keys, days; exits with 6 where it is not.
    #[command(after_help = examples::VERIFY)]
    Verify(VerifyArgs),
    /// Shows which days a lake covers.
    #[command(after_help = examples::STATUS)]
    Status(StatusArgs),
    /// Draws a lake as one page of HTML: coverage, records, queues, what went to `extra`, files, the last runs.
    #[command(after_help = examples::REPORT)]
    Report(ReportArgs),
    /// Copies a lake, or a range of its days, as an archive with a manifest of rows and SHA-256 a file.
    #[command(after_help = examples::SNAPSHOT)]
    Snapshot(SnapshotArgs),
    /// Removes what killed runs left behind in a lake, once it is a day old.
    #[command(after_help = examples::CLEAN)]
    Clean(CleanArgs),
    /// Prints a table's schema.
    #[command(after_help = examples::SCHEMA)]
    Schema(SchemaArgs),
    /// Exports from an embedded API server into ./lake: no account is needed.
    #[command(after_help = examples::DEMO)]
    Demo(DemoArgs),
    /// Prints the completions of a shell.
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Writes the manual pages of all commands into a folder.
    #[command(after_help = examples::MAN)]
    Man(ManArgs),
}

/// A command that writes to the lake, and what it leaves beside.
#[derive(Debug, Args)]
pub struct RunOf<A: Args> {
    /// What is done.
    #[command(flatten)]
    pub what: A,
    /// What is told of it.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What is told of a run.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Print the report of the run as JSON.
    #[arg(long)]
    pub json: bool,
    /// Write what the run came to into this file for Prometheus; replaced as a whole.
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
    /// Only say what would be done: no request is made, and nothing written.
    #[arg(long)]
    pub dry_run: bool,
}

/// `callake convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Files, folders, patterns, or - for standard input.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// The account that the records were read from; names the files of the lake.
    #[arg(long, value_name = "ID", value_parser = Account::parse)]
    pub account: Account,
    /// The endpoint that they were read from; stands in the rows.
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<EndpointName>,
    /// Offset of naive times in minutes, UTC minus local time as in the API (India is -330).
    #[arg(long, value_name = "MINUTES", default_value = "0", allow_negative_numbers = true, value_parser = config::timezone_offset)]
    pub timezone_offset: i32,
    /// The table that the records go to; by default each record's shape tells.
    #[arg(long, value_name = "NAME", value_parser = table)]
    pub table: Option<&'static Table>,
    /// Keep the good input where other input is bad; the exit code is 3 then.
    #[arg(long)]
    pub keep_going: bool,
    /// Write what gave no row to this file and go on; the exit code is 0 if all of it is there.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// The lake.
    #[command(flatten)]
    pub lake: LakeArgs,
}

/// How to reach the API.
#[derive(Debug, Args)]
pub struct ConnectionArgs {
    /// Origin of the API; plain http only to this machine.
    #[arg(long, value_name = "URL")]
    pub host: String,
    /// The account to read; names the files of the lake.
    #[arg(long, value_name = "ID", value_parser = Account::parse)]
    pub account: Account,
    /// The stream (app) to read as, st-….
    #[arg(long, value_name = "ID")]
    pub stream: String,
    /// Requests a minute; the account's limit is shared with its other tools.
    #[arg(long, value_name = "N", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub rate: u32,
    /// File with the token.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Variable that holds the token, in place of CALLAKE_TOKEN.
    #[arg(long, value_name = "NAME", conflicts_with = "token_file")]
    pub token_env: Option<String>,
    /// Variable that holds the id of the app that signs tokens, in place of CALLAKE_APP_ID.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["token_file", "token_env"])]
    pub app_id_env: Option<String>,
    /// Variable that holds the secret of that app, in place of CALLAKE_APP_SECRET.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["token_file", "token_env"])]
    pub app_secret_env: Option<String>,
    /// Local folder for what is fetched and not yet published, so that a killed run does not ask for it again; by default in the
    /// lake if that is local, else in the temporary folder.
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
}

/// How to reach the API for call details.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// The API.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// The endpoint to read.
    #[arg(long, value_name = "NAME", default_value = "v2")]
    pub endpoint: EndpointName,
    /// Offset that times are asked for in, in minutes, for accounts where UTC does not work (India is -330).
    #[arg(long, value_name = "MINUTES", default_value = "0", allow_negative_numbers = true, value_parser = config::timezone_offset)]
    pub timezone_offset: i32,
}

/// `callake export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The API.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The first day, in the lake's zone.
    #[arg(long, value_name = "DATE", value_parser = config::date)]
    pub from: NaiveDate,
    /// The last day, in the lake's zone.
    #[arg(long, value_name = "DATE", value_parser = config::date)]
    pub to: NaiveDate,
    /// Read days again that the lake already holds complete and closed.
    #[arg(long)]
    pub refresh: bool,
    /// The lake.
    #[command(flatten)]
    pub lake: LakeArgs,
}

/// `callake plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The export.
    #[command(flatten)]
    pub export: ExportArgs,
    /// Records of a day of which nothing is known.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u64).range(..=10_000_000))]
    pub records_per_day: u64,
    /// Measure a day of which the lake knows nothing, by one request to seven.
    #[arg(long)]
    pub probe: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `callake doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The lake.
    #[command(flatten)]
    pub location: LocationArgs,
    /// The API.
    #[command(flatten)]
    pub api: ApiArgs,
    /// Time zone of the lake's days; one lake has one.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = config::zone)]
    pub zone: Tz,
    /// Take a network file system (NFS, SMB) for a local one.
    #[arg(long)]
    pub force_network_fs: bool,
    /// A day that has records, to ask a page of; by default the last week.
    #[arg(long, value_name = "DATE", value_parser = config::date)]
    pub day: Option<NaiveDate>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `callake sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// The API.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The first day; by default the first that the lake holds of the account.
    #[arg(long, value_name = "DATE", value_parser = config::date)]
    pub from: Option<NaiveDate>,
    /// Read the days before today again, once a day, for records that changed after they closed.
    #[arg(long, value_name = "DAYS", default_value = "7d", value_parser = config::lookback)]
    pub lookback: u32,
    /// The lake.
    #[command(flatten)]
    pub lake: LakeArgs,
}

/// Where a lake lies and how it is written.
#[derive(Debug, Args)]
pub struct LakeArgs {
    /// Folder or URL (s3://, gs://, az://) of the lake; a folder is made where it is missing.
    #[arg(long, value_name = "DEST")]
    pub dest: String,
    /// Time zone of the lake's days; one lake has one.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = config::zone)]
    pub zone: Tz,
    /// Memory that a run should keep to.
    #[arg(long, value_name = "SIZE", default_value = "256MB", value_parser = config::memory)]
    pub memory: usize,
    /// Take a store that ignores conditional puts, on the word that nobody else writes to the lake.
    #[arg(long)]
    pub single_writer: bool,
    /// Take a network file system (NFS, SMB) for a local one.
    #[arg(long)]
    pub force_network_fs: bool,
    /// Endpoint of an S3-compatible store.
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Rebuild each record from its row and compare it with what came in before publishing.
    #[arg(long)]
    pub verify: bool,
    /// Fail where a record does not fit its columns; nothing of that day (of a conversion: nothing at all) is published.
    #[arg(long)]
    pub strict: bool,
}

/// `callake schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The table.
    #[arg(value_name = "TABLE", default_value = "call_details", value_parser = table)]
    pub table: &'static Table,
    /// The form to print it in.
    #[arg(long, value_enum, default_value = "arrow")]
    pub format: FormatName,
    /// Print SQL views over the lake instead: sessions, queue entries, agent segments, tags, and the measures made of them.
    #[arg(long, value_enum, value_name = "ENGINE", conflicts_with = "format")]
    pub views: Option<ViewsName>,
    /// Folder or URL of the lake that the views read.
    #[arg(long, value_name = "LAKE", env = "CALLAKE_DEST", default_value = "lake")]
    pub lake: String,
}

/// A lake to look at.
#[derive(Debug, Args)]
pub struct LocationArgs {
    /// Folder or URL (s3://, gs://, az://) of the lake.
    #[arg(value_name = "LAKE", env = "CALLAKE_DEST")]
    pub lake: String,
    /// Endpoint of an S3-compatible store.
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

/// `callake verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The lake.
    #[command(flatten)]
    pub location: LocationArgs,
    /// Decode every page, not only what the checks need.
    #[arg(long)]
    pub deep: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `callake status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The lake.
    #[command(flatten)]
    pub location: LocationArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `callake clean`.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// The lake.
    #[command(flatten)]
    pub location: LocationArgs,
    /// Only say what would be removed.
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `callake report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The lake.
    #[command(flatten)]
    pub location: LocationArgs,
    /// The first day.
    #[arg(long, value_name = "DATE", value_parser = config::date)]
    pub from: Option<NaiveDate>,
    /// The last day.
    #[arg(long, value_name = "DATE", value_parser = config::date)]
    pub to: Option<NaiveDate>,
    /// The file to write, - for standard output.
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub output: PathBuf,
}

/// `callake snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// The lake.
    #[command(flatten)]
    pub location: LocationArgs,
    /// Folder or URL for snapshots.
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Take a store for snapshots that ignores conditional puts, on the word that nobody else writes to this snapshot.
    #[arg(long)]
    pub single_writer: bool,
    /// Take a network file system (NFS, SMB) for a local one.
    #[arg(long)]
    pub force_network_fs: bool,
    /// Name of this snapshot; today's date by default.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The first day.
    #[arg(long, value_name = "DATE", value_parser = config::date)]
    pub from: Option<NaiveDate>,
    /// The last day.
    #[arg(long, value_name = "DATE", value_parser = config::date)]
    pub to: Option<NaiveDate>,
}

/// `callake restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The lake.
    #[command(flatten)]
    pub location: LocationArgs,
    /// The table to read.
    #[arg(long, value_name = "NAME", default_value = "call_details", value_parser = table)]
    pub table: &'static Table,
    /// The first day.
    #[arg(long, value_name = "DATE", value_parser = config::date)]
    pub from: Option<NaiveDate>,
    /// The last day.
    #[arg(long, value_name = "DATE", value_parser = config::date)]
    pub to: Option<NaiveDate>,
    /// The file to write, - for standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

/// `callake demo`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DemoArgs {
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<DemoCommand>,
    /// Folder of the lake that the demo makes.
    #[arg(long, value_name = "DIR", default_value = "lake")]
    pub dest: String,
}

/// Parts of the demo by themselves.
#[derive(Debug, Subcommand)]
pub enum DemoCommand {
    /// Serves the demo's API until it is stopped.
    #[command(after_help = examples::SERVE)]
    Serve(Box<ServeArgs>),
    /// Writes the demo's records as NDJSON.
    #[command(after_help = examples::RECORDS)]
    Records(RecordsArgs),
}

/// `callake completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: clap_complete::Shell,
}

/// `callake man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder; it is made where it is missing.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// Endpoints by their names on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EndpointName {
    /// `calldetails`.
    V1,
    /// `v2/calldetails`.
    V2,
    /// `v2/interactionDetails`.
    InteractionDetails,
}

/// Formats by their names on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// Arrow types, one a line.
    Arrow,
    /// JSON Schema of a row.
    JsonSchema,
    /// DuckDB's `CREATE TABLE`.
    #[value(name = "duckdb")]
    DuckDb,
    /// Spark's `CREATE TABLE`.
    Spark,
    /// The reference.
    Markdown,
}

/// Engines to print views for by their names on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ViewsName {
    /// DuckDB.
    #[value(name = "duckdb")]
    DuckDb,
    /// Spark, 3.4 or newer.
    Spark,
}

fn table(name: &str) -> Result<&'static Table, String> {
    let known = || schema::tables().map(|table| table.name.as_str()).join(", ");
    schema::table(name).ok_or_else(|| format!("no such table; there are: {}", known()))
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
