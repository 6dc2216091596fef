//! One page of the API: whether it lets us in, and whether its times are those that were asked for.

use std::time::Duration;

use chrono::{NaiveDate, Utc};
use chrono_tz::Tz;

use super::Check;
use crate::api::{
    self, ApiError, Client, ClientConfig, Credentials, ErrorKind, RetryPolicy, Window, window::MAX_SECONDS,
};
use crate::config::DoctorSettings;
use crate::export;

const PAGE: &str = "page";
const ZONE: &str = "zone";

/// A doctor waits for nobody: what fails twice is told.
const RETRY: RetryPolicy = RetryPolicy {
    tries: 2,
    within: Duration::from_secs(10),
    base: Duration::from_millis(500),
    cap: Duration::from_secs(2),
    minute: Duration::from_secs(60),
    longest_retry_after: Duration::from_secs(5),
};

/// Asks for a page of the day, or of the last week, and holds its times against the clocks in its session ids.
pub(super) async fn checks(
    settings: &DoctorSettings,
    credentials: Credentials,
    day: Option<NaiveDate>,
) -> Vec<Check> {
    match page(settings, credentials, day).await {
        Ok(checks) => checks,
        Err(error) => {
            let remedy = remedy(&error);
            vec![
                Check::failed(PAGE, &error, remedy),
                Check::skipped(ZONE, "there is no page to check it by"),
            ]
        }
    }
}

/// The checks where there is no way to a page.
pub(super) fn skipped() -> Vec<Check> {
    vec![
        Check::skipped(PAGE, "there is no token, or no way to the host"),
        Check::skipped(ZONE, "there is no page to check it by"),
    ]
}

async fn page(
    settings: &DoctorSettings,
    credentials: Credentials,
    day: Option<NaiveDate>,
) -> anyhow::Result<Vec<Check>> {
    let DoctorSettings { api, lake, .. } = settings;
    let client = Client::new(ClientConfig {
        retry: RETRY,
        timeout: Duration::from_secs(30),
        ..export::client_config(api, credentials)
    })?;
    let window = window(lake.zone, day)?;
    let page = client.first_page(window).await?;
    let rows = page.rows.len();
    let asked = Check::ok(PAGE, format!("the API gave a page of {rows} records of {window}"));
    let zone = match client.check_zone(window, &page) {
        Ok(0) => Check::skipped(
            ZONE,
            "no record has a start to check it by; name a day that has some with --day",
        ),
        Ok(count) => Check::ok(
            ZONE,
            format!(
                "the starts of {count} records fit the clocks in their sessionId with --timezone-offset {}",
                api.timezone_offset
            ),
        ),
        Err(error) => {
            let remedy = remedy_of_zone(&error);
            Check::failed(ZONE, &error.into(), remedy)
        }
    };
    Ok(vec![asked, zone])
}

/// The day, or the last week: as much as one request may ask for.
fn window(zone: Tz, day: Option<NaiveDate>) -> anyhow::Result<Window> {
    let Some(day) = day else {
        let now = Utc::now().timestamp();
        return Ok(Window::new(now - MAX_SECONDS, now));
    };
    let days = api::days(zone, day, day)?;
    let day = days.first().ok_or_else(|| {
        anyhow::anyhow!("ask for {day}: {zone} never had that day; name another one with --day")
    })?;
    Ok(day.window)
}

fn remedy(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref::<ApiError>().map(ApiError::kind) {
        Some(ErrorKind::Auth) => {
            "check that the token is of this account, not expired, and has the scope of analytics; where it is signed here, \
             check CALLAKE_APP_ID and CALLAKE_APP_SECRET"
        }
        Some(ErrorKind::Usage) => "check --account, --stream and --host against the API's console",
        Some(ErrorKind::RetryLater) => "run again later; where that does not help, ask the API's operator",
        _ => "check the options that the message names",
    }
}

fn remedy_of_zone(error: &ApiError) -> String {
    match error {
        ApiError::Zone { fits, .. } => format!("pass --timezone-offset {fits} to every run of this account"),
        _ => "check --timezone-offset".to_string(),
    }
}
