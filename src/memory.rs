//! How the memory budget of a run is shared out.
//!
//! | share | of the rest | of 256 MB | what |
//! | --- | --- | --- | --- |
//! | process | | 75 MB | code, threads, schemas, the columns of files that are being written or read, what the allocator keeps: [`PROCESS`], which is taken away first |
//! | gathered rows | 9/20 | 81 MB | while reading, rows in memory with those that wait to be encoded or spilled; while publishing, either those, or partitions of what was spilled: two that are worked on, and one that is read, twice while it is put together |
//! | row groups | 2 × 1/8 | 2 × 22 MB | two days that are encoded at once, or more small ones together |
//! | batches | 4 × 1/25 | 4 × 7 MB | decoded rows on their way to the gatherer: one that grows, two that wait, one that is made a batch; JSON takes twice its size there |
//!
//! Together they are 43/50 of the rest. What is left is for rows that are copied into another order, a batch at a time, for the
//! input buffer, and for what the allocator can't use. A record that is larger than a batch takes what it takes.

/// What a run takes beside its rows, however large the budget: conversions of 300,000 records in random order took about this and
/// five eighths of the rest, with budgets of 160 and of 256 MB.
const PROCESS: usize = 75_000_000;

/// The smallest budget: with less, the process itself would be most of it.
pub(crate) const MIN_MEMORY: usize = 128_000_000;

/// Largest row group, and JSON of the largest batch, that more memory makes anything faster by.
const MAX_ROW_GROUP: usize = 32 << 20;
const MAX_BATCH: usize = 4 << 20;

/// The shares of a budget, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Rows that are gathered.
    pub(crate) gathered: usize,
    /// A row group, encoded.
    pub(crate) row_group: usize,
    /// JSON of a batch.
    pub(crate) batch: usize,
}

impl Shares {
    /// The shares of that budget.
    pub(crate) fn of(memory: usize) -> Shares {
        let rest = memory.max(MIN_MEMORY) - PROCESS;
        Shares {
            gathered: rest / 20 * 9,
            row_group: (rest / 8).min(MAX_ROW_GROUP),
            batch: (rest / 25 / 2).min(MAX_BATCH),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_less_than_the_whole() {
        for memory in [MIN_MEMORY, 160_000_000, 256_000_000, 1 << 30, 1 << 36] {
            let Shares {
                gathered,
                row_group,
                batch,
            } = Shares::of(memory);
            let all = PROCESS + gathered + 2 * row_group + 4 * 2 * batch;
            assert!(all <= memory / 20 * 19, "{memory}: {all}");
            assert!(gathered >= memory / 6, "{memory}: {gathered}");
        }
    }
}
