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
use super::levels::{Levels, NullPages, PageLevels};
use super::slots::{Elements, Picked, Place};
use super::values::Values;
use super::zstd::Zstd;

/// A column in the making.
#[derive(Debug)]
pub(super) struct Column {
    description: ColumnDescPtr,
    data_type: DataType,
    compression: Compression,
    levels: Levels,
    /// Whether an element of the column's place can be null.
    optional: bool,
    values: Values,
    /// Of the values since the last page, if the column has statistics.
    extremes: Option<Extremes>,
    bloom: Option<(Sbbf, f64)>,
    pages: Vec<DataPage>,
}

#[derive(Debug)]
struct DataPage {
    compressed: Bytes,
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
            levels: Levels::default(),
            optional: description.self_type().is_optional(),
            pages: Vec::new(),
            bloom,
            description,
        })
    }

    /// Takes the values of an array whose elements stand in the slots of the place. `listed` is overwritten.
    pub(super) fn push(
        &mut self,
        array: &ArrayRef,
        place: &Place,
        elements: &Elements,
        listed: &mut Vec<u32>,
    ) {
        let picked = self.levels.push(place, elements, array.nulls(), listed);
        self.take(array, &picked);
    }

    /// Takes the values of an array none of which is null, where the column can't have nulls.
    pub(super) fn push_required(&mut self, array: &ArrayRef, elements: &Elements) {
        self.take(array, &Picked::All(elements));
    }

    fn take(&mut self, array: &ArrayRef, picked: &Picked) {
        if picked.len() == 0 {
            return;
        }
        if let Some((bloom, _)) = &mut self.bloom {
            insert(bloom, array, picked);
        }
        self.values.push(array, picked, &mut self.extremes);
    }

    /// Makes room for so many times what came since the last page.
    pub(super) fn reserve(&mut self, times: usize) {
        self.values.reserve(times);
        self.levels.reserve(times);
    }

    /// About the bytes of the page to come.
    pub(super) fn page_size(&self) -> usize {
        self.values.size()
    }

    /// About the bytes that the column takes in memory.
    pub(super) fn size(&self) -> usize {
        let pages: usize = self.pages.iter().map(|page| page.compressed.len()).sum();
        pages + self.values.dictionary_size() + self.values.size() + self.levels.size()
    }

    /// Makes a page of what came since the last one, which are so many rows in slots of those levels.
    pub(super) fn flush(
        &mut self,
        rows: usize,
        levels: &mut PageLevels,
        known: &mut NullPages,
        zstd: &mut Zstd,
    ) -> Result<()> {
        let slots = levels.slots();
        let nulls = slots - self.values.count();
        let (compressed, size, encoding) = if self.optional && nulls == slots {
            let (page, size) = levels.null_page(known, zstd)?;
            (page, size, Encoding::PLAIN)
        } else {
            let body = zstd.input();
            levels.repeated(body);
            match self.optional {
                true => self.levels.encode(levels, body),
                false => levels.required(body),
            }
            let encoding = self.values.flush(body);
            let size = body.len();
            (zstd.compress()?.into(), size, encoding)
        };
        let empty = || Extremes::new(&self.data_type);
        let extremes = self.extremes.as_mut();
        self.pages.push(DataPage {
            compressed,
            size,
            slots,
            rows,
            nulls,
            encoding,
            extremes: extremes.map(|extremes| std::mem::replace(extremes, empty()).cut()),
        });
        self.levels.clear();
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
            buf: self.compressed,
            num_values: self.slots as u32,
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        CompressedPage::new(page, self.size)
    }
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
            (Extremes::Text(Some(last)), Extremes::Text(Some(next))) => next.follows(last),
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
