//! `callake conversations`: the conversations that the lake's call details name → the lake.

mod due;
mod leaves;
mod state;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::api::{self, Client, Conversation, Cost, Endpoint};
use crate::config::{self, ApiSettings, ConversationsSettings, LakeSettings};
use crate::day::{Day, DayRows};
use crate::exit::Exit;
use crate::export::{self, Pages};
use crate::job::Job;
use crate::lake::{DayFacts, Lake, NotFound, Read};
use crate::report::{ConversationsReport, RunRecord};
use crate::{publish, report, schema};
use due::{Due, DueDay};

/// Conversations on their way from the client to the decoder.
const ON_THEIR_WAY: usize = 16;

/// Says what is due and how long it takes, then asks for it and publishes it day by day.
pub(crate) async fn run(settings: ConversationsSettings, job: &Job) -> anyhow::Result<Exit> {
    let ConversationsSettings {
        api,
        selection,
        lake: place,
    } = settings;
    config::range(selection.from, selection.to)?;
    let lake = publish::look(&place).await?;
    let due = job.droppable(Due::read(&lake, &api.account, &selection)).await?;
    let plan = Plan::new(&due, &api);
    if job.dry_run {
        return show(&plan, job);
    }
    report::note(&sentence(&plan));
    let client = export::client(&api, &place, job)?;
    let lake = publish::open(&place, job).await?;
    let mut record = RunRecord::start("conversations", api.account.as_str());
    let outcome = job
        .shown(read(job, &api, &place, client, due, &lake, &mut record))
        .await;
    publish::end_run(job, &lake, record, outcome, report::conversations).await
}

/// What will be asked for, and how long that takes.
#[derive(Debug, Serialize)]
struct Plan {
    /// The account.
    account: String,
    /// Days of call details that name what is due.
    days: u64,
    /// Conversations that the selected call details name.
    named: u64,
    /// Those that the lake has as their call details are.
    held: u64,
    /// Those that an earlier run asked for in vain.
    known_missing: u64,
    /// Those that `--limit` leaves for later runs.
    left: u64,
    /// Those that would be asked for, one request each.
    due: u64,
    /// Requests a minute.
    rate: u32,
    /// Seconds that they take at this rate.
    seconds: f64,
}

impl Plan {
    fn new(due: &Due, api: &ApiSettings) -> Plan {
        let count = due.count();
        Plan {
            account: api.account.to_string(),
            days: due.days.len() as u64,
            named: due.named,
            held: due.held,
            known_missing: due.known_missing,
            left: due.left,
            due: count,
            rate: api.rate,
            seconds: count as f64 * api::interval(api.rate).as_secs_f64(),
        }
    }
}

fn show(plan: &Plan, job: &Job) -> anyhow::Result<Exit> {
    report::output(|out| match job.json {
        true => report::json(plan, out),
        false => writeln!(out, "{}", sentence(plan)),
    })?;
    Ok(Exit::Done)
}

/// The plan for people.
fn sentence(plan: &Plan) -> String {
    let mut text = format!(
        "ask for {} conversations of {} days, one request each: {} at {} a minute",
        report::grouped(plan.due),
        plan.days,
        report::duration(plan.seconds),
        plan.rate,
    );
    for (count, what) in [
        (plan.held, "are held as their call details are"),
        (plan.known_missing, "were asked for before and not found"),
        (plan.left, "are left for later by --limit"),
    ] {
        if count > 0 {
            text.push_str(&format!("; {} {what}", report::grouped(count)));
        }
    }
    text
}

/// Reads and publishes what is due, a day of call details after the other. Days that were published before an error, or
/// before the run was asked to stop, stay so.
async fn read(
    job: &Job,
    settings: &ApiSettings,
    place: &LakeSettings,
    client: Client,
    due: Due,
    lake: &Lake,
    record: &mut RunRecord,
) -> anyhow::Result<Exit> {
    job.progress.begin("exporting", "days");
    job.progress.expect(due.days.len() as u64, due.count());
    let client = Arc::new(client);
    let mut pages = Pages::new(schema::conversations(), settings, place)?;
    record.conversations = Some(ConversationsReport {
        named: due.named,
        held: due.held,
        known_missing: due.known_missing,
        due: due.count(),
        ..ConversationsReport::default()
    });
    for day in due.days {
        let answers = ask(job, &client, &day, &mut pages).await?;
        if let Some(report) = &mut record.conversations {
            report.found += answers.found;
            report.not_found += answers.not_found.len() as u64;
            report.cost.add(&answers.cost);
        }
        record.records += answers.found;
        let facts = DayFacts {
            reads: read_of(&day, lake, &answers).into_iter().collect(),
            not_found: answers.not_found.clone(),
        };
        // A day of which nothing is known gets no file.
        let expected = (facts != DayFacts::default()).then_some(day.day);
        let rows = pages.take_all(expected, record)?;
        publish_day(job, settings, lake, rows, day.day, facts, record).await?;
        if let Some(spool) = client.spool() {
            for id in &answers.ids {
                spool.remove_conversation(id)?;
            }
        }
        answers.outcome?;
    }
    if let Some(spool) = client.spool() {
        spool.clear()?;
    }
    Ok(Exit::Done)
}

/// Publishes the rows that came for a day of call details, and then the day's facts. Rows of conversations that began on another
/// day than their session go to that day's file at once: they must not wait for its turn.
async fn publish_day(
    job: &Job,
    settings: &ApiSettings,
    lake: &Lake,
    rows: Vec<DayRows>,
    day: Day,
    facts: DayFacts,
    record: &mut RunRecord,
) -> anyhow::Result<()> {
    let (of_the_day, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|rows| rows.day() == day);
    if of_the_day.is_empty() {
        job.progress.steps.add(1);
    }
    job.progress.expect_more(others.len() as u64);
    let account = &settings.account;
    // The facts say that all of them are there.
    publish::publish(job, lake, account, others, DayFacts::default(), record).await?;
    publish::publish(job, lake, account, of_the_day, facts, record).await
}

/// What the API said of a day's conversations; those that it has are among the rows gathered.
struct Answers {
    ids: Vec<String>,
    found: u64,
    not_found: Vec<NotFound>,
    /// When the first and the last answer came.
    span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    cost: Cost,
    /// Why not all of them came, where they did not.
    outcome: Result<(), api::ApiError>,
}

async fn ask(job: &Job, client: &Arc<Client>, day: &DueDay, pages: &mut Pages) -> anyhow::Result<Answers> {
    let wanted = day.wanted.iter().map(|wanted| api::Wanted {
        id: wanted.id.clone(),
        since: due::time(wanted.row_read_at),
    });
    let wanted: Vec<_> = wanted.collect();
    let states: HashMap<&str, i64> = day
        .wanted
        .iter()
        .map(|wanted| (wanted.id.as_str(), wanted.state))
        .collect();
    let (sender, mut receiver) = mpsc::channel(ON_THEIR_WAY);
    let reading = {
        let client = Arc::clone(client);
        tokio::spawn(async move { client.read_conversations(&wanted, sender).await })
    };
    let mut answers = Answers {
        ids: Vec::new(),
        found: 0,
        not_found: Vec::new(),
        span: None,
        cost: Cost::default(),
        outcome: Ok(()),
    };
    while let Some(Conversation { id, asked_at, body }) = job.stop.unless(receiver.recv()).await? {
        job.progress.work.add(1);
        let (first, last) = answers.span.unwrap_or((asked_at, asked_at));
        answers.span = Some((first.min(asked_at), last.max(asked_at)));
        let state = states.get(id.as_str()).copied();
        match (body, state) {
            (Some(body), _) => {
                pages.asked_by(state);
                pages.take(&body, asked_at, &format_args!("conversation {id:?}"))?;
                answers.found += 1;
                job.progress.records.add(1);
            }
            (None, Some(state)) => answers.not_found.push(NotFound {
                id: id.clone(),
                asked_at,
                state,
            }),
            (None, None) => {}
        }
        answers.ids.push(id);
    }
    (answers.cost, answers.outcome) = reading.await?;
    Ok(answers)
}

/// What the answers say of the day; they prove it where all that it lacked has come.
fn read_of(day: &DueDay, lake: &Lake, answers: &Answers) -> Option<Read> {
    let (from, to) = day.day.bounds(lake.zone())?;
    let (fetched_from, fetched_to) = answers.span?;
    Some(Read {
        from,
        to,
        endpoint: Endpoint::Conversations.name().to_string(),
        fetched_from,
        fetched_to,
        proven: day.is_all && answers.outcome.is_ok(),
        closed: day.is_closed,
        requests: answers.cost.requests,
        received: answers.found,
        unique: answers.found,
    })
}
