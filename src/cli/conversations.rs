//! `callake conversations`.

use chrono::NaiveDate;
use clap::Args;

use super::{ConnectionArgs, LakeArgs};
use crate::selection::Condition;

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
    /// The lake.
    #[command(flatten)]
    pub lake: LakeArgs,
}
