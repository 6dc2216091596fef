//! One command from its settings to its exit code.

use crate::api::{ApiError, ConfigError, ErrorKind};
use crate::cli::{Cli, Command, DemoArgs, DemoCommand, SchemaArgs};
use crate::exit::Exit;
use crate::input::InputError;
use crate::{convert, export, lake, lake_commands, report, restore_lake, schema, tour};

/// Runs the command; what went wrong is on standard error when it returns.
pub fn run(cli: Cli) -> Exit {
    report::start_logging(cli.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(cli.command)),
        Err(error) => Err(anyhow::Error::new(error).context("start the threads")),
    };
    outcome.unwrap_or_else(|error| {
        report::error(&error);
        exit_of(&error)
    })
}

async fn dispatch(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Convert(args) => convert::run(args.into()).await,
        Command::Export(args) => export::run((*args).into()).await,
        Command::Restore(args) => restore_lake::run(args.into()).await,
        Command::Verify(args) => lake_commands::verify(args.into()).await,
        Command::Status(args) => lake_commands::status(args.into()).await,
        Command::Clean(args) => lake_commands::clean(args.into()).await,
        Command::Schema(SchemaArgs { table, format }) => {
            report::output(|out| out.write_all(schema::render::render(table, format.into()).as_bytes()))?;
            Ok(Exit::Done)
        }
        Command::Demo(DemoArgs { command, dest }) => demo(command, dest).await,
    }
}

async fn demo(command: Option<DemoCommand>, dest: String) -> anyhow::Result<Exit> {
    match command {
        None => tour::run(dest).await,
        Some(DemoCommand::Serve(args)) => {
            args.run(&mut std::io::stdout()).await?;
            Ok(Exit::Done)
        }
        Some(DemoCommand::Records(args)) => {
            report::output_with(|out| args.run(out))?;
            Ok(Exit::Done)
        }
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
        if let Some(error) = cause.downcast_ref::<ApiError>() {
            return match error.kind() {
                ErrorKind::Usage => Exit::Usage,
                ErrorKind::Auth | ErrorKind::Zone | ErrorKind::Local => Exit::Failed,
                ErrorKind::RetryLater => Exit::RetryLater,
                ErrorKind::Incomplete => Exit::Incomplete,
            };
        }
        if cause.is::<ConfigError>() {
            return Exit::Usage;
        }
        if let Some(error) = cause.downcast_ref::<lake::Error>() {
            return match (error, error.kind()) {
                // The local disk: full, read-only, not permitted. Somebody has to look.
                (lake::Error::Io { .. }, _) => Exit::Failed,
                (_, lake::ErrorKind::Usage) => Exit::Usage,
                (_, lake::ErrorKind::Retry) => Exit::RetryLater,
                (_, lake::ErrorKind::Integrity) => Exit::Integrity,
            };
        }
    }
    Exit::Failed
}
