//! Batches of any order → days with their rows in order, within a memory budget.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono_tz::Tz;

use super::Result;
use super::calendar::{Day, DayClock};
use super::keys::KeyIndex;
use super::run::Run;
use super::scratch::{Scratch, TEMP_LEFTOVER_AGE};
use super::seal::Sealer;
use super::sorter::Sorter;
use super::write::WriteOptions;
use crate::schema::Table;

/// Takes batches of any order and gives them back day by day.
///
/// Memory: the batches pushed, up to the budget, and 24 bytes a row; while it spills or yields, one batch more of about
/// 8 MB, and the row group that is being encoded.
///
/// Days that no longer get rows, as those of input in order do, are encoded on another thread as they will be in the lake,
/// and then only copied there; days larger than the budget, a stretch at a time. Of input in another order sorted runs go to
/// files in the scratch folder, Arrow with lz4.
#[derive(Debug)]
pub struct Gather {
    sorter: Sorter,
    clock: DayClock,
}

impl Gather {
    /// Gathers rows of the table into days of the zone, holding at most about `budget` bytes of them in memory.
    pub fn new(table: &'static Table, zone: Tz, budget: usize, temp_dir: &Path) -> Result<Gather> {
        let scratch = Arc::new(Scratch::new(temp_dir, TEMP_LEFTOVER_AGE)?);
        let sealer = Sealer::new(scratch.clone(), WriteOptions::default())?;
        Ok(Gather {
            sorter: Sorter::new(table, budget, scratch, Some(sealer))?,
            clock: DayClock::new(zone),
        })
    }

    /// Takes a batch of the table's schema.
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let clock = self.clock;
        self.sorter
            .push(batch, |keys, row| clock.day(keys.start(row), keys.session(row)))
    }

    /// Has [`Gather::days`] yield the day even if it has no rows, so that its file can say that it was asked for.
    pub fn expect(&mut self, day: Day) {
        self.sorter.expect(day);
    }

    /// The days in order, those without a day last.
    pub fn days(self) -> Result<Days> {
        Ok(Days {
            rows: self.sorter.finish()?.into_values(),
        })
    }
}

/// The gathered days, in order.
#[derive(Debug)]
pub struct Days {
    rows: std::collections::btree_map::IntoValues<Day, DayRows>,
}

impl Iterator for Days {
    type Item = DayRows;

    fn next(&mut self) -> Option<DayRows> {
        self.rows.next()
    }
}

/// New rows of one day, as sorted runs that still hold duplicates.
#[derive(Debug, Clone)]
pub struct DayRows {
    pub(super) table: &'static Table,
    pub(super) day: Day,
    pub(super) schema: SchemaRef,
    pub(super) index: KeyIndex,
    pub(super) runs: Vec<Run>,
    pub(super) budget: usize,
    pub(super) scratch: Arc<Scratch>,
}

impl DayRows {
    /// The day.
    pub fn day(&self) -> Day {
        self.day
    }

    /// The table that the rows are of.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// Number of rows, duplicates included.
    pub fn received(&self) -> usize {
        self.runs.iter().map(Run::rows).sum()
    }

    /// Whether the rows are encoded as they will be in the lake, unless it holds others of the day.
    pub(crate) fn is_encoded(&self) -> bool {
        self.runs.iter().all(|run| matches!(run, Run::Part(_)))
    }

    /// The folder for temporary files of this day's making.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}
