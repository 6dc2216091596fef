//! The measures, by the API vendor's definitions: the same as the views of `schemas/call_details.measures.sql`, which a test
//! holds them against. Counts and sums only, so that days can be added up.

/// What the measures ask of a session.
#[derive(Debug, Clone, Default)]
pub(super) struct Session<'a> {
    pub(super) has_conversation: bool,
    pub(super) channel: Option<&'a str>,
    pub(super) is_outbound: bool,
    pub(super) is_voicemail: bool,
    pub(super) final_status: Option<&'a str>,
    /// Microseconds since 1970 in UTC.
    pub(super) start: Option<i64>,
    /// Microseconds since 1970 in UTC.
    pub(super) end: Option<i64>,
    pub(super) destinations: Vec<Destination<'a>>,
}

/// A destination of a session: a queue entry, or an agent segment that is written inline.
#[derive(Debug, Clone, Default)]
pub(super) struct Destination<'a> {
    pub(super) is_segment: bool,
    pub(super) queue: Queue<'a>,
    /// When the session entered the queue, in microseconds since 1970 in UTC.
    pub(super) enter_time: Option<i64>,
    pub(super) callback_opted: bool,
    /// The agent of an inline segment.
    pub(super) own: Segment,
    /// The agent who responded to a queue entry.
    pub(super) responding: Option<Segment>,
}

/// What names a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Queue<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) name: Option<&'a str>,
}

/// An agent's work on a session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Segment {
    /// When the agent accepted, in microseconds since 1970 in UTC.
    pub(super) accepted: Option<i64>,
    /// Talk and hold, in seconds.
    pub(super) interaction: Option<i64>,
    /// Seconds.
    pub(super) after_call_work: Option<i64>,
}

/// Sessions of a channel, without the copies that agent assistance makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ChannelCounts {
    pub(super) sessions: u64,
    /// Ended at the bot.
    pub(super) contained: u64,
    /// Inbound conversations that were handed to agents.
    pub(super) offered: u64,
    /// Of these, those that the customer left before an agent answered.
    pub(super) abandoned: u64,
}

/// Entries and work of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct QueueCounts {
    /// Inbound entries.
    pub(super) offered: u64,
    pub(super) answered: u64,
    pub(super) abandoned: u64,
    /// First entries of sessions that were answered, without voicemail and callbacks.
    pub(super) speed_of_answer_count: u64,
    /// Their waits from entry to acceptance, in microseconds. A sum that 64 bits may be too few for: a field can hold any number.
    pub(super) speed_of_answer_micros: i128,
    /// Closed conversations that were in the queue.
    pub(super) closed: u64,
    /// Talk, hold and after-call work on them, in seconds.
    pub(super) handle_seconds: i128,
}

const CLOSED: &str = "CLOSED";
const ABANDONED: &str = "USER ABANDONED";

impl Session<'_> {
    /// Agent assistance leaves a row of no length that repeats another session's conversation.
    pub(super) fn is_agent_assist_copy(&self) -> bool {
        let is_assist = self.channel.is_some_and(|channel| {
            channel.eq_ignore_ascii_case("agentassist") || channel.eq_ignore_ascii_case("agentassistv2")
        });
        is_assist && self.start.is_some() && self.start == self.end
    }

    /// What the session adds to its channel.
    pub(super) fn of_channel(&self) -> ChannelCounts {
        if self.is_agent_assist_copy() {
            return ChannelCounts::default();
        }
        let is_offered = self.has_conversation && !self.is_outbound;
        ChannelCounts {
            sessions: 1,
            contained: (self.final_status == Some("BotResolved")).into(),
            offered: is_offered.into(),
            abandoned: (is_offered && self.final_status == Some(ABANDONED)).into(),
        }
    }

    /// What the session adds to each queue; a queue may come several times.
    pub(super) fn of_queues(&self, mut add: impl FnMut(Queue<'_>, QueueCounts)) {
        let is_closed = self.final_status == Some(CLOSED);
        let mut entries = 0;
        let mut queue = Queue::default();
        let mut closed_in = Vec::new();
        for (at, destination) in self.destinations.iter().enumerate() {
            let next = self.destinations.get(at + 1);
            if !destination.is_segment {
                entries += 1;
                queue = destination.queue;
                if !self.is_outbound {
                    add(queue, self.of_entry(destination, next, entries == 1));
                }
                closed_in.push(queue);
            }
            // The queue of an inline segment is that of the last entry before it, unless it names its own.
            let its_queue = Queue {
                id: destination.queue.id.or(queue.id),
                name: destination.queue.name.or(queue.name),
            };
            let inline = destination.is_segment.then_some(destination.own);
            for segment in inline.into_iter().chain(destination.responding) {
                closed_in.push(its_queue);
                if is_closed {
                    let handle_seconds = segment.handle_seconds();
                    add(
                        its_queue,
                        QueueCounts {
                            handle_seconds,
                            ..QueueCounts::default()
                        },
                    );
                }
            }
        }
        if is_closed {
            closed_in.sort_unstable();
            closed_in.dedup();
            for queue in closed_in {
                add(
                    queue,
                    QueueCounts {
                        closed: 1,
                        ..QueueCounts::default()
                    },
                );
            }
        }
    }

    fn of_entry(
        &self,
        entry: &Destination<'_>,
        next: Option<&Destination<'_>>,
        is_first: bool,
    ) -> QueueCounts {
        let by_next = next
            .filter(|next| next.is_segment)
            .and_then(|next| next.own.accepted);
        let answered = entry.responding.and_then(|agent| agent.accepted).or(by_next);
        let wait = answered
            .zip(entry.enter_time)
            .map(|(answered, entered)| i128::from(answered) - i128::from(entered));
        let speed = wait.filter(|_| is_first && !self.is_voicemail && !entry.callback_opted);
        let is_abandoned = self.final_status == Some(ABANDONED) && next.is_none() && answered.is_none();
        QueueCounts {
            offered: 1,
            answered: answered.is_some().into(),
            abandoned: is_abandoned.into(),
            speed_of_answer_count: speed.is_some().into(),
            speed_of_answer_micros: speed.unwrap_or_default(),
            ..QueueCounts::default()
        }
    }
}

impl Segment {
    /// Nothing where the interaction's length is not known.
    fn handle_seconds(self) -> i128 {
        let after_call_work = self.after_call_work.unwrap_or_default();
        self.interaction
            .map_or(0, |length| i128::from(length) + i128::from(after_call_work))
    }
}

impl ChannelCounts {
    pub(super) fn add(&mut self, other: ChannelCounts) {
        self.sessions += other.sessions;
        self.contained += other.contained;
        self.offered += other.offered;
        self.abandoned += other.abandoned;
    }

    /// Share of the sessions that ended at the bot.
    pub(super) fn containment(self) -> Option<f64> {
        share(self.contained, self.sessions)
    }

    pub(super) fn abandon_rate(self) -> Option<f64> {
        share(self.abandoned, self.offered)
    }
}

impl QueueCounts {
    pub(super) fn add(&mut self, other: QueueCounts) {
        self.offered += other.offered;
        self.answered += other.answered;
        self.abandoned += other.abandoned;
        self.speed_of_answer_count += other.speed_of_answer_count;
        self.speed_of_answer_micros += other.speed_of_answer_micros;
        self.closed += other.closed;
        self.handle_seconds += other.handle_seconds;
    }

    pub(super) fn abandon_rate(self) -> Option<f64> {
        share(self.abandoned, self.offered)
    }

    /// Seconds.
    pub(super) fn average_speed_of_answer(self) -> Option<f64> {
        (self.speed_of_answer_count > 0)
            .then(|| self.speed_of_answer_micros as f64 / 1e6 / self.speed_of_answer_count as f64)
    }

    /// Seconds.
    pub(super) fn average_handle_time(self) -> Option<f64> {
        (self.closed > 0).then(|| self.handle_seconds as f64 / self.closed as f64)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn entry(name: &str, entered: i64) -> Destination<'_> {
        Destination {
            queue: Queue {
                id: None,
                name: Some(name),
            },
            enter_time: Some(entered * SECOND),
            ..Destination::default()
        }
    }

    fn segment(accepted: i64, interaction: i64, after_call_work: i64) -> Segment {
        Segment {
            accepted: Some(accepted * SECOND),
            interaction: Some(interaction),
            after_call_work: Some(after_call_work),
        }
    }

    fn closed(destinations: Vec<Destination<'_>>) -> Session<'_> {
        Session {
            has_conversation: true,
            final_status: Some(CLOSED),
            destinations,
            ..Session::default()
        }
    }

    fn of_queues(session: &Session<'_>) -> BTreeMap<String, QueueCounts> {
        let mut counts: BTreeMap<String, QueueCounts> = BTreeMap::new();
        session.of_queues(|queue, more| {
            counts
                .entry(queue.name.unwrap_or_default().to_string())
                .or_default()
                .add(more);
        });
        counts
    }

    #[test]
    fn a_session_of_two_queues_is_closed_in_both_and_its_first_wait_counts_for_the_speed() {
        let session = closed(vec![
            Destination {
                responding: Some(segment(20, 40, 5)),
                ..entry("Sales", 0)
            },
            entry("Support", 60),
            Destination {
                is_segment: true,
                own: segment(70, 100, 10),
                ..Destination::default()
            },
        ]);
        let counts = of_queues(&session);
        let (sales, support) = (counts["Sales"], counts["Support"]);
        assert_eq!((sales.offered, sales.answered, sales.closed), (1, 1, 1));
        assert_eq!(sales.average_speed_of_answer(), Some(20.0));
        assert_eq!(sales.average_handle_time(), Some(45.0));
        assert_eq!((support.offered, support.answered, support.closed), (1, 1, 1));
        assert_eq!(support.average_speed_of_answer(), None);
        assert_eq!(support.average_handle_time(), Some(110.0));
    }

    #[test]
    fn voicemail_callbacks_and_outbound_do_not_count_for_the_speed_of_answer() {
        let answered = Destination {
            responding: Some(segment(20, 40, 5)),
            ..entry("Sales", 0)
        };
        let speed = |session: &Session<'_>| of_queues(session)["Sales"].speed_of_answer_count;
        assert_eq!(speed(&closed(vec![answered.clone()])), 1);
        let voicemail = Session {
            is_voicemail: true,
            ..closed(vec![answered.clone()])
        };
        assert_eq!(speed(&voicemail), 0);
        let callback = Destination {
            callback_opted: true,
            ..answered.clone()
        };
        assert_eq!(speed(&closed(vec![callback])), 0);
        let outbound = Session {
            is_outbound: true,
            ..closed(vec![answered])
        };
        let counts = of_queues(&outbound)["Sales"];
        assert_eq!(
            (counts.offered, counts.speed_of_answer_count, counts.closed),
            (0, 0, 1)
        );
    }

    #[test]
    fn only_the_last_unanswered_entry_of_a_session_is_abandoned() {
        let session = Session {
            final_status: Some(ABANDONED),
            ..closed(vec![entry("Sales", 0), entry("Support", 60)])
        };
        let counts = of_queues(&session);
        assert_eq!((counts["Sales"].abandoned, counts["Support"].abandoned), (0, 1));
        assert_eq!(counts["Support"].abandon_rate(), Some(1.0));
    }

    #[test]
    fn times_that_no_call_can_have_add_up() {
        let longest = Destination {
            responding: Some(Segment {
                accepted: Some(i64::MAX),
                interaction: Some(i64::MAX),
                after_call_work: Some(i64::MAX),
            }),
            enter_time: Some(i64::MIN),
            ..entry("Sales", 0)
        };
        let mut counts = QueueCounts::default();
        for _ in 0..4 {
            closed(vec![longest.clone()]).of_queues(|_, more| counts.add(more));
        }
        let most = i64::MAX as f64;
        assert_eq!(counts.average_handle_time(), Some(2.0 * most));
        assert_eq!(counts.average_speed_of_answer(), Some(2.0 * most / 1e6));
    }

    #[test]
    fn a_copy_of_agent_assistance_counts_for_no_channel() {
        let copy = Session {
            channel: Some("AgentAssistV2"),
            final_status: Some("BotResolved"),
            start: Some(1),
            end: Some(1),
            ..Session::default()
        };
        assert_eq!(copy.of_channel(), ChannelCounts::default());
        let longer = Session { end: Some(2), ..copy };
        assert_eq!(longer.of_channel().containment(), Some(1.0));
    }
}
