//! `callake conversations`: the conversations that the lake's call details name → the lake.

mod due;
mod leaves;
mod state;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::api::{self, Client, Conversation, Cost, Endpoint};
use crate::config::{self, ApiSettings, ConversationsSettings, LakeSettings};
use crate::exit::Exit;
use crate::export::{self, Pages};
use crate::lake::{DayFacts, Lake, NotFound, Read};
use crate::report::{ConversationsReport, RunRecord};
use crate::{publish, report, schema};
use due::{Due, DueDay};

/// Conversations on their way from the client to the decoder.
const ON_THEIR_WAY: usize = 16;

/// Says what is due and how long it takes, then asks for it and publishes it day by day.
pub(crate) async fn run(settings: ConversationsSettings) -> anyhow::Result<Exit> {
    let ConversationsSettings {
        api,
        selection,
        dry_run,
        lake: place,
    } = settings;
    config::range(selection.from, selection.to)?;
    let due = Due::read(&publish::look(&place).await?, &api.account, &selection).await?;
    let plan = sentence(&due, api.rate);
    if dry_run {
        report::output(|out| writeln!(out, "{plan}"))?;
        return Ok(Exit::Done);
    }
    report::note(&plan);
    let client = export::client(&api, &place)?;
    let lake = publish::open(&place).await?;
    let mut record = RunRecord::start("conversations", api.account.as_str());
    let outcome = read(&api, &place, client, due, &lake, &mut record).await;
    publish::end_run(&lake, record, outcome, report::conversations).await
}

/// What will be asked for, and how long that takes.
fn sentence(due: &Due, rate: u32) -> String {
    let count = due.count();
    let seconds = count as f64 * api::interval(rate).as_secs_f64();
    let mut text = format!(
        "ask for {} conversations of {} days, one request each: {} at {rate} a minute",
        report::grouped(count),
        due.days.len(),
        report::duration(seconds),
    );
    for (count, what) in [
        (due.held, "are held as their call details are"),
        (due.known_missing, "were asked for before and not found"),
        (due.left, "are left for later by --limit"),
    ] {
        if count > 0 {
            text.push_str(&format!("; {} {what}", report::grouped(count)));
        }
    }
    text
}

/// Reads and publishes what is due, a day of call details after the other. Days that were published before an error stay so.
async fn read(
    settings: &ApiSettings,
    place: &LakeSettings,
    client: Client,
    due: Due,
    lake: &Lake,
    record: &mut RunRecord,
) -> anyhow::Result<Exit> {
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
        let answers = answers(&client, &day, &mut pages).await?;
        let Answers {
            ids,
            found,
            not_found,
            span,
            cost,
            outcome,
        } = answers;
        if let Some(report) = &mut record.conversations {
            report.found += found;
            report.not_found += not_found.len() as u64;
            report.cost.add(&cost);
        }
        record.records += found;
        let is_complete = outcome.is_ok() && day.is_all;
        let reads = span
            .filter(|_| is_complete)
            .and_then(|span| facts(&day, lake, span, &cost, found));
        let facts = DayFacts {
            reads: reads.into_iter().collect(),
            not_found,
        };
        // All rows at once: those of conversations that began on another day than their session must not wait for its turn.
        let (of_the_day, others): (Vec<_>, Vec<_>) = pages
            .take_all(Some(day.day), record)?
            .into_iter()
            .partition(|rows| rows.day() == day.day);
        let others = others.into_iter().filter(|rows| rows.received() > 0);
        for (rows, facts) in [(of_the_day, facts), (others.collect(), DayFacts::default())] {
            let published = publish::publish(lake, &settings.account, rows, facts).await?;
            record.files.extend(published);
        }
        if let Some(spool) = client.spool() {
            for id in &ids {
                spool.remove_conversation(id)?;
            }
        }
        outcome?;
    }
    if let Some(spool) = client.spool() {
        spool.clear()?;
    }
    Ok(Exit::Done)
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

async fn answers(client: &Arc<Client>, day: &DueDay, pages: &mut Pages) -> anyhow::Result<Answers> {
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
    let mut ids = Vec::new();
    let mut not_found = Vec::new();
    let mut found = 0;
    let mut span: Option<(DateTime<Utc>, DateTime<Utc>)> = None;
    while let Some(Conversation { id, asked_at, body }) = receiver.recv().await {
        span = Some(span.map_or((asked_at, asked_at), |(first, last)| {
            (first.min(asked_at), last.max(asked_at))
        }));
        let state = states.get(id.as_str()).copied();
        match (body, state) {
            (Some(body), _) => {
                pages.asked_by(state);
                pages.take(&body, asked_at, &format_args!("conversation {id:?}"))?;
                found += 1;
            }
            (None, Some(state)) => not_found.push(NotFound {
                id: id.clone(),
                asked_at,
                state,
            }),
            (None, None) => {}
        }
        ids.push(id);
    }
    let (cost, outcome) = reading.await?;
    Ok(Answers {
        ids,
        found,
        not_found,
        span,
        cost,
        outcome,
    })
}

/// What it proves that all conversations of a day's call details were read.
fn facts(
    day: &DueDay,
    lake: &Lake,
    (fetched_from, fetched_to): (DateTime<Utc>, DateTime<Utc>),
    cost: &Cost,
    found: u64,
) -> Option<Read> {
    let (from, to) = day.day.bounds(lake.zone())?;
    Some(Read {
        from,
        to,
        endpoint: Endpoint::Conversations.name().to_string(),
        fetched_from,
        fetched_to,
        closed: day.is_closed,
        requests: cost.requests,
        received: found,
        unique: found,
    })
}
