//! What the help of each command ends with: what there is to know beside the options, and commands to copy.

pub(super) const CONVERT: &str = "\
Inputs are API pages ({\"numResults\": …, \"data\": […]}), arrays, single records or NDJSON; plain, gzip or zstd; files, \
folders, patterns, or - for standard input. They are streamed; a run holds one batch and the memory budget. Records are call details \
or conversations, also both in one input: their shape tells.

Examples:
  callake convert responses/ --dest lake --account 67654be356840f366e79aaaa
  callake convert 'pages/2025-09-*.json.gz' --dest lake --account ACCOUNT \\
    --timezone-offset -330
  zcat dump.gz | callake convert - --dest lake --account ACCOUNT \\
    --rejects bad.ndjson";

pub(super) const EXPORT: &str = "\
The token comes from CALLAKE_TOKEN or --token-file, or is signed from CALLAKE_APP_ID and CALLAKE_APP_SECRET. It never is an \
argument, which other users of the machine could see.

Examples:
  callake export --host https://platform.example.com --account ACCOUNT \\
    --stream st-… --dest lake --from 2025-09-01 --to 2025-09-07
  callake export … --endpoint interaction-details \\
    --from 2025-09-30 --to 2025-09-30
  callake export … --zone America/New_York --from 2025-11-02 --to 2025-11-02";

pub(super) const SYNC: &str = "\
Fit for cron, every hour if need be: days that are complete are not asked for again, but for one look back a day.

Examples:
  callake sync --host https://platform.example.com --account ACCOUNT \\
    --stream st-… --dest lake --from 2025-09-01
  callake sync … --lookback 30d";

pub(super) const CONVERSATIONS: &str = "\
Each conversation is one request, so that a run says beforehand how long it takes at the rate. Those that the lake has as their \
call details are, and those that the API did not have, are not asked for again. A run that was killed goes on where it was when \
the same command is run again.

--where takes channel, direction, final_status, smart_status, disconnecting_event, survey_type, disposition, queue (id or name) \
and agent (id), each with the exact value. Values of one field are alternatives; of different fields, all must fit. Of a list \
one element must.

Examples:
  callake conversations --host https://platform.example.com --account ACCOUNT \\
    --stream st-… --dest lake --from 2025-09-01 --to 2025-09-07
  callake conversations … --where 'final_status=USER ABANDONED'
  callake conversations … --where queue=Billing --where queue=Sales --limit 500
  callake conversations … --dry-run";

pub(super) const PLAN: &str = "\
Takes the options of export and goes through the same planner. How many records a day has is known from the lake, where it holds \
the day or others near it; else it is measured with --probe, or assumed.

Examples:
  callake plan --host https://platform.example.com --account ACCOUNT \\
    --stream st-… --dest lake --from 2025-09-01 --to 2025-09-07
  callake plan … --records-per-day 20000 --rate 30
  callake plan … --probe --json";

pub(super) const SCHEMA: &str = "\
Examples:
  callake schema call_details
  callake schema call_details --format duckdb
  callake schema call_details --format markdown > call_details.md
  callake schema conversations --format spark
  callake schema --views duckdb --lake s3://bucket/prefix > views.sql";

pub(super) const RESTORE: &str = "\
Examples:
  callake restore lake -o records.ndjson
  callake restore lake --table conversations -o conversations.ndjson
  callake restore lake --from 2025-09-01 --to 2025-09-07 | gzip > week.ndjson.gz";

pub(super) const VERIFY: &str = "\
Examples:
  callake verify lake
  callake verify s3://bucket/prefix --deep --json";

pub(super) const STATUS: &str = "\
Examples:
  callake status lake
  callake status s3://bucket/prefix --json";

pub(super) const SNAPSHOT: &str = "\
The copy lies in TARGET/NAME and is a lake itself: verify checks it by its manifest, restore reads it. A run that was killed goes \
on where it was when the same command is run again.

Examples:
  callake snapshot lake /backup/callake
  callake snapshot lake s3://archive/callake --name 2025-09 \\
    --from 2025-09-01 --to 2025-09-30";

pub(super) const CLEAN: &str = "\
Files that a running command may still need are left alone: only what is a day old goes.

Examples:
  callake clean lake
  callake clean s3://bucket/prefix --endpoint-url http://localhost:9000";

pub(super) const SERVE: &str = "\
Examples:
  callake demo serve --port 8080 --records 20000 --days 1 --burst
  callake demo serve --offset-unit records --window-time end --fault-rate 0.1
  callake demo serve --port-file port --rate-limit 0 --change-rate 0.2

  CALLAKE_TOKEN=demo-token callake export --host http://127.0.0.1:8080 \\
    --account demo-account --stream st-00000000-0000-4000-8000-000000000000 \\
    --from 2025-09-01 --to 2025-09-01 --dest lake";

pub(super) const RECORDS: &str = "\
Examples:
  callake demo records --records 300000 --days 30 -o records.ndjson
  callake demo records --records 1000 -o - |
    callake convert - --dest lake --account demo
  callake demo records --flavour conversations -o conversations.ndjson";

pub(super) const DEMO: &str = "\
Examples:
  callake demo
  callake demo serve --port 8080 --records 100000 --days 7
  callake demo records --records 300000 --days 30 -o records.ndjson";

pub(super) const COMPLETIONS: &str = "\
Examples:
  callake completions bash > ~/.local/share/bash-completion/completions/callake
  callake completions zsh > ~/.zfunc/_callake";

pub(super) const MAN: &str = "\
Examples:
  callake man ~/.local/share/man/man1";

pub(super) const DOCTOR: &str = "\
Asks for one page, writes a small file to the lake and removes it. Exits with 0 where nothing is a problem, else with the code that \
a run would end with at the first problem.

Examples:
  callake doctor lake --host https://platform.example.com --account ACCOUNT \\
    --stream st-…
  callake doctor s3://bucket/prefix … --json
  callake doctor lake … --day 2025-09-01";

pub(super) const REPORT: &str = "\
The page is one file that asks nothing of any network, and holds no value that is personal by the schema.

Examples:
  callake report lake -o report.html
  callake report s3://bucket/prefix --from 2025-09-01 --to 2025-09-30";
