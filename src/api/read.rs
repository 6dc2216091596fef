//! Reads days: a window a day, page after page until a short one.

use std::collections::HashSet;

use chrono::{TimeDelta, Utc};
use tokio::sync::mpsc::Sender;

use super::error::{ApiError, Doubt, Unproven};
use super::fetch::{Cost, Fetcher};
use super::report::{DayReport, RunReport, WindowReport};
use super::request::{Ask, LIMIT, MAX_OFFSET};
use super::{Day, Event, FetchedPage};

pub(crate) async fn read_days(
    fetcher: &Fetcher,
    days: &[Day],
    settling: TimeDelta,
    events: &Sender<Event>,
) -> Result<(), ApiError> {
    let mut run = RunReport::default();
    let outcome = read_each(fetcher, days, settling, events, &mut run).await;
    let unproven = run.unproven.clone();
    send(events, Event::Run(Box::new(run))).await?;
    outcome?;
    if unproven.is_empty() {
        Ok(())
    } else {
        Err(ApiError::Incomplete(unproven))
    }
}

async fn read_each(
    fetcher: &Fetcher,
    days: &[Day],
    settling: TimeDelta,
    events: &Sender<Event>,
    run: &mut RunReport,
) -> Result<(), ApiError> {
    for day in days {
        let closed = Utc::now().timestamp() >= day.window.to + settling.num_seconds();
        let mut cost = Cost::default();
        let mut keys = HashSet::new();
        let (mut rows, mut pages, mut full) = (0, 0, true);
        let (mut first, mut last) = (None, None);
        for offset in 0..=MAX_OFFSET {
            let ask = Ask::page(day.window, day.window.wide(), offset);
            let answer = fetcher.fetch(&ask, &mut cost).await;
            let answer = answer.inspect_err(|_| run.cost.add(&cost))?;
            pages += 1;
            rows += answer.page.rows.len() as u64;
            keys.extend(answer.page.rows.iter().map(|row| row.key));
            full = answer.page.rows.len() >= LIMIT as usize;
            first = first.or(Some(answer.fetched_at));
            last = Some(answer.fetched_at);
            let page = FetchedPage {
                body: answer.body,
                fetched_at: answer.fetched_at,
                window: day.window,
                offset,
            };
            send(events, Event::Page(page)).await?;
            if !full {
                break;
            }
        }
        let unproven: Vec<_> = full
            .then_some(Unproven {
                window: day.window,
                doubt: Doubt::TooDense,
            })
            .into_iter()
            .collect();
        run.cost.add(&cost);
        run.rows += rows;
        run.unproven.extend(&unproven);
        let unique = keys.len() as u64;
        let window = WindowReport {
            window: day.window,
            pages,
            rows,
            unique,
            cost: cost.clone(),
        };
        let report = DayReport {
            date: day.date,
            window: day.window,
            windows: vec![window],
            cost,
            rows,
            unique,
            closed,
            read_from: first,
            read_until: last,
            unproven,
        };
        send(events, Event::Day(Box::new(report))).await?;
    }
    Ok(())
}

async fn send(events: &Sender<Event>, event: Event) -> Result<(), ApiError> {
    events.send(event).await.map_err(|_| ApiError::Stopped)
}
