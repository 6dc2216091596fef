//! `callake export` and `callake sync`: days of the API → the lake.

use std::fmt::Display;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;

use crate::api::{self, Client, ClientConfig, Day, DayReport, Event, RunReport};
use crate::config::{ApiSettings, ExportSettings, LakeSettings, SyncSettings};
use crate::day::{self, DayRows, Gather, Merge};
use crate::decode::{self, Decoder, Source, Stream};
use crate::exit::Exit;
use crate::input::Proof;
use crate::job::Job;
use crate::lake::{DayFacts, Lake, Read};
use crate::memory::Shares;
use crate::report::RunRecord;
use crate::schema::{self, Table};
use crate::{due, plan, publish, report, secrets, spool_folder};

/// Pages on their way from the client to the decoder.
const PAGES_IN_FLIGHT: usize = 4;

/// Reads the asked days from the API and publishes each as soon as it is whole.
pub(crate) async fn run(settings: ExportSettings, job: &Job) -> anyhow::Result<Exit> {
    if job.dry_run {
        return plan::of_export(settings, job).await;
    }
    let ExportSettings {
        api,
        from,
        to,
        refresh,
        lake: place,
    } = settings;
    let client = client(&api, &place, job)?;
    let mut days = due::begun(api::days(place.zone, from, to)?)?;
    let lake = publish::open(&place, job).await?;
    if !refresh {
        days = due::not_closed(days, &api, &lake).await?;
    }
    let mut record = RunRecord::start("export", api.account.as_str());
    let outcome = job
        .shown(export(job, &api, &place, client, days, &lake, &mut record))
        .await;
    publish::end_run(job, &lake, record, outcome, report::export).await
}

/// Reads the days that are due by now, as [`run`] does.
pub(crate) async fn sync(settings: SyncSettings, job: &Job) -> anyhow::Result<Exit> {
    if job.dry_run {
        return plan::of_sync(settings, job).await;
    }
    let SyncSettings {
        api,
        from,
        lookback,
        lake: place,
    } = settings;
    let client = client(&api, &place, job)?;
    let lake = publish::open(&place, job).await?;
    let days = due::by_now(from, lookback, &api, &place, Some(&lake)).await?;
    let mut record = RunRecord::start("sync", api.account.as_str());
    let outcome = job
        .shown(export(job, &api, &place, client, days, &lake, &mut record))
        .await;
    publish::end_run(job, &lake, record, outcome, report::export).await
}

/// A client that asks as the settings say.
pub(crate) fn client(settings: &ApiSettings, place: &LakeSettings, job: &Job) -> anyhow::Result<Client> {
    Ok(Client::new(ClientConfig {
        progress: job.progress.clone(),
        spool: Some(spool_folder::find(settings.spool.as_deref(), &place.dest)?),
        ..client_config(settings, credentials(settings)?)
    })?)
}

/// Who asks.
pub(crate) fn credentials(settings: &ApiSettings) -> anyhow::Result<api::Credentials> {
    secrets::credentials(&settings.secrets)
}

/// What the client needs of the settings; it keeps nothing.
pub(crate) fn client_config(settings: &ApiSettings, credentials: api::Credentials) -> ClientConfig {
    let ApiSettings {
        host,
        account,
        stream,
        endpoint,
        timezone_offset,
        rate,
        secrets: _,
        spool: _,
    } = settings;
    ClientConfig {
        endpoint: *endpoint,
        timezone_offset: *timezone_offset,
        rate_per_minute: *rate,
        ..ClientConfig::new(host.clone(), account.to_string(), stream.clone(), credentials)
    }
}

/// Reads the days; those that were published before an error, or before the run was asked to stop, stay published.
pub(crate) async fn export(
    job: &Job,
    settings: &ApiSettings,
    place: &LakeSettings,
    client: Client,
    days: Vec<Day>,
    lake: &Lake,
    record: &mut RunRecord,
) -> anyhow::Result<Exit> {
    job.progress.begin("exporting", "days");
    job.progress.expect(days.len() as u64, seconds(&days));
    let (sender, mut events) = mpsc::channel(PAGES_IN_FLIGHT);
    let spool = client.spool().cloned();
    let (clock, began, mut is_told) = (client.clock().clone(), Utc::now(), false);
    let reading = tokio::spawn(async move { client.read_days(&days, sender).await });
    let mut pages = Pages::new(schema::call_details(), settings, place)?;
    while let Some(event) = job.stop.unless(events.recv()).await? {
        if let Some(ahead) = clock.ahead().filter(|_| !is_told) {
            warn_of_clock(ahead);
            is_told = true;
        }
        match event {
            Event::Page(page) => {
                let name = format_args!("the page at offset {} of {}", page.offset, page.window);
                pages.take(&page.body, page.fetched_at, &name)?;
            }
            Event::Day(mut report) => {
                // Whether a day was over when the reading began was decided by this machine's clock, before the first answer.
                report.closed &= clock.by_earlier(began) >= second(report.window.to) + api::SETTLING;
                let facts = facts(&report, settings.endpoint);
                let rows = pages.take_day(day::Day::of(report.date), record)?;
                job.progress.days_incomplete.add(u64::from(!report.is_complete()));
                publish::publish(job, lake, &settings.account, rows, facts, record).await?;
                if let Some(spool) = &spool {
                    spool.remove_through(report.window.to)?;
                }
                record.records += report.unique;
                record.days.push(*report);
            }
            Event::Run(cost) => {
                record.records = cost.records;
                record.cost = Some(*cost);
            }
        }
    }
    // What could not be proven costs nothing of what came along.
    let proven = match reading.await? {
        Err(error @ api::ApiError::Incomplete(_)) => Err(error),
        outcome => {
            outcome?;
            warn_of_nothing(record);
            Ok(())
        }
    };
    // Rows that came along of days that were not asked for.
    let rows = pages.take_all(None, record)?;
    job.progress.begin("publishing", "days");
    job.progress.expect(rows.len() as u64, 0);
    publish::publish(job, lake, &settings.account, rows, DayFacts::default(), record).await?;
    proven?;
    if let Some(spool) = &spool {
        spool.clear()?;
    }
    Ok(Exit::Done)
}

/// Warns of a clock that is off: which days are over, and whether a signed token is still valid, goes by it.
fn warn_of_clock(ahead: TimeDelta) {
    let way = match ahead > TimeDelta::zero() {
        true => "ahead",
        false => "behind",
    };
    let seconds = ahead.num_seconds().abs();
    report::warn(&format!(
        "this machine's clock is {seconds} s {way} of the API's: set it, best by NTP; days are taken for over by the earlier of the two",
    ));
}

/// Warns where days are over and nothing at all came, be it of other days.
fn warn_of_nothing(record: &RunRecord) {
    let is_empty = |run: &RunReport| run.rows == 0 && run.readings.time_filter.is_none();
    let over = record.days.iter().filter(|day| day.closed).count();
    if over > 0 && record.cost.as_ref().is_some_and(is_empty) {
        report::warn(&format!(
            "no record came of {} days, {over} of them over: the API may answer a wrong --stream or --account, or a token of another \
             scope, with empty lists; check them if there should be records",
            record.days.len()
        ));
    }
}

/// The seconds of the days together.
fn seconds(days: &[Day]) -> u64 {
    days.iter().map(|day| day.window.seconds() as u64).sum()
}

/// Records of the day in hand, as sorted rows.
pub(crate) struct Pages {
    table: &'static Table,
    lake: LakeSettings,
    source: Source,
    decoder: Decoder,
    proof: Option<Proof>,
    gather: Gather,
}

impl Pages {
    /// No records; those to come are of this table.
    pub(crate) fn new(
        table: &'static Table,
        settings: &ApiSettings,
        place: &LakeSettings,
    ) -> anyhow::Result<Pages> {
        let source = Source {
            account_id: settings.account.to_string(),
            endpoint: Some(settings.endpoint.name().to_string()),
            fetched_at: 0,
            timezone_offset: i64::from(settings.timezone_offset),
        };
        Ok(Pages {
            table,
            lake: place.clone(),
            decoder: Decoder::new(table, source.clone()),
            proof: place.verify.then(|| Proof::new(table)),
            source,
            gather: publish::gather(place)?,
        })
    }

    /// Says by which state of their call-details row the records from now on were asked for.
    pub(crate) fn asked_by(&mut self, state: Option<i64>) {
        self.decoder.set_call_details_state(state);
    }

    /// Takes the records of an answer, which errors call `name`.
    pub(crate) fn take(
        &mut self,
        body: &[u8],
        fetched_at: DateTime<Utc>,
        name: &dyn Display,
    ) -> anyhow::Result<()> {
        self.decoder.set_source(Source {
            fetched_at: fetched_at.timestamp_micros(),
            ..self.source.clone()
        });
        if let Some(proof) = &mut self.proof {
            proof.begin(name);
        }
        let mut stream = Stream::new();
        let mut rest = body;
        loop {
            match stream.advance(&mut self.decoder) {
                decode::Event::Skipped(_) => {}
                decode::Event::Record => {
                    if let Some(proof) = &mut self.proof {
                        proof.keep(stream.record(), stream.records());
                    }
                }
                decode::Event::NeedInput => {
                    let room = stream.space();
                    let (now, later) = rest.split_at(room.len().min(rest.len()));
                    room[..now.len()].copy_from_slice(now);
                    rest = later;
                    stream.filled(now.len());
                }
                decode::Event::Problem(problem) => {
                    anyhow::bail!("decode record {} of {name}: {}", problem.record, problem.cause)
                }
                decode::Event::End => break,
            }
        }
        if self.decoder.bytes() >= Shares::of(self.lake.memory).batch {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> anyhow::Result<()> {
        let batch = self.decoder.flush()?;
        if let Some(proof) = &mut self.proof {
            proof.prove(&batch)?;
        }
        Ok(self.gather.push(self.table, batch)?)
    }

    /// The rows of a day, which may be none; those of other days are kept until their own turn, so that no day's file is
    /// written before the day is whole.
    fn take_day(&mut self, day: day::Day, record: &mut RunRecord) -> anyhow::Result<Vec<DayRows>> {
        let mut gathered = self.gathered(record)?;
        gathered.expect(self.table, day)?;
        let (asked, others): (Vec<_>, Vec<_>) = gathered.days()?.partition(|rows| rows.day() == day);
        for rows in others {
            for batch in Merge::new(&rows, None)?.batches()? {
                self.gather.push(self.table, batch?)?;
            }
        }
        Ok(asked)
    }

    /// The rows of all days that are left; those of `expected`, which may be none, are always among them.
    pub(crate) fn take_all(
        &mut self,
        expected: Option<day::Day>,
        record: &mut RunRecord,
    ) -> anyhow::Result<Vec<DayRows>> {
        let mut gathered = self.gathered(record)?;
        if let Some(day) = expected {
            gathered.expect(self.table, day)?;
        }
        Ok(gathered.days()?.collect())
    }

    /// What was gathered so far; gathering starts anew.
    fn gathered(&mut self, record: &mut RunRecord) -> anyhow::Result<Gather> {
        if self.decoder.rows() > 0 {
            self.hand_over()?;
        }
        let tally = self.decoder.take_tally();
        publish::check_strict(&self.lake, &tally)?;
        record.extra.add(&tally);
        Ok(std::mem::replace(&mut self.gather, publish::gather(&self.lake)?))
    }
}

/// What a day's report says, for the footer of its file.
fn facts(report: &DayReport, endpoint: api::Endpoint) -> DayFacts {
    let (Some(fetched_from), Some(fetched_to)) = (report.read_from, report.read_until) else {
        return DayFacts::default();
    };
    DayFacts {
        reads: vec![Read {
            from: second(report.window.from),
            to: second(report.window.to),
            endpoint: endpoint.name().to_string(),
            fetched_from,
            fetched_to,
            proven: report.is_complete(),
            closed: report.closed,
            requests: report.cost.requests,
            received: report.rows,
            unique: report.unique,
        }],
        ..DayFacts::default()
    }
}

fn second(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap_or_default()
}
