//! The `auth` header: a token that was given, or one signed from an app's id and secret.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::error::{ApiError, ConfigError};

/// How long a signed token is said to be valid, in seconds: far longer than a request, far shorter than a leak matters.
const LIFETIME: i64 = 3600;

/// What proves to the API who asks.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A JWT made elsewhere. It cannot be renewed here.
    Token(SecretString),
    /// A JWT in a file, where another one may stand by the time that this one is refused.
    TokenFile {
        /// What stood there.
        token: SecretString,
        /// The file.
        path: PathBuf,
    },
    /// An app's id (`cs-…`) and client secret, from which tokens are signed with HS256.
    App {
        /// The `appId` claim.
        id: String,
        /// The client secret.
        secret: SecretString,
    },
}

#[derive(serde::Serialize)]
struct Claims<'a> {
    #[serde(rename = "appId")]
    app_id: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
}

/// The token in use, renewed at most once for all requests that it failed.
#[derive(Debug)]
pub(crate) struct Auth {
    credentials: Credentials,
    current: Mutex<Token>,
}

/// A header value, and how many came before it.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) value: HeaderValue,
    pub(crate) generation: u32,
}

impl Auth {
    pub(crate) fn new(credentials: Credentials) -> Result<Self, ApiError> {
        let token = match &credentials {
            Credentials::Token(token) | Credentials::TokenFile { token, .. } => token.clone(),
            Credentials::App { id, secret } => sign(id, secret)?,
        };
        let value = header(&token)?;
        Ok(Self {
            credentials,
            current: Mutex::new(Token { value, generation: 0 }),
        })
    }

    pub(crate) fn token(&self) -> Token {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A token newer than the one that was refused, or `None` where there is no way to get one.
    pub(crate) fn renew(&self, refused: &Token) -> Result<Option<Token>, ApiError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.generation == refused.generation {
            let token = match &self.credentials {
                Credentials::Token(_) => return Ok(None),
                Credentials::TokenFile { path, .. } => match read(path) {
                    Ok(token) if token.expose_secret().is_empty() => return Ok(None),
                    Ok(token) => token,
                    Err(error) => {
                        tracing::warn!("read the token file {} again: {error}", path.display());
                        return Ok(None);
                    }
                },
                Credentials::App { id, secret } => sign(id, secret)?,
            };
            let value = header(&token)?;
            if matches!(self.credentials, Credentials::TokenFile { .. }) && value == refused.value {
                return Ok(None);
            }
            *current = Token {
                value,
                generation: refused.generation + 1,
            };
        }
        Ok(Some(current.clone()))
    }
}

/// The token in a file.
///
/// # Errors
///
/// When it cannot be read, or is not text.
pub fn read(path: &Path) -> std::io::Result<SecretString> {
    Ok(std::fs::read_to_string(path)?.trim().into())
}

fn header(token: &SecretString) -> Result<HeaderValue, ApiError> {
    // The value is not repeated: it is a secret.
    let mut value = HeaderValue::from_str(token.expose_secret().trim()).map_err(|_| ConfigError::Value {
        what: "token",
        why: "it has characters that no header may hold; is it one line?".into(),
    })?;
    if value.is_empty() {
        return Err(ConfigError::Value {
            what: "token",
            why: "it is empty".into(),
        }
        .into());
    }
    value.set_sensitive(true);
    Ok(value)
}

fn sign(id: &str, secret: &SecretString) -> Result<SecretString, ApiError> {
    let now = Utc::now().timestamp();
    let claims = Claims {
        app_id: id,
        sub: "callake",
        iat: now,
        exp: now + LIFETIME,
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .map(SecretString::from)
        .map_err(ApiError::Sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_signs_the_documented_claims_with_hs256() {
        let auth = Auth::new(Credentials::App {
            id: "cs-1".into(),
            secret: "hush".into(),
        })
        .unwrap();
        let token = auth.token();
        let mut validation = jsonwebtoken::Validation::new(Algorithm::HS256);
        validation.validate_exp = true;
        let decoded = jsonwebtoken::decode::<serde_json::Value>(
            token.value.to_str().unwrap(),
            &jsonwebtoken::DecodingKey::from_secret(b"hush"),
            &validation,
        )
        .unwrap();
        assert_eq!(decoded.claims["appId"], "cs-1");
        assert!(decoded.claims["sub"].is_string());
    }

    #[test]
    fn requests_that_failed_of_one_token_share_its_successor() {
        let auth = Auth::new(Credentials::App {
            id: "cs-1".into(),
            secret: "hush".into(),
        })
        .unwrap();
        let first = auth.token();
        let second = auth.renew(&first).unwrap().unwrap();
        assert_eq!(second.generation, 1);
        assert_eq!(auth.renew(&first).unwrap().unwrap().generation, 1);
    }

    #[test]
    fn a_token_in_a_file_is_read_again_once_another_stands_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token = "first".into();
        let auth = Auth::new(Credentials::TokenFile {
            token,
            path: path.clone(),
        })
        .unwrap();
        let first = auth.token();
        let renewed = || auth.renew(&first).unwrap().map(|token| token.value);
        assert_eq!(renewed(), None, "there is no file");
        std::fs::write(&path, "").unwrap();
        assert_eq!(renewed(), None, "it is being written");
        std::fs::write(&path, "first\n").unwrap();
        assert_eq!(renewed(), None, "it is the refused one");
        std::fs::write(&path, "second\n").unwrap();
        assert_eq!(renewed().unwrap(), "second");
        std::fs::write(&path, "third\n").unwrap();
        assert_eq!(
            renewed().unwrap(),
            "second",
            "the refused one has a successor already"
        );
        assert!(!format!("{auth:?}").contains("second"));
    }

    #[test]
    fn a_given_token_cannot_be_renewed_and_is_never_printed() {
        let auth = Auth::new(Credentials::Token("hush\n".into())).unwrap();
        assert!(auth.renew(&auth.token()).unwrap().is_none());
        assert!(!format!("{auth:?}").contains("hush"));
        let error = Auth::new(Credentials::Token("hush\nhush".into())).unwrap_err();
        assert!(!error.to_string().contains("hush"));
    }
}
