//! The destinations of a record: queue entries, and the agents who were offered the session.

use super::{Record, Version};
use crate::demo::json::Json;
use crate::demo::pools::{self, QUEUES};
use crate::demo::session::{Destination, Oddity, QueueEntry, Segment};

impl Record<'_> {
    pub(super) fn destination(&self, json: &mut Json<'_>, destination: &Destination) {
        json.object(|json| match destination {
            Destination::Queue(entry) => self.queue_entry(json, entry),
            Destination::Agent(segment) => self.segment(json, segment),
        });
    }

    fn queue_entry(&self, json: &mut Json<'_>, entry: &QueueEntry) {
        json.str_field("destinationType", "QueueEntry");
        json.str_field("queueId", &pools::queue_id(self.seed, entry.queue));
        if !entry.id_only {
            json.str_field("queueName", QUEUES[entry.queue]);
            json.bool_field("CallbackOpted", entry.callback.is_some());
            if let Some([opted, initiated, accepted]) = entry.callback {
                let millis = (self.session.bits >> 20) as u16 % 1000;
                json.utc_field("CallbackOptedTime", opted, millis);
                if self.version == Version::V2 {
                    json.utc_field("CallbackInitiatedTime", initiated, millis);
                }
                json.utc_field("userCallbackAcceptTime", accepted, 999 - millis);
            }
            json.naive_field("EnterTime", entry.entered);
        }
        if self.session.oddity == Some(Oddity::UnknownNestedField) {
            json.object_field("queuePosition", |json| {
                json.int_field("at", 3);
                json.raw_field("history", "[5,4,3,[],{},null,-0.5]");
            });
        }
        if let Some(segment) = &entry.responding {
            json.object_field("respondingAgent", |json| self.segment(json, segment));
        }
        if !entry.non_responding.is_empty() {
            json.array_field("nonRespondingAgents", |json| {
                entry
                    .non_responding
                    .iter()
                    .for_each(|s| json.object(|json| self.segment(json, s)));
            });
        }
    }

    fn segment(&self, json: &mut Json<'_>, segment: &Segment) {
        let agent = pools::agent(self.seed, segment.agent);
        json.str_field("agentId", &agent.id);
        json.array_field("agentNotes", |json| {
            segment.notes.iter().for_each(|n| json.str(n))
        });
        // In the samples an agent who was only offered the session has no type, and one who was passed over has.
        if segment.answer.is_some() || segment.non_response.is_some() {
            json.str_field("destinationType", "AgentSegment");
        }
        if segment.answer.is_some() {
            self.answer(json, segment);
        }
        json.str_field("email", &agent.email);
        json.str_field("name", &agent.name());
        if let Some(answer) = &segment.answer {
            json.naive_field("acceptedTime", answer.accepted);
        }
        json.naive_field("assignedAt", segment.assigned);
        if let Some(event) = segment.non_response {
            json.str_field("nonResponseEvent", event);
        }
    }

    fn answer(&self, json: &mut Json<'_>, segment: &Segment) {
        let Some(answer) = &segment.answer else { return };
        json.str_field("status", "Answered");
        if let Some(first) = answer.first_response {
            json.naive_field("firstResponseTime", first);
            json.int_field("firstResponseDuration", first - answer.accepted);
        }
        let ended = answer.ended + 3;
        json.naive_field("interactionEndTime", ended);
        match self.session.oddity {
            Some(Oddity::NumberAsText) => {
                json.str_field("interactionDuration", &(ended - answer.accepted).to_string());
            }
            Some(Oddity::HugeNumber) => {
                json.raw_field("interactionDuration", "123456789012345678901234567890")
            }
            _ => json.int_field("interactionDuration", ended - answer.accepted),
        }
        if let Some(hold) = answer.hold {
            json.int_field("holdDuration", hold);
        }
        json.int_field("afterCallWorkDuration", answer.after_work);
        json.naive_field("afterCallWorkEndTime", ended + answer.after_work);
        if let Some(translated) = answer.translated {
            json.bool_field("agentChoseTranslate", translated);
        }
        if let (true, Some(until)) = (self.fields.snooze_info, segment.snoozed_until) {
            json.array_field("snoozeinfo", |json| {
                json.object(|json| {
                    json.str_field("reason", "Waiting for the customer");
                    json.utc_field("snoozedUntil", until, 0);
                });
            });
        }
        if let Some(at) = segment.transferred_outside {
            json.naive_field("ExternalTransferTime", at);
            json.str_field("ExternalTransferDestination", "+12025550199");
        }
        self.company(json, segment);
    }

    /// Who was consulted and who joined; v1 has these only where there is somebody.
    fn company(&self, json: &mut Json<'_>, segment: &Segment) {
        if self.version == Version::V2 || !segment.consulting.is_empty() {
            json.array_field("ConsultingAgents", |json| {
                for consulting in &segment.consulting {
                    json.object(|json| {
                        match consulting.agent {
                            Some(number) => {
                                let agent = pools::agent(self.seed, number);
                                json.str_field("agentId", &agent.id);
                                json.str_field("email", &agent.email);
                                json.str_field("name", &agent.name());
                                json.bool_field("isMerged", consulting.merged);
                            }
                            None => json.str_field("name", "+12025550177"),
                        }
                        json.naive_field("acceptedTime", consulting.accepted);
                        json.naive_field("assignedAt", consulting.assigned);
                        json.naive_field("consultingEndTime", consulting.ended);
                    });
                }
            });
        }
        if self.version == Version::V2 || !segment.joined.is_empty() {
            json.array_field("JoinedUsers", |json| {
                for (number, joined, left) in &segment.joined {
                    let agent = pools::agent(self.seed, *number);
                    json.object(|json| {
                        json.str_field("agentId", &agent.id);
                        json.str_field("email", &agent.email);
                        json.str_field("name", &agent.name());
                        json.naive_field("joinedAt", *joined);
                        json.naive_field("end", *left);
                    });
                }
            });
        }
    }
}
