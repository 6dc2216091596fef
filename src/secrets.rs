//! Where the API's credentials come from: the environment or a file, never the command line, which others can see.

use std::path::Path;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};

use crate::api::{self, Credentials};
use crate::config::Secrets;

/// Finds the credentials: those that are named by file or variable, else `CALLAKE_TOKEN`, else `CALLAKE_APP_ID` and
/// `CALLAKE_APP_SECRET`.
///
/// # Errors
/// There are none, half of them, or the file can't be read or is empty.
pub(crate) fn credentials(secrets: &Secrets) -> anyhow::Result<Credentials> {
    let Secrets {
        token_file,
        token_env,
        app_id_env,
        app_secret_env,
    } = secrets;
    if let Some(path) = token_file {
        return from_file(path);
    }
    if let Some(name) = token_env {
        let token = variable(name).with_context(|| format!("find the API's token: {name} is not set"))?;
        return Ok(Credentials::Token(token));
    }
    let id_name = app_id_env.as_deref().unwrap_or("CALLAKE_APP_ID");
    let secret_name = app_secret_env.as_deref().unwrap_or("CALLAKE_APP_SECRET");
    let names_app = app_id_env.is_some() || app_secret_env.is_some();
    if let Some(token) = variable("CALLAKE_TOKEN").filter(|_| !names_app) {
        return Ok(Credentials::Token(token));
    }
    match (variable(id_name), variable(secret_name)) {
        (Some(id), Some(secret)) => Ok(Credentials::App {
            id: id.expose_secret().to_string(),
            secret,
        }),
        (Some(_), None) => bail!("sign a token: {id_name} is set, {secret_name} is not; set both"),
        (None, Some(_)) => bail!("sign a token: {secret_name} is set, {id_name} is not; set both"),
        (None, None) if names_app => {
            bail!("sign a token: neither {id_name} nor {secret_name} is set; set both")
        }
        (None, None) => bail!(
            "find the API's credentials: set CALLAKE_TOKEN, or CALLAKE_APP_ID and CALLAKE_APP_SECRET, or use --token-file FILE"
        ),
    }
}

fn from_file(path: &Path) -> anyhow::Result<Credentials> {
    let token = api::auth::read(path).with_context(|| format!("read the token file {}", path.display()))?;
    if token.expose_secret().is_empty() {
        bail!(
            "read the token file {}: it is empty; write the token alone into it",
            path.display()
        );
    }
    Ok(Credentials::TokenFile {
        token,
        path: path.to_path_buf(),
    })
}

fn variable(name: &str) -> Option<SecretString> {
    let value = std::env::var(name).ok()?;
    let trimmed = value.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_string().into())
}
