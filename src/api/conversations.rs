//! Conversations, one request each: which are wanted, and what the API has of them.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde::Deserialize;
use tokio::sync::mpsc::Sender;

use super::error::ApiError;
use super::fetch::{Cost, Fetcher};
use super::page::JsonFault;
use super::read::MAX_LANES;
use super::request::{Asked, Request, Template};
use super::spool::Spool;

/// A conversation to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its id, which is not empty and no dots.
    pub id: String,
    /// What the spool kept before is too old.
    pub since: DateTime<Utc>,
}

/// What the API said when it was asked for a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: String,
    /// When the last byte of the answer had come.
    pub asked_at: DateTime<Utc>,
    /// The conversation, decompressed; `None` where the API has none of this id.
    pub body: Option<Bytes>,
}

/// What reading conversations needs.
pub(crate) struct Reader<'a> {
    pub(crate) fetcher: &'a Fetcher,
    pub(crate) spool: Option<&'a Spool>,
    /// What all requests cost.
    pub(crate) total: &'a Mutex<Cost>,
}

impl Reader<'_> {
    /// Delivers all wanted conversations, in the order in which they come. After an error nothing more is asked for, and what
    /// is under way is waited for: it has been paid.
    pub(crate) async fn read(
        &self,
        wanted: &[Wanted],
        answers: &Sender<Conversation>,
    ) -> Result<(), ApiError> {
        let mut waiting = wanted.iter();
        let mut under_way = FuturesUnordered::new();
        let mut outcome = Ok(());
        loop {
            while outcome.is_ok() && under_way.len() < self.fetcher.lanes().clamp(1, MAX_LANES) {
                match waiting.next() {
                    Some(next) => under_way.push(self.one(next)),
                    None => break,
                }
            }
            let delivered = match under_way.next().await {
                Some(Ok(conversation)) => answers.send(conversation).await.map_err(|_| ApiError::Stopped),
                Some(Err(error)) => Err(error),
                None => return outcome,
            };
            outcome = outcome.and(delivered);
        }
    }

    /// One conversation, from the spool or from the API; then it is in the spool.
    async fn one(&self, wanted: &Wanted) -> Result<Conversation, ApiError> {
        if let Some(kept) = self
            .spool
            .and_then(|spool| spool.conversation(wanted, Utc::now()))
        {
            return Ok(kept);
        }
        let conversation = self.ask(&wanted.id).await?;
        if let Some(spool) = self.spool {
            spool.save_conversation(&conversation).await?;
        }
        Ok(conversation)
    }

    async fn ask(&self, id: &str) -> Result<Conversation, ApiError> {
        let mut cost = Cost::default();
        let received = self.fetcher.fetch(&ById(id), &mut cost).await;
        self.total
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(&cost);
        let (asked_at, body) = match received {
            Ok(received) => (received.fetched_at, Some(received.body)),
            Err(ApiError::Rejected {
                status: 404, words, ..
            }) if speaks_of_session(&words) => (Utc::now(), None),
            Err(error) => return Err(error),
        };
        let id = id.to_string();
        Ok(Conversation { id, asked_at, body })
    }
}

/// Whether a 404 is the documented one, "Conversation not found for the given session id": one without these words comes of a
/// wrong host, path or stream, and says nothing of the conversation.
fn speaks_of_session(words: &str) -> bool {
    let letters = words.chars().filter(|c| c.is_ascii_alphabetic());
    let letters: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    letters.contains("notfoundforthegivensessionid")
}

/// A request for the conversation of an id.
struct ById<'a>(&'a str);

#[derive(Deserialize)]
struct Identified {
    #[serde(rename = "_id")]
    id: Option<String>,
}

impl Request for ById<'_> {
    type Content = ();

    fn asked(&self) -> Asked {
        Asked::Conversation(self.0.to_string())
    }

    fn build(&self, client: &reqwest::Client, template: &Template) -> reqwest::RequestBuilder {
        client.get(template.conversation(self.0))
    }

    fn read(&self, body: &[u8], _: i32) -> Result<(), String> {
        let found: Identified =
            serde_json::from_slice(body).map_err(|error| JsonFault::from(error).to_string())?;
        if found.id.as_deref() == Some(self.0) {
            return Ok(());
        }
        Err("it is not the conversation that was asked for".to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_words_say_that_there_is_no_such_conversation() {
        for words in [
            r#"{"errors":[{"msg":"Conversation not found for the given session id","code":404}]}"#,
            "not found for the given sessionId",
        ] {
            assert!(speaks_of_session(words), "{words}");
        }
        for words in [
            "no such path",
            "Cannot GET /agentassist/api/v1/public/st-1/conversations/c-1",
            "<html><title>404 Not Found</title></html>",
            "",
        ] {
            assert!(!speaks_of_session(words), "{words}");
        }
    }

    #[test]
    fn a_body_must_be_the_conversation_asked_for() {
        let check = |body: &str| ById("c-1").read(body.as_bytes(), 0);
        assert_eq!(check(r#"{"participants": [], "_id": "c-1"}"#), Ok(()));
        for other in [
            r#"{"_id": "c-2"}"#,
            "{}",
            r#"{"errors": [{"msg": "API limit exceeded"}]}"#,
            r#"{"_id": "c-1""#,
            "[]",
            "<html>",
            "",
        ] {
            assert!(check(other).is_err(), "{other}");
        }
        for private in [
            r#""hush@example.com""#,
            r#"{"_id": {"hush@example.com": 1}}"#,
            r#"["hush"]"#,
        ] {
            let error = check(private).unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
