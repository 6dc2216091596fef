//! `callake restore`: the lake → the records that it was made of.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use anyhow::Context as _;

use crate::config::{self, RestoreSettings};
use crate::day::{Scratch, TEMP_LEFTOVER_AGE};
use crate::exit::Exit;
use crate::job::Job;
use crate::lake::{DayPath, Lake};
use crate::output_file::OutputFile;
use crate::restore::Records;
use crate::{lake_commands, report};

/// Room for records on their way out.
const BUFFER: usize = 1 << 20;

/// Writes the records of the asked days, file by file, and says how many.
pub(crate) async fn run(settings: RestoreSettings, job: &Job) -> anyhow::Result<Exit> {
    config::range(settings.from, settings.to)?;
    let lake = lake_commands::open(&settings.location, job)?;
    let paths = asked(&settings, &lake).await?;
    job.progress.begin("restoring", "files");
    job.progress.expect(paths.len() as u64, 0);
    let restored = restore_to(&settings, &lake, paths, job);
    let is_own_display = settings.output == Path::new("-") && io::stdout().is_terminal();
    let told = match is_own_display {
        true => job.stop.unless(restored).await??,
        false => job.droppable(restored).await?,
    };
    report::note(&told);
    Ok(Exit::Done)
}

/// Writes the records to the asked output; gives what there is to say of it.
async fn restore_to(
    settings: &RestoreSettings,
    lake: &Lake,
    paths: Vec<DayPath>,
    job: &Job,
) -> anyhow::Result<String> {
    let output = &settings.output;
    if output == Path::new("-") {
        let out = BufWriter::with_capacity(BUFFER, io::stdout());
        let count = restore(settings, lake, paths, out, "standard output", job).await?;
        return Ok(format!("restored {count} records"));
    }
    let name = output.display().to_string();
    let creating = || format!("create {name}");
    // The records are personal data.
    let file = OutputFile::create(output, 0o600).with_context(creating)?;
    let out = BufWriter::with_capacity(BUFFER, file.file());
    let count = restore(settings, lake, paths, out, &name, job).await?;
    file.finish().with_context(|| format!("write {name}"))?;
    Ok(format!("restored {count} records to {name}"))
}

/// The files of the asked days.
async fn asked(settings: &RestoreSettings, lake: &Lake) -> anyhow::Result<Vec<DayPath>> {
    let RestoreSettings { table, from, to, .. } = settings;
    let mut paths = lake.day_files(&table.name).await?;
    if paths.is_empty() {
        return Err(lake.no_days(&table.name).into());
    }
    paths.retain(|path| path.is_within(*from, *to));
    if paths.is_empty() {
        return Err(lake.no_days_asked(&table.name).into());
    }
    Ok(paths)
}

/// Writes the records of the files to `out`, which messages call `name`; gives their number.
async fn restore(
    settings: &RestoreSettings,
    lake: &Lake,
    paths: Vec<DayPath>,
    mut out: impl Write,
    name: &str,
    job: &Job,
) -> anyhow::Result<usize> {
    let scratch = Scratch::new(&std::env::temp_dir(), TEMP_LEFTOVER_AGE)?;
    let writing = || format!("write {name}");
    let mut count = 0;
    let mut lines = Vec::new();
    for path in paths {
        let Some(batches) = lake.read(&path, &scratch).await? else {
            continue;
        };
        for batch in batches {
            job.stop.check()?;
            let batch = batch.with_context(|| format!("read {path}"))?;
            lines.clear();
            Records::new(settings.table, &batch)
                .and_then(|records| records.write(&mut lines))
                .with_context(|| format!("restore {path}"))?;
            out.write_all(&lines).with_context(writing)?;
            count += batch.num_rows();
            job.progress.records.add(batch.num_rows() as u64);
        }
        job.progress.steps.add(1);
    }
    out.flush().with_context(writing)?;
    Ok(count)
}
