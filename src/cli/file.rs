//! The configuration file: options of one account or of several, in TOML.
//!
//! ```toml
//! dest = "s3://lakes/calls"          # holds for all accounts
//! rate = 30
//!
//! [accounts.emea]
//! account = "67654be356840f366e79aaaa"
//! host = "https://emea.example.com"
//! stream = "st-…"
//! token_env = "EMEA_TOKEN"           # the variable that holds the token, never the token
//! ```
//!
//! A key is the name of an option's variable, without `CALLAKE_` and in lower case. What stands in the file takes the place of
//! the option's default: an argument beats a variable, a variable beats the file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::variables::PREFIX;

/// Keys that would put a secret into the file.
const SECRETS: [&str; 3] = ["token", "app_id", "app_secret"];

/// The table of accounts.
const ACCOUNTS: &str = "accounts";

/// What is wrong with the file, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {problem}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(super) struct FileError {
    file: PathBuf,
    /// From 1.
    line: Option<usize>,
    problem: String,
}

/// A file that was read: its keys are those of options.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    defaults: Values,
    /// In the order of the file.
    accounts: Vec<(String, Values)>,
}

/// Values by key.
type Values = BTreeMap<String, Value>;

/// A value as it would be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    text: String,
    line: usize,
}

impl File {
    /// Reads the file; `command` says which keys there are.
    pub(super) fn read(path: &Path, command: &Command) -> Result<File, FileError> {
        let text = std::fs::read_to_string(path).map_err(|error| FileError {
            file: path.to_path_buf(),
            line: None,
            problem: format!("{error}; check the path, and who may read it"),
        })?;
        let known = keys(command);
        Reader {
            path,
            text: &text,
            known: &known,
        }
        .read()
    }

    /// Names of the accounts, in the order of the file.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &str> {
        self.accounts.iter().map(|(name, _)| name.as_str())
    }

    /// The account of that name, or else of that id: its name.
    pub(super) fn find(&self, asked: &str) -> Result<&str, FileError> {
        let by_name = self.accounts().find(|name| *name == asked);
        let by_id = || self.accounts().find(|name| self.id(name) == asked);
        by_name.or_else(by_id).ok_or_else(|| {
            let names: Vec<_> = self.accounts().collect();
            self.problem(
                None,
                format!("it has no account {asked}; there are: {}", names.join(", ")),
            )
        })
    }

    /// The id of the account of that name: its key `account`, or else the name itself.
    pub(super) fn id<'a>(&'a self, name: &'a str) -> &'a str {
        let values = self.accounts.iter().find(|(other, _)| other == name);
        let id = values.and_then(|(_, values)| values.get("account"));
        id.map_or(name, |id| id.text.as_str())
    }

    /// The command with the file's values as defaults: those for all accounts, and over them those of the account.
    pub(super) fn apply(&self, command: Command, account: Option<&str>) -> Result<Command, FileError> {
        let mut values = self.defaults.clone();
        for (_, own) in self
            .accounts
            .iter()
            .filter(|(name, _)| Some(name.as_str()) == account)
        {
            values.extend(own.clone());
        }
        self.check_all(&command, &values)?;
        Ok(with_defaults(command, &values))
    }

    /// Checks the values by all options that take them, so that a file is right or wrong whatever the command.
    fn check_all(&self, command: &Command, values: &Values) -> Result<(), FileError> {
        for arg in command.get_arguments() {
            if let Some(value) = value_of(arg, values) {
                self.check(arg, value)?;
            }
        }
        command
            .get_subcommands()
            .try_for_each(|below| self.check_all(below, values))
    }

    /// Has the option itself say whether it takes the value.
    fn check(&self, arg: &Arg, value: &Value) -> Result<(), FileError> {
        let parser = match arg.get_action() {
            ArgAction::Count => clap::value_parser!(u8).into(),
            _ => arg.get_value_parser().clone(),
        };
        let probe = Command::new("value").no_binary_name(true).arg(
            Arg::new("value")
                .long(key(arg).unwrap_or_default())
                .value_parser(parser)
                .allow_hyphen_values(true),
        );
        let typed = format!("--{}={}", key(arg).unwrap_or_default(), value.text);
        match probe.try_get_matches_from([typed]) {
            Ok(_) => Ok(()),
            Err(error) => {
                let said = error.to_string();
                let said = said.split("\n\n").next().unwrap_or_default();
                let said: Vec<_> = said.trim_start_matches("error: ").split_whitespace().collect();
                Err(self.problem(
                    Some(value.line),
                    said.join(" ").replace("'--", "'").replace(" <value>'", "'"),
                ))
            }
        }
    }

    fn problem(&self, line: Option<usize>, problem: String) -> FileError {
        FileError {
            file: self.path.clone(),
            line,
            problem,
        }
    }
}

/// The command, and all below it, with the values as defaults.
fn with_defaults(command: Command, values: &Values) -> Command {
    // Where several arguments stand without a name, their number tells which is which, and none of them can be left out.
    let is_one = command.get_positionals().count() == 1;
    command
        .mut_args(|arg| match value_of(&arg, values) {
            Some(value) if is_one || !arg.is_positional() => {
                arg.required(false).default_value(value.text.clone())
            }
            _ => arg,
        })
        .mut_subcommands(|below| with_defaults(below, values))
}

fn value_of<'a>(arg: &Arg, values: &'a Values) -> Option<&'a Value> {
    values.get(&key(arg)?)
}

/// The key of an option; none for those of the demo, and for the one that names the file.
fn key(arg: &Arg) -> Option<String> {
    let variable = arg.get_env()?.to_str()?;
    let key = variable.strip_prefix(PREFIX)?.to_lowercase();
    (!key.starts_with("demo_") && key != "config").then_some(key)
}

/// The keys of all options.
fn keys(command: &Command) -> Vec<String> {
    let mut all: Vec<String> = command.get_arguments().filter_map(key).collect();
    all.extend(command.get_subcommands().flat_map(keys));
    all.sort();
    all.dedup();
    all
}

/// Reads the text of a file.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    known: &'a [String],
}

impl Reader<'_> {
    fn read(&self) -> Result<File, FileError> {
        let table = DeTable::parse(self.text)
            .map_err(|error| self.problem(error.span().unwrap_or_default().start, error.message()))?;
        let mut file = File {
            path: self.path.to_path_buf(),
            defaults: Values::new(),
            accounts: Vec::new(),
        };
        let mut accounts = Vec::new();
        for (key, value) in table.get_ref() {
            match value.get_ref() {
                DeValue::Table(tables) if key.get_ref() == ACCOUNTS => accounts.extend(tables),
                _ => self.take(key, value, &mut file.defaults)?,
            }
        }
        accounts.sort_by_key(|(name, _)| name.span().start);
        for (name, account) in accounts {
            let DeValue::Table(table) = account.get_ref() else {
                return Err(self.problem(
                    name.span().start,
                    format!(
                        "{name} is no account: want [{ACCOUNTS}.{name}]",
                        name = name.get_ref()
                    ),
                ));
            };
            let mut values = Values::new();
            for (key, value) in table {
                self.take(key, value, &mut values)?;
            }
            file.accounts.push((name.get_ref().to_string(), values));
        }
        Ok(file)
    }

    fn take(
        &self,
        key: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
        values: &mut Values,
    ) -> Result<(), FileError> {
        let start = key.span().start;
        let key = key.get_ref().as_ref();
        if SECRETS.contains(&key) {
            return Err(self.problem(
                start,
                format!(
                    "{key} does not belong in a file: name the variable that holds it ({key}_env), or the token's file (token_file)"
                ),
            ));
        }
        if !self.known.iter().any(|known| known == key) {
            return Err(self.problem(
                start,
                format!(
                    "there is no key {key}; there are: {ACCOUNTS}, {}",
                    self.known.join(", ")
                ),
            ));
        }
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            DeValue::Float(_) | DeValue::Array(_) | DeValue::Table(_) => {
                return Err(self.problem(
                    start,
                    format!("{key} is no text, whole number, date, true or false"),
                ));
            }
        };
        let line = self.line(start);
        values.insert(key.to_string(), Value { text, line });
        Ok(())
    }

    fn problem(&self, at: usize, problem: impl fmt::Display) -> FileError {
        FileError {
            file: self.path.to_path_buf(),
            line: Some(self.line(at)),
            problem: problem.to_string(),
        }
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }
}
