//! The way to the API: the host's name, the port, TLS, and the clock in its answers, told apart.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{DATE, HeaderMap};
use reqwest::{Client, Url};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::{Check, Verdict};
use crate::api;
use crate::exit::Exit;

/// How long a name, a connection or an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// How far this machine's clock may be off without a word.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(30);

/// How far it may be off at all: days are taken for complete 15 minutes after their end, by this clock.
const CLOCK_LIMIT: TimeDelta = TimeDelta::minutes(5);

/// The host's checks; each is skipped where one before it failed.
pub(super) async fn checks(host: &str) -> Vec<Check> {
    let origin = match api::origin(host) {
        Ok(origin) => origin,
        Err(error) => {
            let failed = Check::failed(
                "host",
                &error.into(),
                "give --host as the origin alone, such as https://platform.example.com",
            );
            return with_skipped(vec![failed]);
        }
    };
    let mut checks = vec![Check::ok("host", origin.origin().ascii_serialization())];
    let by_proxy = proxy(&origin);
    let (check, addresses) = check_name(&origin, by_proxy).await;
    checks.push(check);
    if !is_reached(&checks) {
        return with_skipped(checks);
    }
    checks.push(check_port(&addresses, by_proxy).await);
    if !is_reached(&checks) {
        return with_skipped(checks);
    }
    checks.extend(check_answer(&origin, by_proxy).await);
    with_skipped(checks)
}

/// Whether nothing keeps requests from reaching the API; a clock does not.
pub(super) fn is_reached(checks: &[Check]) -> bool {
    checks
        .iter()
        .all(|check| check.result != Verdict::Problem || check.name == "clock")
}

/// The checks with those that were not made.
fn with_skipped(mut checks: Vec<Check>) -> Vec<Check> {
    for name in ["host", "dns", "tcp", "tls", "clock"] {
        if checks.iter().all(|check| check.name != name) {
            checks.push(Check::skipped(name, "the host was not reached"));
        }
    }
    checks
}

/// The variable that names a proxy for requests to the origin; plain ones stay on this machine and never go by one.
fn proxy(origin: &Url) -> Option<&'static str> {
    let is_set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    (origin.scheme() == "https")
        .then(|| {
            ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
                .into_iter()
                .find(is_set)
        })
        .flatten()
}

/// A failure to reach the host itself, which a proxy may make up for.
fn unreached(name: &'static str, found: String, remedy: &str, by_proxy: Option<&str>) -> Check {
    match by_proxy {
        Some(variable) => Check::warning(
            name,
            format!("{found}; {variable} names a proxy that may reach it"),
            remedy,
        ),
        None => Check::problem(name, Exit::RetryLater, found, remedy),
    }
}

async fn check_name(origin: &Url, by_proxy: Option<&str>) -> (Check, Vec<SocketAddr>) {
    let host = origin
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_string();
    let port = origin.port_or_known_default().unwrap_or(443);
    let found = match timeout(PATIENCE, lookup_host((host.as_str(), port))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect::<Vec<_>>()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer in {} s", PATIENCE.as_secs())),
    };
    match found {
        Ok(addresses) if !addresses.is_empty() => {
            let check = Check::ok("dns", format!("{host} has {} addresses", addresses.len()));
            (check, addresses)
        }
        failed => {
            let why = failed.err().unwrap_or_else(|| "it has no address".to_string());
            let remedy = "check the spelling of --host, and this machine's name servers";
            let found = format!("{host} can't be resolved: {why}");
            (unreached("dns", found, remedy, by_proxy), Vec::new())
        }
    }
}

async fn check_port(addresses: &[SocketAddr], by_proxy: Option<&str>) -> Check {
    let mut last = "there is no address to connect to".to_string();
    for address in addresses {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Check::ok("tcp", format!("{address} takes connections")),
            Ok(Err(error)) => last = format!("{address}: {error}"),
            Err(_) => last = format!("{address}: no answer in {} s", PATIENCE.as_secs()),
        }
    }
    let remedy = "check the port in --host, and that firewalls let this machine out";
    unreached("tcp", last, remedy, by_proxy)
}

/// TLS and the clock, by a request without credentials; any answer will do.
async fn check_answer(origin: &Url, by_proxy: Option<&str>) -> Vec<Check> {
    let is_plain = origin.scheme() == "http";
    let before = Utc::now();
    let answer = match client(is_plain) {
        Ok(client) => client.get(origin.clone()).send().await,
        Err(error) => Err(error),
    };
    let after = Utc::now();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return vec![no_answer(error, is_plain, by_proxy)],
    };
    let tls = match is_plain {
        true => Check::skipped("tls", "plain http, which stays on this machine"),
        false => Check::ok("tls", "the certificate is trusted"),
    };
    vec![tls, check_clock(answer.headers(), before, after)]
}

fn client(is_plain: bool) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(PATIENCE);
    match is_plain {
        true => builder.no_proxy().build(),
        false => builder.https_only(true).build(),
    }
}

/// What a request without an answer means, now that the port takes connections.
fn no_answer(error: reqwest::Error, is_plain: bool, by_proxy: Option<&str>) -> Check {
    let (exit, remedy) = match by_proxy {
        Some(variable) if error.is_connect() => (
            Exit::RetryLater,
            format!("check the proxy that {variable} names, and that this machine trusts its certificate"),
        ),
        None if error.is_connect() && !is_plain => (
            Exit::Failed,
            "check that --host speaks https, that its certificate is of this name, and that this machine trusts who issued it: \
             where a proxy of your own breaks TLS open, add its certificate to the system's"
                .to_string(),
        ),
        _ => (
            Exit::RetryLater,
            "check that --host is the API's and not another service's, or run again later".to_string(),
        ),
    };
    let found = format!("{:#}", anyhow::Error::new(error.without_url()));
    Check::problem("tls", exit, found, remedy)
}

/// The clock in the answer against this machine's in the middle of the request.
fn check_clock(headers: &HeaderMap, before: DateTime<Utc>, after: DateTime<Utc>) -> Check {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return Check::skipped("clock", "the answer says no time");
    };
    let ahead = before + (after - before) / 2 - DateTime::<Utc>::from(date);
    let found = match ahead {
        ahead if ahead.abs() <= CLOCK_TOLERANCE => {
            return Check::ok("clock", "this machine's is within 30 s of the API's");
        }
        ahead if ahead > TimeDelta::zero() => {
            format!("this machine's is {} s ahead of the API's", ahead.num_seconds())
        }
        ahead => format!("this machine's is {} s behind the API's", -ahead.num_seconds()),
    };
    let remedy =
        "set this machine's clock, best by NTP: tokens are signed and days are taken for complete by it";
    match ahead.abs() > CLOCK_LIMIT {
        true => Check::problem("clock", Exit::Failed, found, remedy),
        false => Check::warning("clock", found, remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_off() {
        let now = DateTime::from_timestamp(1_760_000_000, 0).unwrap();
        let verdict = |seconds: i64| {
            let mut headers = HeaderMap::new();
            let date = httpdate::fmt_http_date((now + TimeDelta::seconds(seconds)).into());
            headers.insert(DATE, date.parse().unwrap());
            let check = check_clock(&headers, now - TimeDelta::seconds(1), now + TimeDelta::seconds(1));
            (check.result, check.found)
        };
        assert_eq!(verdict(0).0, Verdict::Ok);
        assert_eq!(verdict(-30).0, Verdict::Ok);
        assert_eq!(
            verdict(-120),
            (
                Verdict::Warning,
                "this machine's is 120 s ahead of the API's".to_string()
            )
        );
        assert_eq!(
            verdict(3_600),
            (
                Verdict::Problem,
                "this machine's is 3600 s behind the API's".to_string()
            )
        );
        let silent = check_clock(&HeaderMap::new(), now, now);
        assert_eq!(silent.result, Verdict::Skipped);
    }
}
