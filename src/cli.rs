//! What was typed.

use std::path::PathBuf;

use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{self, Account, ConvertSettings, LakeSettings, RestoreSettings};
use crate::demo::args::RecordsArgs;
use crate::schema::{self, Table, render::Format};

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 failed · 2 usage · 3 bad input · 4 retry later · 5 incomplete · 6 integrity";

/// Streams call details of a contact-centre API into a lake of date-partitioned Parquet files.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say more on standard error; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Converts saved API responses into the lake.
    #[command(after_help = CONVERT_EXAMPLES)]
    Convert(ConvertArgs),
    /// Prints a table's schema.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
    /// Exports from an embedded API server into ./lake: no account is needed.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(DemoArgs),
}

const CONVERT_EXAMPLES: &str = "\
Inputs are API pages ({\"numResults\": …, \"data\": […]}), arrays, single records or NDJSON; plain, gzip or zstd; files,
folders, patterns, or - for standard input. They are streamed; a run holds one batch and the memory budget.

Examples:
  callake convert responses/ --dest lake --account 67654be356840f366e79aaaa
  callake convert 'pages/2025-09-*.json.gz' --dest lake --account ACCOUNT --timezone-offset -330
  zcat dump.gz | callake convert - --dest lake --account ACCOUNT --keep-going --rejects bad.ndjson";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  callake schema call_details
  callake schema call_details --format duckdb
  callake schema call_details --format markdown > call_details.md";

const RESTORE_EXAMPLES: &str = "\
Examples:
  callake restore lake -o records.ndjson
  callake restore lake --from 2025-09-01 --to 2025-09-07 | gzip > week.ndjson.gz";

const DEMO_EXAMPLES: &str = "\
Examples:
  callake demo
  callake demo serve --port 8080 --records 100000 --days 7
  callake demo records --records 300000 --days 30 -o records.ndjson";

/// `callake convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Files, folders, patterns, or - for standard input.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// The account that the records were read from; names the files of the lake.
    #[arg(long, value_name = "ID", env = "CALLAKE_ACCOUNT", value_parser = Account::parse)]
    pub account: Account,
    /// The endpoint that they were read from; stands in the rows.
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<EndpointName>,
    /// Offset of naive times in minutes, UTC minus local time as in the API (India is -330).
    #[arg(long, value_name = "MINUTES", default_value = "0", allow_negative_numbers = true, value_parser = config::timezone_offset)]
    pub timezone_offset: i64,
    /// The table that the records go to.
    #[arg(long, value_name = "NAME", default_value = "call_details", value_parser = table)]
    pub table: &'static Table,
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

/// Where a lake lies and how it is written.
#[derive(Debug, Args)]
pub struct LakeArgs {
    /// Folder of the lake; it is made where it is missing.
    #[arg(long, value_name = "DIR", env = "CALLAKE_DEST")]
    pub dest: String,
    /// Time zone of the lake's days; one lake has one.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = config::zone)]
    pub zone: Tz,
    /// Memory that the run may use.
    #[arg(long, value_name = "SIZE", default_value = "256MB", value_parser = config::memory)]
    pub memory: usize,
}

/// `callake schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The table.
    #[arg(value_name = "TABLE", value_parser = table)]
    pub table: &'static Table,
    /// The form to print it in.
    #[arg(long, value_enum, default_value = "arrow")]
    pub format: FormatName,
}

/// `callake restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Folder of the lake.
    #[arg(value_name = "LAKE")]
    pub lake: String,
    /// The table to read.
    #[arg(long, value_name = "NAME", default_value = "call_details", value_parser = table)]
    pub table: &'static Table,
    /// The first day.
    #[arg(long, value_name = "DATE")]
    pub from: Option<chrono::NaiveDate>,
    /// The last day.
    #[arg(long, value_name = "DATE")]
    pub to: Option<chrono::NaiveDate>,
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
    /// Writes the demo's records as NDJSON.
    Records(RecordsArgs),
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

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Format {
        match name {
            FormatName::Arrow => Format::Arrow,
            FormatName::JsonSchema => Format::JsonSchema,
            FormatName::DuckDb => Format::DuckDb,
            FormatName::Spark => Format::Spark,
            FormatName::Markdown => Format::Markdown,
        }
    }
}

fn table(name: &str) -> Result<&'static Table, String> {
    let known = || schema::tables().map(|table| table.name.as_str()).join(", ");
    schema::table(name).ok_or_else(|| format!("no such table; there are: {}", known()))
}

impl From<LakeArgs> for LakeSettings {
    fn from(LakeArgs { dest, zone, memory }: LakeArgs) -> LakeSettings {
        LakeSettings { dest, zone, memory }
    }
}

impl From<ConvertArgs> for ConvertSettings {
    fn from(args: ConvertArgs) -> ConvertSettings {
        let ConvertArgs {
            inputs,
            account,
            endpoint,
            timezone_offset,
            table,
            keep_going,
            rejects,
            lake,
        } = args;
        let endpoint = endpoint
            .and_then(|name| name.to_possible_value())
            .map(|value| value.get_name().to_string());
        ConvertSettings {
            inputs,
            table,
            account,
            endpoint,
            timezone_offset,
            keep_going,
            rejects,
            lake: lake.into(),
        }
    }
}

impl From<RestoreArgs> for RestoreSettings {
    fn from(
        RestoreArgs {
            lake,
            table,
            from,
            to,
            output,
        }: RestoreArgs,
    ) -> RestoreSettings {
        RestoreSettings {
            lake,
            table,
            from,
            to,
            output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
