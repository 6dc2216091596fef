//! SQL views over a lake: rows of what a record nests, and the measures made of call details.
//!
//! Columns are listed from the [`Table`], so that a new field is in the views too. The measures are one text for all engines
//! (`schemas/call_details.measures.sql`), since what differs between the engines is in the views below them.

use super::{Field, Kind, Table};

/// An engine whose SQL the views are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// DuckDB.
    DuckDb,
    /// Spark, 3.4 or newer.
    Spark,
}

const MEASURES: &str = include_str!("../../schemas/call_details.measures.sql");

/// What the rows of every view can be joined by.
const KEYS: &str = "account_id, session_date, session_id, conversation_id";

/// What the measures ask of a destination's session; carried along, so that they need no join.
const SESSION: &str = "channel, direction, is_voicemail, final_status";

/// v1 has the direction of a call inside the customer, v2 at the root.
const DIRECTION: &str = "coalesce(direction, customer_info.direction) AS direction";

/// Parts of a record that have views of their own, and so are no columns of the view above.
const OWN_VIEWS: [&str; 5] = [
    "destinations",
    "responding_agent",
    "non_responding_agents",
    "user_level_tags",
    "session_level_tags",
];

/// The views over the lake at `lake` (a folder or URL), as statements in the order in which they can be run.
pub fn views(table: &Table, dialect: Dialect, lake: &str) -> String {
    let views = if table.name == super::conversations().name {
        conversation_views(table, dialect, lake)
    } else {
        call_views(table, dialect, lake)
    };
    let text = views.join("\n");
    match dialect {
        Dialect::DuckDb => text,
        // A lasting view of Spark's can't stand on files that its catalogue does not know.
        Dialect::Spark => text.replace("CREATE OR REPLACE VIEW", "CREATE OR REPLACE TEMPORARY VIEW"),
    }
}

fn call_views(table: &Table, dialect: Dialect, lake: &str) -> Vec<String> {
    let destination = element(&table.fields, "destinations");
    let agent = element(destination, "responding_agent");
    let queue: Vec<Field> = destination
        .iter()
        .filter(|field| !agent.iter().any(|other| other.name == field.name))
        .cloned()
        .collect();
    vec![
        lake_view(table, dialect, lake),
        sessions(table, dialect),
        destinations(dialect),
        queue_entries(&queue, dialect),
        agent_segments(agent, dialect),
        non_responding_agents(agent, dialect),
        consultations(element(agent, "consulting_agents"), dialect),
        tags(element(&table.fields, "user_level_tags"), dialect),
        MEASURES.to_string(),
    ]
}

/// What the rows of every view over conversations can be joined by; `session_id` is that of `call_details`.
const CONVERSATION_KEYS: &str = "account_id, session_date, conversation_id, bot_session_id AS session_id";

fn conversation_views(table: &Table, dialect: Dialect, lake: &str) -> Vec<String> {
    let rows = |list, view: &str, what: &str| {
        let number = format!(
            "{}_number",
            view.trim_start_matches("conversation_").trim_end_matches('s')
        );
        let columns = columns(element(&table.fields, list), "item.");
        let rows = exploded(dialect, CONVERSATION_KEYS, list, "item", &number, &table.name);
        format!(
            "-- One row {what}.\nCREATE OR REPLACE VIEW {view} AS\nSELECT\n  account_id, session_date, conversation_id, session_id,\n  \
             {number},\n{columns}\nFROM ({rows}) AS numbered;\n"
        )
    };
    vec![
        lake_view(table, dialect, lake),
        rows(
            "participants",
            "conversation_participants",
            "an agent's part in a conversation",
        ),
        rows("transfer_details", "conversation_transfers", "a transfer"),
        rows(
            "queues",
            "conversation_queues",
            "a queue that a conversation entered",
        ),
    ]
}

fn lake_view(table: &Table, dialect: Dialect, lake: &str) -> String {
    let name = &table.name;
    let place = format!("{}/{name}", lake.trim_end_matches('/'));
    let (engine, statement) = match dialect {
        Dialect::DuckDb => (
            "DuckDB",
            format!(
                "CREATE OR REPLACE VIEW {name} AS\nSELECT *\nFROM read_parquet('{}/**/*.parquet', \
                 hive_partitioning = true, hive_types = {{'session_date': DATE}});\n",
                place.replace('\'', "''")
            ),
        ),
        Dialect::Spark => (
            "Spark 3.4 or newer",
            format!(
                "CREATE OR REPLACE VIEW {name} USING parquet OPTIONS (path '{}');\n",
                place.replace('\\', "\\\\").replace('\'', "\\'")
            ),
        ),
    };
    format!(
        "-- Views of a callake lake for {engine}, schema version {version}. The lake's place stands once, in the next statement;\n\
         -- --lake sets it. Many columns are personal data: `callake schema {name} --format markdown` says which.\n\n\
         -- The lake's rows as they are.\n{statement}",
        version = table.version
    )
}

fn sessions(table: &Table, dialect: Dialect) -> String {
    let fields: Vec<Field> = table.columns().cloned().collect();
    let columns = one_a_line(expressions(&fields, "").into_iter().map(|expression| {
        if expression == "direction" {
            DIRECTION.to_string()
        } else {
            expression
        }
    }));
    let duration = seconds(dialect, "session_start_time", "session_end_time");
    format!(
        "-- One row a session; what is in a struct has its path as its name.\n\
         CREATE OR REPLACE VIEW sessions AS\nSELECT\n  session_date,\n{columns},\n\
         \x20 {duration} AS duration_seconds,\n\
         \x20 -- Agent assistance leaves a row of no length that repeats another session's conversation.\n\
         \x20 coalesce(lower(channel) IN ('agentassist', 'agentassistv2') AND session_end_time = session_start_time, false)\n\
         \x20   AS is_agent_assist_copy\n\
         FROM {};\n",
        table.name
    )
}

fn destinations(dialect: Dialect) -> String {
    let rows = exploded(
        dialect,
        &format!("{KEYS}, channel, {DIRECTION}, is_voicemail, final_status, destinations"),
        "destinations",
        "destination",
        "destination_number",
        "call_details",
    );
    let (entries, count, next, last) = match dialect {
        Dialect::DuckDb => (
            "[d FOR d IN destinations[:destination_number] IF d.destination_type IS DISTINCT FROM 'AgentSegment']",
            "len",
            "destinations[destination_number + 1]",
            "queue_entries[-1]",
        ),
        Dialect::Spark => (
            "filter(slice(destinations, 1, destination_number), d -> NOT d.destination_type <=> 'AgentSegment')",
            "size",
            "get(destinations, destination_number)",
            "get(queue_entries, size(queue_entries) - 1)",
        ),
    };
    format!(
        "-- One row a destination, numbered from 1; the views below are made of it. Of an agent segment that is written inline,\n\
         -- the queue is that of the last queue entry before it.\n\
         CREATE OR REPLACE VIEW destinations AS\n\
         SELECT\n  {KEYS}, {SESSION},\n  destination_number,\n  destination,\n\
         \x20 {count}(queue_entries) AS queue_entry_number,\n\
         \x20 coalesce(destination.queue_id, {last}.queue_id) AS queue_id,\n\
         \x20 coalesce(destination.queue_name, {last}.queue_name) AS queue_name,\n\
         \x20 {next} AS next_destination\n\
         FROM (\n  SELECT *, {entries} AS queue_entries\n  FROM ({rows}) AS numbered\n) AS rows_of_destinations;\n"
    )
}

fn queue_entries(queue: &[Field], dialect: Dialect) -> String {
    let columns = columns(queue, "destination.");
    let wait = seconds(dialect, "enter_time", "answered_time");
    format!(
        "-- One row a queue entry. It was answered by its responding agent, or by the agent segment that directly follows it inline.\n\
         CREATE OR REPLACE VIEW queue_entries AS\n\
         SELECT\n  *,\n  {wait} AS queue_wait_seconds,\n\
         \x20 coalesce(final_status = 'USER ABANDONED' AND is_last AND answered_time IS NULL, false) AS is_abandoned\n\
         FROM (\nSELECT\n  {KEYS}, {SESSION},\n  destination_number,\n  queue_entry_number,\n{columns},\n\
         \x20 coalesce(\n\
         \x20   destination.responding_agent.accepted_time,\n\
         \x20   CASE WHEN next_destination.destination_type = 'AgentSegment' THEN next_destination.accepted_time END\n\
         \x20 ) AS answered_time,\n\
         \x20 next_destination IS NULL AS is_last\n\
         FROM destinations\n\
         WHERE destination.destination_type IS DISTINCT FROM 'AgentSegment'\n) AS entries;\n"
    )
}

fn agent_segments(agent: &[Field], dialect: Dialect) -> String {
    let responding = columns(agent, "destination.responding_agent.");
    let inline = columns(agent, "destination.");
    let pick_up = seconds(dialect, "assigned_at", "accepted_time");
    format!(
        "-- One row an agent segment: the responding agent of a queue entry, or a segment that is written inline. The interaction\n\
         -- lasts from acceptance to its end, so the time on hold is part of it.\n\
         CREATE OR REPLACE VIEW agent_segments AS\n\
         SELECT\n  *,\n  {pick_up} AS pick_up_seconds,\n\
         \x20 interaction_duration - coalesce(hold_duration, 0) AS talk_seconds,\n\
         \x20 coalesce(hold_duration, 0) AS hold_seconds,\n\
         \x20 coalesce(after_call_work_duration, 0) AS after_call_work_seconds,\n\
         \x20 interaction_duration + coalesce(after_call_work_duration, 0) AS handle_seconds\n\
         FROM (\nSELECT\n  {KEYS}, {SESSION},\n  destination_number,\n  'responding' AS segment_role,\n  queue_id,\n  queue_name,\n{responding}\n\
         FROM destinations\nWHERE destination.responding_agent IS NOT NULL\n\
         UNION ALL\n\
         SELECT\n  {KEYS}, {SESSION},\n  destination_number,\n  'inline' AS segment_role,\n  queue_id,\n  queue_name,\n{inline}\n\
         FROM destinations\nWHERE destination.destination_type = 'AgentSegment'\n) AS segments;\n"
    )
}

fn non_responding_agents(agent: &[Field], dialect: Dialect) -> String {
    let columns = columns(agent, "agent.");
    let rows = exploded(
        dialect,
        &format!("{KEYS}, {SESSION}, destination_number, queue_id, queue_name"),
        "destination.non_responding_agents",
        "agent",
        "offer_number",
        "destinations",
    );
    format!(
        "-- One row an offer that an agent did not take; one agent can have several of a queue entry.\n\
         CREATE OR REPLACE VIEW non_responding_agents AS\n\
         SELECT\n  {KEYS}, {SESSION},\n  destination_number,\n  offer_number,\n  queue_id,\n  queue_name,\n{columns}\n\
         FROM ({rows}) AS offers;\n"
    )
}

fn consultations(consulted: &[Field], dialect: Dialect) -> String {
    let columns = columns(consulted, "consulted.");
    let length = seconds(
        dialect,
        "consulted.accepted_time",
        "consulted.consulting_end_time",
    );
    let rows = exploded(
        dialect,
        &format!(
            "{KEYS}, {SESSION}, destination_number, segment_role, queue_id, queue_name, agent_id AS asking_agent_id"
        ),
        "consulting_agents",
        "consulted",
        "consultation_number",
        "agent_segments",
    );
    format!(
        "-- One row a consultation: an agent or number that the segment's agent asked.\n\
         CREATE OR REPLACE VIEW consultations AS\n\
         SELECT\n  {KEYS}, {SESSION},\n  destination_number,\n  segment_role,\n  consultation_number,\n  queue_id,\n  queue_name,\n\
         \x20 asking_agent_id,\n{columns},\n  {length} AS consultation_seconds\n\
         FROM ({rows}) AS asked;\n"
    )
}

fn tags(tag: &[Field], dialect: Dialect) -> String {
    let columns = columns(tag, "tag.");
    let of = |scope: &str| {
        let list = format!("{scope}_level_tags");
        let rows = exploded(dialect, KEYS, &list, "tag", "tag_number", "call_details");
        format!(
            "SELECT\n  {KEYS},\n  '{scope}' AS tag_scope,\n  tag_number,\n{columns}\nFROM ({rows}) AS tagged\n"
        )
    };
    format!(
        "-- One row a tag, of the customer (`user`) or of the session.\n\
         CREATE OR REPLACE VIEW tags AS\n{}UNION ALL\n{};\n",
        of("user"),
        of("session").trim_end()
    )
}

/// `SELECT` of `columns`, one row an element of `list`, with the element as `item` and its number from 1.
fn exploded(dialect: Dialect, columns: &str, list: &str, item: &str, number: &str, from: &str) -> String {
    match dialect {
        Dialect::DuckDb => format!(
            "SELECT {columns}, unnest({list}) AS {item}, generate_subscripts({list}, 1) AS {number} FROM {from}"
        ),
        Dialect::Spark => format!(
            "SELECT {columns}, {item}, index + 1 AS {number} FROM {from} LATERAL VIEW posexplode({list}) exploded AS index, {item}"
        ),
    }
}

fn seconds(dialect: Dialect, from: &str, to: &str) -> String {
    match dialect {
        Dialect::DuckDb => format!("epoch({to}) - epoch({from})"),
        Dialect::Spark => format!("CAST({to} AS DOUBLE) - CAST({from} AS DOUBLE)"),
    }
}

/// The expressions of [`expressions`], one a line.
fn columns(fields: &[Field], place: &str) -> String {
    one_a_line(expressions(fields, place).into_iter())
}

fn one_a_line(expressions: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = expressions.map(|expression| format!("  {expression}")).collect();
    lines.join(",\n")
}

/// One expression a column: fields of `place` (empty, or a struct with its dot) that hold a value or a list of values.
fn expressions(fields: &[Field], place: &str) -> Vec<String> {
    let mut out = Vec::new();
    push_expressions(fields, place, "", &mut out);
    out
}

fn push_expressions(fields: &[Field], place: &str, prefix: &str, out: &mut Vec<String>) {
    for field in fields
        .iter()
        .filter(|field| !OWN_VIEWS.contains(&field.name.as_str()))
    {
        let path = format!("{place}{}", field.name);
        let name = format!("{prefix}{}", field.name);
        match &field.kind {
            Kind::Struct(children) => {
                push_expressions(children, &format!("{path}."), &format!("{name}_"), out)
            }
            _ if path == name => out.push(name),
            _ => out.push(format!("{path} AS {name}")),
        }
    }
}

/// The fields of a struct, or of the structs of a list, by its name.
fn element<'a>(fields: &'a [Field], name: &str) -> &'a [Field] {
    let mut kind = fields
        .iter()
        .find(|field| field.name == name)
        .map(|field| &field.kind);
    while let Some(Kind::List(element)) = kind {
        kind = Some(element);
    }
    match kind {
        Some(Kind::Struct(fields)) => fields,
        _ => &[],
    }
}
