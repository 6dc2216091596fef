//! The options of `callake demo serve`: every reading, change and fault of the server.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use chrono::{Days, Utc};
use clap::Args;
use tokio::net::TcpListener;

use super::DatasetArgs;
use crate::demo::records::Dataset;
use crate::demo::server::{
    self, Access, Bounds, Change, ChangePlan, Excess, FaultKind, FaultPlan, LimitScope, NumResults,
    OffsetUnit, PageOrder, RateLimit, Readings, RetryAfter, ScriptedFault, ServerOptions, Ties, WindowTime,
};

/// `callake demo serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Which records it holds.
    #[command(flatten)]
    pub dataset: DatasetArgs,
    /// Who may ask.
    #[command(flatten)]
    pub access: AccessArgs,
    /// Which reading of the documents is in force.
    #[command(flatten)]
    pub readings: ReadingArgs,
    /// How many requests it answers.
    #[command(flatten)]
    pub rate: RateArgs,
    /// What changes while pages are read.
    #[command(flatten)]
    pub changes: ChangeArgs,
    /// What goes wrong.
    #[command(flatten)]
    pub faults: FaultArgs,
    /// The port on 127.0.0.1; 0 takes one that is free.
    #[arg(long, value_name = "P", default_value_t = 0)]
    pub port: u16,
    /// A file to write the port to as soon as requests are answered.
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
    /// Let records appear, close and change as the clock passes their times; without --first-day the last day is today.
    #[arg(long)]
    pub live: bool,
    /// Milliseconds that every answer takes at least.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub latency_ms: u64,
    /// How far the clock in its answers is ahead, in seconds.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub clock_skew: i64,
    /// Never compress answers.
    #[arg(long)]
    pub plain: bool,
}

/// Who may ask the server.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub struct AccessArgs {
    /// Account id.
    #[arg(long, value_name = "ID", default_value_t = Access::default().account)]
    pub account: String,
    /// Stream id.
    #[arg(long, value_name = "ID", default_value_t = Access::default().stream)]
    pub stream: String,
    /// Client id that tokens name as `appId`.
    #[arg(long, value_name = "ID", default_value_t = Access::default().app_id)]
    pub app_id: String,
    /// Secret that tokens are signed with. It protects nothing.
    #[arg(long, value_name = "SECRET", default_value_t = Access::default().app_secret)]
    pub app_secret: String,
    /// A token that is accepted without a signature; empty for none.
    #[arg(long, value_name = "TOKEN", default_value_t = Access::default().token.unwrap_or_default())]
    pub token: String,
}

/// Which reading of the documents is in force.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Readings of the documents")]
pub struct ReadingArgs {
    /// What `offset` counts.
    #[arg(long, value_enum, default_value_t)]
    pub offset_unit: OffsetUnit,
    /// The largest `offset`.
    #[arg(long, value_name = "N", default_value_t = Readings::default().max_offset)]
    pub max_offset: u64,
    /// The largest `limit`.
    #[arg(long, value_name = "N", default_value_t = Readings::default().max_limit)]
    pub max_limit: u64,
    /// What happens beyond these two.
    #[arg(long, value_enum, default_value_t)]
    pub excess: Excess,
    /// What `numResults` counts.
    #[arg(long, value_enum, default_value_t)]
    pub num_results: NumResults,
    /// What `limit` holds for.
    #[arg(long, value_enum, default_value_t)]
    pub limit_scope: LimitScope,
    /// In which order records come.
    #[arg(long, value_enum, default_value_t)]
    pub page_order: PageOrder,
    /// Which of a record's times must lie within the window.
    #[arg(long, value_enum, default_value_t)]
    pub window_time: WindowTime,
    /// Whether the window's end belongs to it.
    #[arg(long, value_enum, default_value_t)]
    pub bounds: Bounds,
    /// In which order records of the same second come.
    #[arg(long, value_enum, default_value_t)]
    pub ties: Ties,
    /// The share of a page's records that stand there twice.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub repeats: f64,
    /// Use this offset, in minutes, in place of the `timeZoneOffset` asked for.
    #[arg(long, value_name = "MIN", allow_negative_numbers = true)]
    pub fixed_offset: Option<i32>,
    /// The share of conversations that call details name and the conversations endpoint does not have.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub missing_conversations: f64,
}

/// How many requests the server answers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Rate limit")]
pub struct RateArgs {
    /// Requests a minute; 0 is no limit.
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub rate_limit: u32,
    /// How long its minute is, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    pub minute_ms: u64,
    /// Status of a refusal.
    #[arg(long, value_name = "STATUS", default_value_t = RateLimit::default().status, value_parser = clap::value_parser!(u16).range(200..600))]
    pub limit_status: u16,
    /// What a refusal says about when to come back.
    #[arg(long, value_enum, default_value_t)]
    pub retry_after: RetryAfter,
}

/// What changes while pages are read.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Changes while pages are read")]
pub struct ChangeArgs {
    /// A change after a request: insert@REQUEST, update@REQUEST or move@REQUEST, perhaps with =yyyy-mm-ddTHH:MM:SS.
    #[arg(long, value_name = "CHANGE")]
    pub change: Vec<Change>,
    /// After which share of pages a record changes.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub change_rate: f64,
    /// What these changes are drawn from.
    #[arg(long, value_name = "S", default_value_t = ChangePlan::default().seed)]
    pub change_seed: u64,
    /// How many of them there are at most.
    #[arg(long, value_name = "N", default_value_t = ChangePlan::default().at_most)]
    pub max_changes: u64,
}

/// What goes wrong.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Faults")]
pub struct FaultArgs {
    /// A fault at given requests: REQUEST=NAME or FIRST-LAST=NAME.
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<ScriptedFault>,
    /// The share of requests that go wrong.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub fault_rate: f64,
    /// What this share is drawn from.
    #[arg(long, value_name = "S", default_value_t = FaultPlan::default().seed)]
    pub fault_seed: u64,
    /// What this share is drawn of; by default what passes when asked again soon.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub fault_kinds: Vec<FaultKind>,
    /// Seconds in the `Retry-After` of a fault.
    #[arg(long, value_name = "SECONDS", default_value_t = FaultPlan::default().retry_after)]
    pub fault_retry_after: u32,
    /// How long a stall lasts, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 600_000)]
    pub stall_ms: u64,
    /// How late a late answer comes, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 500)]
    pub fault_latency_ms: u64,
    /// How many bytes an oversized body has.
    #[arg(long, value_name = "BYTES", default_value_t = FaultPlan::default().oversized)]
    pub oversized_bytes: u64,
}

impl ServeArgs {
    /// The options of the server that was asked for.
    #[must_use]
    pub fn options(&self) -> ServerOptions {
        let Self {
            dataset,
            access,
            readings,
            rate,
            changes,
            faults,
            live,
            latency_ms,
            clock_skew,
            plain,
            ..
        } = self;
        let mut dataset_held = dataset.dataset();
        if *live && dataset.first_day.is_none() {
            let days = Days::new(u64::from(dataset_held.days) - 1);
            dataset_held.first_day = Utc::now().date_naive().checked_sub_days(days).unwrap_or_default();
        }
        ServerOptions {
            dataset: dataset_held,
            live: *live,
            access: access.access(),
            readings: readings.readings(),
            rate: rate.rate_limit(),
            latency: Duration::from_millis(*latency_ms),
            clock_skew: *clock_skew,
            plain: *plain,
            changes: changes.plan(),
            faults: faults.plan(),
        }
    }

    /// Serves until interrupted. Says where and what on `out`, and writes the port file, once requests are answered.
    ///
    /// # Errors
    ///
    /// When the port is taken or the port file cannot be written.
    pub async fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", self.port))
            .await
            .with_context(|| format!("open port {} on loopback", self.port))?;
        let port = listener.local_addr().context("read the port")?.port();
        let options = self.options();
        let Dataset {
            records,
            days,
            first_day,
            ..
        } = options.dataset;
        let Access {
            account,
            stream,
            token,
            ..
        } = options.access.clone();
        let serving = server::serve(listener, options);
        // From here on connections wait in the listener's queue until they are answered.
        if let Some(path) = &self.port_file {
            write_whole(path, &format!("{port}\n")).with_context(|| format!("write {}", path.display()))?;
        }
        writeln!(
            out,
            "serving {records} records of {days} days from {first_day} at http://127.0.0.1:{port}"
        )?;
        writeln!(
            out,
            "account {account}, stream {stream}, token {}",
            token.as_deref().unwrap_or("signed")
        )?;
        out.flush()?;
        serving.await
    }
}

impl AccessArgs {
    fn access(&self) -> Access {
        let Self {
            account,
            stream,
            app_id,
            app_secret,
            token,
        } = self.clone();
        Access {
            account,
            stream,
            app_id,
            app_secret,
            token: (!token.is_empty()).then_some(token),
        }
    }
}

impl ReadingArgs {
    fn readings(&self) -> Readings {
        let Self {
            offset_unit,
            max_offset,
            max_limit,
            excess,
            num_results,
            limit_scope,
            page_order,
            window_time,
            bounds,
            ties,
            repeats,
            fixed_offset,
            missing_conversations,
        } = *self;
        Readings {
            offset_unit,
            max_offset,
            max_limit,
            excess,
            num_results,
            limit_scope,
            order: page_order,
            window_time,
            bounds,
            ties,
            repeats,
            fixed_offset,
            missing_conversations,
        }
    }
}

impl RateArgs {
    fn rate_limit(&self) -> RateLimit {
        let Self {
            rate_limit,
            minute_ms,
            limit_status,
            retry_after,
        } = *self;
        let per_minute = (rate_limit > 0).then_some(rate_limit);
        RateLimit {
            per_minute,
            minute: Duration::from_millis(minute_ms),
            status: limit_status,
            retry_after,
        }
    }
}

impl ChangeArgs {
    fn plan(&self) -> ChangePlan {
        let Self {
            change,
            change_rate,
            change_seed,
            max_changes,
        } = self.clone();
        ChangePlan {
            rate: change_rate,
            seed: change_seed,
            at_most: max_changes,
            scripted: change,
        }
    }
}

impl FaultArgs {
    fn plan(&self) -> FaultPlan {
        let Self {
            fault,
            fault_rate,
            fault_seed,
            fault_kinds,
            fault_retry_after,
            stall_ms,
            fault_latency_ms,
            oversized_bytes,
        } = self.clone();
        FaultPlan {
            rate: fault_rate,
            seed: fault_seed,
            kinds: if fault_kinds.is_empty() {
                FaultKind::TRANSIENT.to_vec()
            } else {
                fault_kinds
            },
            scripted: fault,
            retry_after: fault_retry_after,
            stall: Duration::from_millis(stall_ms),
            latency: Duration::from_millis(fault_latency_ms),
            oversized: oversized_bytes,
        }
    }
}

/// A share, `0` to `1`.
fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(format!("{text} does not lie between 0 and 1"))
    }
}

/// Writes a file that no reader sees half-written.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    fs::write(&unfinished, text)?;
    fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;
    use crate::demo::records::Profile;

    fn serve(args: &[&str]) -> Result<ServeArgs, clap::Error> {
        let command = ServeArgs::augment_args(Command::new("serve").no_binary_name(true));
        ServeArgs::from_arg_matches(&command.try_get_matches_from(args)?)
    }

    #[test]
    fn without_options_the_server_is_the_documented_one() {
        let typed = format!("{:?}", serve(&[]).unwrap().options());
        assert_eq!(typed, format!("{:?}", ServerOptions::default()));
    }

    #[test]
    fn every_option_reaches_the_server() {
        let typed = "--records 9 --days 2 --seed 3 --first-day 2024-02-28 --profile spike --longest-session 60 \
            --account a --stream s --app-id i --app-secret x --token= \
            --offset-unit records --max-offset 20 --max-limit 50 --excess clamp --num-results total \
            --limit-scope part --page-order descending --window-time update --bounds half-open --ties shuffled --repeats 0.125 --fixed-offset -330 --missing-conversations 0.5 \
            --rate-limit 0 --minute-ms 5 --limit-status 503 --retry-after date --latency-ms 7 --clock-skew -8 --plain \
            --change insert@3 --change move@4 --change-rate 0.5 --change-seed 8 --max-changes 9 \
            --fault 1=reset --fault 2-3=html --fault-rate 0.25 --fault-seed 10 --fault-kinds 500,empty \
            --fault-retry-after 11 --stall-ms 12 --fault-latency-ms 13 --oversized-bytes 14";
        let options = serve(&typed.split_whitespace().collect::<Vec<_>>())
            .unwrap()
            .options();
        let expected = ServerOptions {
            dataset: Dataset {
                records: 9,
                days: 2,
                first_day: "2024-02-28".parse().unwrap(),
                seed: 3,
                profile: Profile::Spike,
                longest_session: 60,
            },
            live: false,
            access: Access {
                account: "a".to_owned(),
                stream: "s".to_owned(),
                app_id: "i".to_owned(),
                app_secret: "x".to_owned(),
                token: None,
            },
            readings: Readings {
                offset_unit: OffsetUnit::Records,
                max_offset: 20,
                max_limit: 50,
                excess: Excess::Clamp,
                num_results: NumResults::Total,
                limit_scope: LimitScope::Part,
                order: PageOrder::Descending,
                window_time: WindowTime::Update,
                bounds: Bounds::HalfOpen,
                ties: Ties::Shuffled,
                repeats: 0.125,
                fixed_offset: Some(-330),
                missing_conversations: 0.5,
            },
            rate: RateLimit {
                per_minute: None,
                minute: Duration::from_millis(5),
                status: 503,
                retry_after: RetryAfter::Date,
            },
            latency: Duration::from_millis(7),
            clock_skew: -8,
            plain: true,
            changes: ChangePlan {
                rate: 0.5,
                seed: 8,
                at_most: 9,
                scripted: vec!["insert@3".parse().unwrap(), "move@4".parse().unwrap()],
            },
            faults: FaultPlan {
                rate: 0.25,
                seed: 10,
                kinds: vec![FaultKind::Internal, FaultKind::Empty],
                scripted: vec!["1=reset".parse().unwrap(), "2-3=html".parse().unwrap()],
                retry_after: 11,
                stall: Duration::from_millis(12),
                latency: Duration::from_millis(13),
                oversized: 14,
            },
        };
        assert_eq!(format!("{options:?}"), format!("{expected:?}"));
    }

    #[test]
    fn wrong_options_are_refused() {
        for wrong in [
            &["--fault-rate", "1.5"][..],
            &["--fault", "x"],
            &["--change", "delete@1"],
            &["--fault-kinds", "500,teapot"],
            &["--burst", "--profile", "flat"],
            &["--limit-status", "99"],
        ] {
            assert!(serve(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_live_server_ends_today_unless_told_otherwise() {
        let first_day = |args: &[&str]| serve(args).unwrap().options().dataset.first_day;
        let today = Utc::now().date_naive();
        assert!(
            (0..=1).contains(
                &(today - first_day(&["--live", "--days", "3"]))
                    .num_days()
                    .abs_diff(2)
            )
        );
        assert_eq!(
            first_day(&["--live", "--first-day", "2025-01-01"]).to_string(),
            "2025-01-01"
        );
    }

    #[tokio::test]
    async fn the_port_file_leads_to_a_running_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("port");
        let args = serve(&["--records", "5", "--port-file", path.to_str().unwrap()]).unwrap();
        let client = async {
            while !path.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let port = fs::read_to_string(&path).unwrap();
            let url = format!("http://127.0.0.1:{}/_demo/keys", port.trim());
            reqwest::get(url).await.unwrap().text().await.unwrap()
        };
        let mut said = Vec::new();
        let keys = tokio::select! {
            served = args.run(&mut said) => panic!("the server ended: {served:?}"),
            keys = client => keys,
        };
        assert_eq!(keys.lines().count(), 5);
        let said = String::from_utf8(said).unwrap();
        assert!(
            said.starts_with("serving 5 records of 7 days from 2025-09-01 at http://127.0.0.1:"),
            "{said}"
        );
    }
}
