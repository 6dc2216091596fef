//! Writes a session as the answer of the conversations endpoint, consistent with its call-details record.

use super::json::Json;
use super::outline::{Channel, Phase};
use super::pools::{self, INTENTS, QUEUES};
use super::random::mix;
use super::render::{self, Version};
use super::session::{Answer, Destination, QueueEntry, Segment, Session, account_bits};

/// An agent's part in the conversation, and the queue it came from.
struct Leg<'a> {
    queue: &'a QueueEntry,
    segment: &'a Segment,
    answer: &'a Answer,
}

/// Writes the conversation of `session`, which has one. All times carry `Z`, with milliseconds.
pub(super) fn write(json: &mut Json<'_>, seed: u64, session: &Session) {
    let legs = legs(session);
    let at = Clock(session);
    json.object(|json| {
        json.array_field("participants", |json| {
            legs.iter().for_each(|leg| participant(json, seed, leg, &at))
        });
        json.array_field("transferDetails", |json| {
            legs.windows(2)
                .for_each(|pair| transfer(json, seed, &pair[0], &pair[1], &at));
        });
        let first = legs.first();
        let outline = &session.outline;
        if let Some(leg) = first {
            json.int_field("waitTime", 1000 * (leg.answer.accepted - leg.queue.entered));
        }
        json.bool_field("isProactiveAgentAssistEnabled", session.bits & 1 == 0);
        json.str_field(
            "status",
            if outline.phase == Phase::Closed {
                "CLOSED"
            } else {
                "OPEN"
            },
        );
        json.bool_field(
            "callbackOpted",
            queues(session).any(|entry| entry.callback.is_some()),
        );
        json.array_field("contactFlow", |_| ());
        json.str_field(
            "surveyRequired",
            if session.survey.is_some() { "YES" } else { "NO" },
        );
        json.bool_field("isDeveloper", false);
        if let Some(id) = &session.conversation_id {
            json.str_field("_id", id);
        }
        json.str_field("orgId", &render::org_id(seed));
        json.str_field("userId", &session.customer.id);
        json.str_field("accountId", &format!("{:024x}", account_bits(seed)));
        json.str_field("botId", &render::bot_id(seed, session));
        json.str_field("source", outline.channel.code());
        json.str_field("botSessionId", &session.session_id);
        json.str_field("language", ["en", "es", "fr", "de", "ja"][session.intent % 5]);
        json.str_field("keyIntentName", INTENTS[session.intent].0);
        json.str_field("keyIntentUserInput", INTENTS[session.intent].1);
        if outline.channel == Channel::Chat {
            json.object_field("agentDesktopMeta", |json| pages_visited(json, session, &at));
        }
        json.str_field(
            "conversationType",
            if outline.channel == Channel::Voice {
                "call"
            } else {
                "messaging"
            },
        );
        json.int_field("priority", (session.bits >> 30) as i64 % 10);
        json.array_field("queues", |json| {
            queues(session)
                .enumerate()
                .for_each(|(number, entry)| queue(json, seed, session, entry, number));
        });
        at.field(json, "startTime", outline.start);
        if outline.phase == Phase::Closed {
            at.field(json, "endTime", outline.end);
        }
        json.array_field("formData", |_| ());
        json.int_field("timestampValue", outline.start * 1000 + i64::from(at.millis()));
        at.field(json, "createdAt", outline.start);
        at.field(json, "updatedAt", outline.updated);
        json.int_field("__v", i64::from(outline.revision));
        json.array_field("skills", |_| ());
        if let Some(leg) = first {
            at.field(json, "acceptedAt", leg.answer.accepted);
        }
        json.array_field("notes", |json| {
            legs.iter()
                .flat_map(|leg| &leg.segment.notes)
                .for_each(|note| json.str(note));
        });
        dispositions(json, session);
        json.object_field("userInfo", |json| {
            render::meta_info(json, seed, session, Version::V2)
        });
    });
}

/// Seconds of a session's times with the milliseconds that go with them.
struct Clock<'a>(&'a Session);

impl Clock<'_> {
    fn millis(&self) -> u16 {
        (self.0.bits >> 20) as u16 % 1000
    }

    fn field(&self, json: &mut Json<'_>, name: &str, seconds: i64) {
        json.utc_field(name, seconds, self.millis());
    }
}

/// The agents who took the session, in order.
fn legs(session: &Session) -> Vec<Leg<'_>> {
    let mut legs = Vec::new();
    let mut last_queue = None;
    for destination in &session.destinations {
        let segment = match destination {
            Destination::Queue(entry) => {
                last_queue = Some(entry);
                entry.responding.as_ref()
            }
            Destination::Agent(segment) => Some(segment),
        };
        let (Some(queue), Some(segment)) = (last_queue, segment) else {
            continue;
        };
        if let Some(answer) = &segment.answer {
            legs.push(Leg {
                queue,
                segment,
                answer,
            });
        }
    }
    legs
}

fn queues(session: &Session) -> impl Iterator<Item = &QueueEntry> {
    session
        .destinations
        .iter()
        .filter_map(|destination| match destination {
            Destination::Queue(entry) => Some(entry),
            Destination::Agent(_) => None,
        })
}

fn participant(json: &mut Json<'_>, seed: u64, leg: &Leg<'_>, at: &Clock<'_>) {
    let agent = pools::agent(seed, leg.segment.agent);
    json.object(|json| {
        json.str_field("queueId", &pools::queue_id(seed, leg.queue.queue));
        at.field(json, "queueStartTime", leg.queue.entered);
        json.str_field("queueName", QUEUES[leg.queue.queue]);
        json.str_field("agentId", &agent.id);
        json.str_field("name", &agent.name());
        json.str_field("status", "INACTIVE");
        at.field(json, "assignedAt", leg.segment.assigned);
        at.field(json, "startTimeStamp", leg.answer.accepted);
        at.field(json, "endTimeStamp", leg.answer.ended);
        json.bool_field("isTransferred", leg.segment.transferred_outside.is_some());
        json.bool_field("onInterrupt", false);
    });
}

fn transfer(json: &mut Json<'_>, seed: u64, from: &Leg<'_>, to: &Leg<'_>, at: &Clock<'_>) {
    let from_agent = pools::agent(seed, from.segment.agent);
    let to_agent = pools::agent(seed, to.segment.agent);
    let to_queue = !std::ptr::eq(from.queue, to.queue);
    let kind = if to_queue { "QUEUE" } else { "AGENT" };
    json.object(|json| {
        json.str_field("fromQueue", &pools::queue_id(seed, from.queue.queue));
        json.str_field("fromAgent", &from_agent.id);
        json.str_field("transferredType", kind);
        json.array_field("transferredTo", |json| {
            json.object(|json| {
                if to_queue {
                    json.str_field("id", &pools::queue_id(seed, to.queue.queue));
                    json.str_field("name", QUEUES[to.queue.queue]);
                } else {
                    json.str_field("id", &to_agent.id);
                    json.str_field("name", &to_agent.name());
                }
                json.str_field("type", kind);
            });
        });
        json.str_field("transferredBy", &from_agent.id);
        json.str_field("priority", "HIGHEST");
        at.field(json, "transferredAt", from.answer.ended);
        json.bool_field("isManager", false);
    });
}

fn queue(json: &mut Json<'_>, seed: u64, session: &Session, entry: &QueueEntry, number: usize) {
    json.object(|json| {
        json.str_field("type", if number == 0 { "ASSIGNED" } else { "TRANSFERRED" });
        json.str_field(
            "status",
            if session.outline.phase == Phase::Closed {
                "INACTIVE"
            } else {
                "ACTIVE"
            },
        );
        json.bool_field("isPreferredAgentTimeoutExpired", true);
        json.str_field("id", &pools::queue_id(seed, entry.queue));
        json.str_field("name", QUEUES[entry.queue]);
        Clock(session).field(json, "startTime", entry.entered);
    });
}

fn pages_visited(json: &mut Json<'_>, session: &Session, at: &Clock<'_>) {
    json.array_field("pagesVisited", |json| {
        for number in 0..(session.bits >> 5) % 3 {
            json.object(|json| {
                json.str_field("page", &format!("https://shop.example.com/help/{number}"));
                at.field(
                    json,
                    "timestamp",
                    session.outline.start - 60 * (3 - number as i64),
                );
                let spent = mix(session.bits, number) % 900_000;
                json.raw_field(
                    "timespent",
                    &format!("{}.{:03}", spent / 1000, (spent % 1000) | 1),
                );
            });
        }
    });
}

fn dispositions(json: &mut Json<'_>, session: &Session) {
    json.object_field("dispositions", |json| {
        if let Some(status) = session.dispositions.first() {
            json.str_field(
                "metaStatus",
                if *status == "DROP-OFF" {
                    "SYSTEM_DROP_OFF"
                } else {
                    "AGENT_SET"
                },
            );
            json.str_field("status", status);
            json.str_field("remarks", session.remarks.first().map_or("", String::as_str));
        }
        json.raw_field("dispositionSets", "null");
    });
}
