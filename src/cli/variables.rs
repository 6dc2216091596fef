//! Each option as a variable of the environment: `--token-file` is `CALLAKE_TOKEN_FILE`.
//!
//! The names are made of the options' own, so that no option can be without one. Those of the demo begin with `CALLAKE_DEMO_`: a
//! variable that is set for real runs must not lead a demo into the real lake.

use clap::builder::{BoolishValueParser, StyledStr};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command, Error};

/// What the variables of all options begin with.
pub(super) const PREFIX: &str = "CALLAKE_";

/// Gives each option of the command, and of those below it, its variable.
pub(super) fn named(command: Command) -> Command {
    name_below(command, PREFIX)
}

fn name_below(command: Command, prefix: &str) -> Command {
    command
        .mut_args(|arg| name(arg, prefix))
        .mut_subcommands(|below| match below.get_name() {
            "demo" => name_below(below, &format!("{prefix}DEMO_")),
            _ => name_below(below, prefix),
        })
}

fn name(arg: Arg, prefix: &str) -> Arg {
    let arg = match (arg.get_env(), arg.get_long()) {
        (None, Some(long)) => {
            let variable = format!("{prefix}{}", long.replace('-', "_").to_uppercase());
            arg.env(variable)
        }
        _ => arg,
    };
    let arg = match arg.get_action() {
        // As a variable it has a value, and 0 is no.
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
        _ => arg,
    };
    // A secret may stand in any of them, and help is shown to others.
    arg.hide_env_values(true)
}

/// The error of a value that stands in a variable, and not in what was typed, says so: it names the option as if it had been typed.
pub(super) fn told_of(mut error: Error, command: &Command) -> Error {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (Some(option), Some(value)) = (
        context(ContextKind::InvalidArg),
        context(ContextKind::InvalidValue),
    ) else {
        return error;
    };
    // `--rate <REQUESTS>`, as clap shows it.
    let name = option.trim_start_matches("--").split([' ', '=', '[']).next();
    let Some(variable) = name.and_then(|name| holding(command, name, &value)) else {
        return error;
    };
    let said = StyledStr::from(format!("the value stands in the variable {variable}"));
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![said]));
    error
}

/// The variable of that option, if it holds that value.
fn holding(command: &Command, option: &str, value: &str) -> Option<String> {
    let holds = |arg: &&Arg| {
        let variable = arg.get_env().and_then(std::env::var_os);
        arg.get_long() == Some(option) && variable.is_some_and(|text| text == value)
    };
    let variable = command.get_arguments().find(holds).and_then(Arg::get_env);
    match variable {
        Some(name) => Some(name.to_string_lossy().into_owned()),
        None => command
            .get_subcommands()
            .find_map(|below| holding(below, option, value)),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use crate::cli::command;

    fn walk(command: &Command, path: &str, visit: &mut impl FnMut(&str, &Arg)) {
        for arg in command.get_arguments() {
            visit(path, arg);
        }
        for below in command.get_subcommands() {
            walk(below, &format!("{path} {}", below.get_name()), visit);
        }
    }

    #[test]
    fn every_option_has_a_variable_whose_value_no_help_shows() {
        let mut options = 0;
        walk(&command(), "callake", &mut |path, arg| {
            if let Some(long) = arg.get_long() {
                let variable = arg.get_env().and_then(|name| name.to_str()).unwrap_or_default();
                assert!(variable.starts_with("CALLAKE_"), "{path} --{long}: {variable:?}");
                assert_eq!(
                    variable.starts_with("CALLAKE_DEMO_"),
                    path.starts_with("callake demo"),
                    "{path} --{long}: {variable}"
                );
                options += 1;
            }
            assert!(
                arg.is_hide_env_values_set() || arg.get_env().is_none(),
                "{path} {arg}"
            );
        });
        assert!(options > 60, "{options}");
    }

    #[test]
    fn flags_take_yes_and_no_from_the_environment() {
        let mut flags = 0;
        walk(&command(), "callake", &mut |path, arg| {
            if matches!(arg.get_action(), clap::ArgAction::SetTrue) {
                let probe = Command::new("probe").no_binary_name(true).arg(
                    Arg::new("flag")
                        .long("flag")
                        .value_parser(arg.get_value_parser().clone()),
                );
                for (text, is_set) in [("1", true), ("true", true), ("0", false), ("no", false)] {
                    let matches = probe
                        .clone()
                        .try_get_matches_from([format!("--flag={text}")])
                        .unwrap_or_else(|error| panic!("{path} {arg}: {error}"));
                    assert_eq!(matches.get_one("flag"), Some(&is_set), "{path} {arg}");
                }
                flags += 1;
            }
        });
        assert!(flags > 5, "{flags}");
    }
}
