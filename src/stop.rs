//! Ctrl-C and SIGTERM: a run is asked to stop, and ends by itself soon or is ended.
//!
//! What a run has published stays; what it has fetched and not published lies in the spool, so that the next run goes on there.
//! A run that is ended is as one that is killed, which every step of it allows for.

use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;
use crate::report;

/// How long a run may take to end by itself, for instance to publish the day that it has just read.
pub(crate) const GRACE: Duration = Duration::from_millis(1_500);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM, as an orchestrator sends it.
    Terminate,
}

/// A run was asked to stop, and did.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("stopped by {}: what was published stays; run the same command again for the rest", .0.name())]
pub struct Stopped(pub Signal);

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Interrupt => "Ctrl-C (SIGINT)",
            Signal::Terminate => "SIGTERM",
        }
    }
}

/// Whether the run was asked to stop; clones ask the same.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<Option<Signal>>);

impl Stop {
    /// Listens from now on. Once a signal came, the process ends within [`GRACE`], or at once when another one comes.
    ///
    /// # Errors
    /// The operating system has no thread or no signal handler to give.
    pub(crate) fn listen() -> io::Result<Stop> {
        let (tell, told) = watch::channel(None);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let signals = runtime.block_on(async { Signals::new() })?;
        thread::Builder::new()
            .name("signals".to_string())
            .spawn(move || runtime.block_on(end_soon(signals, tell)))?;
        Ok(Stop(told))
    }

    /// Fails once the run was asked to stop.
    pub(crate) fn check(&self) -> Result<(), Stopped> {
        match *self.0.borrow() {
            Some(signal) => Err(Stopped(signal)),
            None => Ok(()),
        }
    }

    /// Lets the work finish, unless the run is asked to stop first.
    pub(crate) async fn unless<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        let mut told = self.0.clone();
        let stopped = async {
            match told.wait_for(Option::is_some).await.map(|signal| *signal) {
                Ok(Some(signal)) => Stopped(signal),
                // Nobody listens any more, so that nobody asks.
                Ok(None) | Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            stopped = stopped => Err(stopped),
            done = work => Ok(done),
        }
    }
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

async fn end_soon(mut signals: Signals, tell: watch::Sender<Option<Signal>>) {
    let first = signals.next().await;
    // The run may have ended meanwhile.
    let _ = tell.send(Some(first));
    let _ = tokio::time::timeout(GRACE, signals.next()).await;
    report::clear_display();
    report::error(&Stopped(first).into());
    process::exit(Exit::from(first) as i32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_goes_on_until_somebody_asks() {
        let (tell, told) = watch::channel(None);
        let stop = Stop(told);
        assert_eq!(stop.unless(async { 7 }).await.unwrap(), 7);
        assert!(stop.check().is_ok());
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.unless(std::future::pending::<()>()).await }
        });
        tell.send(Some(Signal::Terminate)).unwrap();
        assert_eq!(waiting.await.unwrap().unwrap_err().0, Signal::Terminate);
        assert_eq!(stop.check().unwrap_err().0, Signal::Terminate);
        assert!(
            stop.unless(async { 7 }).await.is_err(),
            "asked before the work began"
        );
    }
}
