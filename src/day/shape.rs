//! Gives batches of an older minor schema the columns of the present one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, StructArray, new_null_array};
use arrow::datatypes::{DataType, Field, Fields, SchemaRef};

use super::{Error, Result};

/// The batch with exactly the schema: columns and struct fields that it lacks are null, in any depth.
///
/// # Errors
/// A column that the schema lacks (it would be lost), or one of another type.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let found = batch.schema_ref().fields();
    let columns = fields(found, batch.columns(), schema.fields(), batch.num_rows(), "")?;
    RecordBatch::try_new(schema.clone(), columns).map_err(Error::arrow("give rows the present schema"))
}

fn fields(
    found: &Fields,
    columns: &[ArrayRef],
    wanted: &Fields,
    rows: usize,
    path: &str,
) -> Result<Vec<ArrayRef>> {
    if let Some(unknown) = found.iter().find(|field| wanted.find(field.name()).is_none()) {
        return Err(Error::shape(
            format!("{path}{}", unknown.name()),
            "is not in this version's schema",
        ));
    }
    let column = |field: &Arc<Field>| match found.find(field.name()) {
        Some((at, _)) => value(
            &columns[at],
            field.data_type(),
            &format!("{path}{}", field.name()),
        ),
        None => Ok(new_null_array(field.data_type(), rows)),
    };
    wanted.iter().map(column).collect()
}

fn value(array: &ArrayRef, wanted: &DataType, path: &str) -> Result<ArrayRef> {
    if array.data_type() == wanted {
        return Ok(array.clone());
    }
    let failed = Error::arrow("give rows the present schema");
    match (array.data_type(), wanted) {
        (DataType::Struct(found), DataType::Struct(wanted)) => {
            let array = array.as_struct();
            let columns = fields(found, array.columns(), wanted, array.len(), &format!("{path}."))?;
            let array =
                StructArray::try_new(wanted.clone(), columns, array.nulls().cloned()).map_err(failed)?;
            Ok(Arc::new(array))
        }
        (DataType::List(_), DataType::List(element)) => {
            let array = array.as_list::<i32>();
            let values = value(array.values(), element.data_type(), &format!("{path}[]"))?;
            let array = ListArray::try_new(
                element.clone(),
                array.offsets().clone(),
                values,
                array.nulls().cloned(),
            );
            Ok(Arc::new(array.map_err(failed)?))
        }
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => {
            let array = array.as_map();
            let pairs: ArrayRef = Arc::new(array.entries().clone());
            let pairs = value(&pairs, entries.data_type(), path)?;
            let array = MapArray::try_new(
                entries.clone(),
                array.offsets().clone(),
                pairs.as_struct().clone(),
                array.nulls().cloned(),
                *sorted,
            );
            Ok(Arc::new(array.map_err(failed)?))
        }
        (found, wanted) => Err(Error::shape(path, format!("is {found}, not {wanted}"))),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::Schema;

    use super::*;

    fn list(fields: Vec<Field>) -> DataType {
        DataType::List(Arc::new(Field::new(
            "element",
            DataType::Struct(fields.into()),
            true,
        )))
    }

    fn int(name: &str) -> Field {
        Field::new(name, DataType::Int64, true)
    }

    #[test]
    fn fields_are_added_in_any_depth() {
        let old = list(vec![int("b")]);
        let new = list(vec![int("a"), int("b")]);
        let values = StructArray::from(vec![(
            Arc::new(int("b")),
            Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef,
        )]);
        let DataType::List(element) = &old else {
            unreachable!()
        };
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 0]);
        let array = ListArray::new(element.clone(), offsets, Arc::new(values), None);
        let schema = Arc::new(Schema::new(vec![Field::new("l", old, true)]));
        let batch = RecordBatch::try_new(schema, vec![Arc::new(array)]).unwrap();

        let wanted = Arc::new(Schema::new(vec![int("x"), Field::new("l", new, true)]));
        let batch = conform(&batch, &wanted).unwrap();
        assert_eq!(batch.schema(), wanted);
        assert_eq!(batch.column(0).null_count(), 2);
        let elements = batch.column(1).as_list::<i32>().value(0);
        let elements = elements.as_struct();
        assert_eq!(elements.column(0).null_count(), 2);
        assert_eq!(
            elements.column(1).as_ref(),
            &Int64Array::from(vec![1, 2]) as &dyn Array
        );
    }

    #[test]
    fn a_newer_column_is_refused() {
        let batch =
            RecordBatch::try_from_iter([("new", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
        let error = conform(&batch, &Arc::new(Schema::new(vec![int("old")]))).unwrap_err();
        assert_eq!(error.to_string(), "column new is not in this version's schema");
    }

    #[test]
    fn another_type_is_refused() {
        let batch =
            RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
        let wanted = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
        assert_eq!(
            conform(&batch, &wanted).unwrap_err().to_string(),
            "column a is Int64, not Utf8"
        );
    }
}
