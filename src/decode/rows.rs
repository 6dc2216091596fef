//! Decoded rows: the columns of a table while they grow, and a batch of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::Source;
use super::column::{NullColumns, Numbers, TextMaps, Texts};
use super::extra::Extras;
use super::node::Context;
use super::object::StructNode;
use crate::json::scan::{Cursor, Fail};
use crate::schema::{Role, Table, arrow as arrow_schema};

/// Decoded rows that are not a batch yet.
pub struct Rows(State);

enum State {
    Columns(Box<Columns>),
    Batch(RecordBatch),
}

impl Rows {
    /// The rows as a batch of the table's schema.
    ///
    /// # Errors
    /// Arrow refused a column, which would be a fault of the decoder.
    pub fn into_batch(self) -> Result<RecordBatch, ArrowError> {
        match self.0 {
            State::Columns(columns) => columns.into_batch(),
            State::Batch(batch) => Ok(batch),
        }
    }
}

impl From<RecordBatch> for Rows {
    fn from(batch: RecordBatch) -> Rows {
        Rows(State::Batch(batch))
    }
}

impl From<Columns> for Rows {
    fn from(columns: Columns) -> Rows {
        Rows(State::Columns(Box::new(columns)))
    }
}

/// The columns of a table: those of the record, and those that say where it came from.
pub(super) struct Columns {
    schema: SchemaRef,
    roles: Arc<[Role]>,
    pub(super) root: StructNode,
    account_ids: Texts,
    endpoints: Texts,
    fetched: Numbers<i64>,
    offsets: Numbers<i64>,
    states: Numbers<i64>,
    extra: TextMaps,
    pub(super) rows: usize,
}

impl Columns {
    pub(super) fn new(table: &Table) -> Columns {
        Columns {
            schema: arrow_schema::schema(table),
            roles: table.provenance.iter().filter_map(|field| field.role).collect(),
            root: StructNode::new(&table.fields),
            account_ids: Texts::default(),
            endpoints: Texts::default(),
            fetched: Numbers::default(),
            offsets: Numbers::default(),
            states: Numbers::default(),
            extra: TextMaps::default(),
            rows: 0,
        }
    }

    /// Reads the record under the cursor into the row in hand.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>, context: &mut Context) -> Result<(), Fail> {
        self.root.read(cursor, self.rows, context)
    }

    /// Ends the row in hand; gives the bytes of what went to `extra`.
    pub(super) fn end_row(&mut self, source: &Source, state: Option<i64>, extras: &mut Extras) -> usize {
        self.account_ids.push(self.rows, source.account_id.as_bytes());
        if let Some(endpoint) = &source.endpoint {
            self.endpoints.push(self.rows, endpoint.as_bytes());
        }
        self.fetched.push(self.rows, source.fetched_at);
        self.offsets.push(self.rows, source.timezone_offset);
        if let Some(state) = state {
            self.states.push(self.rows, state);
        }
        let bytes = extras.end_row(self.rows, &mut self.extra);
        self.rows += 1;
        bytes
    }

    /// The rows that there are; new ones start here.
    pub(super) fn detach(&mut self) -> Columns {
        Columns {
            schema: Arc::clone(&self.schema),
            roles: Arc::clone(&self.roles),
            root: self.root.detach(),
            account_ids: self.account_ids.detach(),
            endpoints: self.endpoints.detach(),
            fetched: self.fetched.detach(),
            offsets: self.offsets.detach(),
            states: self.states.detach(),
            extra: self.extra.detach(),
            rows: std::mem::take(&mut self.rows),
        }
    }

    fn into_batch(mut self) -> Result<RecordBatch, ArrowError> {
        use std::mem::take;
        let (rows, mut nulls) = (self.rows, NullColumns::default());
        let mut columns = self.root.finish_columns(rows, &mut nulls)?;
        for role in self.roles.iter() {
            let column: ArrayRef = match role {
                Role::AccountId => take(&mut self.account_ids).finish(rows, &mut nulls)?,
                Role::SourceEndpoint => take(&mut self.endpoints).finish(rows, &mut nulls)?,
                Role::FetchedAt => take(&mut self.fetched).finish_times(rows, &mut nulls),
                Role::TimezoneOffset => take(&mut self.offsets).finish(rows, &mut nulls),
                Role::CallDetailsState => take(&mut self.states).finish(rows, &mut nulls),
                Role::Extra => take(&mut self.extra).finish(rows)?,
            };
            columns.push(column);
        }
        RecordBatch::try_new(self.schema, columns)
    }
}
