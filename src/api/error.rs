//! What can go wrong while the API is read, in the classes that an exit code is chosen from.

use std::path::PathBuf;

use super::request::Asked;
use super::retry::Cause;
use super::window::Window;

/// A setting that cannot work, found before anything is asked.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The host is no URL, has the wrong scheme, or carries more than an origin.
    #[error("read host {host:?}: {why}")]
    Host {
        /// What was given.
        host: String,
        /// What is wrong with it and what to write instead.
        why: &'static str,
    },
    /// A value that would not go into a header or a path.
    #[error("read {what}: {why}")]
    Value {
        /// Which setting.
        what: &'static str,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// The HTTP client could not be set up, for example without trusted certificates.
    #[error("set up the HTTP client")]
    Http(#[source] reqwest::Error),
    /// A range of days that does not exist or runs backwards.
    #[error("read days {from} to {to}: {why}")]
    Days {
        /// First day asked.
        from: chrono::NaiveDate,
        /// Last day asked.
        to: chrono::NaiveDate,
        /// What is wrong with them.
        why: &'static str,
    },
}

/// Why a window could not be proven complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// One second holds more rows than the API lets anybody reach, with every filter that it offers.
    TooDense,
    /// `numResults` stays larger than the rows that can be fetched.
    CountTooLarge,
    /// The rows never stood still for one whole reading.
    Unstable,
    /// The rows lie outside the asked window by their start and by their end.
    OutsideWindow,
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooDense => "holds more rows than the API lets anybody reach",
            Self::CountTooLarge => "numResults stays larger than the rows that came",
            Self::Unstable => "rows kept moving while they were read",
            Self::OutsideWindow => "rows lie outside the window that was asked for",
        })
    }
}

/// A window that may lack rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Unproven {
    /// Which seconds.
    pub window: Window,
    /// Why.
    pub doubt: Doubt,
}

impl std::fmt::Display for Unproven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.window, self.doubt)
    }
}

/// The classes of failure that an orchestrator must tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A setting or a request that can never work: change it.
    Usage,
    /// Credentials were refused.
    Auth,
    /// The API was unreachable, limited or broken for longer than the retry bounds: run again later.
    RetryLater,
    /// The API answered, but completeness could not be proven.
    Incomplete,
    /// Times do not fit the time zone asked for.
    Zone,
    /// The local disk, or a receiver that went away.
    Local,
}

/// Why reading days ended early.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A setting that cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// 401 with a fresh token, or 403.
    #[error(
        "ask for records: the API refused the credentials with status {status}: {words}; check the token or app id and secret, and its scope"
    )]
    Auth {
        /// HTTP status.
        status: u16,
        /// The server's words.
        words: String,
    },
    /// Another 4xx, or a redirect.
    #[error("ask for {asked}: the API refused the request with status {status}: {words}; {}", of_refusal(*.status))]
    Rejected {
        /// HTTP status.
        status: u16,
        /// The server's words.
        words: String,
        /// What for.
        asked: Asked,
    },
    /// The bounds of tries or time were used up.
    #[error(
        "ask for {asked}: gave up after {tries} tries: {cause}: {detail}; {}",
        cause.remedy()
    )]
    RetryLater {
        /// What for.
        asked: Asked,
        /// How many requests were made for it.
        tries: u32,
        /// What the last try failed of.
        cause: Cause,
        /// The last try's own words.
        detail: String,
    },
    /// A body larger than the cap.
    #[error(
        "read {asked}: its body exceeds {cap} bytes, some hundred times that of a usual page; check that --host is the API's, or export the days around it by themselves"
    )]
    TooLarge {
        /// What it was for.
        asked: Asked,
        /// The cap in bytes.
        cap: usize,
    },
    /// Naive times do not fit the `sessionId` clock.
    #[error(
        "check the time zone of {window}: naive times were asked for with --timezone-offset {asked} but fit {fits}; pass --timezone-offset {fits}"
    )]
    Zone {
        /// In which window it showed.
        window: Window,
        /// The offset asked for, in minutes, JavaScript's sign.
        asked: i32,
        /// The offset that would fit, in minutes, JavaScript's sign.
        fits: i32,
    },
    /// Some windows could not be proven complete; all others were.
    #[error("prove the days complete: {} unproven, the first {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Incomplete(Vec<Unproven>),
    /// The spool of fetched pages could not be read or written.
    #[error("use the page spool {path:?}")]
    Spool {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The receiver of events went away.
    #[error("deliver pages: the receiver has stopped")]
    Stopped,
    /// A token could not be signed.
    #[error("sign a token")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// What to do about a refusal.
fn of_refusal(status: u16) -> &'static str {
    match status {
        300..400 => "check --host: redirects are not followed",
        404 | 405 => "check --host and --endpoint",
        _ => "check --account, --stream and --endpoint",
    }
}

impl ApiError {
    /// The class of this failure, from which a command derives its exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) | Self::Rejected { .. } | Self::Sign(_) => ErrorKind::Usage,
            Self::Auth { .. } => ErrorKind::Auth,
            Self::RetryLater { .. } => ErrorKind::RetryLater,
            Self::Incomplete(_) | Self::TooLarge { .. } => ErrorKind::Incomplete,
            Self::Zone { .. } => ErrorKind::Zone,
            Self::Spool { .. } | Self::Stopped => ErrorKind::Local,
        }
    }
}
