//! Arrow batches → the encoded columns of a Parquet row group.
//!
//! The `parquet` crate works out the levels of each column for itself, goes through every value of every column alone, and
//! sets up a compressor a page. Call details have some 200 columns, most of them within lists, and most of their slots are
//! null or one of few values. Here the levels are worked out once a list ([`slots`]), nulls cost a byte, equal values in a
//! row one comparison, and one compressor serves all ([`zstd`]). Headers of pages, the footer, indexes and bloom filters are
//! written by the `parquet` crate.
//!
//! Pages of all columns end at the same rows.

mod column;
mod delta;
mod dictionary;
mod extremes;
mod levels;
mod rle;
mod slots;
mod values;
mod zstd;

use std::rc::Rc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, SchemaRef};
use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use column::Column;
use levels::{NullPages, PageLevels};
use slots::{Elements, Place};
use zstd::Zstd;

/// Bytes of one column's page, before it is compressed, from which all pages end.
const PAGE_BYTES: usize = 1 << 20;

/// Rows from which all pages end.
const PAGE_ROWS: usize = 20_000;

/// Slots of one place from which all pages end: those of empty elements have no bytes in any column.
const PAGE_SLOTS: usize = 1 << 20;

/// What the columns of a place of the schema are.
#[derive(Debug)]
enum Node {
    Values {
        column: usize,
    },
    Struct {
        place: usize,
        fields: Vec<Node>,
    },
    List {
        place: usize,
        list: usize,
        element: Box<Node>,
    },
    Map {
        place: usize,
        list: usize,
        key: usize,
        value: usize,
    },
}

/// The place of the rows.
const ROWS: usize = 0;

/// A list of the schema: what its columns have in common.
#[derive(Debug)]
struct List {
    /// Repetition level of an element that is not the first of its list.
    depth: u8,
    /// Repetition levels since the last page.
    repeated: Vec<u8>,
    /// Where those of the batch in hand start.
    batch: usize,
}

/// A row group in the making.
#[derive(Debug)]
pub(super) struct RowGroup {
    nodes: Vec<Node>,
    columns: Columns,
    rows: usize,
    /// About how many will come.
    expected: usize,
    page_rows: usize,
    zstd: Zstd,
}

#[derive(Debug)]
struct Columns {
    columns: Vec<Column>,
    /// The place of each column.
    place_of: Vec<usize>,
    places: Vec<Place>,
    lists: Vec<List>,
    /// Repetition levels of rows.
    zeros: Vec<u8>,
    picked: Vec<u32>,
}

impl RowGroup {
    /// No rows yet of that schema, which is `parquet` in Parquet's terms. About so many are expected, for which there is room in
    /// the bloom filters.
    ///
    /// # Errors
    /// If the schema holds a type that no table has, or the properties name a codec other than zstd.
    pub(super) fn new(
        schema: &SchemaRef,
        parquet: &SchemaDescriptor,
        properties: &WriterProperties,
        expected: usize,
    ) -> Result<RowGroup> {
        let Compression::ZSTD(level) = properties.compression(&ColumnPath::new(Vec::new())) else {
            return Err(ParquetError::NYI("a codec other than zstd".to_string()));
        };
        let mut builder = Builder {
            parquet,
            properties,
            distinct: expected,
            columns: Columns {
                columns: Vec::with_capacity(parquet.num_columns()),
                place_of: Vec::with_capacity(parquet.num_columns()),
                places: vec![Place::default()],
                lists: Vec::new(),
                zeros: Vec::new(),
                picked: Vec::new(),
            },
        };
        let fields = schema.fields().iter();
        let nodes = fields.map(|field| builder.node(field.data_type(), ROWS));
        Ok(RowGroup {
            nodes: nodes.collect::<Result<_>>()?,
            columns: builder.columns,
            rows: 0,
            expected,
            page_rows: 0,
            zstd: Zstd::new(level.compression_level())?,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// About the bytes that the row group takes in memory, beside the levels of the page in hand.
    pub(super) fn size(&self) -> usize {
        self.columns.columns.iter().map(Column::size).sum()
    }

    /// Takes rows of a batch of the schema: all of them, or those in that order.
    pub(super) fn push(&mut self, batch: &RecordBatch, order: Option<Vec<u32>>) -> Result<()> {
        let elements = match order {
            Some(rows) => Elements::Listed(Rc::new(rows)),
            None => Elements::Range(0..batch.num_rows()),
        };
        let rows = elements.len();
        let columns = &mut self.columns;
        columns.zeros.resize(rows, 0);
        for list in &mut columns.lists {
            list.batch = list.repeated.len();
        }
        columns.places.iter_mut().for_each(Place::begin);
        columns.places[ROWS].add_rows(rows);
        for (node, array) in self.nodes.iter().zip(batch.columns()) {
            columns.push(node, array, &elements, ROWS)?;
        }
        if self.page_rows == 0 && rows > 0 {
            // As many rows as will come, unless they are more than a page has.
            let times = (self.expected.saturating_sub(self.rows)).min(PAGE_ROWS) / rows;
            let largest = columns.columns.iter().map(Column::page_size).max();
            let times = times.min(PAGE_BYTES / largest.unwrap_or(0).max(1));
            if times > 1 {
                columns
                    .columns
                    .iter_mut()
                    .for_each(|column| column.reserve(times));
            }
        }
        self.rows += rows;
        self.page_rows += rows;
        let full = |column: &Column| column.page_size() >= PAGE_BYTES;
        let crowded = |place: &Place| place.defined().len() >= PAGE_SLOTS;
        if self.page_rows >= PAGE_ROWS
            || columns.columns.iter().any(full)
            || columns.places.iter().any(crowded)
        {
            self.flush()?;
        }
        Ok(())
    }

    /// Ends the pages of all columns.
    fn flush(&mut self) -> Result<()> {
        let Columns {
            columns,
            place_of,
            places,
            lists,
            ..
        } = &mut self.columns;
        let repeated: Vec<_> = lists.iter_mut().map(List::take).collect();
        let levels = places.iter().map(|place| {
            let repeated = place.list().map(|list| repeated[list].as_slice());
            PageLevels::new(place, repeated)
        });
        let mut levels: Vec<_> = levels.collect();
        let mut known = NullPages::default();
        for (column, place) in columns.iter_mut().zip(place_of) {
            let levels = &mut levels[*place];
            column.flush(self.page_rows, levels, &mut known, &mut self.zstd)?;
        }
        places.iter_mut().for_each(Place::clear);
        self.page_rows = 0;
        Ok(())
    }

    /// The encoded columns, and what the footer says of them.
    pub(super) fn finish(mut self) -> Result<Vec<(Bytes, ColumnCloseResult)>> {
        if self.page_rows > 0 {
            self.flush()?;
        }
        let columns = self.columns.columns.into_iter();
        columns.map(|column| column.finish(&mut self.zstd)).collect()
    }
}

impl List {
    /// The encoded levels since the last page; forgets them.
    fn take(&mut self) -> Vec<u8> {
        let mut encoded = Vec::new();
        levels::encode(&self.repeated, self.depth, &mut encoded);
        self.repeated.clear();
        encoded
    }
}

impl Columns {
    /// Takes elements of an array of the node, which stand in the slots of the place that it is in.
    fn push(&mut self, node: &Node, array: &ArrayRef, elements: &Elements, place: usize) -> Result<()> {
        match node {
            Node::Values { column } => {
                let place = &self.places[place];
                self.columns[*column].push(array, place, elements, &mut self.picked);
            }
            Node::Struct { place: inner, fields } => {
                let array = array.as_struct_opt().ok_or_else(|| unexpected(array))?;
                let mut within = std::mem::take(&mut self.places[*inner]);
                let elements = within.add_fields(&self.places[place], elements, array.nulls());
                self.places[*inner] = within;
                for (field, array) in fields.iter().zip(array.columns()) {
                    self.push(field, array, &elements, *inner)?;
                }
            }
            Node::List {
                place: inner,
                list,
                element,
            } => {
                let array = array.as_list_opt::<i32>().ok_or_else(|| unexpected(array))?;
                let lists = (array.nulls(), array.value_offsets());
                let elements = self.enter((*inner, *list), lists, elements, place);
                self.push(element, array.values(), &elements, *inner)?;
            }
            Node::Map {
                place: inner,
                list,
                key,
                value,
            } => {
                let array = array.as_map_opt().ok_or_else(|| unexpected(array))?;
                let lists = (array.nulls(), array.value_offsets());
                let elements = self.enter((*inner, *list), lists, elements, place);
                self.columns[*key].push_required(array.keys(), &elements);
                let place = &self.places[*inner];
                self.columns[*value].push(array.values(), place, &elements, &mut self.picked);
            }
        }
        Ok(())
    }

    /// Adds the slots of the elements of lists to the place within them, and their repetition levels; gives the elements.
    fn enter(
        &mut self,
        (inner, list): (usize, usize),
        lists: (Option<&NullBuffer>, &[i32]),
        elements: &Elements,
        place: usize,
    ) -> Elements {
        let mut within = std::mem::take(&mut self.places[inner]);
        let mut repeats = std::mem::take(&mut self.lists[list].repeated);
        let outer = &self.places[place];
        let repeated = match outer.list() {
            Some(list) => &self.lists[list].repeated[self.lists[list].batch..],
            None => &self.zeros,
        };
        let depth = self.lists[list].depth;
        let elements = within.add_lists((outer, elements), lists, repeated, depth, &mut repeats);
        self.lists[list].repeated = repeats;
        self.places[inner] = within;
        elements
    }
}

fn unexpected(array: &ArrayRef) -> ParquetError {
    ParquetError::ArrowError(format!("{} is not what the schema says", array.data_type()))
}

/// Makes the nodes of a schema and their columns, in the order of Parquet's.
struct Builder<'a> {
    parquet: &'a SchemaDescriptor,
    properties: &'a WriterProperties,
    distinct: usize,
    columns: Columns,
}

impl Builder<'_> {
    fn node(&mut self, data_type: &DataType, within: usize) -> Result<Node> {
        Ok(match data_type {
            DataType::Struct(fields) => {
                let list = self.columns.places[within].list();
                let place = self.place(within, 1, list);
                let fields = fields.iter().map(|field| self.node(field.data_type(), place));
                Node::Struct {
                    place,
                    fields: fields.collect::<Result<_>>()?,
                }
            }
            DataType::List(element) => {
                let (place, list) = self.list(within);
                let element = Box::new(self.node(element.data_type(), place)?);
                Node::List { place, list, element }
            }
            DataType::Map(_, _) => {
                let (place, list) = self.list(within);
                let key = self.column(&DataType::Utf8, place)?;
                let value = self.column(&DataType::Utf8, place)?;
                Node::Map {
                    place,
                    list,
                    key,
                    value,
                }
            }
            _ => Node::Values {
                column: self.column(data_type, within)?,
            },
        })
    }

    /// A place so many definition levels further in, and in that list.
    fn place(&mut self, within: usize, levels: u8, list: Option<usize>) -> usize {
        let places = &mut self.columns.places;
        places.push(Place::new(places[within].present() + levels, list));
        places.len() - 1
    }

    /// The place of a list's elements, and the list.
    fn list(&mut self, within: usize) -> (usize, usize) {
        let Columns { places, lists, .. } = &mut self.columns;
        lists.push(List {
            depth: 1 + places[within].list().map_or(0, |outer| lists[outer].depth),
            repeated: Vec::new(),
            batch: 0,
        });
        let list = lists.len() - 1;
        (self.place(within, 2, Some(list)), list)
    }

    fn column(&mut self, data_type: &DataType, within: usize) -> Result<usize> {
        use arrow::datatypes::TimeUnit::Microsecond;
        match data_type {
            DataType::Utf8 | DataType::Boolean | DataType::Int64 | DataType::Float64 => {}
            DataType::Timestamp(Microsecond, _) => {}
            other => return Err(ParquetError::NYI(format!("a column of {other}"))),
        }
        let number = self.columns.columns.len();
        let column = Column::new(
            self.parquet.column(number),
            data_type,
            self.properties,
            self.distinct,
        )?;
        self.columns.columns.push(column);
        self.columns.place_of.push(within);
        Ok(number)
    }
}

#[cfg(test)]
mod tests;
