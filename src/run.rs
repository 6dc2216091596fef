//! One command from its settings to its exit code.

use crate::cli::{Cli, Command, DemoArgs, DemoCommand, SchemaArgs};
use crate::exit::Exit;
use crate::input::InputError;
use crate::{convert, report, schema};

/// Runs the command; what went wrong is on standard error when it returns.
pub fn run(cli: Cli) -> Exit {
    report::start_logging(cli.verbose);
    match dispatch(cli.command) {
        Ok(exit) => exit,
        Err(error) => {
            report::error(&error);
            exit_of(&error)
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Convert(args) => convert::run(&args.into()),
        Command::Schema(SchemaArgs { table, format }) => {
            report::output(|out| out.write_all(schema::render::render(table, format.into()).as_bytes()))?;
            Ok(Exit::Done)
        }
        Command::Demo(DemoArgs {
            command: Some(DemoCommand::Records(args)),
            dest: _,
        }) => {
            report::output_with(|out| args.run(out))?;
            Ok(Exit::Done)
        }
        Command::Demo(DemoArgs {
            command: None,
            dest: _,
        }) => anyhow::bail!("pending"),
    }
}

/// The one place where an error becomes an exit code.
fn exit_of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<InputError>() {
            return match error {
                InputError::Missing(_) | InputError::NoMatch(_) | InputError::Pattern(..) => Exit::BadInput,
                InputError::EmptyFolder(_) | InputError::Bad(_) => Exit::BadInput,
                InputError::Io { .. } => Exit::Failed,
            };
        }
    }
    Exit::Failed
}
