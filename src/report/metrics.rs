//! What runs came to, as a file for Prometheus: node_exporter's textfile collector reads it.
//!
//! Every sample is a gauge about the last run of an account and command. The time of the last success outlives runs that fail: it
//! is taken over from the file that was there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Utc};

use crate::exit::Exit;
use crate::output_file::{OutputFile, is_stream};
use crate::progress::Progress;

/// Permissions of the file: the collector is another user.
const READABLE_BY_ALL: u32 = 0o644;

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) account: String,
    pub(crate) command: &'static str,
    pub(crate) started: DateTime<Utc>,
    pub(crate) ended: DateTime<Utc>,
    pub(crate) exit: Exit,
    pub(crate) progress: Progress,
}

/// The runs of this process, by the file that their figures go to.
#[derive(Debug, Default)]
pub(crate) struct Metrics(BTreeMap<PathBuf, Vec<Ended>>);

impl Metrics {
    /// Puts the figures of a run into the file, beside those that this process has put there before and in place of all else.
    ///
    /// # Errors
    /// The file can't be read or written.
    pub(crate) fn keep(&mut self, file: &Path, run: Ended) -> anyhow::Result<()> {
        let runs = self.0.entry(file.to_path_buf()).or_default();
        runs.push(run);
        write(file, runs)
    }
}

/// A metric: its name, what it means, and how it is read off a run.
struct Metric {
    name: &'static str,
    help: &'static str,
    value: fn(&Ended) -> f64,
}

const LAST_SUCCESS: &str = "callake_last_success_timestamp_seconds";

const METRICS: [Metric; 10] = [
    Metric {
        name: "callake_last_run_timestamp_seconds",
        help: "When the last run ended.",
        value: |run| seconds(run.ended),
    },
    Metric {
        name: "callake_last_run_duration_seconds",
        help: "How long the last run took.",
        value: |run| seconds(run.ended) - seconds(run.started),
    },
    Metric {
        name: "callake_last_run_exit_code",
        help: "Exit code of the last run; 0 is success.",
        value: |run| f64::from(run.exit as u8),
    },
    Metric {
        name: "callake_last_run_records",
        help: "Records that the last run read, those that came twice counted twice.",
        value: |run| run.progress.records.get() as f64,
    },
    Metric {
        name: "callake_last_run_bytes",
        help: "Bytes that the last run read, decompressed.",
        value: |run| run.progress.bytes.get() as f64,
    },
    Metric {
        name: "callake_last_run_requests",
        help: "Requests that the last run made, failed ones counted in.",
        value: |run| run.progress.requests.get() as f64,
    },
    Metric {
        name: "callake_last_run_retries",
        help: "Requests that the last run made again.",
        value: |run| run.progress.retries.get() as f64,
    },
    Metric {
        name: "callake_last_run_rate_wait_seconds",
        help: "How long the requests of the last run waited for the rate limit, together.",
        value: |run| run.progress.rate_wait_ms.get() as f64 / 1e3,
    },
    Metric {
        name: "callake_last_run_days_published",
        help: "Day files that the last run published, or found to hold everything already.",
        value: |run| run.progress.days_published.get() as f64,
    },
    Metric {
        name: "callake_last_run_days_incomplete",
        help: "Days that the last run could not prove complete.",
        value: |run| run.progress.days_incomplete.get() as f64,
    },
];

/// Replaces the file at once: whoever reads it sees the old one or the new one.
fn write(path: &Path, runs: &[Ended]) -> anyhow::Result<()> {
    let writing = || format!("write the metrics file {}", path.display());
    let write = || -> io::Result<()> {
        let before = match is_stream(path) || !path.exists() {
            true => String::new(),
            false => fs::read_to_string(path)?,
        };
        let mut file = OutputFile::create(path, READABLE_BY_ALL)?;
        file.write_all(render(runs, &before).as_bytes())?;
        if let OutputFile::Replacement { file, .. } = &file {
            // Whatever the user's mask is.
            let permissions = Permissions::from_mode(READABLE_BY_ALL);
            file.as_file().set_permissions(permissions)?;
        }
        file.finish()
    };
    write().with_context(writing)
}

fn render(runs: &[Ended], before: &str) -> String {
    let mut text = String::new();
    for Metric { name, help, value } in METRICS {
        head(&mut text, name, help);
        for run in runs {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name}{} {}", labels(run), value(run));
        }
    }
    head(
        &mut text,
        LAST_SUCCESS,
        "When the last run ended that had exit code 0.",
    );
    for run in runs {
        let labels = labels(run);
        let value = match run.exit {
            Exit::Done => Some(seconds(run.ended).to_string()),
            _ => sample(before, LAST_SUCCESS, &labels),
        };
        if let Some(value) = value {
            let _ = writeln!(text, "{LAST_SUCCESS}{labels} {value}");
        }
    }
    text
}

fn head(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

/// Neither an account id nor a command's name holds what would have to be escaped.
fn labels(run: &Ended) -> String {
    format!("{{account=\"{}\",command=\"{}\"}}", run.account, run.command)
}

/// The value of a sample in a text that [`render`] made.
fn sample(text: &str, name: &str, labels: &str) -> Option<String> {
    let start = format!("{name}{labels} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&start))?;
    value.parse::<f64>().ok().map(|_| value.to_string())
}

/// Seconds since 1970, to the millisecond.
fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit: Exit, at: i64) -> Ended {
        Ended {
            account: "acc-1".to_string(),
            command: "sync",
            started: DateTime::from_timestamp(at - 60, 0).unwrap(),
            ended: DateTime::from_timestamp(at, 0).unwrap(),
            exit,
            progress: Progress::default(),
        }
    }

    #[test]
    fn the_last_success_outlives_runs_that_fail() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("callake.prom");
        let success = |text: &str| sample(text, LAST_SUCCESS, "{account=\"acc-1\",command=\"sync\"}");
        let written = |run| {
            write(&path, &[run]).unwrap();
            std::fs::read_to_string(&path).unwrap()
        };
        assert_eq!(
            success(&written(ended(Exit::Failed, 1_000))),
            None,
            "there was none yet"
        );
        assert_eq!(success(&written(ended(Exit::Done, 2_000))).unwrap(), "2000");
        let text = written(ended(Exit::RetryLater, 3_000));
        assert_eq!(success(&text).unwrap(), "2000");
        assert!(text.contains("callake_last_run_exit_code{account=\"acc-1\",command=\"sync\"} 4\n"));
        assert!(text.contains("callake_last_run_duration_seconds{account=\"acc-1\",command=\"sync\"} 60\n"));
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing but the file"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = write(Path::new("/no/such/folder/x.prom"), &[]).unwrap_err();
        assert_eq!(error.to_string(), "write the metrics file /no/such/folder/x.prom");
    }
}
