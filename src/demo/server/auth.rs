//! Whether a token may be used.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::options::Access;

/// Checks tokens: HS256 over the client secret, with the client id as the claim `appId`.
#[derive(Debug)]
pub(super) struct Tokens {
    access: Access,
    revoked: Mutex<HashSet<String>>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "appId")]
    app_id: String,
}

impl Tokens {
    pub(super) fn new(access: Access) -> Self {
        Self {
            access,
            revoked: Mutex::default(),
        }
    }

    /// Why the value of the header `auth` is refused, or nothing.
    pub(super) fn refuse(&self, auth: Option<&str>) -> Result<(), String> {
        let Some(token) = auth else {
            return Err("the auth header is missing".to_owned());
        };
        if token.starts_with("Bearer ") {
            return Err("the auth header holds the token alone, without Bearer".to_owned());
        }
        if self
            .revoked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(token)
        {
            return Err("the token has expired".to_owned());
        }
        if self.access.token.as_deref() == Some(token) {
            return Ok(());
        }
        let mut validation = Validation::new(Algorithm::HS256);
        // Expiry and audience are optional by the app's settings; an expiry that is there counts.
        validation.required_spec_claims.clear();
        validation.validate_aud = false;
        let key = DecodingKey::from_secret(self.access.app_secret.as_bytes());
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|error| format!("the token is not valid: {error}"))?;
        if claims.claims.app_id != self.access.app_id {
            return Err("the token's appId is not the client id".to_owned());
        }
        Ok(())
    }

    /// Refuses a token from now on, as if it had expired.
    pub(super) fn revoke(&self, token: &str) {
        self.revoked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(token.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    use super::*;

    fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    #[test]
    fn only_tokens_of_the_app_are_accepted() {
        let access = Access::default();
        let tokens = Tokens::new(access.clone());
        let claims = json!({"appId": access.app_id, "sub": "1234"});
        let check = |token: &str, accepted: bool| {
            assert_eq!(tokens.refuse(Some(token)).is_ok(), accepted, "{token}");
        };
        check(&signed(Algorithm::HS256, &access.app_secret, &claims), true);
        check(&signed(Algorithm::HS256, "another secret", &claims), false);
        check(&signed(Algorithm::HS512, &access.app_secret, &claims), false);
        check(
            &signed(
                Algorithm::HS256,
                &access.app_secret,
                &json!({"appId": "cs-other"}),
            ),
            false,
        );
        check(
            &signed(
                Algorithm::HS256,
                &access.app_secret,
                &json!({"appid": access.app_id}),
            ),
            false,
        );
        let expired = json!({"appId": access.app_id, "exp": 1_000_000_000});
        check(&signed(Algorithm::HS256, &access.app_secret, &expired), false);
        check("demo-token", true);
        check("Bearer demo-token", false);
        check("", false);
        assert!(tokens.refuse(None).is_err());
    }

    #[test]
    fn a_revoked_token_is_refused_and_a_fresh_one_is_not() {
        let access = Access::default();
        let tokens = Tokens::new(access.clone());
        let token = |iat: u64| {
            signed(
                Algorithm::HS256,
                &access.app_secret,
                &json!({"appId": access.app_id, "iat": iat}),
            )
        };
        tokens.revoke(&token(1));
        assert!(tokens.refuse(Some(&token(1))).is_err());
        assert!(tokens.refuse(Some(&token(2))).is_ok());
    }
}
