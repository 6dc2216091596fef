//! One command from its settings to its exit code.

use anyhow::Context as _;

use crate::cli::{Cli, Command, DemoArgs, DemoCommand, SchemaArgs};
use crate::exit::Exit;
use crate::{
    convert, doctor, export, lake_commands, picture, plan, report, restore_lake, schema, shell, tour,
};

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
        Exit::of(&error)
    })
}

async fn dispatch(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Convert(args) => convert::run(args.into()).await,
        Command::Export(args) => export::run((*args).into()).await,
        Command::Sync(args) => export::sync((*args).into()).await,
        Command::Doctor(args) => doctor::run((*args).into()).await,
        Command::Plan(args) => plan::run((*args).into()).await,
        Command::Restore(args) => restore_lake::run(args.into()).await,
        Command::Verify(args) => lake_commands::verify(args.into()).await,
        Command::Status(args) => lake_commands::status(args.into()).await,
        Command::Report(args) => picture::run(args.into()).await,
        Command::Snapshot(args) => lake_commands::snapshot(args.into()).await,
        Command::Clean(args) => lake_commands::clean(args.into()).await,
        Command::Schema(SchemaArgs {
            table,
            format,
            views,
            lake,
        }) => {
            let text = match views {
                Some(engine) => schema::views::views(table, engine.into(), &lake),
                None => schema::render::render(table, format.into()),
            };
            report::output(|out| out.write_all(text.as_bytes()))?;
            Ok(Exit::Done)
        }
        Command::Demo(DemoArgs { command, dest }) => demo(command, dest).await,
        Command::Completions(args) => shell::completions(args.shell),
        Command::Man(args) => shell::manual(&args.folder),
    }
}

async fn demo(command: Option<DemoCommand>, dest: String) -> anyhow::Result<Exit> {
    match command {
        None => tour::run(dest).await,
        Some(DemoCommand::Serve(args)) => {
            args.run(&mut std::io::stdout()).await.context("serve the demo")?;
            Ok(Exit::Done)
        }
        Some(DemoCommand::Records(args)) => {
            report::output_with(|out| args.run(out))?;
            Ok(Exit::Done)
        }
    }
}
