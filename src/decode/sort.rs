//! Records of several tables in one input, told apart by their shape.

use super::{Decoder, RecordDecoder, RecordError};
use crate::json::scan::{Cursor, Fail, Fault, unescape_into};

/// Decoders of several tables, each given its own records.
///
/// A record is of the table that has a column for the first of its keys that the others have none for; where there is no
/// such key, it is of the first table. The first key decides for all that the API writes, so that this costs little.
pub struct Sorted {
    decoders: Vec<Decoder>,
    /// How records start whose first key is part of what identifies them, as those of call details are, and which decoder
    /// they are for: compared before anything is looked up.
    starts: Vec<(Vec<u8>, usize)>,
    latest: usize,
}

impl Sorted {
    /// Decoders of different tables; there must be one at least.
    pub fn new(decoders: Vec<Decoder>) -> Sorted {
        let mut sorted = Sorted {
            decoders,
            starts: Vec::new(),
            latest: 0,
        };
        let keys = sorted.decoders.iter().flat_map(|decoder| &decoder.keys);
        let starts = keys.filter_map(|key| {
            let start = [b"{\"", &**key, b"\""].concat();
            Some((start, sorted.only_one_with(key)?))
        });
        sorted.starts = starts.collect();
        sorted
    }

    /// The decoders, in the order in which they were given.
    pub fn decoders(&mut self) -> &mut [Decoder] {
        &mut self.decoders
    }

    /// Which of the decoders took the latest record.
    pub fn latest(&self) -> usize {
        self.latest
    }

    /// Which decoder the record at the start of the bytes is for; the first where they are no record.
    fn place(&self, bytes: &[u8]) -> usize {
        if self.decoders.len() < 2 {
            return 0;
        }
        if let Some((_, place)) = self.starts.iter().find(|(start, _)| bytes.starts_with(start)) {
            return *place;
        }
        self.telling_key(bytes).ok().flatten().unwrap_or_default()
    }

    fn telling_key(&self, bytes: &[u8]) -> Result<Option<usize>, Fail> {
        let mut cursor = Cursor::new(bytes);
        cursor.expect(b'{', Fault::NoObject)?;
        if cursor.token()? == b'}' {
            return Ok(None);
        }
        loop {
            let key = cursor.key()?;
            let place = if key.escaped {
                let mut name = Vec::new();
                unescape_into(key.raw, &mut name);
                self.only_one_with(&name)
            } else {
                self.only_one_with(key.raw)
            };
            if place.is_some() {
                return Ok(place);
            }
            cursor.token()?;
            cursor.skip_value()?;
            if cursor.token()? != b',' {
                return Ok(None);
            }
            cursor.pos += 1;
        }
    }

    /// The one decoder that has a column for the key.
    fn only_one_with(&self, key: &[u8]) -> Option<usize> {
        let mut having = self
            .decoders
            .iter()
            .enumerate()
            .filter(|(_, decoder)| decoder.has_field(key));
        let (first, _) = having.next()?;
        having.next().is_none().then_some(first)
    }
}

impl RecordDecoder for Sorted {
    fn record(&mut self, bytes: &[u8]) -> Result<usize, RecordError> {
        let place = self.place(bytes);
        let length = self.decoders[place].record(bytes)?;
        self.latest = place;
        Ok(length)
    }

    fn is_key(&self, key: &[u8]) -> bool {
        self.decoders.iter().any(|decoder| decoder.is_key(key))
    }

    fn has_field(&self, key: &[u8]) -> bool {
        // Asked to tell pages and errors of the API from records, and both come with the first table's records alone.
        self.decoders
            .first()
            .is_some_and(|decoder| decoder.has_field(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Source;
    use crate::schema;

    fn sorted() -> Sorted {
        let source = Source {
            account_id: "a".to_string(),
            endpoint: None,
            fetched_at: 0,
            timezone_offset: 0,
        };
        let decoders = schema::tables().map(|table| Decoder::new(table, source.clone()));
        Sorted::new(decoders.into())
    }

    fn check(record: &str, table: &str) {
        let mut sorted = sorted();
        assert_eq!(sorted.record(record.as_bytes()), Ok(record.len()), "{record}");
        assert_eq!(schema::tables()[sorted.latest()].name, table, "{record}");
    }

    #[test]
    fn the_first_key_that_one_table_has_alone_decides() {
        check(r#"{"sessionId":"s"}"#, "call_details");
        check(r#"{"conversationId":"c","_id":"c"}"#, "call_details");
        check(r#"{"_identity":"c","conversationId":"c"}"#, "call_details");
        check(r#"{"userId":"u", "orgId":"o","channel":"Voice"}"#, "call_details");
        check(r#"{"_id":"c"}"#, "conversations");
        check(r#"{"skills":[],"participants":[]}"#, "conversations");
        check(r#"{ "\u005fid" : "c", "sessionId": "s"}"#, "conversations");
        check(
            r#"{"surprise":{"_id":1},"sessionId":"s","_id":"c"}"#,
            "call_details",
        );
    }

    #[test]
    fn what_no_key_tells_goes_to_the_first_table() {
        check("{}", "call_details");
        check(r#"{"userId":"u"}"#, "call_details");
        check(r#"{"surprise":1}"#, "call_details");
    }

    #[test]
    fn a_record_that_is_cut_is_cut_at_every_byte() {
        for record in [r#"{"sessionId":"s","x":[1]}"#, r#"{"x":[1],"_id":"c"}"#] {
            let mut sorted = sorted();
            for end in 1..record.len() {
                let outcome = sorted.record(&record.as_bytes()[..end]);
                assert_eq!(outcome, Err(RecordError::Incomplete), "cut at {end} of {record}");
            }
        }
    }
}
