//! What shells know of the command line: completions and manual pages, made of the same definition that parses it.

use std::path::Path;

use anyhow::Context as _;
use clap_complete::Shell;

use crate::cli::command;
use crate::exit::Exit;
use crate::report;

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<Exit> {
    // The generator panics where it can't write, so it writes to memory.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), "callake", &mut text);
    report::output(|out| out.write_all(&text))?;
    Ok(Exit::Done)
}

/// Writes a manual page for each command, `callake-export.1` and so on, and one for all.
pub(crate) fn manual(folder: &Path) -> anyhow::Result<Exit> {
    std::fs::create_dir_all(folder).with_context(|| format!("create folder {}", folder.display()))?;
    clap_mangen::generate_to(command(), folder)
        .with_context(|| format!("write manual pages to {}", folder.display()))?;
    Ok(Exit::Done)
}
