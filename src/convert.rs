//! `callake convert`: saved responses → the lake.

use crate::config::ConvertSettings;
use crate::exit::Exit;

/// Reads all inputs, then publishes day by day.
pub(crate) fn run(_settings: &ConvertSettings) -> anyhow::Result<Exit> {
    anyhow::bail!("pending")
}
