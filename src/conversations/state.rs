//! What a call-details row says, as a number: where it says something else, its conversation may have changed too.
//!
//! Call details change after the session has ended: after-call work, edited dispositions, surveys, e-mail sessions that go
//! on. A row's `fetched_at` tells less: it is that of the latest read of its day, whether the row changed or not, and a
//! conversation costs a request.

use arrow::array::RecordBatch;
use sha2::{Digest, Sha256};

use super::leaves::{Leaf, visit};

/// What changes as a session goes on. The numbers are kept in the lake, so a change of this list has every conversation asked
/// for again.
pub(super) const COLUMNS: [&str; 20] = [
    "session_end_time",
    "final_status",
    "smart_status",
    "disconnecting_event",
    "reason",
    "dispositions",
    "disposition_remarks",
    "csat_score",
    "csat_feedback",
    "nps_score",
    "like_dislike_score",
    "survey_type",
    "destinations.queue_id",
    "destinations.destination_type",
    "destinations.agent_id",
    "destinations.interaction_end_time",
    "destinations.after_call_work_end_time",
    "destinations.responding_agent.agent_id",
    "destinations.responding_agent.interaction_end_time",
    "destinations.responding_agent.after_call_work_end_time",
];

/// The number for a row: the first 64 bits of the SHA-256 of its values.
pub(super) fn state(batch: &RecordBatch, row: usize) -> i64 {
    let mut hash = Sha256::new();
    for column in COLUMNS {
        visit(batch, row, column, &mut |leaf| match leaf {
            Leaf::Null => hash.update([0]),
            Leaf::Text(text) => {
                hash.update([1]);
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text);
            }
            Leaf::Number(number) => {
                hash.update([2]);
                hash.update(number.to_le_bytes());
            }
        });
        hash.update([3]);
    }
    let hash = hash.finalize();
    hash.iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::decoded;
    use crate::schema;

    fn states(records: &[&str]) -> Vec<i64> {
        let batch = decoded(schema::call_details(), records.iter().copied(), 0);
        (0..batch.num_rows()).map(|row| state(&batch, row)).collect()
    }

    #[test]
    fn what_changes_late_changes_the_state() {
        let records = [
            r#"{"sessionId":"a"}"#,
            r#"{"sessionId":"a","sessionEndTime":"2025-09-30T11:40:31"}"#,
            r#"{"sessionId":"a","finalStatus":"CLOSED"}"#,
            r#"{"sessionId":"a","smartStatus":"CLOSED"}"#,
            r#"{"sessionId":"a","dispositions":[]}"#,
            r#"{"sessionId":"a","dispositions":["x","y"]}"#,
            r#"{"sessionId":"a","dispositions":["xy"]}"#,
            r#"{"sessionId":"a","csatScore":4.5}"#,
            r#"{"sessionId":"a","npsScore":4}"#,
            r#"{"sessionId":"a","destinations":[{"queueId":"q"}]}"#,
            r#"{"sessionId":"a","destinations":[{"queueId":"q"},{"queueId":"q"}]}"#,
            r#"{"sessionId":"a","destinations":[{"respondingAgent":{"agentId":"u"}}]}"#,
            r#"{"sessionId":"a","destinations":[{"agentId":"u"}]}"#,
        ];
        let mut all = states(&records);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), records.len(), "each has a state of its own");
    }

    #[test]
    fn what_says_the_same_has_the_same_state() {
        let same = states(&[
            r#"{"sessionId":"a","finalStatus":"CLOSED","userId":"u"}"#,
            r#"{"finalStatus":"CLOSED","sessionId":"b"}"#,
        ]);
        assert_eq!(same[0], same[1]);
    }

    /// The numbers lie in lakes: another release must make the same ones.
    #[test]
    fn states_do_not_change_from_release_to_release() {
        let record = r#"{"finalStatus":"CLOSED","csatScore":4.5,"destinations":[{"queueId":"q"}],
            "sessionEndTime":"2025-09-30T11:40:31"}"#;
        assert_eq!(states(&[record]), [STATE]);
    }

    const STATE: i64 = 2_396_067_784_340_976_788;
}
