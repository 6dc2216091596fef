//! Writes a session as a call-details record, in the words and the key order of the API's samples.

mod destinations;
mod meta;

use super::json::Json;
use super::outline::{Channel, Shape};
use super::pools::{self, CAMPAIGNS, Person, SKILLS};
use super::random::mix;
use super::session::{Oddity, Session, Survey, account_bits};

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
