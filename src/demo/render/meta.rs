//! `metaInfo`: what the channel and the automation put into a record.

use super::{Record, Version};
use crate::demo::json::Json;
use crate::demo::outline::Channel;
use crate::demo::pools::{self, CAMPAIGNS, CITIES, COLOURS, INTENTS};
use crate::demo::random::mix;
use crate::demo::session::{Oddity, client_id};

impl Record<'_> {
    pub(super) fn meta_info(&self, json: &mut Json<'_>) {
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
}

fn identity(json: &mut Json<'_>, value: &str) {
    json.object(|json| {
        json.str_field("val", value);
        json.str_field("type", "mapped");
    });
}
