//! Removes what killed runs left behind, once it is too old for a run to need it.

use chrono::Utc;
use serde::Serialize;

use super::layout::{PROBES, STAGING};
use super::store::Store;
use super::{Error, Lake, Result};
use crate::day::{LAKE_LEFTOVER_AGE, leftovers, sweep};

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// Whether they were only counted, and are still there.
    pub dry_run: bool,
    /// Folders of staged files.
    pub staging_folders: usize,
    /// Other files under `_callake`, by their paths in the lake.
    pub files: Vec<String>,
}

impl Lake {
    /// Removes left-overs older than a day, or only finds them; never what a living process holds, never a day's file.
    pub async fn clean(&self, dry_run: bool) -> Result<Cleaned> {
        let mut cleaned = Cleaned {
            dry_run,
            ..Cleaned::default()
        };
        if let Store::Local(store) = &self.store {
            let staging = store.root().join(STAGING);
            cleaned.staging_folders = match dry_run {
                true => leftovers(&staging, LAKE_LEFTOVER_AGE).count(),
                false => sweep(&staging, LAKE_LEFTOVER_AGE),
            };
        }
        // Staged files lie in the folders above, and on this machine; what lies beside them, nobody holds.
        let staged = self.store.list_own(STAGING).await?;
        let stray = staged
            .into_iter()
            .filter(|entry| entry.path.matches('/').count() == STAGING.matches('/').count() + 1);
        let probes = self.store.list_own(PROBES).await?;
        for entry in stray.chain(probes) {
            let age = Utc::now().signed_duration_since(entry.modified);
            if age.to_std().is_ok_and(|age| age >= LAKE_LEFTOVER_AGE) {
                if !dry_run {
                    self.remove(&entry.path).await?;
                }
                cleaned.files.push(entry.path);
            }
        }
        Ok(cleaned)
    }

    /// Removes the empty lake that opening has made, and says whether it did: for a run that came to nothing.
    pub fn withdraw(&self) -> bool {
        match &self.store {
            Store::Local(store) => store.withdraw(),
            Store::Remote(_) => false,
        }
    }

    async fn remove(&self, path: &str) -> Result<()> {
        match &self.store {
            Store::Remote(store) => store.remove(path).await,
            Store::Local(store) => {
                let path = store.root().join(path);
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        Err(Error::io("remove", path)(error))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}
