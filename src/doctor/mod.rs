//! `callake doctor`: tries what a run needs, one thing after another, and says what to do about each that fails.
//!
//! It asks the API for one page, writes one small object or file to the destination and removes it, and leaves nothing behind.

mod check;
mod host;
mod page;
mod place;
mod token;

pub(crate) use check::{Check, Examination, Verdict};

use crate::config::DoctorSettings;
use crate::exit::Exit;
use crate::{report, secrets};

/// Makes all checks and prints them; exits with the code of the first problem.
pub(crate) async fn run(settings: DoctorSettings) -> anyhow::Result<Exit> {
    let examination = Examination::new(examine(&settings).await);
    report::output(|out| match settings.json {
        true => report::json(&examination, out),
        false => report::examination(&examination, out),
    })?;
    Ok(examination.exit)
}

async fn examine(settings: &DoctorSettings) -> Vec<Check> {
    let DoctorSettings { api, day, lake, .. } = settings;
    let credentials = secrets::credentials(&api.secrets);
    let mut checks = vec![token::check(&credentials), token::check_stream(&api.stream)];
    let reached = host::checks(&api.host).await;
    let is_reached = host::is_reached(&reached);
    checks.extend(reached);
    checks.extend(match credentials {
        Ok(credentials) if is_reached => page::checks(settings, credentials, *day).await,
        _ => page::skipped(),
    });
    checks.extend(place::checks(lake).await);
    checks.extend(place::space(api.spool.as_deref(), lake));
    checks
}
