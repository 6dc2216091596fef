//! What was typed.

use std::path::PathBuf;

use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::api::Endpoint;
use crate::config::{
    self, Account, ApiSettings, ConvertSettings, DoctorSettings, ExportSettings, LakeLocation, LakeSettings,
    PlanSettings, ReportSettings, RestoreSettings, SnapshotSettings, StatusSettings, SyncSettings,
    VerifySettings,
};
use crate::demo::args::{RecordsArgs, ServeArgs};
use crate::schema::{self, Table, render::Format, views::Dialect};

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
    /// Exports days of the API into the lake.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Box<ExportArgs>),
    /// Brings a lake up to now: missing days, days that were open when last read, and a lookback for late changes.
    #[command(after_help = SYNC_EXAMPLES)]
    Sync(Box<SyncArgs>),
    /// Says what an export would ask, and how long that would take; asks nothing itself.
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(Box<PlanArgs>),
    /// Tries what a run needs (token, host, clock, zone, destination, room) and says what to do about each that fails.
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(Box<DoctorArgs>),
    /// Writes the lake's records as NDJSON, each as it came from the API.
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(RestoreArgs),
    /// Checks that a lake is what it says: footers, rows, order, keys, days; exits with 6 where it is not.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Shows which days a lake covers.
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Draws a lake as one page of HTML: coverage, records, queues, what went to `extra`, files, the last runs.
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Copies a lake, or a range of its days, as an archive with a manifest of rows and SHA-256 a file.
    #[command(after_help = SNAPSHOT_EXAMPLES)]
    Snapshot(SnapshotArgs),
    /// Removes what killed runs left behind in a lake, once it is a day old.
    #[command(after_help = CLEAN_EXAMPLES)]
    Clean(LocationArgs),
    /// Prints a table's schema.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
    /// Exports from an embedded API server into ./lake: no account is needed.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(DemoArgs),
    /// Prints the completions of a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Writes the manual pages of all commands into a folder.
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
}

const CONVERT_EXAMPLES: &str = "\
Inputs are API pages ({\"numResults\": …, \"data\": […]}), arrays, single records or NDJSON; plain, gzip or zstd; files, \
folders, patterns, or - for standard input. They are streamed; a run holds one batch and the memory budget.

Examples:
  callake convert responses/ --dest lake --account 67654be356840f366e79aaaa
  callake convert 'pages/2025-09-*.json.gz' --dest lake --account ACCOUNT \\
    --timezone-offset -330
  zcat dump.gz | callake convert - --dest lake --account ACCOUNT \\
    --rejects bad.ndjson";

const EXPORT_EXAMPLES: &str = "\
The token comes from CALLAKE_TOKEN or --token-file, or is signed from CALLAKE_APP_ID and CALLAKE_APP_SECRET. It never is an \
argument, which other users of the machine could see.

Examples:
  callake export --host https://platform.example.com --account ACCOUNT \\
    --stream st-… --dest lake --from 2025-09-01 --to 2025-09-07
  callake export … --endpoint interaction-details \\
    --from 2025-09-30 --to 2025-09-30
  callake export … --zone America/New_York --from 2025-11-02 --to 2025-11-02";

const SYNC_EXAMPLES: &str = "\
Fit for cron, every hour if need be: days that are complete are not asked for again, but for one look back a day.

Examples:
  callake sync --host https://platform.example.com --account ACCOUNT \\
    --stream st-… --dest lake --from 2025-09-01
  callake sync … --lookback 30d";

const PLAN_EXAMPLES: &str = "\
Takes the options of export and goes through the same planner. How many records a day has is known from the lake, where it holds \
the day or others near it; else it is measured with --probe, or assumed.

Examples:
  callake plan --host https://platform.example.com --account ACCOUNT \\
    --stream st-… --dest lake --from 2025-09-01 --to 2025-09-07
  callake plan … --records-per-day 20000 --rate 30
  callake plan … --probe --json";

const DOCTOR_EXAMPLES: &str = "\
Asks for one page, writes a small file to the lake and removes it. Exits with 0 where nothing is a problem, else with the code that \
a run would end with at the first problem.

Examples:
  callake doctor lake --host https://platform.example.com --account ACCOUNT \\
    --stream st-…
  callake doctor s3://bucket/prefix … --json
  callake doctor lake … --day 2025-09-01";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  callake schema call_details
  callake schema call_details --format duckdb
  callake schema call_details --format markdown > call_details.md
  callake schema --views duckdb --lake s3://bucket/prefix > views.sql";

const RESTORE_EXAMPLES: &str = "\
Examples:
  callake restore lake -o records.ndjson
  callake restore lake --from 2025-09-01 --to 2025-09-07 | gzip > week.ndjson.gz";

const VERIFY_EXAMPLES: &str = "\
Examples:
  callake verify lake
  callake verify s3://bucket/prefix --deep --json";

const STATUS_EXAMPLES: &str = "\
Examples:
  callake status lake
  callake status s3://bucket/prefix --json";

const REPORT_EXAMPLES: &str = "\
The page is one file that asks nothing of any network, and holds no value that is personal by the schema.

Examples:
  callake report lake -o report.html
  callake report s3://bucket/prefix --from 2025-09-01 --to 2025-09-30";

const SNAPSHOT_EXAMPLES: &str = "\
The copy lies in TARGET/NAME and is a lake itself: verify checks it by its manifest, restore reads it. A run that was killed goes \
on where it was when the same command is run again.

Examples:
  callake snapshot lake /backup/callake
  callake snapshot lake s3://archive/callake --name 2025-09 \\
    --from 2025-09-01 --to 2025-09-30";

const CLEAN_EXAMPLES: &str = "\
Files that a running command may still need are left alone: only what is a day old goes.

Examples:
  callake clean lake
  callake clean s3://bucket/prefix --endpoint-url http://localhost:9000";

const SERVE_EXAMPLES: &str = "\
Examples:
  callake demo serve --port 8080 --records 20000 --days 1 --burst
  callake demo serve --offset-unit records --window-time end --fault-rate 0.1
  callake demo serve --port-file port --rate-limit 0 --change-rate 0.2

  CALLAKE_TOKEN=demo-token callake export --host http://127.0.0.1:8080 \\
    --account demo-account --stream st-00000000-0000-4000-8000-000000000000 \\
    --from 2025-09-01 --to 2025-09-01 --dest lake";

const RECORDS_EXAMPLES: &str = "\
Examples:
  callake demo records --records 300000 --days 30 -o records.ndjson
  callake demo records --records 1000 -o - |
    callake convert - --dest lake --account demo";

const DEMO_EXAMPLES: &str = "\
Examples:
  callake demo
  callake demo serve --port 8080 --records 100000 --days 7
  callake demo records --records 300000 --days 30 -o records.ndjson";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  callake completions bash > ~/.local/share/bash-completion/completions/callake
  callake completions zsh > ~/.zfunc/_callake";

const MAN_EXAMPLES: &str = "\
Examples:
  callake man ~/.local/share/man/man1";

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
    pub timezone_offset: i32,
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

/// How to reach the API.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// Origin of the API; plain http only to this machine.
    #[arg(long, value_name = "URL", env = "CALLAKE_HOST")]
    pub host: String,
    /// The account to read; names the files of the lake.
    #[arg(long, value_name = "ID", env = "CALLAKE_ACCOUNT", value_parser = Account::parse)]
    pub account: Account,
    /// The stream (app) to read as, st-….
    #[arg(long, value_name = "ID", env = "CALLAKE_STREAM")]
    pub stream: String,
    /// The endpoint to read.
    #[arg(long, value_name = "NAME", default_value = "v2")]
    pub endpoint: EndpointName,
    /// Offset that times are asked for in, in minutes, for accounts where UTC does not work (India is -330).
    #[arg(long, value_name = "MINUTES", default_value = "0", allow_negative_numbers = true, value_parser = config::timezone_offset)]
    pub timezone_offset: i32,
    /// Requests a minute; the account's limit is shared with its other tools.
    #[arg(long, value_name = "N", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub rate: u32,
    /// File with the token.
    #[arg(long, value_name = "FILE", env = "CALLAKE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Local folder for pages that are fetched and not yet published, so that a killed run does not ask for them again; by default
    /// in the lake if that is local, else in the temporary folder.
    #[arg(long, value_name = "DIR", env = "CALLAKE_SPOOL")]
    pub spool: Option<PathBuf>,
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
    #[arg(long, value_name = "DEST", env = "CALLAKE_DEST")]
    pub dest: String,
    /// Time zone of the lake's days; one lake has one.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = config::zone)]
    pub zone: Tz,
    /// Memory for the rows in hand; the process takes more, up to twice as much for days of 100,000 records.
    #[arg(long, value_name = "SIZE", default_value = "256MB", value_parser = config::memory)]
    pub memory: usize,
    /// Take a store that ignores conditional puts, on the word that nobody else writes to the lake.
    #[arg(long)]
    pub single_writer: bool,
    /// Take a network file system (NFS, SMB) for a local one.
    #[arg(long)]
    pub force_network_fs: bool,
    /// Endpoint of an S3-compatible store.
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
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
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
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
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<ServeArgs>),
    /// Writes the demo's records as NDJSON.
    #[command(after_help = RECORDS_EXAMPLES)]
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

impl From<ViewsName> for Dialect {
    fn from(name: ViewsName) -> Dialect {
        match name {
            ViewsName::DuckDb => Dialect::DuckDb,
            ViewsName::Spark => Dialect::Spark,
        }
    }
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

impl From<EndpointName> for Endpoint {
    fn from(name: EndpointName) -> Endpoint {
        match name {
            EndpointName::V1 => Endpoint::V1,
            EndpointName::V2 => Endpoint::V2,
            EndpointName::InteractionDetails => Endpoint::InteractionDetails,
        }
    }
}

impl From<LakeArgs> for LakeSettings {
    fn from(args: LakeArgs) -> LakeSettings {
        let LakeArgs {
            dest,
            zone,
            memory,
            single_writer,
            force_network_fs,
            endpoint_url,
            verify,
            strict,
        } = args;
        LakeSettings {
            dest,
            zone,
            memory,
            single_writer,
            force_network_fs,
            endpoint_url,
            verify,
            strict,
        }
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
        ConvertSettings {
            inputs,
            table,
            account,
            endpoint: endpoint.map(|name| Endpoint::from(name).name().to_string()),
            timezone_offset,
            keep_going,
            rejects,
            lake: lake.into(),
        }
    }
}

impl From<ApiArgs> for ApiSettings {
    fn from(args: ApiArgs) -> ApiSettings {
        let ApiArgs {
            host,
            account,
            stream,
            endpoint,
            timezone_offset,
            rate,
            token_file,
            spool,
        } = args;
        ApiSettings {
            host,
            account,
            stream,
            endpoint: endpoint.into(),
            timezone_offset,
            rate,
            token_file,
            spool,
        }
    }
}

impl From<ExportArgs> for ExportSettings {
    fn from(
        ExportArgs {
            api,
            from,
            to,
            refresh,
            lake,
        }: ExportArgs,
    ) -> ExportSettings {
        ExportSettings {
            api: api.into(),
            from,
            to,
            refresh,
            lake: lake.into(),
        }
    }
}

impl From<PlanArgs> for PlanSettings {
    fn from(
        PlanArgs {
            export,
            records_per_day,
            probe,
            json,
        }: PlanArgs,
    ) -> PlanSettings {
        PlanSettings {
            export: export.into(),
            records_per_day,
            probe,
            json,
        }
    }
}

impl From<DoctorArgs> for DoctorSettings {
    fn from(args: DoctorArgs) -> DoctorSettings {
        let DoctorArgs {
            location: LocationArgs { lake, endpoint_url },
            api,
            zone,
            force_network_fs,
            day,
            json,
        } = args;
        DoctorSettings {
            api: api.into(),
            day,
            lake: LakeSettings {
                dest: lake,
                zone,
                memory: config::DEFAULT_MEMORY,
                single_writer: false,
                force_network_fs,
                endpoint_url,
                verify: false,
                strict: false,
            },
            json,
        }
    }
}

impl From<SyncArgs> for SyncSettings {
    fn from(
        SyncArgs {
            api,
            from,
            lookback,
            lake,
        }: SyncArgs,
    ) -> SyncSettings {
        SyncSettings {
            api: api.into(),
            from,
            lookback,
            lake: lake.into(),
        }
    }
}

impl From<LocationArgs> for LakeLocation {
    fn from(LocationArgs { lake, endpoint_url }: LocationArgs) -> LakeLocation {
        LakeLocation { lake, endpoint_url }
    }
}

impl From<VerifyArgs> for VerifySettings {
    fn from(VerifyArgs { location, deep, json }: VerifyArgs) -> VerifySettings {
        VerifySettings {
            location: location.into(),
            deep,
            json,
        }
    }
}

impl From<StatusArgs> for StatusSettings {
    fn from(StatusArgs { location, json }: StatusArgs) -> StatusSettings {
        StatusSettings {
            location: location.into(),
            json,
        }
    }
}

impl From<ReportArgs> for ReportSettings {
    fn from(args: ReportArgs) -> ReportSettings {
        let ReportArgs {
            location,
            from,
            to,
            output,
        } = args;
        ReportSettings {
            location: location.into(),
            from,
            to,
            output,
        }
    }
}

impl From<SnapshotArgs> for SnapshotSettings {
    fn from(args: SnapshotArgs) -> SnapshotSettings {
        let SnapshotArgs {
            location,
            target,
            name,
            from,
            to,
        } = args;
        SnapshotSettings {
            location: location.into(),
            target,
            name,
            from,
            to,
        }
    }
}

impl From<RestoreArgs> for RestoreSettings {
    fn from(args: RestoreArgs) -> RestoreSettings {
        let RestoreArgs {
            location,
            table,
            from,
            to,
            output,
        } = args;
        RestoreSettings {
            location: location.into(),
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
