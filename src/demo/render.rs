//! Writes a session as a call-details record, in the words and the key order of the API's samples.

use super::json::Json;
use super::outline::{Channel, Shape};
use super::pools::{self, CAMPAIGNS, CITIES, COLOURS, INTENTS, Person, QUEUES, SKILLS};
use super::random::mix;
use super::session::{Destination, Oddity, QueueEntry, Segment, Session, Survey, account_bits, client_id};

/// Which of the API's versions a record is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// `calldetails`: no smart status; the direction stands in `customerinfo`.
    V1,
    /// `v2/calldetails` and `v2/interactionDetails`: the direction stands at the root.
    V2,
}

/// The parts of a record that a request selects by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) skills: bool,
    pub(super) customer_info: bool,
    pub(super) user_tags: bool,
    pub(super) session_tags: bool,
    pub(super) campaign_info: bool,
    pub(super) snooze_info: bool,
}

impl Fields {
    pub(super) const ALL: Self = Self {
        skills: true,
        customer_info: true,
        user_tags: true,
        session_tags: true,
        campaign_info: true,
        snooze_info: true,
    };
    pub(super) const NONE: Self = Self {
        skills: false,
        customer_info: false,
        user_tags: false,
        session_tags: false,
        campaign_info: false,
        snooze_info: false,
    };
}

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rendering {
    pub(super) version: Version,
    pub(super) fields: Fields,
    /// Zone of naive times: minutes, JavaScript's sign.
    pub(super) timezone_offset: i32,
}

/// Appends the JSON text of the record of `session`.
pub(super) fn record(out: &mut Vec<u8>, seed: u64, session: &Session, rendering: Rendering) {
    let json = &mut Json::new(out, rendering.timezone_offset, session.ascii);
    let record = Record {
        seed,
        session,
        version: rendering.version,
        fields: rendering.fields,
    };
    json.object(|json| {
        if session.conversation_id.is_some() {
            record.conversation(json);
        } else {
            record.at_bot(json);
        }
    });
}

/// Writes the fields of `metaInfo`.
pub(super) fn meta_info(json: &mut Json<'_>, seed: u64, session: &Session, version: Version) {
    Record {
        seed,
        session,
        version,
        fields: Fields::ALL,
    }
    .meta_info(json);
}

/// The bot that a session began with.
pub(super) fn bot_id(seed: u64, session: &Session) -> String {
    let number = u64::from(session.bits & 3 == 1);
    pools::short_id("st-0", mix(seed, 0xb07 + number))
}

/// The organisation.
pub(super) fn org_id(seed: u64) -> String {
    pools::short_id("o-2", mix(seed, 0x0e9))
}

struct Record<'a> {
    seed: u64,
    session: &'a Session,
    version: Version,
    fields: Fields,
}

impl Record<'_> {
    fn at_bot(&self, json: &mut Json<'_>) {
        let session = self.session;
        json.str_field("sessionId", &session.session_id);
        json.str_field("channel", self.channel());
        self.times(json);
        json.str_field("botId", &self.bot_id());
        json.str_field("userId", &session.customer.id);
        self.channel_user(json);
        json.str_field("orgId", &self.org_id());
        if self.version == Version::V2 {
            json.str_field("smartStatus", session.smart_status);
            json.str_field("reason", "");
        }
        self.disconnecting_event(json);
        if self.version == Version::V2 {
            json.str_field("errorDetails", self.error_details());
        }
        json.str_field("finalStatus", session.final_status);
        if self.version == Version::V2 {
            self.automation_bots(json);
        }
        self.customer_info(json);
        self.skills(json);
        self.tags(json);
        self.root_oddities(json);
    }

    fn conversation(&self, json: &mut Json<'_>) {
        let session = self.session;
        if let Some(id) = &session.conversation_id {
            json.str_field("conversationId", id);
        }
        json.str_field("sessionId", &session.session_id);
        json.str_field("channel", self.channel());
        if self.version == Version::V2 {
            let voicemail = session.outline.shape == Shape::Voicemail;
            match session.oddity {
                Some(Oddity::BooleanVoicemail) => json.bool_field("isVoicemail", voicemail),
                _ => json.str_field("isVoicemail", if voicemail { "YES" } else { "NO" }),
            }
            json.str_field("Direction", self.direction());
        }
        self.skills(json);
        json.str_field("finalStatus", session.final_status);
        if self.version == Version::V2 {
            json.str_field("smartStatus", session.smart_status);
            json.str_field("reason", session.dispositions.first().copied().unwrap_or(""));
        }
        self.disconnecting_event(json);
        if self.version == Version::V2 {
            json.str_field("errorDetails", self.error_details());
        }
        json.str_field("botId", &self.bot_id());
        json.array_field("dispositions", |json| {
            session.dispositions.iter().for_each(|d| json.str(d))
        });
        json.array_field("dispositionRemarks", |json| {
            session.remarks.iter().for_each(|r| json.str(r))
        });
        json.object_field("metaInfo", |json| self.meta_info(json));
        self.customer_info(json);
        self.times(json);
        if !session.outline.outbound {
            self.channel_user(json);
        }
        json.str_field("userId", &session.customer.id);
        match session.oddity {
            Some(Oddity::NullDestinations) => json.raw_field("destinations", "null"),
            _ => json.array_field("destinations", |json| {
                session
                    .destinations
                    .iter()
                    .for_each(|d| self.destination(json, d));
            }),
        }
        if self.version == Version::V2 {
            self.automation_bots(json);
        }
        self.tags(json);
        self.survey(json);
        self.campaign_info(json);
        self.root_oddities(json);
    }

    fn times(&self, json: &mut Json<'_>) {
        let outline = &self.session.outline;
        match self.session.oddity {
            Some(Oddity::SpacedTime) => {
                json.spaced_time_field("sessionStartTime", outline.start, outline.index.is_multiple_of(2));
            }
            _ => json.naive_field("sessionStartTime", outline.start),
        }
        json.naive_field("sessionEndTime", outline.end);
    }

    fn channel_user(&self, json: &mut Json<'_>) {
        match self.session.oddity {
            Some(Oddity::NullChannelUser) => json.raw_field("channelSpecificUserId", "null"),
            _ => json.str_field("channelSpecificUserId", &self.session.channel_user_id),
        }
    }

    fn disconnecting_event(&self, json: &mut Json<'_>) {
        match self.session.oddity {
            Some(Oddity::TextAsNumber) => json.int_field("disconnectingEvent", 7),
            _ => json.str_field("disconnectingEvent", self.session.disconnecting_event),
        }
    }

    fn automation_bots(&self, json: &mut Json<'_>) {
        json.array_field("automationBotIDs", |json| {
            json.str(&self.automation_bot());
            if self.session.bits & 0x30 == 0 {
                json.str(&self.bot_id());
            }
        });
    }

    fn customer_info(&self, json: &mut Json<'_>) {
        if !self.fields.customer_info {
            return;
        }
        let Person {
            first,
            last,
            email,
            phone,
            ..
        } = &self.session.customer;
        let conversation = self.session.conversation_id.is_some();
        let (center, named) = match self.session.outline.channel {
            Channel::Voice => (self.session.center_phone, self.session.outline.outbound),
            Channel::Chat | Channel::WhatsApp | Channel::Email | Channel::AgentAssist => ("", conversation),
        };
        json.object_field("customerinfo", |json| {
            json.str_field("CustomerPhone", phone);
            json.str_field("CenterPhone", center);
            if self.version == Version::V1 && !conversation {
                json.str_field("Direction", self.direction());
            }
            json.str_field("CustomerFirstName", if named { first } else { "" });
            json.str_field("CustomerLastName", if named { last } else { "" });
            json.str_field("CustomerEmail", if named { email } else { "" });
            if self.version == Version::V1 && conversation {
                json.str_field("Direction", self.direction());
            }
        });
    }

    fn skills(&self, json: &mut Json<'_>) {
        if !self.fields.skills {
            return;
        }
        json.array_field("skills", |json| {
            for skill in &self.session.skills {
                json.object(|json| {
                    json.str_field("id", &self.skill_id(*skill));
                    json.str_field("name", SKILLS[*skill]);
                });
            }
        });
    }

    fn tags(&self, json: &mut Json<'_>) {
        let lists = [
            (self.fields.user_tags, "userleveltags", &self.session.user_tags),
            (
                self.fields.session_tags,
                "sessionleveltags",
                &self.session.session_tags,
            ),
        ];
        for (selected, name, tags) in lists {
            if !selected {
                continue;
            }
            json.array_field(name, |json| {
                for (name, value) in tags {
                    json.object(|json| {
                        json.str_field("name", name);
                        json.str_field("value", value);
                    });
                }
            });
        }
    }

    fn survey(&self, json: &mut Json<'_>) {
        match self.session.survey {
            None => {}
            Some(Survey::Csat(tenths, words)) => {
                match tenths % 10 {
                    0 => json.int_field("csatScore", tenths / 10),
                    tenth => json.raw_field("csatScore", &format!("{}.{tenth}", tenths / 10)),
                }
                if words {
                    json.str_field("csatFeedback", "Très bien, merci ! \u{1f44d}");
                }
                json.str_field("surveyType", "csat");
            }
            Some(Survey::Nps(score)) => {
                json.int_field("npsScore", score);
                json.str_field("surveyType", "nps");
            }
            Some(Survey::LikeDislike(score)) => {
                json.int_field("likeDislikeScore", score);
                json.str_field("surveyType", "likeDislike");
            }
        }
    }

    fn campaign_info(&self, json: &mut Json<'_>) {
        let Some(campaign) = &self.session.campaign else {
            return;
        };
        if !self.fields.campaign_info {
            return;
        }
        let id = |what: u64| format!("{:024x}", mix(self.seed, what * 64 + campaign.number as u64));
        json.object_field("campaigninfo", |json| {
            json.str_field("campaignName", CAMPAIGNS[campaign.number]);
            json.str_field("campaignId", &id(0xca1));
            json.str_field("campaignInstanceId", &id(0xca2));
            json.str_field("campaignDialingListId", &id(0xca3));
            match campaign.attempt {
                Some(attempt) => json.int_field("attempt", attempt),
                None => json.str_field("attempt", ""),
            }
            json.str_field("contactStatus", "CONNECTED");
            json.utc_field("campaignRunDate", campaign.run, 0);
            json.array_field("contactListName", |json| {
                json.str("Main list");
                if campaign.number > 2 {
                    json.str("Größere Städte");
                }
            });
        });
    }

    fn destination(&self, json: &mut Json<'_>, destination: &Destination) {
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

    fn meta_info(&self, json: &mut Json<'_>) {
        match (self.session.oddity, self.session.outline.channel) {
            (Some(Oddity::EmptyMetaInfo), _) => return,
            (_, _) if self.session.outline.outbound => self.outbound_meta(json),
            (_, Channel::Voice) => self.voice_meta(json),
            _ => self.chat_meta(json),
        }
        match self.session.oddity {
            Some(Oddity::CustomMetaInfo) => {
                json.str_field("loyaltyNumber", &format!("L-{}", self.session.bits >> 44));
                json.raw_field(
                    "basket",
                    r#"{"items":[{"sku":"A-1","n":2}],"total":19.90,"gift":null}"#,
                );
                json.raw_field("lastVisits", "[1759214063,1759300463]");
            }
            Some(Oddity::KeysThatNeedEscapes) => {
                json.str_field("a/b~c", "pointer");
                json.str_field("say \"hi\"", "quoted");
                json.raw_field("", "{\"\":0}");
                json.str_field("ключ", "\u{0}\u{1f}");
            }
            _ => {}
        }
    }

    fn voice_meta(&self, json: &mut Json<'_>) {
        let session = self.session;
        json.str_field("caller", &session.customer.phone);
        json.str_field("callee", session.center_phone);
        json.str_field("callerHost", &format!("198.51.100.{}", session.bits >> 12 & 255));
        json.str_field("userId", &session.customer.id);
        json.str_field("dialedNumber", session.center_phone);
        json.object_field("agentTransferConfig", |json| {
            json.array_field("skillsIds", |json| {
                session.skills.iter().for_each(|s| json.str(&self.skill_id(*s)));
            });
            self.transfer_config(json, true);
            json.str_field("accountId", &self.account_id());
        });
        json.object_field("workinghours", |json| {
            json.str_field("workdays", "mon,tue,wed,thu,fri");
            json.str_field("workstart", "8:00 AM");
            json.str_field("workend", "5:00 PM");
        });
        json.str_field("profImage", "no-avatar");
        json.str_field(
            "profColour",
            COLOURS[(session.bits >> 8) as usize % COLOURS.len()],
        );
        json.str_field("jTitle", "");
        json.str_field("dept", "");
        json.str_field("activationStatus", "active");
        json.str_field("firstName", "");
        json.str_field("lastName", "");
        json.str_field("orgId", &self.org_id());
        json.str_field("_id", &session.customer.id);
        if self.version == Version::V2 {
            json.str_field("accountId", &self.account_id());
        }
        json.array_field("identities", |json| {
            identity(json, &format!("{}/{}", client_id(self.seed), session.connection));
            identity(
                json,
                &format!("{}/korevg/{}", self.account_id(), session.connection),
            );
            self.more_identities(json);
        });
        json.object_field("transcribeConfig", |json| {
            json.bool_field("transcribe", session.bits & 0x40 == 0)
        });
    }

    fn chat_meta(&self, json: &mut Json<'_>) {
        let session = self.session;
        let email = session.outline.channel == Channel::Email;
        json.str_field("firstName", session.customer.first);
        json.str_field("lastName", session.customer.last);
        json.str_field(if email { "emailId" } else { "email" }, &session.customer.email);
        json.str_field("phoneNumber", &session.customer.phone[1..]);
        if session.bits & 0x300 == 0 {
            json.str_field("category", "i18n");
            json.bool_field("sendTranscriptLink", session.bits & 0x40 == 0);
        }
        if session.bits & 0xc000 == 0 {
            json.object_field("customData", |json| {
                json.str_field("page", "/pricing");
                json.int_field("visits", (session.bits >> 50) as i64);
            });
        }
        json.array_field("identities", |json| {
            identity(json, &format!("{}/{}", client_id(self.seed), session.connection));
            self.more_identities(json);
        });
        json.object_field("agentTransferConfig", |json| self.transfer_config(json, false));
        if email {
            return;
        }
        json.str_field("ipAddress", &format!("203.0.113.{}", session.bits >> 24 & 255));
        if session.bits & 0x3000 == 0 {
            let (city, country, isp) = CITIES[(session.bits >> 16) as usize % CITIES.len()];
            json.str_field("city", city);
            json.str_field("country", country);
            json.str_field("isp", isp);
            json.str_field("device", "NA");
        }
        json.str_field("hostDomain", "https://shop.example.com");
        json.str_field(
            "os",
            ["Windows", "Mac OS", "Android", "iOS"][(session.bits >> 34) as usize % 4],
        );
    }

    fn outbound_meta(&self, json: &mut Json<'_>) {
        let session = self.session;
        json.str_field("userId", &session.customer.id);
        json.str_field("firstName", session.customer.first);
        json.str_field("lastName", session.customer.last);
        json.str_field("caller", session.center_phone);
        json.str_field("callee", &session.customer.phone);
        json.str_field("countryCode", "1");
        json.str_field("dialedNumber", session.center_phone);
        json.str_field("endUserNumber", &session.customer.phone);
        if let Some(campaign) = &session.campaign {
            json.str_field("campaignName", CAMPAIGNS[campaign.number]);
            json.str_field("Initiation", "Campaign");
            if let Some(attempt) = campaign.attempt {
                json.int_field("attempt", attempt);
            }
        }
        json.object_field("agentTransferConfig", |json| {
            json.str_field("automationBotId", &self.automation_bot());
        });
    }

    fn transfer_config(&self, json: &mut Json<'_>, voice: bool) {
        let session = self.session;
        let (intent, words) = INTENTS[session.intent];
        json.bool_field("overrideAgents", session.bits & 0x7f_0000 == 0);
        json.array_field("overrideValues", |json| {
            if session.bits & 0x7f_0000 == 0 {
                json.str(&pools::agent(self.seed, session.bits % pools::AGENTS).id);
            }
        });
        json.object_field("assistEvents", |json| {
            json.object_field("startEvent", |json| {
                if self.version == Version::V1 || !voice {
                    json.str_field("botId", &self.bot_id());
                }
                json.bool_field("isEnabled", false);
                if session.bits & 0x1e00 == 0 {
                    json.str_field("dialogId", &pools::short_id("dg-0", mix(self.seed, 0xd1)));
                    json.str_field("dialogRefId", &pools::short_id("6", mix(self.seed, 0xd2)));
                }
            });
        });
        json.str_field("automationBotId", &self.automation_bot());
        json.str_field("lastIntentName", intent);
        if self.version == Version::V2 {
            json.str_field("lastIntentuserInput", words);
        }
        if self.version == Version::V2 || !voice {
            json.array_field("dialog_tone", |json| {
                for (name, total, count) in &session.tones {
                    json.object(|json| {
                        json.str_field("tone_name", name);
                        match (total % count, total / count) {
                            (0, level) => json.int_field("level", level),
                            // Tones are counted once or twice: what is not whole is a half.
                            _ => json.raw_field("level", &format!("{:.1}", *total as f64 / 2.0)),
                        }
                        json.int_field("count", *count);
                        json.int_field("totalLevel", *total);
                    });
                }
            });
        }
        if session.bits & 0x0f00_0000 == 0 {
            json.str_field("noAgentsFlowId", &pools::short_id("cf-0", mix(self.seed, 0xcf)));
        }
    }

    fn more_identities(&self, json: &mut Json<'_>) {
        for number in 0..self.session.more_identities {
            identity(
                json,
                &format!("{}/{:016x}", client_id(self.seed), mix(self.session.bits, number)),
            );
        }
    }

    fn root_oddities(&self, json: &mut Json<'_>) {
        if self.session.oddity == Some(Oddity::UnknownRootFields) {
            json.str_field("Reason", "Transferred");
            json.raw_field("sentiment", r#"{"overall":-0.25,"turns":[0.5,-1,0]}"#);
            json.raw_field("wrapUpCodes", "[]");
        }
    }

    fn error_details(&self) -> &'static str {
        if self.session.bits & 0xff0 == 0 {
            "Speech service timed out"
        } else {
            ""
        }
    }

    fn channel(&self) -> &'static str {
        match (self.session.outline.channel, self.version) {
            (Channel::AgentAssist, Version::V1) => "agentassist",
            (channel, _) => channel.label(),
        }
    }

    fn direction(&self) -> &'static str {
        if self.session.outline.outbound {
            "Outbound"
        } else {
            "Inbound"
        }
    }

    fn bot_id(&self) -> String {
        bot_id(self.seed, self.session)
    }

    fn automation_bot(&self) -> String {
        pools::short_id("st-1", mix(self.seed, 0xb17))
    }

    fn org_id(&self) -> String {
        org_id(self.seed)
    }

    fn account_id(&self) -> String {
        format!("{:024x}", account_bits(self.seed))
    }

    fn skill_id(&self, skill: usize) -> String {
        format!("6834045b{:016x}", mix(self.seed, 0x5c11 + skill as u64))
    }
}

fn identity(json: &mut Json<'_>, value: &str) {
    json.object(|json| {
        json.str_field("val", value);
        json.str_field("type", "mapped");
    });
}
