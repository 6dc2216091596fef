//! One command from its settings to its exit code.

use std::time::Duration;

use anyhow::Context as _;

use crate::cli::{Cli, Command, DemoArgs, DemoCommand, SchemaArgs, SpeechArgs};
use crate::exit::Exit;
use crate::job::Job;
use crate::progress::Progress;
use crate::report::{self, Voice};
use crate::stop::Stop;
use crate::{convert, export, lake_commands, plan, restore_lake, schema, shell, tour};

/// Runs the command; what went wrong is on standard error when it returns.
pub fn run(cli: Cli) -> Exit {
    let Cli { command, speech } = cli;
    report::start_logging(Voice {
        quiet: speech.quiet,
        verbose: speech.verbose,
        format: speech.log_format,
    });
    run_to_end(command, &speech).unwrap_or_else(|error| {
        report::error(&error);
        Exit::of(&error)
    })
}

fn run_to_end(command: Command, speech: &SpeechArgs) -> anyhow::Result<Exit> {
    let job = Job {
        progress: Progress::default(),
        stop: Stop::listen().context("listen for signals")?,
        name: None,
        interval: Duration::from_secs(speech.progress_interval),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the threads")?;
    runtime.block_on(dispatch(command, &job))
}

async fn dispatch(command: Command, job: &Job) -> anyhow::Result<Exit> {
    match command {
        Command::Convert(args) => convert::run(args.into(), job).await,
        Command::Export(args) => export::run((*args).into(), job).await,
        Command::Sync(args) => export::sync((*args).into(), job).await,
        Command::Plan(args) => plan::run((*args).into(), job).await,
        Command::Restore(args) => restore_lake::run(args.into(), job).await,
        Command::Verify(args) => lake_commands::verify(args.into(), job).await,
        Command::Status(args) => lake_commands::status(args.into(), job).await,
        Command::Snapshot(args) => lake_commands::snapshot(args.into(), job).await,
        Command::Clean(args) => lake_commands::clean(args.into(), job).await,
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
        Command::Demo(DemoArgs { command, dest }) => demo(command, dest, job).await,
        Command::Completions(args) => shell::completions(args.shell),
        Command::Man(args) => shell::manual(&args.folder),
    }
}

async fn demo(command: Option<DemoCommand>, dest: String, job: &Job) -> anyhow::Result<Exit> {
    match command {
        None => tour::run(dest, job).await,
        Some(DemoCommand::Serve(args)) => {
            // To be stopped is how it ends.
            if let Ok(served) = job.stop.unless(args.run(&mut std::io::stdout())).await {
                served.context("serve the demo")?;
            }
            Ok(Exit::Done)
        }
        Some(DemoCommand::Records(args)) => {
            report::output_with(|out| args.run(out))?;
            Ok(Exit::Done)
        }
    }
}
