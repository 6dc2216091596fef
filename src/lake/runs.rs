//! Reports of runs, kept beside the tables: `_callake/runs/<id>.json`.

use std::fs;

use object_store::PutPayload;

use super::layout::RUNS;
use super::store::Store;
use super::{Error, Lake, Result};

impl Lake {
    /// Keeps the report of a run; gives its path within the lake. Ids are the caller's, and differ.
    ///
    /// # Errors
    /// The place can't be written.
    pub async fn keep_run(&self, id: &str, report: Vec<u8>) -> Result<String> {
        let path = format!("{RUNS}/{id}.json");
        match &self.store {
            Store::Remote(store) => store.put(&path, PutPayload::from(report)).await?,
            Store::Local(store) => {
                let target = store.root().join(&path);
                fs::create_dir_all(store.root().join(RUNS)).map_err(Error::io("create folder", &target))?;
                let staged = store.stage()?;
                fs::write(&staged, report).map_err(Error::io("write", &staged))?;
                fs::rename(&staged, &target).map_err(Error::io("publish", &target))?;
            }
        }
        Ok(path)
    }

    /// The reports of the last runs, the latest first.
    ///
    /// # Errors
    /// The place can't be read.
    pub async fn last_runs(&self, most: usize) -> Result<Vec<Vec<u8>>> {
        let mut paths: Vec<_> = self
            .store
            .list_own(RUNS)
            .await?
            .into_iter()
            .map(|entry| entry.path)
            .collect();
        // They begin with the time of their start.
        paths.sort_unstable();
        let mut reports = Vec::new();
        for path in paths.iter().rev().take(most) {
            reports.extend(self.store.read_object(path).await?);
        }
        Ok(reports)
    }
}
