//! Conversations in the spool: one file each, so that a run which is killed loses none that has come.

use std::io::{self, Read as _};
use std::path::PathBuf;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{CONVERSATION, SETTLED_AGE, Spool, first_digits, read_frame, write_frame};
use crate::api::conversations::{Conversation, Wanted};
use crate::api::error::ApiError;

#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    id: String,
    asked_at: DateTime<Utc>,
    /// Bytes of the body; none where the API did not have the conversation.
    bytes: Option<usize>,
}

impl Spool {
    /// Keeps what the API said, on disk when this returns.
    pub(crate) async fn save_conversation(&self, conversation: &Conversation) -> Result<(), ApiError> {
        let Conversation { id, asked_at, body } = conversation.clone();
        let path = self.conversation_path(&id);
        let bytes = body.as_ref().map(Bytes::len);
        let header = Header { id, asked_at, bytes };
        self.keep(path, move |path| write_frame(path, &header, body.iter()))
            .await
    }

    /// What is kept of a conversation, if it is whole, and neither too old nor older than what is wanted.
    pub(crate) fn conversation(&self, wanted: &Wanted, now: DateTime<Utc>) -> Option<Conversation> {
        let kept = self.read_conversation(&wanted.id).ok()?;
        self.ours().insert(self.conversation_path(&wanted.id));
        let is_fresh =
            kept.asked_at >= wanted.since && kept.asked_at <= now && now - kept.asked_at <= SETTLED_AGE;
        (is_fresh && kept.id == wanted.id).then_some(kept)
    }

    /// Forgets a conversation: it is published.
    ///
    /// # Errors
    ///
    /// When its file cannot be removed.
    pub fn remove_conversation(&self, id: &str) -> Result<(), ApiError> {
        self.remove(self.conversation_path(id))
    }

    fn read_conversation(&self, id: &str) -> io::Result<Conversation> {
        let (header, mut reader) = read_frame(&self.conversation_path(id))?;
        let Header { id, asked_at, bytes } = header;
        let mut body = Vec::new();
        // Reads the checksum too.
        reader.read_to_end(&mut body)?;
        if body.len() != bytes.unwrap_or_default() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let body = bytes.map(|_| Bytes::from(body));
        Ok(Conversation { id, asked_at, body })
    }

    /// Ids are the API's, so a file is not named by one.
    fn conversation_path(&self, id: &str) -> PathBuf {
        let hash = Sha256::new_with_prefix(id);
        self.folder
            .join(format!("{}.{CONVERSATION}", first_digits(hash, 16)))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const ID: &str = "c-1/../x";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_759_190_400, 0).unwrap()
    }

    fn wanted(since: DateTime<Utc>) -> Wanted {
        let id = ID.to_string();
        Wanted { id, since }
    }

    fn save(spool: &Spool, body: Option<&'static str>) {
        let conversation = Conversation {
            id: ID.to_string(),
            asked_at: now(),
            body: body.map(Bytes::from),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(spool.save_conversation(&conversation)).unwrap();
        assert_eq!(spool.conversation(&wanted(now()), now()), Some(conversation));
    }

    #[test]
    fn conversations_come_back_until_they_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &["a"]).unwrap();
        save(&spool, Some(r#"{"_id": "c"}"#));
        save(&spool, None);
        spool.remove_conversation(ID).unwrap();
        spool.remove_conversation(ID).unwrap();
        assert_eq!(spool.conversation(&wanted(now()), now()), None);
    }

    #[test]
    fn what_is_too_old_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &["a"]).unwrap();
        save(&spool, Some("{}"));
        let check = |since, at, expected| {
            let found = spool.conversation(&wanted(since), at);
            assert_eq!(found.is_some(), expected, "wanted since {since}, at {at}");
        };
        let second = TimeDelta::seconds(1);
        check(now(), now() + SETTLED_AGE, true);
        check(now(), now() + SETTLED_AGE + second, false);
        check(now(), now() - second, false);
        check(now() + second, now() + second, false);
    }

    #[test]
    fn a_damaged_file_is_no_conversation() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &["a"]).unwrap();
        save(&spool, Some(r#"{"_id": "c-1"}"#));
        let path = spool.conversation_path(ID);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(spool.conversation(&wanted(now()), now()), None, "cut to {cut}");
        }
    }
}
