//! What may be typed after `callake demo records` and `callake demo serve`, and what is done then.

mod serve;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::NaiveDate;
use clap::Args;

pub use self::serve::{AccessArgs, ChangeArgs, FaultArgs, RateArgs, ReadingArgs, ServeArgs};
use super::records::{Dataset, Flavour, Order, Profile};

/// The data set that a demo is made of.
#[derive(Args, Clone, Debug)]
pub struct DatasetArgs {
    /// How many records there are.
    #[arg(long, value_name = "N", default_value_t = Dataset::default().records)]
    pub records: u64,
    /// Over how many days they spread.
    #[arg(long, value_name = "D", default_value_t = Dataset::default().days, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: u32,
    /// What the records are drawn from: the same seed gives the same records.
    #[arg(long, value_name = "S", default_value_t = Dataset::default().seed)]
    pub seed: u64,
    /// The first day, in UTC; by default 2025-09-01.
    #[arg(long, value_name = "DATE")]
    pub first_day: Option<NaiveDate>,
    /// How a day's records spread over the day.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    /// Short for --profile burst: a third of a day's records start within ten minutes.
    #[arg(long, conflicts_with = "profile")]
    pub burst: bool,
    /// The longest session, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = Dataset::default().longest_session)]
    pub longest_session: u32,
}

impl DatasetArgs {
    /// The data set that was asked for.
    #[must_use]
    pub fn dataset(&self) -> Dataset {
        let Self {
            records,
            days,
            seed,
            first_day,
            profile,
            burst,
            longest_session,
        } = *self;
        let profile = if burst { Profile::Burst } else { profile };
        let first_day = first_day.unwrap_or(Dataset::default().first_day);
        Dataset {
            records,
            days,
            first_day,
            seed,
            profile,
            longest_session,
        }
    }
}

/// `callake demo records`.
#[derive(Args, Clone, Debug)]
pub struct RecordsArgs {
    /// Which records.
    #[command(flatten)]
    pub dataset: DatasetArgs,
    /// What the records are written as.
    #[arg(long, value_enum, default_value_t)]
    pub flavour: Flavour,
    /// In which order.
    #[arg(long, value_enum, default_value_t)]
    pub order: Order,
    /// The file to write, `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

impl RecordsArgs {
    /// Writes the records to the file, and what was written to `out`; or the records to `out` where the file is `-`.
    ///
    /// # Errors
    ///
    /// When the file cannot be created or written.
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let dataset = self.dataset.dataset();
        if self.output == Path::new("-") {
            let mut out = BufWriter::new(out);
            dataset.write_ndjson(&mut out, self.flavour, self.order)?;
            return Ok(out.flush()?);
        }
        let path = self.output.display();
        let file = File::create(&self.output).with_context(|| format!("create {path}"))?;
        let records = self
            .write_file(&dataset, &file)
            .with_context(|| format!("write {path}"))?;
        let bytes = file
            .metadata()
            .map(|m| m.len())
            .with_context(|| format!("read the size of {path}"))?;
        writeln!(out, "wrote {records} records, {bytes} bytes, to {path}")?;
        Ok(())
    }

    fn write_file(&self, dataset: &Dataset, file: &File) -> io::Result<u64> {
        let mut buffered = BufWriter::with_capacity(1 << 20, file);
        let records = dataset.write_ndjson(&mut buffered, self.flavour, self.order)?;
        buffered.flush()?;
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn records(args: &[&str]) -> Result<RecordsArgs, clap::Error> {
        let command = RecordsArgs::augment_args(Command::new("records").no_binary_name(true));
        RecordsArgs::from_arg_matches(&command.try_get_matches_from(args)?)
    }

    #[test]
    fn without_options_it_is_the_default_data_set() {
        assert_eq!(
            records(&["-o", "-"]).unwrap().dataset.dataset(),
            Dataset::default()
        );
        assert!(records(&[]).is_err());
        assert!(records(&["-o", "-", "--days", "0"]).is_err());
    }

    #[test]
    fn records_go_to_standard_output_or_a_file() {
        let mut streamed = Vec::new();
        records(&["--records", "50", "--burst", "-o", "-"])
            .unwrap()
            .run(&mut streamed)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.ndjson");
        let mut said = Vec::new();
        let typed = [
            "--records",
            "50",
            "--profile",
            "burst",
            "-o",
            path.to_str().unwrap(),
        ];
        records(&typed).unwrap().run(&mut said).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), streamed);
        assert_eq!(streamed.iter().filter(|b| **b == b'\n').count(), 50);
        assert!(String::from_utf8(said).unwrap().starts_with("wrote 50 records"));
    }

    #[test]
    fn an_unwritable_file_is_named() {
        let args = records(&["-o", "/nowhere/records.ndjson"]).unwrap();
        let error = format!("{:#}", args.run(&mut Vec::new()).unwrap_err());
        assert!(error.starts_with("create /nowhere/records.ndjson: "), "{error}");
    }
}
