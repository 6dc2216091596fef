//! One command from its settings to its exit code.

use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use tokio::runtime::Runtime;

use crate::cli::{Command, DemoArgs, DemoCommand, Invocation, RunArgs, SchemaArgs, SpeechArgs};
use crate::exit::Exit;
use crate::job::Job;
use crate::progress::Progress;
use crate::report::{self, Ended, Metrics, Voice};
use crate::stop::Stop;
use crate::{
    conversations, convert, doctor, export, lake_commands, picture, plan, restore_lake, schema, shell, tour,
};

/// Runs the command for each account it was typed for, one after the other, and gives the worst of their codes; what went wrong
/// is on standard error when it returns.
pub fn run(invocations: Vec<Invocation>) -> Exit {
    if let Some(first) = invocations.first() {
        let SpeechArgs {
            verbose,
            quiet,
            log_format: format,
            ..
        } = first.cli.speech;
        report::start_logging(Voice {
            quiet,
            verbose,
            format,
        });
    }
    told(run_each(invocations), None)
}

fn run_each(invocations: Vec<Invocation>) -> anyhow::Result<Exit> {
    let stop = Stop::listen().context("listen for signals")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the threads")?;
    let (mut worst, mut metrics) = (Exit::Done, Metrics::default());
    for invocation in invocations {
        worst = worst.worse(run_one(invocation, &stop, &runtime, &mut metrics));
        if stop.check().is_err() {
            break;
        }
    }
    Ok(worst)
}

/// Runs the command for one account, and leaves its figures where they are asked for.
fn run_one(invocation: Invocation, stop: &Stop, runtime: &Runtime, metrics: &mut Metrics) -> Exit {
    let Invocation { name, cli } = invocation;
    let Writing {
        account,
        command,
        run,
    } = writing(&cli.command).unwrap_or_default();
    let job = Job {
        progress: Progress::default(),
        stop: stop.clone(),
        name,
        json: run.json,
        dry_run: run.dry_run,
        interval: Duration::from_secs(cli.speech.progress_interval),
    };
    let started = Utc::now();
    let outcome = runtime.block_on(dispatch(cli.command, &job));
    let exit = told(outcome, job.name.as_deref());
    let Some(file) = run.metrics_file.filter(|_| !run.dry_run) else {
        return exit;
    };
    let kept = metrics.keep(
        &file,
        Ended {
            account,
            command,
            started,
            ended: Utc::now(),
            exit,
            progress: job.progress,
        },
    );
    // Whoever watches is not told, but other accounts are read all the same.
    exit.worse(told(kept.map(|()| Exit::Done), None))
}

/// A command that writes to the lake of an account.
#[derive(Default)]
struct Writing {
    account: String,
    command: &'static str,
    run: RunArgs,
}

fn writing(command: &Command) -> Option<Writing> {
    let (account, command, run) = match command {
        Command::Convert(args) => (&args.what.account, "convert", &args.run),
        Command::Export(args) => (&args.what.api.connection.account, "export", &args.run),
        Command::Sync(args) => (&args.what.api.connection.account, "sync", &args.run),
        Command::Conversations(args) => (&args.what.connection.account, "conversations", &args.run),
        _ => return None,
    };
    Some(Writing {
        account: account.to_string(),
        command,
        run: run.clone(),
    })
}

/// Says how a run ended: always why it failed, and of an account among several also that it did not.
fn told(outcome: anyhow::Result<Exit>, name: Option<&str>) -> Exit {
    match (outcome, name) {
        (Ok(exit), None) => exit,
        (Ok(Exit::Done), Some(name)) => {
            report::note(&format!("account {name}: done"));
            Exit::Done
        }
        (Ok(exit), Some(name)) => {
            report::warn(&format!("account {name}: {}", exit.name()));
            exit
        }
        (Err(error), name) => {
            let exit = Exit::of(&error);
            report::error(&match name {
                Some(name) => error.context(format!("account {name}")),
                None => error,
            });
            exit
        }
    }
}

async fn dispatch(command: Command, job: &Job) -> anyhow::Result<Exit> {
    match command {
        Command::Convert(args) => convert::run(args.what.into(), job).await,
        Command::Export(args) => export::run(args.what.into(), job).await,
        Command::Sync(args) => export::sync(args.what.into(), job).await,
        Command::Conversations(args) => conversations::run(args.what.into(), job).await,
        Command::Doctor(args) => doctor::run((*args).into()).await,
        Command::Plan(args) => plan::run((*args).into(), job).await,
        Command::Restore(args) => restore_lake::run(args.into(), job).await,
        Command::Verify(args) => lake_commands::verify(args.into(), job).await,
        Command::Status(args) => lake_commands::status(args.into(), job).await,
        Command::Report(args) => picture::run(args.into(), job).await,
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
