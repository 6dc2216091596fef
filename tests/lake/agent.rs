//! A process that publishes, started by the tests.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use callake::day::{Gather, WriteOptions};
use callake::lake::{DayFacts, Lake, LakeOptions};
use callake::schema::call_details;
use serde::{Deserialize, Serialize};

use super::places::Place;
use super::rows::{DAY, Row, batch};

/// Variable that holds the job of an agent.
const JOB: &str = "CALLAKE_TEST_JOB";

/// What an agent is to do.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    lake: String,
    endpoint: Option<String>,
    single_writer: bool,
    account: String,
    /// One publication each.
    publications: Vec<Vec<Row>>,
    scratch: String,
}

/// What a publication came to: outcome, rows, bytes; or the error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) outcome: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// An agent to be started.
#[derive(Debug)]
pub(crate) struct Agent<'a> {
    pub(crate) place: &'a Place,
    pub(crate) single_writer: bool,
    pub(crate) fault_point: Option<String>,
    /// Largest file that it can write, in KiB.
    pub(crate) file_limit: Option<u32>,
    /// What it signs requests with, if not with the store's own secret.
    pub(crate) secret: Option<&'static str>,
}

impl Agent<'_> {
    pub(crate) fn of(place: &Place) -> Agent<'_> {
        Agent {
            place,
            single_writer: place.single_writer,
            fault_point: None,
            file_limit: None,
            secret: None,
        }
    }

    /// Starts a process that publishes those rows, one publication each.
    pub(crate) fn start(&self, publications: &[Vec<Row>]) -> Child {
        let job = Job {
            lake: self.place.lake.clone(),
            endpoint: self.place.endpoint.clone(),
            single_writer: self.single_writer,
            account: "acc".to_string(),
            publications: publications.to_vec(),
            scratch: self.place.scratch().display().to_string(),
        };
        let job_file = self
            .place
            .scratch()
            .join(format!("job-{}", super::places::number()));
        std::fs::write(&job_file, serde_json::to_string(&job).unwrap()).unwrap();
        let limit = self
            .file_limit
            .map_or("unlimited".to_string(), |limit| limit.to_string());
        let mut command = Command::new("bash");
        command
            // A write beyond the limit is to fail, as on a full disk, and not to be a signal.
            .args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\""])
            .arg(limit)
            .arg(std::env::current_exe().unwrap())
            .args([
                "agent::publish",
                "--exact",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(JOB, job_file)
            .envs(self.place.credentials())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(secret) = self.secret {
            command.env("AWS_SECRET_ACCESS_KEY", secret);
        }
        if let Some(point) = &self.fault_point {
            command.env("CALLAKE_FAULT_POINT", point);
        }
        command.spawn().unwrap()
    }

    /// Publishes and says what came of it; an error ends it.
    pub(crate) fn publish(&self, publications: &[Vec<Row>]) -> Result<Vec<Report>, String> {
        finish(self.start(publications))
    }
}

/// Waits for an agent.
pub(crate) fn finish(agent: Child) -> Result<Vec<Report>, String> {
    let output = agent.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    if let Some(error) = out.lines().find_map(|line| line.strip_prefix("error: ")) {
        return Err(error.to_string());
    }
    let reports = out
        .lines()
        .filter_map(|line| Some(serde_json::from_str(line.split_once("report: ")?.1).unwrap()));
    let reports: Vec<_> = reports.collect();
    if !output.status.success() {
        return Err(format!(
            "{}: {}\n{out}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(reports)
}

/// The agent's side; not a test by itself.
#[test]
#[ignore = "started by other tests"]
fn publish() {
    let Ok(job) = std::env::var(JOB) else { return };
    let job: Job = serde_json::from_str(&std::fs::read_to_string(job).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    if let Err(error) = runtime.block_on(run(&job)) {
        println!("\nerror: {error:#}");
    }
}

async fn run(job: &Job) -> anyhow::Result<()> {
    let options = LakeOptions {
        endpoint_url: job.endpoint.clone(),
        single_writer: job.single_writer,
        ..LakeOptions::default()
    };
    let lake = Lake::open(&job.lake, options).await?;
    for rows in &job.publications {
        let mut gather = Gather::new(
            lake.zone(),
            8 << 20,
            WriteOptions::default(),
            Path::new(&job.scratch),
        )?;
        gather.expect(call_details(), DAY.parse().map_err(anyhow::Error::msg)?)?;
        gather.push(call_details(), batch(rows))?;
        for day in gather.days()? {
            let done = lake.publish(&job.account, day, DayFacts::default()).await?;
            let outcome = format!("{:?}", done.outcome);
            let report = Report {
                outcome,
                rows: done.rows,
                bytes: done.bytes,
            };
            println!("\nreport: {}", serde_json::to_string(&report)?);
        }
    }
    Ok(())
}
