//! The tables of the page. A cell with a number has it exactly in `data-value`, and as a person says it as its text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Write};

use super::html::{Escaped, bytes, counted, grouped, percent, seconds};
use super::measures::{ChannelCounts, QueueCounts};
use super::runs::Run;
use super::scan::{Figures, QueueKey};
use crate::exit::Exit;
use crate::lake::AccountStatus;

/// Rows of a table at most; the rest is counted.
const MOST_ROWS: usize = 200;

/// What stands where a record names no channel.
pub(super) fn channel_name(channel: Option<&str>) -> &str {
    channel.unwrap_or("(no channel)")
}

/// Writes a table: its columns, the first of which names the row, and its rows.
fn table<T>(
    id: &str,
    columns: &[&'static str],
    rows: &[T],
    out: &mut String,
    mut cells: impl FnMut(&T, &mut Cells<'_>) -> fmt::Result,
) -> fmt::Result {
    write!(out, "<table id=\"{id}\"><thead><tr>")?;
    for column in columns {
        write!(out, "<th scope=\"col\">{column}</th>")?;
    }
    writeln!(out, "</tr></thead><tbody>")?;
    for row in rows.iter().take(MOST_ROWS) {
        write!(out, "<tr>")?;
        let mut row_cells = Cells {
            out: &mut *out,
            columns: columns.iter(),
        };
        cells(row, &mut row_cells)?;
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table>")?;
    if rows.len() > MOST_ROWS {
        writeln!(
            out,
            "<p class=\"note\">… and {} more rows.</p>",
            grouped((rows.len() - MOST_ROWS) as u64)
        )?;
    }
    Ok(())
}

/// The cells of a row, in the order of the columns; small screens show the column's name beside each.
struct Cells<'a> {
    out: &'a mut String,
    columns: std::slice::Iter<'a, &'static str>,
}

impl Cells<'_> {
    fn next_column(&mut self) -> &'static str {
        self.columns.next().copied().unwrap_or_default()
    }

    /// What names the row.
    fn head(&mut self, text: &str) -> fmt::Result {
        self.next_column();
        write!(self.out, "<th scope=\"row\">{}</th>", Escaped(text))
    }

    fn text(&mut self, text: &str) -> fmt::Result {
        let label = self.next_column();
        write!(self.out, "<td data-label=\"{label}\">{}</td>", Escaped(text))
    }

    /// A number, and how a person says it; nothing where there is none.
    fn value<V: Display + Copy>(&mut self, value: Option<V>, say: impl FnOnce(V) -> String) -> fmt::Result {
        let label = self.next_column();
        match value {
            Some(value) => write!(
                self.out,
                "<td class=\"number\" data-label=\"{label}\" data-value=\"{value}\">{}</td>",
                say(value)
            ),
            None => write!(self.out, "<td class=\"number\" data-label=\"{label}\">–</td>"),
        }
    }

    fn count(&mut self, count: u64) -> fmt::Result {
        self.value(Some(count), grouped)
    }

    /// A share, with a bar behind it.
    fn share(&mut self, share: Option<f64>) -> fmt::Result {
        self.value(share, |share| {
            let width = share.clamp(0.0, 1.0) * 100.0;
            format!(
                "<span class=\"share\"><i style=\"width:{width:.1}%\"></i></span>{}",
                percent(share)
            )
        })
    }
}

/// Containment and abandonment by channel.
pub(super) fn channels(figures: &Figures, out: &mut String) -> fmt::Result {
    let mut sums: BTreeMap<&Option<String>, ChannelCounts> = BTreeMap::new();
    for ((_, channel), counts) in &figures.channels {
        sums.entry(channel).or_default().add(*counts);
    }
    let mut rows: Vec<_> = sums
        .into_iter()
        .filter(|(_, counts)| counts.sessions > 0)
        .collect();
    rows.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.sessions));
    let columns = [
        "Channel",
        "Sessions",
        "Contained",
        "Containment",
        "Offered to agents",
        "Abandoned",
        "Abandon rate",
    ];
    table("channels", &columns, &rows, out, |(channel, counts), cells| {
        cells.head(channel_name(channel.as_deref()))?;
        cells.count(counts.sessions)?;
        cells.count(counts.contained)?;
        cells.share(counts.containment())?;
        cells.count(counts.offered)?;
        cells.count(counts.abandoned)?;
        cells.share(counts.abandon_rate())
    })
}

/// Speed of answer, handle time and abandonment by queue.
pub(super) fn queues(figures: &Figures, out: &mut String) -> fmt::Result {
    let has_several_accounts = figures
        .queues
        .keys()
        .any(|queue| Some(&queue.account) != figures.queues.keys().next().map(|first| &first.account));
    let names = names_by_id(figures);
    let mut rows: Vec<(&QueueKey, &QueueCounts)> = figures.queues.iter().collect();
    rows.sort_by_key(|(_, counts)| std::cmp::Reverse((counts.offered, counts.closed)));
    let columns = [
        "Queue",
        "Offered",
        "Answered",
        "Abandoned",
        "Abandon rate",
        "Average speed of answer",
        "Closed",
        "Average handle time",
    ];
    table("queues", &columns, &rows, out, |(queue, counts), cells| {
        let name = queue_name(queue, &names);
        match has_several_accounts {
            true => cells.head(&format!("{name} ({})", queue.account))?,
            false => cells.head(&name)?,
        }
        cells.count(counts.offered)?;
        cells.count(counts.answered)?;
        cells.count(counts.abandoned)?;
        cells.share(counts.abandon_rate())?;
        cells.value(counts.average_speed_of_answer(), seconds)?;
        cells.count(counts.closed)?;
        cells.value(counts.average_handle_time(), seconds)
    })
}

/// The names of queues by account and id.
fn names_by_id(figures: &Figures) -> BTreeMap<(&str, &str), &str> {
    let named = figures
        .queues
        .keys()
        .filter_map(|queue| Some(((&*queue.account, queue.id.as_deref()?), queue.name.as_deref()?)));
    named.collect()
}

/// A queue's name; where a record has its id alone, as of segments without an entry, the name that others have for it.
fn queue_name(queue: &QueueKey, names: &BTreeMap<(&str, &str), &str>) -> String {
    match (&queue.name, &queue.id) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) => match names.get(&(&*queue.account, id.as_str())) {
            Some(name) => format!("{name} (by id)"),
            None => id.clone(),
        },
        (None, None) => "(no queue)".to_string(),
    }
}

/// Records of each day and channel.
pub(super) fn days(figures: &Figures, out: &mut String) -> fmt::Result {
    let rows: Vec<_> = figures
        .days
        .iter()
        .flat_map(|(day, channels)| {
            channels
                .iter()
                .map(move |(channel, count)| (day, channel, *count))
        })
        .collect();
    table(
        "days",
        &["Day", "Channel", "Records"],
        &rows,
        out,
        |(day, channel, count), cells| {
            cells.head(&day.date().map_or("(no day)".to_string(), |date| date.to_string()))?;
            cells.text(channel_name(channel.as_deref()))?;
            cells.count(*count)
        },
    )
}

/// What has no column or does not fit it, the most frequent first.
pub(super) fn extra(figures: &Figures, out: &mut String) -> fmt::Result {
    let mut rows: Vec<_> = figures.extra.extra.iter().collect();
    if rows.is_empty() {
        return writeln!(out, "<p>Nothing: every value has a column and fits it.</p>");
    }
    rows.sort_by_key(|(pattern, count)| (std::cmp::Reverse(**count), pattern.as_str()));
    table(
        "extra",
        &["Place in the record", "Values"],
        &rows,
        out,
        |(pattern, count), cells| {
            cells.head(if pattern.is_empty() {
                "(whole record)"
            } else {
                pattern
            })?;
            cells.count(**count)
        },
    )
}

/// Sizes of the files by account.
pub(super) fn files(accounts: &[AccountStatus], out: &mut String) -> fmt::Result {
    let columns = [
        "Account",
        "Table",
        "Files",
        "Size",
        "Smallest",
        "Median",
        "Largest",
        "Bytes a record",
    ];
    table("files", &columns, accounts, out, |account, cells| {
        let mut sizes: Vec<u64> = account.days.iter().map(|day| day.bytes).collect();
        sizes.sort_unstable();
        cells.head(&account.account)?;
        cells.text(&account.table)?;
        cells.count(sizes.len() as u64)?;
        cells.value(Some(account.bytes), bytes)?;
        cells.value(sizes.first().copied(), bytes)?;
        cells.value(sizes.get(sizes.len() / 2).copied(), bytes)?;
        cells.value(sizes.last().copied(), bytes)?;
        cells.value(
            (account.rows > 0).then(|| account.bytes / account.rows.max(1)),
            grouped,
        )
    })
}

/// The last runs, the latest first.
pub(super) fn runs(runs: &[Run], out: &mut String) -> fmt::Result {
    if runs.is_empty() {
        return writeln!(out, "<p>The lake holds no report of a run.</p>");
    }
    let columns = [
        "Started",
        "Command",
        "Account",
        "Took",
        "Records",
        "Requests",
        "Files written",
        "Outcome",
    ];
    table("runs", &columns, runs, out, |run, cells| {
        cells.head(&run.started.format("%Y-%m-%d %H:%M:%S UTC").to_string())?;
        cells.text(&run.command)?;
        cells.text(&run.account)?;
        cells.value(Some(run.took().num_milliseconds() as f64 / 1e3), seconds)?;
        cells.count(run.records_read())?;
        cells.value(run.requests(), grouped)?;
        cells.count(run.files_written() as u64)?;
        cells.text(&outcome(run))
    })
}

fn outcome(run: &Run) -> String {
    let code = run.exit_code;
    let name = match code {
        code if code == Exit::Done as u8 => return "done".to_string(),
        code if code == Exit::Failed as u8 => "failed",
        code if code == Exit::Usage as u8 => "usage",
        code if code == Exit::BadInput as u8 => "bad input",
        code if code == Exit::RetryLater as u8 => "retry later",
        code if code == Exit::Incomplete as u8 => "incomplete",
        code if code == Exit::Integrity as u8 => "integrity",
        _ => "ended",
    };
    match &run.error {
        Some(error) => format!("{name} ({code}): {error}"),
        None => format!("{name} ({code})"),
    }
}

/// The lake in a few numbers.
pub(super) fn tiles(accounts: &[AccountStatus], figures: &Figures, out: &mut String) -> fmt::Result {
    let mut channels = ChannelCounts::default();
    figures.channels.values().for_each(|counts| channels.add(*counts));
    let mut queues = QueueCounts::default();
    figures.queues.values().for_each(|counts| queues.add(*counts));
    let sum = |of: fn(&AccountStatus) -> u64| accounts.iter().map(of).sum::<u64>();
    let missing = sum(|account| account.missing.len() as u64);
    let days = sum(|account| account.days.len() as u64);
    // An account has a status for each of its tables.
    let names: BTreeSet<_> = accounts.iter().map(|account| &account.account).collect();
    let dash = || "–".to_string();
    let tiles = [
        (
            "Records",
            grouped(sum(|account| account.rows)),
            counted(names.len() as u64, "account", "accounts"),
        ),
        (
            "Files",
            grouped(days),
            format!(
                "{}, {}",
                bytes(sum(|account| account.bytes)),
                counted(missing, "day missing", "days missing")
            ),
        ),
        (
            "Containment",
            channels.containment().map_or_else(dash, percent),
            format!("of {}", counted(channels.sessions, "session", "sessions")),
        ),
        (
            "Speed of answer",
            queues.average_speed_of_answer().map_or_else(dash, seconds),
            format!(
                "average of {}",
                counted(queues.speed_of_answer_count, "answer", "answers")
            ),
        ),
        (
            "Abandon rate",
            queues.abandon_rate().map_or_else(dash, percent),
            format!("of {}", counted(queues.offered, "queue entry", "queue entries")),
        ),
    ];
    write!(out, "<div class=\"tiles\">")?;
    for (name, value, note) in tiles {
        write!(
            out,
            "<div class=\"tile\"><span>{name}</span><b>{value}</b><span class=\"note\">{note}</span></div>"
        )?;
    }
    writeln!(out, "</div>")
}
