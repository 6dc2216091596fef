//! The token by its own text: it is not sent anywhere, and nothing of it is repeated.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, dangerous};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use super::Check;
use crate::api::Credentials;
use crate::exit::Exit;

/// A token that expires within this time may do so in the middle of a run.
const SOON: TimeDelta = TimeDelta::hours(1);

const NAME: &str = "token";
const FRESH: &str = "get a fresh token, or set CALLAKE_APP_ID and CALLAKE_APP_SECRET in place of it, from which tokens are signed as needed";

/// Whether there are credentials, and whether a token is shaped as the API wants it.
pub(super) fn check(credentials: &anyhow::Result<Credentials>) -> Check {
    match credentials {
        Err(error) => Check::failed(
            NAME,
            error,
            "set CALLAKE_TOKEN, or CALLAKE_APP_ID and CALLAKE_APP_SECRET, or use --token-file FILE",
        ),
        Ok(Credentials::Token(token) | Credentials::TokenFile { token, .. }) => {
            check_token(token.expose_secret(), Utc::now())
        }
        Ok(Credentials::App { id, .. }) if !id.starts_with("cs-") => Check::warning(
            NAME,
            "tokens are signed from CALLAKE_APP_ID and CALLAKE_APP_SECRET, but client ids begin with cs-",
            "check that CALLAKE_APP_ID is the client id of the app and not its name",
        ),
        Ok(Credentials::App { .. }) => Check::ok(
            NAME,
            "signed from CALLAKE_APP_ID and CALLAKE_APP_SECRET as needed",
        ),
    }
}

/// Whether the stream is shaped as the documents have it.
pub(super) fn check_stream(stream: &str) -> Check {
    if stream.starts_with("st-") {
        return Check::ok("stream", "begins with st-, as ids of streams do");
    }
    Check::warning(
        "stream",
        "does not begin with st-, as ids of streams do",
        "check --stream: it is the id of the app (bot), not its name",
    )
}

fn check_token(token: &str, now: DateTime<Utc>) -> Check {
    let problem = |found: &str, remedy: &str| Check::problem(NAME, Exit::Failed, found, remedy);
    if token.to_ascii_lowercase().starts_with("bearer") {
        return problem("begins with Bearer", "give the token alone, without Bearer");
    }
    if token.contains(|c: char| c.is_whitespace() || c == '"' || c == '\'') {
        return problem(
            "holds spaces, quotation marks or line ends",
            "give the token alone, on one line",
        );
    }
    let Ok(token) = dangerous::insecure_decode::<Map<String, Value>>(token) else {
        return Check::warning(
            NAME,
            "is there, and is no JWT (three parts with dots between them)",
            "copy the whole token, if the API refuses it",
        );
    };
    if !token.claims.contains_key("appId") {
        return problem(
            "is a JWT that claims no appId",
            "sign it with the claim appId, spelled exactly so, that is the client id cs-…",
        );
    }
    if token.header.alg != Algorithm::HS256 {
        return problem(
            "is a JWT that is not signed with HS256",
            "sign it with HS256 over the client secret",
        );
    }
    check_expiry(token.claims.get("exp").and_then(Value::as_f64), now)
}

fn check_expiry(expiry: Option<f64>, now: DateTime<Utc>) -> Check {
    let Some(expiry) = expiry.and_then(|second| DateTime::from_timestamp(second as i64, 0)) else {
        return Check::ok(NAME, "is a JWT that names no expiry");
    };
    let time = expiry.to_rfc3339_opts(SecondsFormat::Secs, true);
    match expiry - now {
        left if left <= TimeDelta::zero() => {
            Check::problem(NAME, Exit::Failed, format!("expired at {time}"), FRESH)
        }
        left if left < SOON => Check::warning(
            NAME,
            format!("expires at {time}, perhaps in the middle of a run"),
            FRESH,
        ),
        _ => Check::ok(NAME, format!("is a JWT that is valid until {time}")),
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    use super::super::Verdict;
    use super::*;

    fn signed(algorithm: Algorithm, claims: &Value) -> String {
        let key = EncodingKey::from_secret(b"hush");
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    #[test]
    fn a_token_is_judged_by_its_own_text() {
        let now = DateTime::from_timestamp(1_760_000_000, 0).unwrap();
        let of = |claims: Value| signed(Algorithm::HS256, &claims);
        let expiring = |seconds: i64| of(json!({"appId": "cs-1", "exp": now.timestamp() + seconds}));
        for (token, verdict, words) in [
            (of(json!({"appId": "cs-1"})), Verdict::Ok, "no expiry"),
            (expiring(7_200), Verdict::Ok, "valid until 2025-10-09T10:53:20Z"),
            (expiring(60), Verdict::Warning, "perhaps in the middle"),
            (expiring(-1), Verdict::Problem, "expired at"),
            (of(json!({"appid": "cs-1"})), Verdict::Problem, "no appId"),
            (
                signed(Algorithm::HS512, &json!({"appId": "cs-1"})),
                Verdict::Problem,
                "HS256",
            ),
            (format!("Bearer {}", expiring(7_200)), Verdict::Problem, "Bearer"),
            (
                format!("\"{}\"", expiring(7_200)),
                Verdict::Problem,
                "quotation marks",
            ),
            ("demo-token".to_string(), Verdict::Warning, "no JWT"),
        ] {
            let check = check_token(&token, now);
            assert_eq!(check.result, verdict, "{check:?}");
            assert!(check.found.contains(words), "{check:?}");
            assert_eq!(check.remedy.is_some(), verdict != Verdict::Ok);
            assert!(!format!("{check:?}").contains(&token));
        }
    }
}
