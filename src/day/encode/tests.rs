//! What is encoded here is what `parquet`'s own reader reads.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, MapArray, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Encoding, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::file::writer::SerializedFileWriter;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::schema;

/// All encodings that `schemas/` can ask for, at the top and in lists.
const ENCODINGS: [(&str, Encoding); 5] = [
    ("plain", Encoding::PLAIN),
    ("lengths", Encoding::DELTA_LENGTH_BYTE_ARRAY),
    ("prefixes", Encoding::DELTA_BYTE_ARRAY),
    ("time", Encoding::DELTA_BINARY_PACKED),
    (
        "lists.list.element.inner.list.element.time",
        Encoding::DELTA_BINARY_PACKED,
    ),
];

fn properties() -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))
        .set_column_bloom_filter_enabled("plain".into(), true);
    for (column, encoding) in ENCODINGS {
        let path = || ColumnPath::from(column.split('.').map(str::to_string).collect::<Vec<_>>());
        builder = builder
            .set_column_dictionary_enabled(path(), false)
            .set_column_encoding(path(), encoding);
    }
    builder.build()
}

/// Rows of a batch, in that order.
type Rows = (RecordBatch, Option<Vec<u32>>);

/// The rows as a file of row groups of as many batches each.
fn file(batches: &[Rows], a_group: usize, properties: WriterProperties) -> Bytes {
    let schema = batches[0].0.schema();
    let parquet = ArrowSchemaConverter::new().convert(&schema).unwrap();
    let properties = Arc::new(properties);
    let mut file =
        SerializedFileWriter::new(Vec::new(), parquet.root_schema_ptr(), properties.clone()).unwrap();
    for batches in batches.chunks(a_group) {
        let mut group = RowGroup::new(&schema, &parquet, &properties, 1000).unwrap();
        for (batch, rows) in batches {
            group.push(batch, rows.clone()).unwrap();
        }
        let mut out = file.next_row_group().unwrap();
        for (bytes, column) in group.finish().unwrap() {
            out.append_column(&bytes, column).unwrap();
        }
        out.close().unwrap();
    }
    file.into_inner().unwrap().into()
}

fn read(file: Bytes, schema: &SchemaRef) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batches: Vec<_> = reader
        .with_batch_size(333)
        .build()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let found = batches
        .first()
        .map_or_else(|| schema.clone(), |batch| batch.schema());
    let all = concat_batches(&found, &batches).unwrap();
    RecordBatch::try_new(schema.clone(), all.columns().to_vec()).unwrap()
}

/// Random arrays: nulls at every level, of all elements, of none or of some; empty lists, sometimes all of them; elements under
/// nulls; repeated and unique values.
struct Arrays {
    random: StdRng,
    /// Out of ten.
    nulls: u32,
}

impl Arrays {
    fn nulls(&mut self, length: usize) -> Option<NullBuffer> {
        let random = &mut self.random;
        let often = match random.random_range(0..6) {
            // As few as elsewhere in the batch, or as many.
            0 if self.nulls > 0 => 10,
            1 => 0,
            _ => self.nulls,
        };
        match often {
            0 => None,
            often => Some((0..length).map(|_| !random.random_ratio(often, 10)).collect()),
        }
    }

    fn lengths(&mut self, length: usize) -> OffsetBuffer<i32> {
        let most = if self.random.random_bool(0.2) { 1 } else { 4 };
        OffsetBuffer::from_lengths((0..length).map(|_| self.random.random_range(0..most)))
    }

    fn values(&mut self, data_type: &DataType, length: usize) -> ArrayRef {
        let nulls = self.nulls(length);
        match data_type {
            DataType::Utf8 => {
                let kind = self.random.random_range(0..4);
                let text = |random: &mut StdRng| match kind {
                    0 => "aé".repeat(random.random_range(0..3)),
                    // Alike but for a part in the middle, or for their length.
                    1 => format!("the same {:03} all over", random.random_range(0..500)),
                    2 => "x".repeat(random.random_range(0..20)),
                    _ => format!("{:x}", random.random::<u64>()).repeat(random.random_range(0..6)),
                };
                let texts = (0..length).map(|_| text(&mut self.random)).collect::<Vec<_>>();
                let array = StringArray::from(texts);
                Arc::new(StringArray::new(
                    array.offsets().clone(),
                    array.values().clone(),
                    nulls,
                ))
            }
            DataType::Boolean => {
                let bits = (0..length).map(|_| self.random.random()).collect();
                Arc::new(BooleanArray::new(bits, nulls))
            }
            DataType::Int64 => Arc::new(Int64Array::new(self.numbers(length).into(), nulls)),
            DataType::Timestamp(..) => {
                let times = self.numbers(length).into();
                Arc::new(TimestampMicrosecondArray::new(times, nulls).with_timezone("UTC"))
            }
            DataType::Float64 => {
                let numbers = (0..length).map(|_| f64::from(self.random.random_range(-3..4)) / 2.0);
                Arc::new(Float64Array::new(numbers.collect(), nulls))
            }
            DataType::Struct(fields) => {
                let arrays = fields.iter().map(|field| self.values(field.data_type(), length));
                Arc::new(StructArray::new(fields.clone(), arrays.collect(), nulls))
            }
            DataType::List(element) => {
                let offsets = self.lengths(length);
                let values = self.values(element.data_type(), offsets[offsets.len() - 1] as usize);
                Arc::new(ListArray::new(element.clone(), offsets, values, nulls))
            }
            DataType::Map(entries, sorted) => {
                let offsets = self.lengths(length);
                let length = offsets[offsets.len() - 1] as usize;
                let often = std::mem::take(&mut self.nulls);
                let DataType::Struct(fields) = entries.data_type() else {
                    unreachable!()
                };
                let arrays = [0, 1].map(|_| self.values(&DataType::Utf8, length));
                self.nulls = often;
                let pairs = StructArray::new(fields.clone(), arrays.to_vec(), None);
                Arc::new(MapArray::new(entries.clone(), offsets, pairs, nulls, *sorted))
            }
            other => unreachable!("{other}"),
        }
    }

    fn numbers(&mut self, length: usize) -> Vec<i64> {
        let shift = *[0, 20, 40, 60].get(self.random.random_range(0..4)).unwrap();
        (0..length)
            .map(|_| self.random.random::<i64>() >> shift)
            .collect()
    }
}

fn nested() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    let list = |data_type| DataType::List(Arc::new(Field::new("element", data_type, true)));
    let fields = |fields: Vec<Field>| DataType::Struct(Fields::from(fields));
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let inner = fields(vec![
        field("flag", DataType::Boolean),
        field("words", list(DataType::Utf8)),
        field("time", time.clone()),
    ]);
    let outer = fields(vec![
        field("inner", list(inner)),
        field(
            "one",
            fields(vec![
                field("n", DataType::Int64),
                field("deep", list(DataType::Float64)),
            ]),
        ),
        field("text", DataType::Utf8),
    ]);
    Arc::new(Schema::new(vec![
        field("plain", DataType::Utf8),
        field("lengths", DataType::Utf8),
        field("prefixes", DataType::Utf8),
        field("text", DataType::Utf8),
        field("time", time),
        field("double", DataType::Float64),
        field("flag", DataType::Boolean),
        field(
            "one",
            fields(vec![field("n", DataType::Int64), field("text", DataType::Utf8)]),
        ),
        field("lists", list(outer)),
        field("extra", DataType::Map(schema::arrow::map_entries(), false)),
    ]))
}

fn batch(schema: &SchemaRef, rows: usize, nulls: u32, seed: u64) -> RecordBatch {
    let mut arrays = Arrays {
        random: StdRng::seed_from_u64(seed),
        nulls,
    };
    let columns = schema
        .fields()
        .iter()
        .map(|field| arrays.values(field.data_type(), rows));
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_encoded_is_read_back(
        sizes in prop::collection::vec((0_usize..300, 0_u32..=10, 0_usize..40), 1..6),
        a_group in 1_usize..4,
        seed: u64,
    ) {
        let schema = nested();
        let mut random = StdRng::seed_from_u64(seed);
        let mut rows = Vec::new();
        let mut wanted = Vec::new();
        for (&(length, nulls, skipped), seed) in sizes.iter().zip(seed..) {
            // A slice of a longer one, so that arrays do not start at their buffers' start.
            let batch = batch(&schema, length + skipped, nulls, seed).slice(skipped, length);
            let order = (length > 0 && random.random_bool(0.5)).then(|| -> Vec<u32> {
                (0..random.random_range(1..400)).map(|_| random.random_range(0..length as u32)).collect()
            });
            wanted.push(match &order {
                Some(order) => take_record_batch(&batch, &UInt32Array::from(order.clone())).unwrap(),
                None => batch.clone(),
            });
            rows.push((batch, order));
        }
        let read = read(file(&rows, a_group, properties()), &schema);
        prop_assert_eq!(read, concat_batches(&schema, &wanted).unwrap());
    }
}

#[test]
fn pages_end_at_the_same_rows_and_a_full_dictionary_is_left() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("plain", DataType::Utf8, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("time", DataType::Int64, true),
    ]));
    let batches: Vec<_> = (0..12)
        .map(|seed| {
            let texts = |prefix: &str| {
                let text = |row| format!("{prefix}-{:06}-{}", seed * 4096 + row, "x".repeat(20));
                Arc::new(StringArray::from((0..4096).map(text).collect::<Vec<_>>())) as ArrayRef
            };
            let numbers = Arc::new(Int64Array::from_iter_values(
                (0..4096).map(|row| seed * 4096 + row),
            ));
            RecordBatch::try_new(schema.clone(), vec![texts("a"), texts("b"), numbers]).unwrap()
        })
        .collect();
    let rows: Vec<_> = batches.iter().map(|batch| (batch.clone(), None)).collect();
    let file = file(&rows, 12, properties());
    assert_eq!(
        read(file.clone(), &schema),
        concat_batches(&schema, &batches).unwrap()
    );

    let options = ReadOptionsBuilder::new().with_page_index().build();
    let reader = SerializedFileReader::new_with_options(file, options).unwrap();
    let metadata = reader.metadata();
    let index = metadata.page_index().unwrap();
    let starts = |column| -> Vec<i64> {
        let pages = index.offset_index(0, column).unwrap().page_locations();
        pages.iter().map(|page| page.first_row_index).collect()
    };
    // The first ends by its rows, the second where the dictionary of the second column is full.
    assert_eq!(starts(0), [0, 20_480, 32_768]);
    assert_eq!(starts(1), starts(0));
    assert_eq!(starts(2), starts(0));
    let group = metadata.row_group(0);
    let encodings: Vec<_> = group.column(1).encodings().collect();
    assert!(encodings.contains(&Encoding::RLE_DICTIONARY) && encodings.contains(&Encoding::PLAIN));
    assert_eq!(
        group.column(2).statistics().unwrap().max_bytes_opt(),
        Some(&49_151_i64.to_le_bytes()[..])
    );
    let bloom = reader
        .get_row_group(0)
        .unwrap()
        .get_column_bloom_filter(0)
        .is_some();
    assert!(bloom || group.column(0).bloom_filter_offset().is_some());
}

#[test]
fn long_texts_end_their_pages_and_leave_the_dictionary() {
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, true)]));
    let batches: Vec<_> = (0..3)
        .map(|seed| {
            let text = |row| format!("{seed}-{row}-").repeat(40_000);
            let texts = StringArray::from((0..10).map(text).collect::<Vec<_>>());
            RecordBatch::try_new(schema.clone(), vec![Arc::new(texts) as ArrayRef]).unwrap()
        })
        .collect();
    let rows: Vec<_> = batches.iter().map(|batch| (batch.clone(), None)).collect();
    let file = file(&rows, 3, properties());
    assert_eq!(
        read(file.clone(), &schema),
        concat_batches(&schema, &batches).unwrap()
    );
    let options = ReadOptionsBuilder::new().with_page_index().build();
    let reader = SerializedFileReader::new_with_options(file, options).unwrap();
    let index = reader.metadata().page_index().unwrap();
    assert_eq!(index.offset_index(0, 0).unwrap().page_locations().len(), 3);
    let encodings: Vec<_> = reader.metadata().row_group(0).column(0).encodings().collect();
    assert!(encodings.contains(&Encoding::RLE_DICTIONARY) && encodings.contains(&Encoding::PLAIN));
}
