//! Day files → figures: the few columns that the measures need, batch by batch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayAccessor, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

use super::measures::{ChannelCounts, Destination, Queue, QueueCounts, Segment, Session};
use crate::day::{self, Day, Scratch, TEMP_LEFTOVER_AGE};
use crate::decode::Tally;
use crate::json::private;
use crate::lake::{self, DayPath, Lake};
use crate::schema;

/// The columns that are read; of `extra` only the pointers are looked at.
const LEAVES: [&str; 21] = [
    "conversation_id",
    "session_start_time",
    "session_end_time",
    "channel",
    "direction",
    "is_voicemail",
    "final_status",
    "customer_info.direction",
    "destinations.list.element.destination_type",
    "destinations.list.element.queue_id",
    "destinations.list.element.queue_name",
    "destinations.list.element.enter_time",
    "destinations.list.element.callback_opted",
    "destinations.list.element.accepted_time",
    "destinations.list.element.interaction_duration",
    "destinations.list.element.after_call_work_duration",
    "destinations.list.element.responding_agent.accepted_time",
    "destinations.list.element.responding_agent.interaction_duration",
    "destinations.list.element.responding_agent.after_call_work_duration",
    "destinations.list.element.responding_agent.destination_type",
    "extra",
];

/// What names a queue of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueueKey {
    pub(super) account: Arc<str>,
    pub(super) name: Option<String>,
    pub(super) id: Option<String>,
}

/// What the rows of a lake say.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Records of each day by channel; a record without one is of the channel `None`.
    pub(super) days: BTreeMap<Day, BTreeMap<Option<String>, u64>>,
    /// Sessions by account and channel.
    pub(super) channels: BTreeMap<(Arc<str>, Option<String>), ChannelCounts>,
    /// Queue entries and agents' work by queue.
    pub(super) queues: BTreeMap<QueueKey, QueueCounts>,
    /// What went to `extra`, by masked pattern.
    pub(super) extra: Tally,
}

/// Reads the figures of the days asked for, and names the files that could not be read to their end.
///
/// # Errors
/// The place can't be listed, or a file can't be fetched.
pub(super) async fn scan(lake: &Lake, asked: impl Fn(Day) -> bool) -> anyhow::Result<(Figures, Vec<String>)> {
    let scratch = Scratch::new(&std::env::temp_dir(), TEMP_LEFTOVER_AGE)?;
    let mut figures = Figures::default();
    let mut problems = Vec::new();
    for path in lake.day_files(&schema::call_details().name).await? {
        if !asked(path.day) {
            continue;
        }
        let file = match lake.local_file(&path, &scratch).await {
            Ok(Some(file)) => file,
            // Another run removed it meanwhile.
            Ok(None) => continue,
            Err(error @ lake::Error::Damaged { .. }) => {
                problems.push(error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let mut counting = std::mem::take(&mut figures);
        let day = path.clone();
        let (counted, outcome) = tokio::task::spawn_blocking(move || {
            let outcome = counting.add_file(&day, file.path());
            (counting, outcome)
        })
        .await?;
        figures = counted;
        match outcome {
            Ok(()) => {}
            Err(error @ day::Error::Parquet { .. }) => {
                problems.push(format!(
                    "{path} can't be read to its end: {:#}",
                    anyhow::Error::new(error)
                ));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((figures, problems))
}

impl Figures {
    fn add_file(&mut self, path: &DayPath, file: &Path) -> day::Result<()> {
        let account: Arc<str> = path.account.as_str().into();
        for batch in day::project(file, &LEAVES)? {
            self.add(&account, path.day, &StructArray::from(batch?));
        }
        Ok(())
    }

    fn add(&mut self, account: &Arc<str>, day: Day, rows: &StructArray) {
        let mut by_channel: BTreeMap<Option<&str>, (u64, ChannelCounts)> = BTreeMap::new();
        let columns = Columns::of(rows);
        for row in 0..rows.len() {
            let session = columns.session(row);
            let (records, counts) = by_channel.entry(session.channel).or_default();
            *records += 1;
            counts.add(session.of_channel());
            session.of_queues(|queue, more| self.add_to_queue(account, queue, more));
        }
        for (channel, (records, counts)) in by_channel {
            let channel = channel.map(str::to_string);
            let of_day = self.days.entry(day).or_default();
            *of_day.entry(channel.clone()).or_default() += records;
            self.channels
                .entry((account.clone(), channel))
                .or_default()
                .add(counts);
        }
        if let Some(extra) = rows.column_by_name("extra").and_then(|extra| extra.as_map_opt()) {
            for pointer in extra.keys().as_string::<i32>().iter().flatten() {
                self.extra.count_pattern(pattern(pointer).as_bytes());
            }
        }
    }

    fn add_to_queue(&mut self, account: &Arc<str>, queue: Queue<'_>, more: QueueCounts) {
        let key = QueueKey {
            account: account.clone(),
            name: queue.name.map(str::to_string),
            id: queue.id.map(str::to_string),
        };
        self.queues.entry(key).or_default().add(more);
    }
}

/// A pointer as it may be shown: with `*` for array indexes, and without keys that may be personal data.
fn pattern(pointer: &str) -> String {
    let is_index = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    let tokens = pointer
        .split('/')
        .map(|token| if is_index(token) { "*" } else { token });
    private::masked(&tokens.collect::<Vec<_>>().join("/"))
}

/// The value of a row, where there is one, and the column.
fn get<A: ArrayAccessor>(column: Option<A>, row: usize) -> Option<A::Item> {
    let column = column?;
    column.is_valid(row).then(|| column.value(row))
}

fn child<'a>(of: &'a StructArray, name: &str) -> Option<&'a ArrayRef> {
    of.column_by_name(name)
}

fn texts<'a>(of: &'a StructArray, name: &str) -> Option<&'a StringArray> {
    child(of, name)?.as_string_opt()
}

fn flags<'a>(of: &'a StructArray, name: &str) -> Option<&'a BooleanArray> {
    child(of, name)?.as_boolean_opt()
}

fn numbers<'a>(of: &'a StructArray, name: &str) -> Option<&'a Int64Array> {
    child(of, name)?.as_primitive_opt::<Int64Type>()
}

fn times<'a>(of: &'a StructArray, name: &str) -> Option<&'a TimestampMicrosecondArray> {
    child(of, name)?.as_primitive_opt::<TimestampMicrosecondType>()
}

/// A batch's columns, found once.
struct Columns<'a> {
    conversation: Option<&'a StringArray>,
    channel: Option<&'a StringArray>,
    direction: Option<&'a StringArray>,
    customer_direction: Option<&'a StringArray>,
    voicemail: Option<&'a BooleanArray>,
    final_status: Option<&'a StringArray>,
    start: Option<&'a TimestampMicrosecondArray>,
    end: Option<&'a TimestampMicrosecondArray>,
    destinations: Option<(&'a ListArray, Destinations<'a>)>,
}

struct Destinations<'a> {
    kind: Option<&'a StringArray>,
    queue_id: Option<&'a StringArray>,
    queue_name: Option<&'a StringArray>,
    enter_time: Option<&'a TimestampMicrosecondArray>,
    callback_opted: Option<&'a BooleanArray>,
    own: Segments<'a>,
    responding: Option<(&'a StructArray, Segments<'a>)>,
}

struct Segments<'a> {
    accepted: Option<&'a TimestampMicrosecondArray>,
    interaction: Option<&'a Int64Array>,
    after_call_work: Option<&'a Int64Array>,
}

impl<'a> Columns<'a> {
    fn of(rows: &'a StructArray) -> Columns<'a> {
        let customer = child(rows, "customer_info").and_then(|customer| customer.as_struct_opt());
        let destinations = child(rows, "destinations").and_then(|list| list.as_list_opt::<i32>());
        Columns {
            conversation: texts(rows, "conversation_id"),
            channel: texts(rows, "channel"),
            direction: texts(rows, "direction"),
            customer_direction: customer.and_then(|customer| texts(customer, "direction")),
            voicemail: flags(rows, "is_voicemail"),
            final_status: texts(rows, "final_status"),
            start: times(rows, "session_start_time"),
            end: times(rows, "session_end_time"),
            destinations: destinations
                .and_then(|list| Some((list, Destinations::of(list.values().as_struct_opt()?)))),
        }
    }

    fn session(&self, row: usize) -> Session<'a> {
        // v1 has the direction of a call inside the customer, v2 at the root.
        let direction = get(self.direction, row).or_else(|| get(self.customer_direction, row));
        let destinations = self.destinations.as_ref().map(|(list, elements)| {
            let elements_of_row = list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize;
            elements_of_row
                .map(|element| elements.destination(element))
                .collect()
        });
        Session {
            has_conversation: get(self.conversation, row).is_some(),
            channel: get(self.channel, row),
            is_outbound: direction == Some("Outbound"),
            is_voicemail: get(self.voicemail, row) == Some(true),
            final_status: get(self.final_status, row),
            start: get(self.start, row),
            end: get(self.end, row),
            destinations: destinations.unwrap_or_default(),
        }
    }
}

impl<'a> Destinations<'a> {
    fn of(elements: &'a StructArray) -> Destinations<'a> {
        let responding = child(elements, "responding_agent").and_then(|agent| agent.as_struct_opt());
        Destinations {
            kind: texts(elements, "destination_type"),
            queue_id: texts(elements, "queue_id"),
            queue_name: texts(elements, "queue_name"),
            enter_time: times(elements, "enter_time"),
            callback_opted: flags(elements, "callback_opted"),
            own: Segments::of(elements),
            responding: responding.map(|agent| (agent, Segments::of(agent))),
        }
    }

    fn destination(&self, element: usize) -> Destination<'a> {
        let responding = self.responding.as_ref();
        Destination {
            is_segment: get(self.kind, element) == Some("AgentSegment"),
            queue: Queue {
                id: get(self.queue_id, element),
                name: get(self.queue_name, element),
            },
            enter_time: get(self.enter_time, element),
            callback_opted: get(self.callback_opted, element) == Some(true),
            own: self.own.segment(element),
            responding: responding
                .filter(|(agent, _)| agent.is_valid(element))
                .map(|(_, segments)| segments.segment(element)),
        }
    }
}

impl<'a> Segments<'a> {
    fn of(agent: &'a StructArray) -> Segments<'a> {
        Segments {
            accepted: times(agent, "accepted_time"),
            interaction: numbers(agent, "interaction_duration"),
            after_call_work: numbers(agent, "after_call_work_duration"),
        }
    }

    fn segment(&self, element: usize) -> Segment {
        Segment {
            accepted: get(self.accepted, element),
            interaction: get(self.interaction, element),
            after_call_work: get(self.after_call_work, element),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_show_neither_indexes_nor_what_may_be_personal() {
        for (pointer, want) in [
            ("", ""),
            ("/destinations/12/surprise", "/destinations/*/surprise"),
            ("/customData/+49 123 45", "/customData/(masked)"),
            ("/a@b.example/0", "/(masked)/*"),
        ] {
            assert_eq!(pattern(pointer), want);
        }
    }
}
