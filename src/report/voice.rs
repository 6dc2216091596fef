//! What goes to standard error: notes, warnings, errors and log lines, as text or as JSON, and never into the display.

use std::io::{self, IsTerminal as _, Write};
use std::sync::OnceLock;

use chrono::{SecondsFormat, Utc};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::display::beside_display;
use super::one_line;
use crate::remedy::remedy;

/// How lines on standard error are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line: timestamp, level, target, message, and fields of their own.
    Json,
}

/// What is said on standard error, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Voice {
    /// Whether only warnings and errors are said.
    pub quiet: bool,
    /// How much is logged: 0 warnings, 1 more, 2 everything.
    pub verbose: u8,
    /// How lines are written.
    pub format: LogFormat,
}

static VOICE: OnceLock<Voice> = OnceLock::new();

/// Starts to log as asked, once a process; `CALLAKE_LOG` overrules the level, in the syntax of `RUST_LOG`.
pub fn start_logging(voice: Voice) {
    let level = match voice.verbose {
        0 => "callake=warn",
        1 => "callake=info",
        _ => "callake=debug",
    };
    let filter = EnvFilter::try_from_env("CALLAKE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Stderr)
        .with_ansi(is_coloured());
    // A second call, as tests make, keeps the first one's subscriber and voice.
    let _ = match voice.format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    let _ = VOICE.set(voice);
}

/// The voice that was asked for.
pub(super) fn voice() -> Voice {
    VOICE.get().copied().unwrap_or_default()
}

/// Whether colours are wanted: on a terminal, unless `NO_COLOR` is set to something.
fn is_coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Says on standard error why the run failed and what to do about it, as one line.
pub fn error(error: &anyhow::Error) {
    let remedy = remedy(error).map(|remedy| format!("; {remedy}"));
    say(
        "ERROR",
        &format!("error: {error:#}{}", remedy.unwrap_or_default()),
        &[],
    );
}

/// Says on standard error what somebody should look at.
pub fn warn(text: &str) {
    say("WARN", text, &[]);
}

/// Says something on standard error that is merely good to know.
pub fn note(text: &str) {
    note_with(text, &[]);
}

/// As [`note`], with numbers of their own for those who read JSON.
pub(super) fn note_with(text: &str, fields: &[(&str, u64)]) {
    if !voice().quiet {
        say("INFO", text, fields);
    }
}

/// Writes a line. Where standard error is closed there is nobody to tell.
fn say(level: &str, text: &str, fields: &[(&str, u64)]) {
    let text = one_line(text);
    let line = match voice().format {
        LogFormat::Text => text,
        LogFormat::Json => json_line(level, &text, fields),
    };
    let _ = writeln!(Stderr, "{line}");
}

/// A line of the same shape as those of the log.
fn json_line(level: &str, text: &str, fields: &[(&str, u64)]) -> String {
    let mut line = serde_json::Map::new();
    let timestamp = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    line.insert("timestamp".to_string(), timestamp.into());
    line.insert("level".to_string(), level.into());
    line.insert("message".to_string(), text.into());
    for (name, value) in fields {
        line.insert((*name).to_string(), (*value).into());
    }
    line.insert("target".to_string(), "callake".into());
    serde_json::Value::Object(line).to_string()
}

/// Standard error, where each whole line is written beside the display.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        beside_display(|| io::stderr().write(bytes))
    }

    fn write_fmt(&mut self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        // In one piece, so that nothing of another thread comes between.
        self.write_all(text.to_string().as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Stderr {
    type Writer = Stderr;

    fn make_writer(&self) -> Stderr {
        Stderr
    }
}

#[cfg(test)]
mod tests {
    use super::json_line;

    #[test]
    fn json_lines_hold_level_message_and_fields() {
        let line = json_line("WARN", "a \"quoted\" word", &[("days_done", 3)]);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "a \"quoted\" word");
        assert_eq!(line["days_done"], 3);
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }
}
