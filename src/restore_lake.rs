//! `callake restore`: the lake → the records that it was made of.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;

use crate::config::{LakeLocation, RestoreSettings};
use crate::day::Scratch;
use crate::exit::Exit;
use crate::lake::{Lake, LakeOptions};
use crate::report;
use crate::restore::Records;

/// Writes the records of the asked days, file by file, and says how many.
pub(crate) async fn run(settings: RestoreSettings) -> anyhow::Result<Exit> {
    let output = settings.output.clone();
    if output == Path::new("-") {
        let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout());
        let count = restore(&settings, &mut out)
            .await
            .context("write to standard output")?;
        report::note(&format!("restored {count} records"));
        return Ok(Exit::Done);
    }
    let path = output.display();
    let file = File::create(&output).with_context(|| format!("create {path}"))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let count = restore(&settings, &mut out).await?;
    let file = out
        .into_inner()
        .map_err(|error| error.into_error())
        .with_context(|| format!("write {path}"))?;
    file.sync_all().with_context(|| format!("write {path}"))?;
    report::note(&format!("restored {count} records to {path}"));
    Ok(Exit::Done)
}

async fn restore(settings: &RestoreSettings, out: &mut impl Write) -> anyhow::Result<usize> {
    let RestoreSettings {
        location: LakeLocation { lake, endpoint_url },
        table,
        from,
        to,
        output: _,
    } = settings;
    let options = LakeOptions {
        endpoint_url: endpoint_url.clone(),
        ..LakeOptions::default()
    };
    let lake = Lake::for_reading(lake, options)?;
    let scratch = Scratch::new(&std::env::temp_dir(), crate::day::TEMP_LEFTOVER_AGE)?;
    let paths = lake.day_files(&table.name).await?;
    if paths.is_empty() {
        anyhow::bail!("restore {}: there is no {} in it", lake.location(), table.name);
    }
    let mut count = 0;
    for path in paths {
        // Rows without a day are part of the whole, and of no range.
        let asked = match path.day.date() {
            Some(day) => from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to),
            None => from.is_none() && to.is_none(),
        };
        let Some(batches) = (if asked {
            lake.read(&path, &scratch).await?
        } else {
            None
        }) else {
            continue;
        };
        for batch in batches {
            let batch = batch.with_context(|| format!("read {path}"))?;
            let records = Records::new(table, &batch).with_context(|| format!("read {path}"))?;
            records.write(out).with_context(|| format!("restore {path}"))?;
            count += batch.num_rows();
        }
    }
    out.flush()?;
    Ok(count)
}
