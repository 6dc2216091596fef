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
mod rle;
mod slots;
mod values;
mod zstd;

use std::rc::Rc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use column::{Column, levels};
use slots::{Elements, Slots};
use zstd::Zstd;

/// Bytes of one column's page, before it is compressed, from which all pages end.
const PAGE_BYTES: usize = 1 << 20;

/// Rows from which all pages end.
const PAGE_ROWS: usize = 20_000;

/// What the columns of a place of the schema are.
#[derive(Debug)]
enum Node {
    Values { column: usize },
    Struct(Vec<Node>),
    List { list: usize, element: Box<Node> },
    Map { list: usize, key: usize, value: usize },
}

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
    page_rows: usize,
    zstd: Zstd,
}

#[derive(Debug)]
struct Columns {
    columns: Vec<Column>,
    /// The innermost list that each column is in.
    list_of: Vec<Option<usize>>,
    lists: Vec<List>,
    /// Repetition levels of rows.
    zeros: Vec<u8>,
    picked: Vec<u32>,
}

impl RowGroup {
    /// No rows yet of that schema, which is `parquet` in Parquet's terms. Bloom filters have room for so many distinct values
    /// a column.
    ///
    /// # Errors
    /// If the schema holds a type that no table has, or the properties name a codec other than zstd.
    pub(super) fn new(
        schema: &SchemaRef,
        parquet: &SchemaDescriptor,
        properties: &WriterProperties,
        distinct: usize,
    ) -> Result<RowGroup> {
        let Compression::ZSTD(level) = properties.compression(&ColumnPath::new(Vec::new())) else {
            return Err(ParquetError::NYI("a codec other than zstd".to_string()));
        };
        let mut builder = Builder {
            parquet,
            properties,
            distinct,
            columns: Columns {
                columns: Vec::with_capacity(parquet.num_columns()),
                list_of: Vec::with_capacity(parquet.num_columns()),
                lists: Vec::new(),
                zeros: Vec::new(),
                picked: Vec::new(),
            },
        };
        let fields = schema.fields().iter();
        let nodes = fields.map(|field| builder.node(field.data_type(), None));
        Ok(RowGroup {
            nodes: nodes.collect::<Result<_>>()?,
            columns: builder.columns,
            rows: 0,
            page_rows: 0,
            zstd: Zstd::new(level.compression_level())?,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// About the bytes that the row group takes in memory.
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
        let slots = Slots::rows(elements);
        for (node, array) in self.nodes.iter().zip(batch.columns()) {
            columns.push(node, array, &slots, None)?;
        }
        self.rows += rows;
        self.page_rows += rows;
        let full = |column: &Column| column.page_size() >= PAGE_BYTES;
        if self.page_rows >= PAGE_ROWS || columns.columns.iter().any(full) {
            self.flush()?;
        }
        Ok(())
    }

    /// Ends the pages of all columns.
    fn flush(&mut self) -> Result<()> {
        let Columns {
            columns,
            list_of,
            lists,
            ..
        } = &mut self.columns;
        let repeated: Vec<_> = lists.iter_mut().map(List::take).collect();
        for (column, list) in columns.iter_mut().zip(list_of) {
            let repeated = list.map(|list| repeated[list].as_slice());
            column.flush(self.page_rows, repeated, &mut self.zstd)?;
        }
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
        levels(&self.repeated, i16::from(self.depth), &mut encoded);
        self.repeated.clear();
        encoded
    }
}

impl Columns {
    /// Takes an array of the node, whose elements stand in the slots, within that list.
    fn push(&mut self, node: &Node, array: &ArrayRef, slots: &Slots, within: Option<usize>) -> Result<()> {
        match node {
            Node::Values { column } => {
                self.columns[*column].push(array, slots, true, &mut self.picked);
            }
            Node::Struct(fields) => {
                let array = array.as_struct_opt().ok_or_else(|| unexpected(array))?;
                let inner = slots.optional(array.nulls());
                for (field, array) in fields.iter().zip(array.columns()) {
                    self.push(field, array, &inner, within)?;
                }
            }
            Node::List { list, element } => {
                let array = array.as_list_opt::<i32>().ok_or_else(|| unexpected(array))?;
                let inner = self.enter(*list, array.nulls(), array.value_offsets(), slots, within);
                self.push(element, array.values(), &inner, Some(*list))?;
            }
            Node::Map { list, key, value } => {
                let array = array.as_map_opt().ok_or_else(|| unexpected(array))?;
                let inner = self.enter(*list, array.nulls(), array.value_offsets(), slots, within);
                for (column, array) in [(*key, array.keys()), (*value, array.values())] {
                    self.columns[column].push(array, &inner, false, &mut self.picked);
                }
            }
        }
        Ok(())
    }

    /// The slots of a list's elements; keeps their repetition levels.
    fn enter(
        &mut self,
        list: usize,
        nulls: Option<&arrow::buffer::NullBuffer>,
        offsets: &[i32],
        slots: &Slots,
        within: Option<usize>,
    ) -> Slots {
        let mut inner = std::mem::take(&mut self.lists[list].repeated);
        let repeated = match within {
            Some(outer) => &self.lists[outer].repeated[self.lists[outer].batch..],
            None => &self.zeros,
        };
        let depth = self.lists[list].depth;
        let slots = slots.lists(nulls, offsets, repeated, depth, &mut inner);
        self.lists[list].repeated = inner;
        slots
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
    fn node(&mut self, data_type: &DataType, within: Option<usize>) -> Result<Node> {
        Ok(match data_type {
            DataType::Struct(fields) => {
                let fields = fields.iter().map(|field| self.node(field.data_type(), within));
                Node::Struct(fields.collect::<Result<_>>()?)
            }
            DataType::List(element) => {
                let list = self.list(within);
                let element = Box::new(self.node(element.data_type(), Some(list))?);
                Node::List { list, element }
            }
            DataType::Map(_, _) => {
                let list = self.list(within);
                let key = self.column(&DataType::Utf8, Some(list))?;
                let value = self.column(&DataType::Utf8, Some(list))?;
                Node::Map { list, key, value }
            }
            _ => Node::Values {
                column: self.column(data_type, within)?,
            },
        })
    }

    fn list(&mut self, within: Option<usize>) -> usize {
        let lists = &mut self.columns.lists;
        lists.push(List {
            depth: 1 + within.map_or(0, |outer| lists[outer].depth),
            repeated: Vec::new(),
            batch: 0,
        });
        lists.len() - 1
    }

    fn column(&mut self, data_type: &DataType, within: Option<usize>) -> Result<usize> {
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
        self.columns.list_of.push(within);
        Ok(number)
    }
}

#[cfg(test)]
mod tests;
