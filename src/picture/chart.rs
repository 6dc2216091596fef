//! Records by day and channel as stacked bars; of long ranges by week or month.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use chrono::{Datelike as _, Days, NaiveDate};

use super::html::{Escaped, grouped};
use super::scan::Figures;
use super::tables::channel_name;

/// Channels that have a colour of their own; the rest share one.
const COLOURS: usize = 6;

/// Days that a chart shows one by one, and by week; beyond, it shows months.
const MOST_DAYS: i64 = 100;
const MOST_DAYS_BY_WEEK: i64 = 700;

/// Height of the tallest bar, in units of the drawing.
const HEIGHT: f64 = 200.0;
/// From one bar to the next, and the width of one.
const STEP: f64 = 10.0;
const WIDTH: f64 = 8.0;

/// How long a bar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    Day,
    Week,
    Month,
}

impl Span {
    fn of(first: NaiveDate, last: NaiveDate) -> Span {
        match (last - first).num_days() + 1 {
            days if days <= MOST_DAYS => Span::Day,
            days if days <= MOST_DAYS_BY_WEEK => Span::Week,
            _ => Span::Month,
        }
    }

    /// The first day of the bar that the day is in.
    fn start(self, day: NaiveDate) -> NaiveDate {
        match self {
            Span::Day => day,
            Span::Week => day - Days::new(day.weekday().num_days_from_monday().into()),
            Span::Month => day.with_day(1).unwrap_or(day),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Span::Day => "a day",
            Span::Week => "a week",
            Span::Month => "a month",
        }
    }
}

/// The chart with its legend; nothing where no record has a day.
pub(super) fn records_by_day(figures: &Figures, out: &mut String) -> fmt::Result {
    let mut dated = figures.days.keys().filter_map(|day| day.date());
    let Some(first) = dated.next() else {
        return writeln!(out, "<p>No record has a day.</p>");
    };
    let last = dated.next_back().unwrap_or(first);
    let span = Span::of(first, last);
    let channels = by_records(figures);
    let bars = bars(figures, span, &channels);
    let most = bars
        .values()
        .map(|bar| bar.iter().sum::<u64>())
        .max()
        .unwrap_or_default()
        .max(1);
    legend(&channels, out)?;
    writeln!(
        out,
        "<div class=\"chart\"><div class=\"scale\"><span>{}</span><span>0</span></div>\n\
         <svg class=\"bars\" role=\"img\" aria-label=\"Records {}, by channel\" viewBox=\"0 0 {} {HEIGHT}\" preserveAspectRatio=\"none\">",
        grouped(most),
        span.name(),
        bars.len() as f64 * STEP,
    )?;
    for (at, (start, bar)) in bars.iter().enumerate() {
        draw_bar(at, *start, bar, &channels, most, out)?;
    }
    writeln!(
        out,
        "</svg></div>\n<div class=\"ends\"><span>{first}</span><span>records {}</span><span>{last}</span></div>",
        span.name()
    )
}

/// The channels, those with the most records first.
fn by_records(figures: &Figures) -> Vec<(Option<&str>, u64)> {
    let mut records: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    for (channel, count) in figures.days.values().flatten() {
        *records.entry(channel.as_deref()).or_default() += count;
    }
    let mut channels: Vec<_> = records.into_iter().collect();
    channels.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    channels
}

/// Records by the first day of each bar, in the order of the channels; days without any have a bar too.
fn bars(figures: &Figures, span: Span, channels: &[(Option<&str>, u64)]) -> BTreeMap<NaiveDate, Vec<u64>> {
    let mut bars: BTreeMap<NaiveDate, Vec<u64>> = BTreeMap::new();
    let dated = || {
        figures
            .days
            .iter()
            .filter_map(|(day, of_day)| Some((day.date()?, of_day)))
    };
    let ends = dated().next().zip(dated().next_back());
    if let Some(((first, _), (last, _))) = ends {
        for date in first.iter_days().take_while(|date| *date <= last) {
            bars.entry(span.start(date))
                .or_insert_with(|| vec![0; channels.len()]);
        }
    }
    for (date, of_day) in dated() {
        let bar = bars
            .entry(span.start(date))
            .or_insert_with(|| vec![0; channels.len()]);
        for (at, (channel, _)) in channels.iter().enumerate() {
            bar[at] += of_day
                .get(&channel.map(str::to_string))
                .copied()
                .unwrap_or_default();
        }
    }
    bars
}

fn draw_bar(
    at: usize,
    start: NaiveDate,
    bar: &[u64],
    channels: &[(Option<&str>, u64)],
    most: u64,
    out: &mut String,
) -> fmt::Result {
    let x = at as f64 * STEP + (STEP - WIDTH) / 2.0;
    let mut y = HEIGHT;
    for (place, count) in bar.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = *count as f64 / most as f64 * HEIGHT;
        y -= height;
        writeln!(
            out,
            "<rect class=\"c{}\" x=\"{x}\" y=\"{y:.2}\" width=\"{WIDTH}\" height=\"{height:.2}\"><title>{start} {}: {}</title></rect>",
            place.min(COLOURS - 1),
            Escaped(channel_name(channels[place].0)),
            grouped(*count),
        )?;
    }
    Ok(())
}

fn legend(channels: &[(Option<&str>, u64)], out: &mut String) -> fmt::Result {
    write!(out, "<p class=\"legend\">")?;
    for (at, (channel, count)) in channels.iter().enumerate() {
        write!(
            out,
            "<span><i class=\"c{}\"></i>{} <b>{}</b></span> ",
            at.min(COLOURS - 1),
            Escaped(channel_name(*channel)),
            grouped(*count)
        )?;
    }
    writeln!(out, "</p>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn long_ranges_are_drawn_by_week_or_month() {
        let first = date("2025-01-01");
        assert_eq!(Span::of(first, date("2025-04-10")), Span::Day);
        assert_eq!(Span::of(first, date("2025-04-11")), Span::Week);
        assert_eq!(Span::of(first, date("2027-04-11")), Span::Month);
        assert_eq!(Span::Week.start(date("2025-01-01")), date("2024-12-30"));
        assert_eq!(Span::Month.start(date("2025-01-31")), first);
    }

    #[test]
    fn a_bar_holds_all_records_of_its_days_and_days_without_any_have_one() {
        let mut figures = Figures::default();
        for (day, channel, count) in [
            ("2025-09-01", "Voice", 3),
            ("2025-09-01", "Chat", 1),
            ("2025-09-03", "Voice", 2),
        ] {
            let of_day = figures.days.entry(day.parse().unwrap()).or_default();
            of_day.insert(Some(channel.to_string()), count);
        }
        let channels = by_records(&figures);
        assert_eq!(channels, [(Some("Voice"), 5), (Some("Chat"), 1)]);
        let bars: Vec<_> = bars(&figures, Span::Day, &channels).into_values().collect();
        assert_eq!(bars, [vec![3, 1], vec![0, 0], vec![2, 0]]);
    }
}
