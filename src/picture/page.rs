//! The page: one file of HTML that asks nothing of any network.

use std::fmt::{self, Write};

use chrono::{DateTime, NaiveDate, Utc};

use super::html::Escaped;
use super::{Picture, calendar, chart, tables};

const STYLE: &str = include_str!("page.css");

/// What each measure counts, as the views of `callake schema --views` have it.
const DEFINITIONS: [(&str, &str); 5] = [
    (
        "Containment",
        "sessions that ended at the bot, out of all but the rows of no length that agent assistance leaves.",
    ),
    (
        "Average speed of answer",
        "from entering the queue to an agent's acceptance; first queue entries alone, without voicemail, callbacks and outbound.",
    ),
    (
        "Average handle time",
        "talk, hold and after-call work of all agents, by closed conversation; one that was in two queues is closed in both.",
    ),
    (
        "Abandon rate by queue",
        "inbound entries where the customer left while the entry was the session's last and unanswered, out of all.",
    ),
    (
        "Abandon rate by channel",
        "inbound conversations handed to agents that the customer left before an answer, also where the record names no queue.",
    ),
];

/// The page as text.
pub(super) fn page(picture: &Picture) -> String {
    let mut out = String::new();
    // A text takes all that is written to it.
    let _ = write_page(picture, Utc::now(), &mut out);
    out
}

fn write_page(picture: &Picture, now: DateTime<Utc>, out: &mut String) -> fmt::Result {
    let Picture {
        status,
        figures,
        runs,
    } = picture;
    head(&status.lake, out)?;
    let days = days_of(picture).map_or(String::new(), |(first, last)| format!("{first} to {last}, "));
    writeln!(
        out,
        "<header><h1>{}</h1>\n<p class=\"note\">{days}as of {}</p></header>\n<main>",
        Escaped(&status.lake),
        now.format("%Y-%m-%d %H:%M UTC")
    )?;
    if !status.problems.is_empty() {
        section("problems", "Files that could not be read", out, |out| {
            writeln!(out, "<ul>")?;
            for problem in &status.problems {
                writeln!(out, "<li>{}</li>", Escaped(problem))?;
            }
            writeln!(out, "</ul>")
        })?;
    }
    tables::tiles(&status.accounts, figures, out)?;
    section("records", "Records by day and channel", out, |out| {
        chart::records_by_day(figures, out)?;
        details("The numbers", out, |out| tables::days(figures, out))
    })?;
    section("coverage", "Coverage", out, |out| {
        write!(out, "<p class=\"legend\">")?;
        for (class, meaning) in calendar::LEGEND {
            write!(out, "<span><i class=\"day {class}\"></i>{meaning}</span> ")?;
        }
        writeln!(out, "</p>")?;
        status
            .accounts
            .iter()
            .try_for_each(|account| calendar::account(account, out))
    })?;
    section("by-channel", "Channels", out, |out| {
        tables::channels(figures, out)
    })?;
    section("by-queue", "Queues", out, |out| tables::queues(figures, out))?;
    section("kept-in-extra", "Kept in <code>extra</code>", out, |out| {
        writeln!(
            out,
            "<p class=\"note\">Values that have no column or do not fit theirs, by their place; keys that may be personal are masked.</p>"
        )?;
        tables::extra(figures, out)
    })?;
    section("sizes", "Files", out, |out| tables::files(&status.accounts, out))?;
    section("last-runs", "Last runs", out, |out| tables::runs(runs, out))?;
    foot(out)
}

fn head(lake: &str, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{} – callake</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
        Escaped(lake)
    )
}

fn foot(out: &mut String) -> fmt::Result {
    writeln!(out, "</main>\n<footer><h2>What is counted</h2>\n<dl>")?;
    for (measure, definition) in DEFINITIONS {
        writeln!(out, "<dt>{measure}</dt><dd>{definition}</dd>")?;
    }
    writeln!(
        out,
        "</dl>\n<p class=\"note\">callake {}</p></footer>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION")
    )
}

fn section(
    id: &str,
    title: &str,
    out: &mut String,
    content: impl FnOnce(&mut String) -> fmt::Result,
) -> fmt::Result {
    writeln!(out, "<section id=\"{id}\"><h2>{title}</h2>")?;
    content(out)?;
    writeln!(out, "</section>")
}

fn details(summary: &str, out: &mut String, content: impl FnOnce(&mut String) -> fmt::Result) -> fmt::Result {
    writeln!(out, "<details><summary>{summary}</summary>")?;
    content(out)?;
    writeln!(out, "</details>")
}

/// The first and the last day that have a file.
fn days_of(picture: &Picture) -> Option<(NaiveDate, NaiveDate)> {
    let days = || {
        let days = picture.status.accounts.iter().flat_map(|account| &account.days);
        days.filter_map(|day| day.day.date())
    };
    days().min().zip(days().max())
}
