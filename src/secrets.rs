//! Where the API's credentials come from: the environment or a file, never the command line, which others can see.

use std::path::Path;

use anyhow::{Context as _, bail};
use secrecy::SecretString;

use crate::api::Credentials;

/// Finds the credentials: the token file where one is named, else `CALLAKE_TOKEN`, else `CALLAKE_APP_ID` and
/// `CALLAKE_APP_SECRET`.
///
/// # Errors
/// There are none, half of them, or the file can't be read or is empty.
pub(crate) fn credentials(token_file: Option<&Path>) -> anyhow::Result<Credentials> {
    if let Some(path) = token_file {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("read the token file {}", path.display()))?;
        let token = text.trim();
        if token.is_empty() {
            bail!(
                "read the token file {}: it is empty; write the token alone into it",
                path.display()
            );
        }
        return Ok(Credentials::Token(token.to_string().into()));
    }
    match (
        variable("CALLAKE_TOKEN"),
        variable("CALLAKE_APP_ID"),
        variable("CALLAKE_APP_SECRET"),
    ) {
        (Some(token), _, _) => Ok(Credentials::Token(token)),
        (None, Some(id), Some(secret)) => {
            use secrecy::ExposeSecret as _;
            Ok(Credentials::App {
                id: id.expose_secret().to_string(),
                secret,
            })
        }
        (None, Some(_), None) => {
            bail!("sign a token: CALLAKE_APP_ID is set, CALLAKE_APP_SECRET is not; set both")
        }
        (None, None, Some(_)) => {
            bail!("sign a token: CALLAKE_APP_SECRET is set, CALLAKE_APP_ID is not; set both")
        }
        (None, None, None) => bail!(
            "find the API's credentials: set CALLAKE_TOKEN, or CALLAKE_APP_ID and CALLAKE_APP_SECRET, or use --token-file FILE"
        ),
    }
}

fn variable(name: &str) -> Option<SecretString> {
    let value = std::env::var(name).ok()?;
    let trimmed = value.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_string().into())
}
