//! `callake conversations`.

use chrono::NaiveDate;
use clap::Args;

use super::{ConnectionArgs, LakeArgs};
use crate::api::Endpoint;
use crate::config::{ConversationsSettings, Selection};
use crate::selection::Condition;

pub(super) const EXAMPLES: &str = "\
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

/// `callake conversations`.
#[derive(Debug, Args)]
pub struct ConversationsArgs {
    /// The API.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// The first day of call details; by default the first that the lake holds of the account.
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// The last day of call details; by default the last that the lake holds.
    #[arg(long, value_name = "DATE")]
    pub to: Option<NaiveDate>,
    /// Only conversations whose call details have this value; can be given several times.
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    pub conditions: Vec<Condition>,
    /// Ask for so many conversations at most; the next run goes on with the others.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Say what would be asked for, and how long that would take; ask nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The lake.
    #[command(flatten)]
    pub lake: LakeArgs,
}

impl From<ConversationsArgs> for ConversationsSettings {
    fn from(args: ConversationsArgs) -> ConversationsSettings {
        let ConversationsArgs {
            connection,
            from,
            to,
            conditions,
            limit,
            dry_run,
            lake,
        } = args;
        ConversationsSettings {
            // Times of conversations carry their zone.
            api: connection.with(Endpoint::Conversations, 0),
            selection: Selection {
                from,
                to,
                conditions,
                limit,
            },
            dry_run,
            lake: lake.into(),
        }
    }
}
