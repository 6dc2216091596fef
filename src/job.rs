//! One run of one command, whatever the command: what counts it, what shows it, what stops it.

use std::time::Duration;

use crate::progress::Progress;
use crate::report::Display;
use crate::stop::Stop;

/// What a command is given beside its settings.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// What it has done so far.
    pub(crate) progress: Progress,
    /// Whether it was asked to stop.
    pub(crate) stop: Stop,
    /// Name of the account, where a command runs for several.
    pub(crate) name: Option<String>,
    /// Whether its result is printed as JSON.
    pub(crate) json: bool,
    /// Whether it only says what it would do.
    pub(crate) dry_run: bool,
    /// Time between two lines of progress where there is no terminal.
    pub(crate) interval: Duration,
}

impl Job {
    /// Shows progress while the work is done.
    pub(crate) async fn shown<T>(&self, work: impl Future<Output = T>) -> T {
        let _display = Display::show(&self.progress, self.name.as_deref(), self.interval);
        work.await
    }

    /// Shows progress while the work is done, for work that can be dropped at any moment: it is when the run is to stop.
    ///
    /// # Errors
    /// The work's; the run was asked to stop.
    pub(crate) async fn droppable<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
    where
        anyhow::Error: From<E>,
    {
        let done = self.shown(self.stop.unless(work)).await;
        Ok(done??)
    }
}
