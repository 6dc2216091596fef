//! One column of a row group: its pages, and what the footer says of them.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::extremes::{Extremes, physical};
use super::rle::{hybrid, width};
use super::slots::{Picked, Slots};
use super::values::Values;
use super::zstd::Zstd;

/// A column in the making.
#[derive(Debug)]
pub(super) struct Column {
    description: ColumnDescPtr,
    data_type: DataType,
    compression: Compression,
    /// Definition levels since the last page.
    defined: Vec<u8>,
    values: Values,
    /// Of the values since the last page, if the column has statistics.
    extremes: Option<Extremes>,
    bloom: Option<(Sbbf, f64)>,
    pages: Vec<DataPage>,
}

#[derive(Debug)]
struct DataPage {
    compressed: Vec<u8>,
    size: usize,
    slots: usize,
    rows: usize,
    nulls: usize,
    encoding: Encoding,
    extremes: Option<Extremes>,
}

impl Column {
    pub(super) fn new(
        description: ColumnDescPtr,
        data_type: &DataType,
        properties: &WriterProperties,
        distinct: usize,
    ) -> Result<Column> {
        let path = description.path();
        let encoding = (!properties.dictionary_enabled(path))
            .then(|| properties.encoding(path).unwrap_or(Encoding::PLAIN));
        let statistics = properties.statistics_enabled(path) != EnabledStatistics::None;
        let bloom = match properties.bloom_filter_properties(path) {
            Some(bloom) => Some((Sbbf::new_with_ndv_fpp(distinct as u64, bloom.fpp())?, bloom.fpp())),
            None => None,
        };
        Ok(Column {
            compression: properties.compression(path),
            values: Values::new(data_type, encoding),
            extremes: statistics.then(|| Extremes::new(data_type)),
            data_type: data_type.clone(),
            defined: Vec::new(),
            pages: Vec::new(),
            bloom,
            description,
        })
    }

    /// Takes the values of an array that stand in the slots. `picked` is overwritten.
    pub(super) fn push(&mut self, array: &ArrayRef, slots: &Slots, optional: bool, picked: &mut Vec<u32>) {
        let picked = slots.values(array.nulls(), optional, &mut self.defined, picked);
        if let Some((bloom, _)) = &mut self.bloom {
            insert(bloom, array, &picked);
        }
        self.values.push(array, &picked, &mut self.extremes);
    }

    /// About the bytes of the page to come.
    pub(super) fn page_size(&self) -> usize {
        self.values.size()
    }

    /// About the bytes that the column takes in memory.
    pub(super) fn size(&self) -> usize {
        let pages: usize = self.pages.iter().map(|page| page.compressed.len()).sum();
        pages + self.values.dictionary_size() + self.values.size() + self.defined.len()
    }

    /// Makes a page of what came since the last one, which are so many rows with those encoded repetition levels.
    pub(super) fn flush(&mut self, rows: usize, repeated: Option<&[u8]>, zstd: &mut Zstd) -> Result<()> {
        let body = zstd.input();
        if let Some(repeated) = repeated {
            body.extend_from_slice(repeated);
        }
        levels(&self.defined, self.description.max_def_level(), body);
        let nulls = self.defined.len() - self.values.count();
        let encoding = self.values.flush(body);
        let size = body.len();
        let empty = Extremes::new(&self.data_type);
        self.pages.push(DataPage {
            compressed: zstd.compress()?,
            size,
            slots: self.defined.len(),
            rows,
            nulls,
            encoding,
            extremes: self
                .extremes
                .as_mut()
                .map(|extremes| std::mem::replace(extremes, empty)),
        });
        self.defined.clear();
        Ok(())
    }

    /// The column's bytes and what the footer says of them. Nothing may have come since the last page.
    pub(super) fn finish(self, zstd: &mut Zstd) -> Result<(Bytes, ColumnCloseResult)> {
        let dictionary = self.values.into_dictionary();
        let pages = self.pages;
        let column_index = column_index(&self.data_type, &pages)?;
        let statistics = statistics(&self.data_type, &pages);
        let rows = pages.iter().map(|page| page.rows as u64).sum();
        let slots: usize = pages.iter().map(|page| page.slots).sum();
        let mut encodings = vec![Encoding::RLE];
        let mut counts: Vec<PageEncodingStats> = Vec::new();

        let mut sink = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut sink);
        let mut size = 0;
        let mut dictionary_offset = None;
        if let Some(dictionary) = dictionary {
            zstd.input().extend_from_slice(&dictionary.plain);
            let page = Page::DictionaryPage {
                buf: zstd.compress()?.into(),
                num_values: dictionary.values as u32,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            let spec = writer.write_page(CompressedPage::new(page, dictionary.plain.len()))?;
            size += spec.uncompressed_size;
            dictionary_offset = Some(spec.offset as i64);
            encodings.push(Encoding::PLAIN);
            counts.push(PageEncodingStats {
                page_type: PageType::DICTIONARY_PAGE,
                encoding: Encoding::PLAIN,
                count: 1,
            });
        }
        let mut offsets = OffsetIndexBuilder::new();
        let mut data_offset = None;
        for page in pages {
            let (rows, encoding) = (page.rows, page.encoding);
            let spec = writer.write_page(page.into_page())?;
            size += spec.uncompressed_size;
            data_offset.get_or_insert(spec.offset as i64);
            offsets.append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
            offsets.append_row_count(rows as i64);
            count(&mut counts, encoding);
            if !encodings.contains(&encoding) {
                encodings.push(encoding);
            }
        }
        writer.close()?;
        let bytes = Bytes::from(sink.into_inner()?);

        let mut metadata = ColumnChunkMetaData::builder(self.description)
            .set_encodings(encodings)
            .set_page_encoding_stats(counts)
            .set_compression(self.compression)
            .set_num_values(slots as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(size as i64)
            .set_data_page_offset(data_offset.unwrap_or(0))
            .set_dictionary_page_offset(dictionary_offset);
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows,
            metadata: metadata.build()?,
            bloom_filter: self.bloom.map(|(mut bloom, fpp)| {
                bloom.fold_to_target_fpp(fpp);
                bloom
            }),
            column_index,
            offset_index: Some(offsets.build()),
        };
        Ok((bytes, close))
    }
}

impl DataPage {
    fn into_page(self) -> CompressedPage {
        let page = Page::DataPage {
            buf: self.compressed.into(),
            num_values: self.slots as u32,
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        CompressedPage::new(page, self.size)
    }
}

/// Appends levels of at most `greatest` with their length, unless all are 0.
pub(super) fn levels(levels: &[u8], greatest: i16, out: &mut Vec<u8>) {
    if greatest == 0 {
        return;
    }
    let start = out.len();
    out.extend([0; 4]);
    hybrid(levels, width(greatest as u64), out);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn insert(bloom: &mut Sbbf, array: &ArrayRef, picked: &Picked) {
    let Some(texts) = array.as_string_opt::<i32>() else {
        return;
    };
    picked.each(|element| bloom.insert(texts.value(element)));
}

fn count(counts: &mut Vec<PageEncodingStats>, encoding: Encoding) {
    let page_type = PageType::DATA_PAGE;
    let same = |stats: &&mut PageEncodingStats| stats.page_type == page_type && stats.encoding == encoding;
    match counts.iter_mut().find(same) {
        Some(stats) => stats.count += 1,
        None => counts.push(PageEncodingStats {
            page_type,
            encoding,
            count: 1,
        }),
    }
}

fn statistics(data_type: &DataType, pages: &[DataPage]) -> Option<parquet::file::statistics::Statistics> {
    let mut all = Extremes::new(data_type);
    for page in pages {
        all.merge(page.extremes.as_ref()?);
    }
    Some(all.statistics(pages.iter().map(|page| page.nulls as u64).sum()))
}

/// The page index's part for the column, if it has statistics and all pages with values have extremes.
fn column_index(data_type: &DataType, pages: &[DataPage]) -> Result<Option<ColumnIndexMetaData>> {
    let mut index = ColumnIndexBuilder::new(physical(data_type));
    // Records come from JSON, which has no NaN; a page of nothing else would have no bounds.
    let nans = matches!(data_type, DataType::Float64).then_some(0);
    let mut order = Order::default();
    for page in pages {
        let Some(extremes) = &page.extremes else {
            return Ok(None);
        };
        let nulls = page.nulls as i64;
        match extremes.bounds() {
            Some((low, high)) => {
                order.see(extremes);
                index.append(false, low, high, nulls, nans);
            }
            None if page.nulls == page.slots => index.append(true, Vec::new(), Vec::new(), nulls, nans),
            None => return Ok(None),
        }
    }
    index.set_boundary_order(order.boundary());
    Ok(Some(index.build()?))
}

/// Whether the extremes of pages ascend.
#[derive(Debug, Default)]
struct Order {
    last: Option<Extremes>,
    broken: bool,
}

impl Order {
    fn see(&mut self, extremes: &Extremes) {
        let follows = |last: &Extremes| match (last, extremes) {
            (Extremes::Text(Some(last)), Extremes::Text(Some(next))) => last.0 <= next.0 && last.1 <= next.1,
            (Extremes::Int(Some(last)), Extremes::Int(Some(next))) => last.0 <= next.0 && last.1 <= next.1,
            _ => false,
        };
        self.broken |= !self.last.as_ref().is_none_or(follows);
        self.last = Some(extremes.clone());
    }

    fn boundary(&self) -> BoundaryOrder {
        if self.broken {
            BoundaryOrder::UNORDERED
        } else {
            BoundaryOrder::ASCENDING
        }
    }
}
