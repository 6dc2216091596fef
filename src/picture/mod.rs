//! `callake report`: one page of HTML about a lake, whole in itself, from footers, a few columns and the reports of runs.
//!
//! | part | its one job |
//! | --- | --- |
//! | `scan` | day files → sessions, by the few columns that are needed, batch by batch |
//! | `measures` | sessions → counts and sums, by the definitions of `schemas/call_details.measures.sql` |
//! | `runs` | the reports of the last runs |
//! | `page` | all of it → HTML, with `chart`, `calendar`, `tables` and `html` |
//!
//! Memory is a batch of a day's rows and the counts: of days and channels, of queues, and of a thousand patterns of `extra`.
//! Nothing that is personal by the schema is read, but for `extra`, of which only masked pointers are shown.

mod calendar;
mod chart;
mod html;
mod measures;
mod page;
mod runs;
mod scan;
mod tables;

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::config::{self, ReportSettings};
use crate::day::Day;
use crate::exit::Exit;
use crate::job::Job;
use crate::lake::{Lake, Status};
use crate::output_file::OutputFile;
use crate::{lake_commands, report};

use self::runs::Run;
use self::scan::Figures;

/// Runs that are shown.
const LAST_RUNS: usize = 20;

/// All that the page shows.
struct Picture {
    /// What the lake covers, by footers.
    status: Status,
    /// What its rows say.
    figures: Figures,
    /// The last runs, the latest first.
    runs: Vec<Run>,
}

/// Draws the page; exits with the code for integrity where a file could not be read, which the page names.
pub(crate) async fn run(settings: ReportSettings, job: &Job) -> anyhow::Result<Exit> {
    config::range(settings.from, settings.to)?;
    let lake = lake_commands::open(&settings.location, job)?;
    let picture = picture(&settings, &lake).await?;
    let text = page::page(&picture);
    if settings.output == Path::new("-") {
        report::output(|out| out.write_all(text.as_bytes()))?;
    } else {
        write_whole(&settings.output, &text)?;
        report::note(&format!("wrote {}", settings.output.display()));
    }
    Ok(if picture.status.problems.is_empty() {
        Exit::Done
    } else {
        Exit::Integrity
    })
}

async fn picture(settings: &ReportSettings, lake: &Lake) -> anyhow::Result<Picture> {
    let asked = |day: Day| match day.date() {
        Some(date) => {
            settings.from.is_none_or(|from| from <= date) && settings.to.is_none_or(|to| date <= to)
        }
        None => settings.from.is_none() && settings.to.is_none(),
    };
    let mut status = lake.status().await?;
    for account in &mut status.accounts {
        account.retain(asked);
    }
    status.accounts.retain(|account| !account.days.is_empty());
    if status.accounts.is_empty() && status.problems.is_empty() {
        return Err(lake.no_days_asked("any table").into());
    }
    let (figures, problems) = scan::scan(lake, asked).await?;
    status.problems.extend(problems);
    status.problems.sort();
    status.problems.dedup();
    let runs = lake.last_runs(LAST_RUNS).await?;
    Ok(Picture {
        status,
        figures,
        runs: runs.iter().filter_map(|report| Run::parse(report)).collect(),
    })
}

/// Writes a file that no reader sees half-written.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("write the page {}", path.display());
    let write = || -> io::Result<()> {
        // As any new file: what the user's mask leaves of it.
        let mut file = OutputFile::create(path, 0o666)?;
        file.write_all(text.as_bytes())?;
        file.finish()
    };
    write().with_context(failed)
}
