//! Draws where a session went: queues, agents who did not answer and agents who did.

use super::outline::{Phase, Shape};
use super::pools::{self, AGENTS, QUEUES};
use super::random::Draw;
use super::session::{Answer, Consulting, Destination, QueueEntry, Segment, Session};

/// Where the session went. Its times divide the session's length: bot, queue, offer, talk.
pub(super) fn draw(draw: &mut Draw, session: &Session, after_work: i64) -> Vec<Destination> {
    let outline = &session.outline;
    let length = outline.end - outline.start;
    let entered = outline.start + draw.between(0, (length / 5).min(60));
    let assigned = entered + draw.between(0, (length / 6).min(120));
    let accepted = assigned + draw.between(0, (length / 6).min(40));
    let mut entry = QueueEntry {
        queue: draw.below(QUEUES.len() as u64) as usize,
        entered,
        callback: None,
        responding: None,
        non_responding: Vec::new(),
        id_only: false,
    };
    if outline.phase != Phase::Closed {
        return vec![Destination::Queue(entry)];
    }
    let answered = |draw: &mut Draw, from: i64, until: i64| {
        let mut segment = offered(draw, from, None);
        segment.answer = Some(Answer {
            accepted: until.min(from.max(accepted)),
            first_response: draw.permille(700).then(|| from.max(accepted).min(until)),
            ended: until,
            hold: draw.permille(250).then(|| draw.between(0, 90)),
            after_work,
            translated: draw.permille(40).then(|| draw.permille(500)),
        });
        segment
    };
    match outline.shape {
        Shape::BotVoice | Shape::BotChat | Shape::AgentAssist | Shape::StillOpen => {}
        Shape::Voicemail => {}
        Shape::Abandoned => {
            if draw.permille(400) {
                return Vec::new();
            }
        }
        Shape::DropOff => entry.non_responding = refusals(draw, entered, outline.end),
        Shape::Answered => {
            if draw.permille(120) {
                entry.non_responding = refusals(draw, entered, assigned);
            }
            entry.responding = Some(answered(draw, assigned, outline.end));
        }
        Shape::Callback => {
            let initiated = entered + draw.between(0, (assigned - entered).max(1));
            entry.callback = Some([entered, initiated, accepted]);
            entry.responding = Some(answered(draw, assigned, outline.end));
        }
        Shape::Outbound => {
            entry.id_only = true;
            entry.responding = Some(answered(draw, outline.start, outline.end));
        }
        Shape::Consulted => {
            let mut segment = answered(draw, assigned, outline.end);
            consult(draw, &mut segment, accepted, outline.end);
            entry.responding = Some(segment);
        }
        Shape::Reassigned => {
            entry.non_responding = refusals(draw, entered, assigned);
            let middle = i64::midpoint(accepted, outline.end);
            let mut route = vec![Destination::Queue(entry)];
            if draw.permille(400) {
                let mut segment = answered(draw, assigned, middle);
                consult(draw, &mut segment, accepted, middle);
                route.push(Destination::Agent(segment));
                let queue = draw.below(QUEUES.len() as u64) as usize;
                let responding = Some(answered(draw, middle, outline.end));
                let (callback, non_responding) = (None, Vec::new());
                let next = QueueEntry {
                    queue,
                    entered: middle,
                    callback,
                    responding,
                    non_responding,
                    id_only: false,
                };
                route.push(Destination::Queue(next));
            } else {
                route.push(Destination::Agent(answered(draw, assigned, outline.end)));
            }
            return route;
        }
        Shape::Email => {
            let middle = i64::midpoint(accepted, outline.end);
            let mut first = answered(draw, assigned, middle);
            first.snoozed_until = draw.permille(300).then_some(middle);
            entry.responding = Some(first);
            let mut route = vec![Destination::Queue(entry)];
            if draw.permille(500) {
                route.push(Destination::Agent(answered(draw, middle, outline.end)));
            }
            return route;
        }
    }
    vec![Destination::Queue(entry)]
}

/// An agent who was offered the session, and why it was not taken where it was not.
fn offered(draw: &mut Draw, assigned: i64, non_response: Option<&'static str>) -> Segment {
    let sentences = draw.between(1, 5) as usize;
    let notes = if draw.permille(750) {
        vec![pools::note(draw.bits(), sentences)]
    } else {
        Vec::new()
    };
    Segment {
        agent: draw.below(AGENTS),
        notes,
        assigned,
        answer: None,
        non_response,
        consulting: Vec::new(),
        joined: Vec::new(),
        transferred_outside: None,
        snoozed_until: None,
    }
}

/// Agents who did not take the session; one of them may stand there several times.
fn refusals(draw: &mut Draw, from: i64, until: i64) -> Vec<Segment> {
    let events = [
        None,
        Some("Supervisor Reassigned"),
        Some("Timed Out"),
        Some("Rejected"),
        Some("Auto Reassigned"),
    ];
    let mut segments = Vec::new();
    let mut agent = None;
    for position in 0..draw.between(1, 3) {
        let event = draw.pick(&events);
        let mut segment = offered(draw, (from + position * 15).min(until), event);
        if position > 0 || draw.permille(600) {
            segment.notes.clear();
        }
        if draw.permille(400) {
            segment.agent = agent.unwrap_or(segment.agent);
        }
        agent = Some(segment.agent);
        segments.push(segment);
    }
    segments
}

fn consult(draw: &mut Draw, segment: &mut Segment, from: i64, until: i64) {
    for _ in 0..draw.between(1, 2) {
        let assigned = draw.between(from, until);
        let accepted = draw.between(assigned, until);
        let ended = draw.between(accepted, until);
        let agent = draw.permille(600).then(|| draw.below(AGENTS));
        segment.consulting.push(Consulting {
            agent,
            assigned,
            accepted,
            ended,
            merged: draw.permille(300),
        });
    }
    if draw.permille(400) {
        let joined = draw.between(from, until);
        segment
            .joined
            .push((draw.below(AGENTS), joined, draw.between(joined, until)));
    }
    if draw.permille(200) {
        segment.transferred_outside = Some(until);
    }
}
