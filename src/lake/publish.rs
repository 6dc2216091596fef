//! Publishing a day: read the present file, merge, put if unchanged, else again.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Utc;
use chrono_tz::Tz;

use super::facts::DayFacts;
use super::fault;
use super::footer::{FileFacts, tool};
use super::layout::DayPath;
use super::local::LocalStore;
use super::object::{RemoteStore, Swap};
use super::store::{Store, check_bytes, foreign, read_footer};
use super::{Error, Lake, Result};
use crate::day::{DayRows, Footer, Merge, WriteOptions};

/// What a publication came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What happened to the file.
    pub outcome: Outcome,
    /// Where it is.
    pub path: DayPath,
    /// Rows that it has now.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

/// What happened to a day's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The day had no file before.
    Created,
    /// New rows or facts were merged into the present file.
    Merged,
    /// The present file holds all of it already, and was left.
    Unchanged,
}

impl Lake {
    /// Merges the rows into the account-day's file.
    ///
    /// # Errors
    /// A present file of another zone or version, or one that can't be read; the store or the disk.
    pub async fn publish(&self, account: &str, rows: DayRows, facts: DayFacts) -> Result<Published> {
        let job = Job {
            path: DayPath::new(&rows.table().name, rows.day(), account)?,
            rows,
            facts,
            zone: self.zone(),
            write: self.options.write.clone(),
        };
        match &self.store {
            Store::Local(store) => {
                let store = store.clone();
                blocking(&job.path.clone(), move || job.publish_locally(&store)).await
            }
            Store::Remote(store) => publish_remotely(Arc::new(job), store).await,
        }
    }

    /// Bytes of the account-day's present file, 0 without one; `None` for an object store, which is not asked.
    pub(crate) fn present_bytes(&self, account: &str, rows: &DayRows) -> Result<Option<u64>> {
        let Store::Local(store) = &self.store else {
            return Ok(None);
        };
        let path = DayPath::new(&rows.table().name, rows.day(), account)?;
        Ok(Some(match store.present(&path)? {
            Some(file) => std::fs::metadata(&file)
                .map_err(Error::io("look at", &file))?
                .len(),
            None => 0,
        }))
    }
}

/// Runs code that computes or waits for the disk on a thread for such.
pub(crate) async fn blocking<T: Send + 'static>(
    path: impl ToString,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::Stopped {
        path: path.to_string(),
    })?
}

/// Publications of one file before giving up; each was overtaken by one that went through.
const ATTEMPTS: usize = 100;

async fn publish_remotely(job: Arc<Job>, store: &RemoteStore) -> Result<Published> {
    let path = &job.path;
    for _ in 0..ATTEMPTS {
        let present = store.fetch(path, job.rows.scratch().file("present")).await?;
        fault::point("fetched");
        let (file, version) = present.map(|(file, version)| (Staged(file), version)).unzip();
        let (worker, stage) = (job.clone(), job.rows.scratch().file("day"));
        let made = blocking(path, move || {
            worker.make(file.as_ref().map(|file| &*file.0), stage)
        })
        .await?;
        let (published, file, write_id) = match made {
            Made::Unchanged(published) => return Ok(published),
            Made::New {
                published,
                file,
                write_id,
            } => (published, file, write_id),
        };
        match store.swap(&file.0, path, version.as_ref(), &write_id).await? {
            Swap::Done => {
                fault::point("published");
                return Ok(published);
            }
            Swap::Overtaken => tracing::debug!("merge {path} again: another writer was faster"),
        }
    }
    Err(Error::Contended {
        path: path.to_string(),
        attempts: ATTEMPTS,
    })
}

/// A day to be published.
struct Job {
    path: DayPath,
    rows: DayRows,
    facts: DayFacts,
    zone: Tz,
    write: WriteOptions,
}

/// What the new rows make of the present file.
enum Made {
    Unchanged(Published),
    New {
        published: Published,
        file: Staged,
        write_id: String,
    },
}

/// A finished file that is not published yet; removed on drop.
#[derive(Debug)]
struct Staged(PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        // It may have been renamed; what is left after a failure lies in a folder that is cleaned.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Job {
    fn publish_locally(&self, store: &LocalStore) -> Result<Published> {
        let _lock = store.lock(&self.path)?;
        let present = store.present(&self.path)?;
        fault::point("fetched");
        match self.make(present.as_deref(), store.stage()?)? {
            Made::Unchanged(published) => Ok(published),
            Made::New { published, file, .. } => {
                store.swap(&file.0, &self.path)?;
                fault::point("published");
                Ok(published)
            }
        }
    }

    /// Merges with the present file into a new one at `stage`, if there is anything new.
    fn make(&self, present: Option<&Path>, stage: PathBuf) -> Result<Made> {
        let table = self.rows.table();
        let open = |path: &Path| File::open(path).map_err(Error::io("open", path));
        let file = present.map(open).transpose()?;
        let old = file.as_ref().map(|file| self.read_facts(file)).transpose()?;
        let merge = Merge::new(&self.rows, present).map_err(Error::day(&self.path))?;
        fault::point("merged");
        let facts = match &old {
            Some(old) => old.facts.merge(&self.facts),
            None => self.facts.merge(&DayFacts::default()),
        };
        let rows = merge.rows() as u64;
        if let (Some(old), Some(path)) = (&old, present)
            && merge.is_unchanged()
            && facts.proves_the_same(&old.facts)
        {
            let bytes = std::fs::metadata(path).map_err(Error::io("look at", path))?.len();
            let path = self.path.clone();
            return Ok(Made::Unchanged(Published {
                outcome: Outcome::Unchanged,
                path,
                rows,
                bytes,
            }));
        }
        if let Some(file) = &file {
            // What is damaged would get a good checksum.
            check_bytes(file, &self.path)?;
        }
        let revision = old.as_ref().map_or(0, |old| old.revision + 1);
        let write_id = write_id();
        let said = FileFacts {
            table: table.name.clone(),
            schema_version: table.version,
            account: self.path.account.clone(),
            day: self.path.day,
            zone: self.zone,
            rows,
            tool: tool(),
            created: Utc::now(),
            revision,
            write_id: write_id.clone(),
            facts,
        };
        let footer = Footer {
            revision,
            facts: said.pairs()?,
        };
        let staged = Staged(stage);
        fault::point("stage-created");
        let written = merge
            .write(&staged.0, footer, &self.write)
            .map_err(Error::day(&self.path))?;
        fault::point("staged");
        let published = Published {
            outcome: if old.is_some() {
                Outcome::Merged
            } else {
                Outcome::Created
            },
            path: self.path.clone(),
            rows: written.rows as u64,
            bytes: written.bytes,
        };
        Ok(Made::New {
            published,
            file: staged,
            write_id,
        })
    }

    /// The present file's facts, if it can be merged with.
    fn read_facts(&self, file: &File) -> Result<FileFacts> {
        let footer = read_footer(file, &self.path)?;
        let facts = FileFacts::read(&self.path.to_string(), &footer)?;
        let facts = facts.ok_or_else(|| foreign(&self.path))?;
        facts.check_merge(&self.path, self.rows.table(), self.zone)?;
        Ok(facts)
    }
}

/// A number that no other writing of a file has.
pub(crate) fn write_id() -> String {
    // The standard library seeds each from the system's randomness.
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
