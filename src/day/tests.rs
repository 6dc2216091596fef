//! Tests of the whole room: batches in, days out, through memory, spill files and present files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::testing::{Row, batch, row, rows};
use super::write::PADDINGS;
use super::*;
use crate::decode::testing::decoded;
use crate::schema::{call_details, conversations as conversations_table};

fn is_as_written(path: &Path) -> Option<bool> {
    digest(path, &File::open(path).unwrap()).unwrap().is_as_written
}

fn read_back(path: &Path) -> Result<Batches> {
    read(path, &File::open(path).unwrap(), call_details())
}

/// A budget that every batch of the tests is beyond, so that each becomes a run on disk.
const TINY: usize = 2_000;

const AMPLE: usize = 64 << 20;

fn gather(batches: &[Vec<Row>], budget: usize, folder: &Path) -> Vec<DayRows> {
    let mut gather = Gather::new(Tz::UTC, budget, WriteOptions::default(), folder).unwrap();
    for rows in batches {
        gather.push(call_details(), batch(rows)).unwrap();
    }
    gather.days().unwrap().collect()
}

fn kept(merge: &Merge) -> Vec<Row> {
    let kept: Vec<_> = merge
        .batches()
        .unwrap()
        .flat_map(|batch| rows(&batch.unwrap()))
        .collect();
    assert_eq!(kept.len(), merge.rows());
    kept
}

/// Rows that stay of each day.
fn days(batches: &[Vec<Row>], budget: usize) -> BTreeMap<Day, Vec<Row>> {
    let folder = tempfile::tempdir().unwrap();
    let days = gather(batches, budget, folder.path());
    days.iter()
        .map(|day| (day.day(), kept(&Merge::new(day, None).unwrap())))
        .collect()
}

/// Writes a day's file with exactly these rows, in the order given.
fn file(folder: &Path, rows: &[Row]) -> PathBuf {
    let path = folder.join("present.parquet");
    let batches = Box::new(std::iter::once(Ok(batch(rows))));
    let footer = Footer {
        revision: 3,
        facts: Vec::new(),
    };
    let written = write(
        batches,
        call_details(),
        rows.len(),
        &path,
        footer,
        &WriteOptions::default(),
    )
    .unwrap();
    assert_eq!(written.rows, rows.len());
    path
}

/// Rows that stay of a present file and new batches, and whether the file can stay.
fn merged(present: &[Row], batches: &[Vec<Row>], budget: usize) -> (Vec<Row>, bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), present);
    let days = gather(batches, budget, folder.path());
    assert_eq!(days.len(), 1);
    let merge = Merge::new(&days[0], Some(&path)).unwrap();
    (kept(&merge), merge.is_unchanged())
}

#[test]
fn rows_go_to_their_days_in_order() {
    let day = 86_400;
    let late = [
        row(day + 5, "c", "", 1, ""),
        row(7, "b", "2", 1, ""),
        row(7, "b", "", 1, ""),
    ];
    let early = [row(7, "a", "1", 1, ""), row(-1, "z", "", 1, "")];
    for budget in [TINY, AMPLE] {
        let days = days(&[late.to_vec(), early.to_vec()], budget);
        let names: Vec<_> = days.keys().map(Day::to_string).collect();
        assert_eq!(names, ["2025-09-29", "2025-09-30", "2025-10-01"]);
        let all: Vec<_> = days.into_values().flatten().collect();
        let [c, b2, b] = late.clone();
        let [a, z] = early.clone();
        assert_eq!(all, [z, a, b, b2, c]);
    }
}

#[test]
fn a_row_without_a_start_goes_to_the_day_of_its_id() {
    let no_start = Row {
        start: None,
        ..row(0, "68db745779cb8cebd651xxxx", "", 1, "")
    };
    let no_day = Row {
        start: None,
        ..row(0, "x", "", 1, "")
    };
    let days = days(
        &[vec![no_day.clone(), no_start.clone(), row(5, "a", "", 1, "")]],
        AMPLE,
    );
    let names: Vec<_> = days.keys().map(Day::to_string).collect();
    assert_eq!(names, ["2025-09-30", UNDATED]);
    assert_eq!(days[&Day::NONE], [no_day]);
    assert_eq!(days.values().next().unwrap()[0], no_start);
}

#[test]
fn rows_in_order_are_not_copied() {
    let input: Vec<_> = (0..3000)
        .map(|at| row(at, &format!("{at:05}"), "", 1, ""))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let mut gather = Gather::new(Tz::UTC, AMPLE, WriteOptions::default(), folder.path()).unwrap();
    let batch = batch(&input);
    gather.push(call_details(), batch.clone()).unwrap();
    let day = gather.days().unwrap().next().unwrap();
    let out: Vec<_> = Merge::new(&day, None).unwrap().batches().unwrap().collect();
    assert_eq!(out.len(), 1);
    let data = |batch: &arrow::array::RecordBatch| batch.column(0).to_data().buffers()[0].as_ptr();
    assert_eq!(data(out[0].as_ref().unwrap()), data(&batch));
}

#[test]
fn a_folder_that_is_gone_ends_the_gathering_soon() {
    let folder = tempfile::tempdir().unwrap();
    let mut gather = Gather::new(Tz::UTC, TINY, WriteOptions::default(), folder.path()).unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    let push = |at: i64| gather.push(call_details(), batch(&[row(-at, &at.to_string(), "", 1, "x")]));
    let failed = (0..1_000).map(push).position(|pushed| pushed.is_err());
    assert!(failed.is_some_and(|pushed| pushed < 100), "{failed:?}");
}

#[test]
fn the_same_rows_leave_the_file() {
    let present = [row(1, "a", "1", 5, "x"), row(2, "b", "2", 5, "x")];
    assert_eq!(
        merged(&present, &[present.to_vec()], AMPLE),
        (present.to_vec(), true)
    );
    assert_eq!(
        merged(&present, &[present[1..].to_vec()], AMPLE),
        (present.to_vec(), true)
    );
}

#[test]
fn rule_7_a_reread_of_unchanged_records_leaves_the_file() {
    let present = [row(1, "a", "1", 5, "x"), row(2, "b", "2", 5, "x")];
    let again = present.clone().map(|row| Row { fetched_at: 9, ..row });
    for budget in [TINY, AMPLE] {
        assert_eq!(
            merged(&present, &[again.to_vec()], budget),
            (again.to_vec(), true)
        );
    }
}

#[test]
fn rule_8_a_change_of_one_record_writes_the_file() {
    let present = [row(1, "a", "1", 5, "x"), row(2, "b", "2", 5, "x")];
    let check = |new: Row, want: &[Row]| {
        assert_eq!(
            merged(&present, &[vec![new.clone()]], AMPLE),
            (want.to_vec(), false),
            "{new:?}"
        );
    };
    let [a, b] = present.clone();
    let changed = row(2, "b", "2", 6, "y");
    check(changed.clone(), &[a.clone(), changed]);
    let moved = row(0, "b", "2", 6, "x");
    check(moved.clone(), &[moved, a.clone()]);
    let added = row(2, "c", "", 6, "x");
    check(added.clone(), &[a, b, added]);
}

#[test]
fn an_older_read_leaves_the_file() {
    let present = [row(1, "a", "1", 5, "x")];
    assert_eq!(
        merged(&present, &[vec![row(1, "a", "1", 4, "old")]], AMPLE),
        (present.to_vec(), true)
    );
    let older_bot = row(1, "a", "", 4, "bot");
    assert_eq!(
        merged(&present, &[vec![older_bot]], AMPLE),
        (present.to_vec(), true)
    );
}

#[test]
fn a_key_that_moved_within_the_day_stays_once() {
    let present = [row(1, "a", "1", 5, "x"), row(900, "z", "", 5, "x")];
    let moved = row(1000, "a", "1", 6, "x");
    assert_eq!(
        merged(&present, &[vec![moved.clone()]], TINY),
        (vec![present[1].clone(), moved], false)
    );
}

#[test]
fn a_present_file_of_another_order_is_written_up() {
    let present = [row(2, "b", "", 5, "x"), row(1, "a", "", 5, "x")];
    let [b, a] = present.clone();
    for budget in [TINY, AMPLE] {
        assert_eq!(
            merged(&present, &[vec![a.clone()]], budget),
            (vec![a.clone(), b.clone()], false)
        );
    }
}

#[test]
fn a_batch_of_another_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut gather = Gather::new(Tz::UTC, AMPLE, WriteOptions::default(), folder.path()).unwrap();
    let foreign = batch(&[row(1, "a", "", 1, "")]).project(&[0, 1]).unwrap();
    assert!(gather.push(call_details(), foreign).is_err());
}

/// The rules once more, in the plainest words, for rows without ties.
fn oracle(rows: &[Row]) -> BTreeSet<Row> {
    let beaten = |row: &Row| {
        rows.iter().any(|other| {
            let later = other.fetched_at > row.fetched_at;
            let key = other.session == row.session && other.conversation == row.conversation;
            let keyless = row.session.is_none() && row.conversation.is_none();
            let content = other.channel == row.channel && other.start == row.start;
            let supersedes = row.session.is_some()
                && row.session == other.session
                && row.conversation.is_none()
                && other.conversation.is_some();
            later && (key && (!keyless || content) || supersedes)
        })
    };
    rows.iter().filter(|row| !beaten(row)).cloned().collect()
}

prop_compose! {
    /// Rows of one day, no two read at the same time.
    fn arbitrary_rows()(
        drawn in proptest::collection::vec((0..4_i64, 0..6_u8, 0..3_u8, 0..3_u8), 1..60),
        order in Just((0..60_i64).collect::<Vec<_>>()).prop_shuffle(),
    ) -> Vec<Row> {
        drawn.iter().zip(order).map(|((seconds, session, conversation, content), fetched_at)| {
            let id = |value: &u8| if *value == 0 { String::new() } else { value.to_string() };
            row(*seconds, &id(session), &id(conversation), fetched_at, &content.to_string())
        }).collect()
    }
}

/// Rows in order of their days, five a day.
fn ordered(days: i64) -> Vec<Row> {
    (0..days * 5)
        .map(|at| row(at / 5 * 86_400 + at % 5, &format!("{at:04}"), "", 1, "x"))
        .collect()
}

#[test]
fn days_in_order_are_encoded_once_and_copied() {
    let folder = tempfile::tempdir().unwrap();
    let input = ordered(20);
    let batches: Vec<_> = input.chunks(3).map(<[Row]>::to_vec).collect();
    // Room for some ten of the batches.
    let budget = 10 * batch(&batches[0]).get_array_memory_size();
    let days = gather(&batches, budget, folder.path());
    let is_part = |day: &&DayRows| matches!(day.runs.as_slice(), [run::Run::Part(_)]);
    assert!(days.iter().filter(is_part).count() >= 10, "{days:?}");
    let mut found = Vec::new();
    for (number, day) in days.iter().enumerate() {
        let merge = Merge::new(day, None).unwrap();
        let path = folder.path().join(format!("{number}.parquet"));
        let footer = Footer {
            revision: 5,
            facts: vec![("callake.x".to_string(), "y".to_string())],
        };
        let written = merge.write(&path, footer, &WriteOptions::default()).unwrap();
        assert_eq!(written.rows, 5);
        assert_eq!(is_as_written(&path), Some(true));
        found.extend(read_back(&path).unwrap().flat_map(|batch| rows(&batch.unwrap())));
    }
    assert_eq!(found, input);
}

/// The row groups of a day's file made of the batches, and its rows.
fn made(batches: &[Vec<Row>], budget: usize) -> (usize, Vec<Row>) {
    let folder = tempfile::tempdir().unwrap();
    let days = gather(batches, budget, folder.path());
    assert_eq!(days.len(), 1);
    let path = folder.path().join("day.parquet");
    let footer = Footer {
        revision: 0,
        facts: Vec::new(),
    };
    let merge = Merge::new(&days[0], None).unwrap();
    let written = merge.write(&path, footer, &WriteOptions::default()).unwrap();
    let found: Vec<_> = read_back(&path)
        .unwrap()
        .flat_map(|batch| rows(&batch.unwrap()))
        .collect();
    assert_eq!((written.rows, merge.rows()), (found.len(), found.len()));
    let file = std::fs::File::open(&path).unwrap();
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
    (metadata.num_row_groups(), found)
}

#[test]
fn a_day_larger_than_memory_is_encoded_a_stretch_at_a_time() {
    let in_order: Vec<_> = (0..60_000)
        .map(|at| row(at, &format!("{at:06}"), "", 1, "x"))
        .collect();
    let batches = |rows: &[Row]| rows.chunks(1000).map(<[Row]>::to_vec).collect::<Vec<_>>();
    let budget = 14 * batch(&in_order[..1000]).get_array_memory_size();

    let (groups, found) = made(&batches(&in_order), budget);
    assert!(groups >= 4, "{groups}");
    assert!(found == in_order);

    // Newest first, as the API lists them.
    let (groups, found) = made(
        &batches(&in_order.iter().rev().cloned().collect::<Vec<_>>()),
        budget,
    );
    assert!(groups >= 4, "{groups}");
    assert!(found == in_order);

    // A row of the first stretch comes again at the end, read later, and one that belongs there.
    let mut late = in_order.clone();
    late.remove(5);
    late.push(row(7, "000007", "", 2, "y"));
    late.push(in_order[5].clone());
    let (_, found) = made(&batches(&late), budget);
    let mut wanted = in_order.clone();
    wanted[7] = row(7, "000007", "", 2, "y");
    assert!(found == wanted);

    // In no order at all.
    let mut mixed = in_order.clone();
    mixed.sort_by_key(|row| {
        row.start
            .map(|start| start.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64))
    });
    let (_, found) = made(&batches(&mixed), budget);
    assert!(found == in_order);
}

#[test]
fn a_copied_day_is_as_one_written_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let rows = ordered(1);
    let part = folder.path().join("part");
    let options = WriteOptions {
        row_group_rows: 2,
        ..WriteOptions::default()
    };
    let footer = || Footer {
        revision: 3,
        facts: vec![("callake.x".to_string(), "y".to_string())],
    };
    let batches = || -> Batches { Box::new(std::iter::once(Ok(batch(&rows)))) };
    let rows_of_part = batches().map(|batch| batch.map(Into::into));
    write::write_part(Box::new(rows_of_part), call_details(), 5, &part, &options).unwrap();
    let (copied, written) = (folder.path().join("copied"), folder.path().join("written"));
    let pieces = std::iter::once(Ok(write::Piece::Encoded(&part)));
    write::write_pieces(pieces, call_details(), 5, &copied, footer(), &options).unwrap();
    write(batches(), call_details(), 5, &written, footer(), &options).unwrap();
    let footer_of = |path: &Path| {
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
        reader
            .parse_and_finish(&std::fs::File::open(path).unwrap())
            .unwrap()
    };
    let before_footer = |path: &Path| {
        let file = std::fs::read(path).unwrap();
        file[..footer_start(&file)].to_vec()
    };
    assert!(before_footer(&copied) == before_footer(&written));
    assert_eq!(is_as_written(&copied), Some(true));
    let (copied, written) = (footer_of(&copied), footer_of(&written));
    assert_eq!(copied.num_row_groups(), 3);
    for (copied, written) in copied.row_groups().iter().zip(written.row_groups()) {
        for (copied, written) in copied.columns().iter().zip(written.columns()) {
            assert_eq!(copied, written);
        }
        assert_eq!(copied, written);
    }
    assert_eq!(
        format!("{:?}", copied.page_index()),
        format!("{:?}", written.page_index())
    );
    let pairs = |footer: &ParquetMetaData| {
        let pairs = footer.file_metadata().key_value_metadata().unwrap().clone();
        pairs
            .into_iter()
            .filter(|pair| pair.key != "callake.sha256")
            .collect::<Vec<_>>()
    };
    assert_eq!(pairs(&copied), pairs(&written));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sealing_and_spilling_change_nothing(
        drawn in proptest::collection::vec((0..6_i64, 0..4_i64, 0..5_u8), 1..80),
        sorted in any::<bool>(), batch_rows in 1..9_usize, room in 1..12_usize,
    ) {
        let mut input: Vec<_> = drawn.iter().enumerate().map(|(at, (day, second, session))| {
            row(day * 86_400 + second, &format!("{day}-{session}"), "", at as i64, &at.to_string())
        }).collect();
        if sorted {
            input.sort();
        }
        let batches: Vec<_> = input.chunks(batch_rows).map(<[Row]>::to_vec).collect();
        let budget = room * batch(&batches[0]).get_array_memory_size();
        let want = days(&[input], AMPLE);
        prop_assert_eq!(days(&batches, budget), want.clone());
        prop_assert_eq!(written_days(&batches, budget), want);
    }
}

/// As [`days`], of the files that are written, from the last day to the first.
fn written_days(batches: &[Vec<Row>], budget: usize) -> BTreeMap<Day, Vec<Row>> {
    let folder = tempfile::tempdir().unwrap();
    let days = gather(batches, budget, folder.path());
    let written = days.iter().rev().map(|day| {
        let path = folder.path().join(day.day().to_string());
        let footer = Footer {
            revision: 0,
            facts: Vec::new(),
        };
        let merge = Merge::new(day, None).unwrap();
        let written = merge.write(&path, footer, &WriteOptions::default()).unwrap();
        let found = read_back(&path).unwrap();
        let found: Vec<_> = found.flat_map(|batch| rows(&batch.unwrap())).collect();
        assert_eq!(found.len(), written.rows);
        (day.day(), found)
    });
    written.collect()
}

#[test]
fn tables_share_the_budget() {
    let call = |at: i64| row(at * 160_001 % 400_000, &format!("{at:04}"), "", 1, "x");
    let record = |at: i64| {
        let time = chrono::DateTime::from_timestamp(1_759_190_400 + at * 160_001 % 400_000, 0).unwrap();
        let time = time.format("%Y-%m-%dT%H:%M:%S.000Z");
        format!(r#"{{"_id":"{at:04}","startTime":"{time}"}}"#)
    };
    let records: Vec<_> = (0..400).map(record).collect();
    let conversations: Vec<_> = records
        .chunks(10)
        .map(|records| decoded(conversations_table(), records.iter().map(String::as_str), 1))
        .collect();
    let calls: Vec<_> = (0..400).map(call).collect();
    let calls: Vec<_> = calls.chunks(10).map(batch).collect();
    let size = |batches: &[arrow::array::RecordBatch]| -> usize {
        batches.iter().map(|batch| batch.get_array_memory_size()).sum()
    };
    let folder = tempfile::tempdir().unwrap();
    let budget = (size(&calls) + size(&conversations)) / 5;
    let mut gather = Gather::new(Tz::UTC, budget, WriteOptions::default(), folder.path()).unwrap();
    for (call, conversation) in calls.into_iter().zip(conversations) {
        gather.push(call_details(), call).unwrap();
        gather.push(conversations_table(), conversation).unwrap();
    }
    let days: Vec<_> = gather.days().unwrap().collect();
    let mut runs = days.iter().flat_map(|day| &day.runs);
    assert!(runs.any(|run| matches!(run, run::Run::Spilled(_))));
    let mut found = BTreeMap::new();
    for day in &days {
        let names = found.entry(day.table().name.as_str()).or_insert_with(Vec::new);
        names.push((day.day(), Merge::new(day, None).unwrap().rows()));
    }
    assert_eq!(found.len(), 2);
    for (table, days) in found {
        assert!(days.is_sorted(), "{table}: {days:?}");
        assert_eq!(
            days.iter().map(|(_, rows)| rows).sum::<usize>(),
            400,
            "{table}: {days:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_stays_is_what_the_rules_say(
        input in arbitrary_rows(), batch_rows in 1..20_usize, tiny in any::<bool>(), cut in 0..60_usize,
    ) {
        let want = oracle(&input);
        let budget = if tiny { TINY } else { AMPLE };
        let batches = |rows: &[Row]| rows.chunks(batch_rows).map(<[Row]>::to_vec).collect::<Vec<_>>();
        let sorted = |rows: &[Row]| rows.is_sorted_by_key(|row| {
            (row.start, row.session.clone(), row.conversation.clone())
        });

        let at_once: Vec<_> = days(&batches(&input), budget).into_values().flatten().collect();
        prop_assert!(sorted(&at_once));
        prop_assert_eq!(at_once.iter().cloned().collect::<BTreeSet<_>>(), want.clone());

        let (first, second) = input.split_at(cut.clamp(1, input.len()));
        if !second.is_empty() {
            let present: Vec<_> = days(&batches(first), budget).into_values().flatten().collect();
            let (in_two, _) = merged(&present, &batches(second), budget);
            prop_assert!(sorted(&in_two));
            prop_assert_eq!(in_two.into_iter().collect::<BTreeSet<_>>(), want);
        }
        let (again, unchanged) = merged(&at_once, &batches(&input), budget);
        prop_assert!(unchanged, "merged again: {:?}", again);
    }
}

#[test]
fn a_digest_is_of_all_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &[row(1, "a", "1", 5, "x")]);
    let bytes = std::fs::read(&path).unwrap();
    let digested = digest(&path, &File::open(&path).unwrap()).unwrap();
    let all: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!((digested.bytes, digested.sha256), (bytes.len() as u64, all));
}

#[test]
fn any_flipped_bit_and_any_cut_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(
        folder.path(),
        &[row(1, "a", "1", 5, "x"), row(2, "b", "2", 5, "y")],
    );
    assert_eq!(is_as_written(&path), Some(true));
    let whole = std::fs::read(&path).unwrap();
    let shows = |damaged: &[u8]| {
        std::fs::write(&path, damaged).unwrap();
        is_as_written(&path) != Some(true)
    };
    for at in (0..whole.len()).step_by(97).chain(whole.len() - 9..whole.len()) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        assert!(shows(&flipped), "bit in byte {at} of {}", whole.len());
    }
    for length in [0, 4, 11, 12, whole.len() / 2, whole.len() - 1] {
        assert!(shows(&whole[..length]), "cut to {length}");
    }
    assert!(!shows(&whole));
}

fn footer_start(file: &[u8]) -> usize {
    let length = file[file.len() - 8..file.len() - 4].try_into().unwrap();
    file.len() - 8 - u32::from_le_bytes(length) as usize
}

/// What a reader sees that fetched the footer of one version of a file and the pages of another.
fn mixed(footer: &[u8], pages: &[u8]) -> bytes::Bytes {
    let start = footer_start(footer);
    let mut seen = pages.to_vec();
    seen.resize(start, 0);
    seen.extend(&footer[start..]);
    seen.into()
}

#[test]
fn versions_of_equal_layout_can_not_be_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let input: Vec<_> = (0..500)
        .map(|at| row(at, &format!("{:024x}", at * 7919), "c", 5, "x"))
        .collect();
    let version = |revision: u64| {
        let path = folder.path().join(format!("{revision}.parquet"));
        let batches = Box::new(std::iter::once(Ok(batch(&input))));
        let footer = Footer {
            revision,
            facts: Vec::new(),
        };
        write(
            batches,
            call_details(),
            input.len(),
            &path,
            footer,
            &WriteOptions::default(),
        )
        .unwrap();
        std::fs::read(path).unwrap()
    };
    let versions: Vec<_> = (0..PADDINGS).map(version).collect();
    let readable_columns = |file: bytes::Bytes| {
        let reader = SerializedFileReader::new(file).unwrap();
        let group = reader.get_row_group(0).unwrap();
        let readable = |leaf: &usize| {
            group
                .get_column_page_reader(*leaf)
                .unwrap()
                .all(|page| page.is_ok())
        };
        (
            group.num_columns(),
            (0..group.num_columns()).filter(readable).count(),
        )
    };
    let (leaves, readable) = readable_columns(versions[3].clone().into());
    assert_eq!(leaves, readable, "a version by itself");
    for other in (0..PADDINGS as usize).filter(|other| *other != 3) {
        let (_, readable) = readable_columns(mixed(&versions[3], &versions[other]));
        assert_eq!(readable, 0, "footer of revision 3, pages of revision {other}");
    }
}

/// The rows that stay of conversations, given as (JSON, when it was read), by id and wait time.
fn conversations(records: &[(&str, i64)]) -> Vec<(Option<String>, Option<i64>)> {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    let table = conversations_table();
    let folder = tempfile::tempdir().unwrap();
    let mut gather = Gather::new(Tz::UTC, AMPLE, WriteOptions::default(), folder.path()).unwrap();
    for (record, fetched_at) in records {
        let batch = decoded(table, [*record], *fetched_at);
        gather.push(table, batch).unwrap();
    }
    let days: Vec<_> = gather.days().unwrap().collect();
    let mut kept = Vec::new();
    for day in &days {
        for batch in Merge::new(day, None).unwrap().batches().unwrap() {
            let batch = batch.unwrap();
            let ids = batch
                .column_by_name("conversation_id")
                .unwrap()
                .as_string::<i32>();
            let waits = batch.column_by_name("wait_time").unwrap();
            let waits = waits.as_primitive::<Int64Type>();
            kept.extend(ids.iter().map(|id| id.map(str::to_string)).zip(waits.iter()));
        }
    }
    kept
}

#[test]
fn a_table_with_one_key_column_keeps_one_row_a_key() {
    let kept = conversations(&[
        (
            r#"{"_id":"a","startTime":"2025-09-30T10:00:00.000Z","waitTime":1}"#,
            5,
        ),
        (
            r#"{"_id":"b","startTime":"2025-09-30T09:00:00.000Z","waitTime":2}"#,
            5,
        ),
        (
            r#"{"_id":"a","startTime":"2025-09-30T10:00:00.000Z","waitTime":3}"#,
            6,
        ),
        (
            r#"{"_id":"b","startTime":"2025-09-30T09:00:00.000Z","waitTime":4}"#,
            4,
        ),
        (r#"{"startTime":"2025-09-30T11:00:00.000Z","waitTime":5}"#, 5),
        (r#"{"startTime":"2025-09-30T11:00:00.000Z","waitTime":5}"#, 6),
        (r#"{"startTime":"2025-09-30T11:00:00.000Z","waitTime":6}"#, 5),
    ]);
    let want = [(Some("b"), 2), (Some("a"), 3), (None, 5), (None, 6)];
    let mut kept: Vec<_> = kept
        .iter()
        .map(|(id, wait)| (id.as_deref(), wait.unwrap()))
        .collect();
    kept[2..].sort_unstable();
    assert_eq!(kept, want);
}
