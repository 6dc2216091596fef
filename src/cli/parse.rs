//! Arguments, variables and the configuration file → commands to run, one an account.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgMatches, Command, CommandFactory as _, Error, FromArgMatches as _};

use super::file::{File, FileError};
use super::{Cli, variables};
use crate::config::Account;

/// A command that was typed, for one account.
#[derive(Debug)]
pub struct Invocation {
    /// Name of the account, where the command is run for several.
    pub name: Option<String>,
    /// The command and its options.
    pub cli: Cli,
}

/// The command line: every option, each with its variable.
pub fn command() -> Command {
    variables::named(Cli::command())
}

/// Reads arguments, the first of which is the program's name, variables, and the file that they name.
///
/// # Errors
/// They can't be meant; help or the version was asked for, which is an error of clap's.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<Invocation>, Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = command();
    let Some((path, typed)) = named_file(&command, &arguments) else {
        return Ok(vec![Invocation {
            name: None,
            cli: parsed(command, &arguments)?,
        }]);
    };
    let file = File::read(&path, &command).map_err(usage)?;
    let accounts = accounts(&file, &typed)?;
    let is_one_of_several = accounts.len() > 1;
    let invocation = |account: Option<String>| {
        let with_file = file.apply(command.clone(), account.as_deref()).map_err(usage)?;
        let with_account = match &account {
            Some(name) => resolving(with_file, name, file.id(name)),
            None => with_file,
        };
        Ok(Invocation {
            name: account.filter(|_| is_one_of_several),
            cli: parsed(with_account, &arguments)?,
        })
    };
    accounts.into_iter().map(invocation).collect()
}

fn parsed(mut command: Command, arguments: &[OsString]) -> Result<Cli, Error> {
    let matches = command.try_get_matches_from_mut(arguments);
    Cli::from_arg_matches(&matches.map_err(|error| variables::told_of(error, &command))?)
}

fn usage(error: FileError) -> Error {
    Error::raw(ErrorKind::InvalidValue, format!("{error}\n"))
}

/// The file that is named, if one is, and what else was typed. Options that the file may hold are not missed yet; whatever
/// else is wrong is told when all is parsed.
fn named_file(command: &Command, arguments: &[OsString]) -> Option<(PathBuf, ArgMatches)> {
    let typed = optional(command.clone()).try_get_matches_from(arguments).ok()?;
    let path = typed.get_one::<PathBuf>("config").cloned()?;
    Some((path, typed))
}

/// The command with nothing required.
fn optional(command: Command) -> Command {
    command
        .mut_args(|arg| arg.required(false))
        .mut_subcommands(optional)
}

/// The accounts of the file that the command is run for; `None` for a command, or a file, without accounts.
fn accounts(file: &File, typed: &ArgMatches) -> Result<Vec<Option<String>>, Error> {
    let Some((command, options)) = typed.subcommand() else {
        return Ok(vec![None]);
    };
    let Ok(asked) = options.try_get_one::<Account>("account") else {
        return Ok(vec![None]);
    };
    let all: Vec<_> = file.accounts().map(|name| Some(name.to_string())).collect();
    match asked {
        _ if all.is_empty() => Ok(vec![None]),
        Some(asked) => {
            let name = file.find(asked.as_str()).map_err(usage)?;
            Ok(vec![Some(name.to_string())])
        }
        None if command == "convert" && all.len() > 1 => Err(Error::raw(
            ErrorKind::MissingRequiredArgument,
            "the inputs are of one account, and the file has several: say which with --account NAME\n",
        )),
        None => Ok(all),
    }
}

/// The command with the account of that name asked for, be it by its name or by its id.
fn resolving(command: Command, name: &str, id: &str) -> Command {
    command.mut_subcommands(|below| {
        let takes_account = below.get_arguments().any(|arg| {
            arg.get_id() == "account" && arg.get_env().is_some_and(|name| name == "CALLAKE_ACCOUNT")
        });
        if !takes_account {
            return below;
        }
        let (name, id) = (name.to_string(), id.to_string());
        below.mut_arg("account", move |arg| {
            let default = id.clone();
            arg.required(false)
                .default_value(default)
                .value_parser(move |text: &str| Account::parse(if text == name { &id } else { text }))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::cli::Command as Typed;
    use crate::config::ApiSettings;

    const TWO: &str = r#"
dest = "lake"
rate = 30
verify = true
from = 2025-09-01

[accounts.second]
host = "https://two.example.com"
stream = "st-2"
token_env = "TWO"

[accounts.first]
account = "0001"
host = "https://one.example.com"
stream = "st-1"
rate = 10
"#;

    fn read(text: &str, arguments: &str) -> Result<Vec<Invocation>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let arguments = format!("callake {arguments} --config {path}");
        parse(arguments.split_whitespace().map(OsString::from))
            .map_err(|error| error.to_string().replace(path, "FILE").trim().to_string())
    }

    fn api(invocation: Invocation) -> ApiSettings {
        match invocation.cli.command {
            Typed::Sync(args) => args.what.api.into(),
            command => panic!("{command:?}"),
        }
    }

    #[test]
    fn a_command_is_run_for_all_accounts_in_the_order_of_the_file() {
        let runs = read(TWO, "sync").unwrap();
        let names: Vec<_> = runs.iter().map(|run| run.name.clone().unwrap()).collect();
        assert_eq!(names, ["second", "first"]);
        let apis: Vec<_> = runs.into_iter().map(api).collect();
        let told = |api: &ApiSettings| (api.account.to_string(), api.host.clone(), api.rate);
        assert_eq!(
            told(&apis[0]),
            ("second".into(), "https://two.example.com".into(), 30)
        );
        assert_eq!(
            told(&apis[1]),
            ("0001".into(), "https://one.example.com".into(), 10)
        );
    }

    #[test]
    fn an_argument_beats_the_file() {
        let runs = read(TWO, "sync --rate 7 --from 2025-10-01").unwrap();
        for run in runs {
            let Typed::Sync(args) = &run.cli.command else {
                panic!("{run:?}")
            };
            assert_eq!(args.what.api.connection.rate, 7);
            assert_eq!(args.what.from.unwrap().to_string(), "2025-10-01");
            assert!(args.what.lake.verify);
        }
    }

    #[test]
    fn one_account_is_asked_for_by_name_or_id() {
        for asked in ["first", "0001"] {
            let mut runs = read(TWO, &format!("sync --account {asked}")).unwrap();
            assert_eq!((runs.len(), runs[0].name.is_none()), (1, true));
            assert_eq!(api(runs.remove(0)).account.as_str(), "0001");
        }
        let error = read(TWO, "sync --account third").unwrap_err();
        assert_eq!(
            error,
            "error: FILE: it has no account third; there are: second, first"
        );
    }

    #[test]
    fn other_commands_take_what_holds_for_all() {
        let runs = read(TWO, "verify").unwrap();
        let Typed::Verify(args) = &runs[0].cli.command else {
            panic!("{runs:?}")
        };
        assert_eq!((runs.len(), args.location.lake.as_str()), (1, "lake"));
        let error = read(TWO, "convert records.json").unwrap_err();
        assert!(error.contains("say which with --account NAME"), "{error}");
        let runs = read(TWO, "convert records.json --account first").unwrap();
        let Typed::Convert(args) = &runs[0].cli.command else {
            panic!("{runs:?}")
        };
        assert_eq!(args.what.account.as_str(), "0001");
    }

    #[test]
    fn a_file_without_accounts_is_that_of_one() {
        let one = "account = \"a\"\nhost = \"https://a.example.com\"\nstream = \"st-1\"\ndest = \"lake\"";
        let mut runs = read(one, "sync").unwrap();
        assert_eq!(api(runs.remove(0)).account.as_str(), "a");
        let mut runs = read(one, "sync --account b").unwrap();
        assert_eq!(api(runs.remove(0)).account.as_str(), "b");
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_key() {
        let cases = [
            (
                "rate = 1\nrates = 3",
                "error: FILE:2: there is no key rates; there are: accounts, ",
            ),
            (
                "token = \"x\"",
                "error: FILE:1: token does not belong in a file: name the variable that holds it (token_env)",
            ),
            (
                "\n[accounts.a]\napp_secret = \"x\"",
                "error: FILE:3: app_secret does not belong in a file",
            ),
            (
                "\nrate = 0",
                "error: FILE:2: invalid value '0' for 'rate': 0 is not in 1..=60000",
            ),
            (
                "endpoint = \"v3\"",
                "error: FILE:1: invalid value 'v3' for 'endpoint' [possible values: v1, v2, interaction-details]",
            ),
            (
                "verify = \"perhaps\"",
                "error: FILE:1: invalid value 'perhaps' for 'verify'",
            ),
            (
                "zone = [\"UTC\"]",
                "error: FILE:1: zone is no text, whole number, date, true or false",
            ),
            (
                "[accounts]\na = 1",
                "error: FILE:2: a is no account: want [accounts.a]",
            ),
            ("config = \"x\"", "error: FILE:1: there is no key config"),
            ("demo_port = 1", "error: FILE:1: there is no key demo_port"),
            ("x = \n", "error: FILE:1: "),
        ];
        for (text, want) in cases {
            let error = read(text, "sync").unwrap_err();
            assert!(error.starts_with(want), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there() {
        let arguments = ["callake", "sync", "--config", "/no/such/file.toml"].map(OsString::from);
        let error = parse(arguments).unwrap_err().to_string();
        assert!(
            error.starts_with("error: /no/such/file.toml: No such file"),
            "{error}"
        );
    }
}
