//! What is known of a session without making its record: when it was and of which kind. The server keeps one
//! of these for each record.

use super::random::Draw;

/// How a session went, and so which fields its record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// A call that ended at the bot.
    BotVoice,
    /// A chat that ended at the bot.
    BotChat,
    /// A zero-length row of the agent-assistance bot, which embeds a real conversation's id.
    AgentAssist,
    /// An agent answered, perhaps after others did not.
    Answered,
    /// The customer was called back.
    Callback,
    /// The customer left a message.
    Voicemail,
    /// The customer left before an agent answered.
    Abandoned,
    /// No agent answered.
    DropOff,
    /// Taken from an agent who did not answer and given to others: agent segments written inline.
    Reassigned,
    /// Agents or outside numbers were consulted, users joined, some calls were transferred outside.
    Consulted,
    /// E-mail, over hours or days.
    Email,
    /// Called by an agent or a campaign.
    Outbound,
    /// An agent session that is shown as open.
    StillOpen,
}

/// Shapes and how many of 1,000 sessions have each.
pub(super) const SHAPES: [(Shape, u64); 13] = [
    (Shape::Answered, 400),
    (Shape::BotVoice, 190),
    (Shape::BotChat, 130),
    (Shape::Callback, 50),
    (Shape::Abandoned, 50),
    (Shape::Reassigned, 35),
    (Shape::DropOff, 30),
    (Shape::Consulted, 30),
    (Shape::Outbound, 25),
    (Shape::Voicemail, 20),
    (Shape::Email, 20),
    (Shape::AgentAssist, 15),
    (Shape::StillOpen, 5),
];

impl Shape {
    /// Whether the session never had a conversation with an agent.
    pub(super) fn at_bot(self) -> bool {
        matches!(self, Self::BotVoice | Self::BotChat | Self::AgentAssist)
    }
}

/// Where a session took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Channel {
    Voice,
    Chat,
    WhatsApp,
    Email,
    AgentAssist,
}

impl Channel {
    /// As records have it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Voice => "Voice",
            Self::Chat => "Web/Mobile Client",
            Self::WhatsApp => "WhatsApp Messaging",
            Self::Email => "Email",
            Self::AgentAssist => "AgentAssistV2",
        }
    }

    /// As requests have it in `channels`.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Chat => "rtm",
            Self::WhatsApp => "whatsapp",
            Self::Email => "email",
            Self::AgentAssist => "agentassist",
        }
    }
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// With the bot: no conversation yet.
    AtBot,
    /// With an agent, or waiting for one.
    Open,
    Closed,
}

/// When a session was and of which kind. Times are seconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outline {
    pub(super) index: u64,
    pub(super) start: i64,
    /// The start while the session is open.
    pub(super) end: i64,
    /// When the record changed last.
    pub(super) updated: i64,
    pub(super) shape: Shape,
    pub(super) channel: Channel,
    pub(super) outbound: bool,
    pub(super) phase: Phase,
    /// How often the record was edited after it closed.
    pub(super) revision: u32,
}

impl Outline {
    /// Whether the record has a conversation id.
    pub(super) fn has_conversation(&self) -> bool {
        !self.shape.at_bot() && self.phase != Phase::AtBot
    }

    /// When the session goes to an agent, when it ends, and when the work after its end does; for a session as
    /// it has come to in the end.
    pub(super) fn changes(&self) -> [i64; 3] {
        let handover = self.start + ((self.end - self.start) / 5).min(30);
        [handover, self.end, self.updated]
    }

    /// The session as it is at `now`, of what it has come to in the end; nothing where it has not started.
    pub(super) fn as_of(self, now: i64) -> Option<Self> {
        let [handover, end, updated] = self.changes();
        if now < self.start {
            return None;
        }
        if now >= updated {
            return Some(self);
        }
        if now >= end {
            return Some(Self { updated: end, ..self });
        }
        let (phase, since) = if self.shape.at_bot() || now < handover {
            (Phase::AtBot, self.start)
        } else {
            (Phase::Open, handover)
        };
        Some(Self {
            phase,
            end: self.start,
            updated: since,
            ..self
        })
    }
}

/// Draws what a session that starts at `start` will have come to in the end, and the seconds of after-call work.
/// `longest` bounds its length in seconds.
pub(super) fn draw(draw: &mut Draw, index: u64, start: i64, longest: i64) -> (Outline, i64) {
    let mut at = draw.below(1000);
    let mut shape = Shape::Answered;
    for (candidate, share) in SHAPES {
        if at < share {
            shape = candidate;
            break;
        }
        at -= share;
    }
    let channel = channel(draw, shape);
    // Most sessions are short and a few are long: the product of two even draws.
    let skewed = |draw: &mut Draw, low: i64, high: i64| {
        low + draw.between(0, 1000) * draw.between(0, high - low) / 1000
    };
    let seconds = match shape {
        Shape::AgentAssist | Shape::StillOpen => 0,
        Shape::BotVoice | Shape::BotChat => skewed(draw, 2, 400),
        Shape::Abandoned | Shape::Voicemail | Shape::DropOff => skewed(draw, 12, 600),
        Shape::Answered | Shape::Callback | Shape::Outbound => skewed(draw, 40, 2400),
        Shape::Reassigned | Shape::Consulted => skewed(draw, 120, 3600),
        Shape::Email => skewed(draw, 900, longest.max(1800)),
    };
    let end = start + seconds.min(longest.max(1));
    let after_work = if shape.at_bot() { 0 } else { skewed(draw, 2, 400) };
    let survey_delay = if draw.permille(60) {
        draw.between(60, 5400)
    } else {
        0
    };
    let outline = Outline {
        index,
        start,
        end,
        updated: end + after_work + survey_delay,
        shape,
        channel,
        outbound: shape == Shape::Outbound,
        phase: if shape == Shape::StillOpen {
            Phase::Open
        } else {
            Phase::Closed
        },
        revision: 0,
    };
    (outline, after_work)
}

fn channel(draw: &mut Draw, shape: Shape) -> Channel {
    match shape {
        Shape::AgentAssist => Channel::AgentAssist,
        Shape::Email => Channel::Email,
        Shape::BotChat => draw.pick(&[Channel::Chat, Channel::Chat, Channel::Chat, Channel::WhatsApp]),
        Shape::BotVoice | Shape::Callback | Shape::Voicemail | Shape::Consulted | Shape::Outbound => {
            Channel::Voice
        }
        Shape::Answered | Shape::Abandoned | Shape::DropOff | Shape::Reassigned | Shape::StillOpen => draw
            .pick(&[
                Channel::Voice,
                Channel::Voice,
                Channel::Voice,
                Channel::Chat,
                Channel::WhatsApp,
            ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        assert_eq!(SHAPES.iter().map(|(_, share)| share).sum::<u64>(), 1000);
    }

    #[test]
    fn no_session_is_longer_than_asked_or_ends_before_it_starts() {
        let base = Draw::new(3);
        for index in 0..5000 {
            for longest in [60, 3600, 43_200] {
                let (outline, _) = draw(&mut base.stream(index), index, 1000, longest);
                assert!(
                    (0..=longest).contains(&(outline.end - outline.start)),
                    "{outline:?}"
                );
                assert!(outline.updated >= outline.end);
            }
        }
    }
}
