//! Every value of a session, before it is written in the words of one of the API's versions.

use super::outline::{Channel, Outline, Phase, Shape};
use super::pools::{self, CAMPAIGNS, DISPOSITIONS, Person, SKILLS};
use super::random::{Draw, mix, push_hex, uuid};
use super::route;

/// How many customers the contact centre has.
const CUSTOMERS: u64 = 250_000;

/// Everything that is to be said of a session. Times are seconds since 1970 in UTC.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) outline: Outline,
    pub(super) session_id: String,
    /// Present in agent conversations only.
    pub(super) conversation_id: Option<String>,
    pub(super) customer: Person,
    /// The connection's id, part of several others.
    pub(super) connection: String,
    pub(super) channel_user_id: String,
    pub(super) center_phone: &'static str,
    pub(super) final_status: &'static str,
    pub(super) smart_status: &'static str,
    pub(super) disconnecting_event: &'static str,
    pub(super) dispositions: Vec<&'static str>,
    pub(super) remarks: Vec<String>,
    pub(super) destinations: Vec<Destination>,
    /// Indices into [`SKILLS`].
    pub(super) skills: Vec<usize>,
    /// An index into [`pools::INTENTS`].
    pub(super) intent: usize,
    /// Tone, sum of levels, count.
    pub(super) tones: Vec<(&'static str, i64, i64)>,
    /// Identities beyond the usual one or two.
    pub(super) more_identities: u64,
    pub(super) user_tags: Vec<(&'static str, String)>,
    pub(super) session_tags: Vec<(&'static str, String)>,
    pub(super) campaign: Option<Campaign>,
    pub(super) survey: Option<Survey>,
    /// Bits for values that nothing else depends on.
    pub(super) bits: u64,
    pub(super) oddity: Option<Oddity>,
    /// Whether characters beyond ASCII are written as `\u` escapes.
    pub(super) ascii: bool,
}

/// A queue that the session entered, or an agent it was given to directly.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    Queue(QueueEntry),
    Agent(Segment),
}

#[derive(Clone, Debug)]
pub(super) struct QueueEntry {
    /// An index into [`pools::QUEUES`].
    pub(super) queue: usize,
    pub(super) entered: i64,
    /// Opted, initiated and accepted.
    pub(super) callback: Option<[i64; 3]>,
    pub(super) responding: Option<Segment>,
    pub(super) non_responding: Vec<Segment>,
    /// An outbound entry has its id only.
    pub(super) id_only: bool,
}

/// An agent's part in a session.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Number of the agent.
    pub(super) agent: u64,
    pub(super) notes: Vec<String>,
    pub(super) assigned: i64,
    /// Absent where the agent did not take the session.
    pub(super) answer: Option<Answer>,
    pub(super) non_response: Option<&'static str>,
    pub(super) consulting: Vec<Consulting>,
    /// Number of the agent, joined, left.
    pub(super) joined: Vec<(u64, i64, i64)>,
    pub(super) transferred_outside: Option<i64>,
    pub(super) snoozed_until: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) accepted: i64,
    pub(super) first_response: Option<i64>,
    pub(super) ended: i64,
    pub(super) hold: Option<i64>,
    pub(super) after_work: i64,
    pub(super) translated: Option<bool>,
}

#[derive(Clone, Debug)]
pub(super) struct Consulting {
    /// Number of the agent; absent where an outside number was consulted.
    pub(super) agent: Option<u64>,
    pub(super) assigned: i64,
    pub(super) accepted: i64,
    pub(super) ended: i64,
    pub(super) merged: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Campaign {
    /// An index into [`CAMPAIGNS`].
    pub(super) number: usize,
    /// Absent where the API writes `""`.
    pub(super) attempt: Option<i64>,
    pub(super) run: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Survey {
    /// The score, in tenths, and whether there were words with it.
    Csat(i64, bool),
    Nps(i64),
    LikeDislike(i64),
}

/// Something in a record that no schema can foresee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oddity {
    UnknownRootFields,
    UnknownNestedField,
    CustomMetaInfo,
    NullChannelUser,
    BooleanVoicemail,
    NumberAsText,
    TextAsNumber,
    SpacedTime,
    HugeNumber,
    NullDestinations,
    EmptyMetaInfo,
    KeysThatNeedEscapes,
}

pub(super) const ODDITIES: [Oddity; 12] = [
    Oddity::UnknownRootFields,
    Oddity::UnknownNestedField,
    Oddity::CustomMetaInfo,
    Oddity::NullChannelUser,
    Oddity::BooleanVoicemail,
    Oddity::NumberAsText,
    Oddity::TextAsNumber,
    Oddity::SpacedTime,
    Oddity::HugeNumber,
    Oddity::NullDestinations,
    Oddity::EmptyMetaInfo,
    Oddity::KeysThatNeedEscapes,
];

/// What all sessions of a contact centre share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Centre {
    pub(super) seed: u64,
    /// The conversation that an agent-assistance row embeds.
    pub(super) assisted: Option<u64>,
    /// Seconds of after-call work.
    pub(super) after_work: i64,
}

/// The id of a session: an ObjectId, whose first 8 digits are its start. Unique for every index of a data set, for
/// its last 6 digits count the sessions.
pub(super) fn session_id(seed: u64, index: u64, start: i64) -> String {
    let machine = mix(seed, 0x5e55_0000 + index % 4) as u32;
    let process = mix(seed, index % 4) as u8;
    let counter = index.wrapping_add(mix(seed, 0xc0) & 0xff_ffff) as u32 & 0xff_ffff;
    let mut id = String::with_capacity(24);
    let bytes = [
        &(start as u32).to_be_bytes()[..],
        &machine.to_be_bytes(),
        &[process],
        &counter.to_be_bytes()[1..],
    ];
    for byte in bytes.into_iter().flatten() {
        push_hex(&mut id, *byte);
    }
    id
}

/// The id that the conversation of session `index` has if it comes to one.
pub(super) fn conversation_id(seed: u64, index: u64) -> String {
    pools::short_id("c-", mix(seed ^ 0xc0_4e5a, index))
}

impl Session {
    /// Draws a session's values. `draw` continues after the outline's own draws.
    pub(super) fn draw(draw: &mut Draw, centre: &Centre, outline: Outline) -> Self {
        let seed = centre.seed;
        let bits = draw.bits();
        let customer = pools::customer(seed, draw.below(CUSTOMERS));
        let connection = uuid(draw.bits128());
        let conversation_id = outline
            .has_conversation()
            .then(|| conversation_id(seed, outline.index));
        let mut session = Self {
            session_id: session_id(seed, outline.index, outline.start),
            conversation_id,
            channel_user_id: channel_user_id(seed, centre, &outline, &customer, &connection, bits),
            connection,
            center_phone: draw.pick(&["+12025550143", "+13055550110", "+442079460018", "+4930901820"]),
            final_status: final_status(&outline),
            smart_status: smart_status(&outline),
            disconnecting_event: disconnecting_event(draw, &outline),
            dispositions: Vec::new(),
            remarks: Vec::new(),
            destinations: Vec::new(),
            skills: (0..draw.below(4))
                .map(|_| draw.below(SKILLS.len() as u64) as usize)
                .collect(),
            intent: draw.below(pools::INTENTS.len() as u64) as usize,
            tones: tones(draw),
            more_identities: if draw.permille(2) { draw.below(20) + 52 } else { 0 },
            user_tags: user_tags(draw),
            session_tags: session_tags(draw, &outline, &customer),
            campaign: campaign(draw, &outline),
            survey: survey(draw, &outline),
            bits,
            oddity: draw.permille(10).then(|| draw.pick(&ODDITIES)),
            ascii: draw.permille(20),
            customer,
            outline,
        };
        if session.conversation_id.is_some() {
            session.draw_dispositions(draw);
            session.destinations = route::draw(draw, &session, centre.after_work);
        }
        session
    }

    /// What the agent, and later editors, made of the session.
    fn draw_dispositions(&mut self, draw: &mut Draw) {
        if self.outline.phase == Phase::Closed {
            match self.outline.shape {
                Shape::Abandoned => {}
                Shape::DropOff | Shape::Voicemail => {
                    self.dispositions.push("DROP-OFF");
                    self.remarks.push("-".to_owned());
                }
                _ => {
                    self.dispositions.push(draw.pick(&DISPOSITIONS));
                    if draw.permille(150) {
                        self.dispositions.push(draw.pick(&DISPOSITIONS));
                    }
                    if draw.permille(500) {
                        self.remarks
                            .push(pools::note(draw.bits(), draw.between(1, 3) as usize));
                    }
                }
            }
        }
        if self.outline.revision > 0 {
            let revision = self.outline.revision;
            self.dispositions = vec![DISPOSITIONS[revision as usize % DISPOSITIONS.len()]];
            self.remarks = vec![format!("edited {revision} times")];
            self.survey = Some(Survey::Csat(i64::from(revision % 5) * 10 + 5, true));
        }
    }
}

fn channel_user_id(
    seed: u64,
    centre: &Centre,
    outline: &Outline,
    customer: &Person,
    connection: &str,
    bits: u64,
) -> String {
    match (outline.channel, centre.assisted) {
        (Channel::AgentAssist, Some(assisted)) => conversation_id(seed, assisted),
        (Channel::Voice, _) if !outline.shape.at_bot() => {
            format!("{:024x}/korevg/{connection}", account_bits(seed))
        }
        (Channel::Email, _) => customer.email.clone(),
        (Channel::Chat, _) if bits & 3 == 0 => customer.email.clone(),
        (Channel::WhatsApp, _) => customer.phone[1..].to_owned(),
        _ => format!("{}/{connection}", client_id(seed)),
    }
}

/// The number whose hexadecimal digits stand for the account inside of records.
pub(super) fn account_bits(seed: u64) -> u128 {
    u128::from(mix(seed, 0xacc0)) | (0x6765_4be3 << 64)
}

/// The id of the client app that the web and voice channels use.
pub(super) fn client_id(seed: u64) -> String {
    format!("cs-{}", uuid(pools::uuid_bits(mix(seed, 0xc5), 5)))
}

fn final_status(outline: &Outline) -> &'static str {
    match (outline.phase, outline.shape) {
        (Phase::AtBot | Phase::Open, _) => "TRANSIENT_OPEN",
        (Phase::Closed, Shape::BotVoice | Shape::BotChat | Shape::AgentAssist) => "BotResolved",
        (Phase::Closed, Shape::Abandoned) => "USER ABANDONED",
        (Phase::Closed, _) => "CLOSED",
    }
}

fn smart_status(outline: &Outline) -> &'static str {
    match (outline.phase, outline.shape) {
        (Phase::AtBot | Phase::Open, _) => "OPEN",
        (Phase::Closed, Shape::BotVoice | Shape::BotChat | Shape::AgentAssist) => "CLOSED AT BOT",
        (Phase::Closed, Shape::Abandoned) => "ABANDONED IN QUEUE",
        (Phase::Closed, _) => "CLOSED",
    }
}

fn disconnecting_event(draw: &mut Draw, outline: &Outline) -> &'static str {
    if outline.phase != Phase::Closed {
        return "";
    }
    match (outline.shape, outline.channel) {
        (Shape::BotVoice, _) => draw.pick(&["Bot Hangup", "User Hangup"]),
        (Shape::BotChat | Shape::AgentAssist, _) => "",
        (Shape::Abandoned, _) => "User Hangup",
        (_, Channel::Voice) => draw.pick(&["Agent Hangup", "User Hangup", "Bot Hangup"]),
        _ => draw.pick(&["Agent Closed", "User Closed", "System Closed"]),
    }
}

fn tones(draw: &mut Draw) -> Vec<(&'static str, i64, i64)> {
    if !draw.permille(80) {
        return Vec::new();
    }
    let names = ["sad", "joy", "angry", "fear", "positive", "disgust"];
    (0..draw.between(1, 3))
        .map(|_| (draw.pick(&names), draw.between(-6, 6), draw.between(1, 2)))
        .collect()
}

fn user_tags(draw: &mut Draw) -> Vec<(&'static str, String)> {
    if !draw.permille(120) {
        return Vec::new();
    }
    let mut tags = vec![("tier", (draw.pick(&["gold", "silver", "Ümläut"])).to_owned())];
    if draw.permille(400) {
        tags.push(("lifetimeValue", draw.between(0, 90_000).to_string()));
    }
    tags
}

fn session_tags(draw: &mut Draw, outline: &Outline, customer: &Person) -> Vec<(&'static str, String)> {
    match outline.channel {
        Channel::Voice if !outline.outbound => {
            let mut tags = vec![
                ("audioCodesCallDisconnect", "1".to_owned()),
                ("callerNumber", customer.phone.clone()),
            ];
            if !outline.shape.at_bot() {
                tags.push(("voiceAgentTransferStart", "1".to_owned()));
            }
            tags.push(("welcomeMessageTwilio", "1".to_owned()));
            tags
        }
        _ if draw.permille(200) => vec![(
            "page",
            format!("/help/{}?q=\"{}\"", draw.below(90), draw.below(900)),
        )],
        _ => Vec::new(),
    }
}

fn campaign(draw: &mut Draw, outline: &Outline) -> Option<Campaign> {
    if !outline.outbound || !draw.permille(600) {
        return None;
    }
    Some(Campaign {
        number: draw.below(CAMPAIGNS.len() as u64) as usize,
        attempt: (!draw.permille(100)).then(|| draw.between(1, 4)),
        run: outline.start - draw.between(30, 7200),
    })
}

fn survey(draw: &mut Draw, outline: &Outline) -> Option<Survey> {
    if outline.shape.at_bot() || outline.phase != Phase::Closed || !draw.permille(90) {
        return None;
    }
    Some(match draw.below(3) {
        0 => Survey::Csat(draw.between(2, 10) * 5, draw.permille(300)),
        1 => Survey::Nps(draw.between(0, 10)),
        _ => Survey::LikeDislike(draw.between(0, 1)),
    })
}
