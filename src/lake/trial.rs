//! Trying a place out for a lake, without leaving one there.

use super::store::Store;
use super::{Lake, LakeOptions, Result};

/// What a place that can be written is like.
#[derive(Debug)]
pub struct Trial {
    /// What its conditional puts lack, so that it takes one writer at a time; `None` where they hold. A folder has locks.
    pub lacks: Option<&'static str>,
    /// Whether a lake that is there has the days of the asked zone.
    pub zone: Result<()>,
}

impl Lake {
    /// Writes to the place as a run would, and removes what was written.
    ///
    /// # Errors
    /// The location is malformed, can't be reached or written, or lies on a network file system.
    pub async fn try_out(location: &str, options: LakeOptions) -> Result<Trial> {
        let store = Store::open(location, &options)?;
        let lacks = match &store {
            Store::Local(folder) => {
                let tried = folder.prepare(&options).and_then(|()| folder.try_writing());
                folder.withdraw();
                tried?;
                None
            }
            Store::Remote(remote) => remote.probe().await?,
        };
        let zone = Lake { store, options }.check_zone().await;
        Ok(Trial { lacks, zone })
    }
}
