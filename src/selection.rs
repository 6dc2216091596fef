//! Which sessions are meant: `--where FIELD=VALUE`.

use std::fmt;

/// A condition on a call-details row: the field has the value, exactly as it is written in the lake. Of a list, one element
/// has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The field.
    pub field: Field,
    /// Its value.
    pub value: String,
}

/// What conditions can be made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The channel.
    Channel,
    /// `Inbound` or `Outbound`.
    Direction,
    /// How the session ended.
    FinalStatus,
    /// The same in the words of the analytics pages.
    SmartStatus,
    /// What ended it.
    DisconnectingEvent,
    /// The kind of survey.
    SurveyType,
    /// A disposition.
    Disposition,
    /// A queue that the session entered, by id or name.
    Queue,
    /// An agent who took the session, by id.
    Agent,
}

impl Field {
    /// All fields, as they are listed to users.
    pub const ALL: [Field; 9] = [
        Field::Channel,
        Field::Direction,
        Field::FinalStatus,
        Field::SmartStatus,
        Field::DisconnectingEvent,
        Field::SurveyType,
        Field::Disposition,
        Field::Queue,
        Field::Agent,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Channel => "channel",
            Field::Direction => "direction",
            Field::FinalStatus => "final_status",
            Field::SmartStatus => "smart_status",
            Field::DisconnectingEvent => "disconnecting_event",
            Field::SurveyType => "survey_type",
            Field::Disposition => "disposition",
            Field::Queue => "queue",
            Field::Agent => "agent",
        }
    }

    /// The columns of `call_details` that it stands for, of which any may have the value.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Field::Channel => &["channel"],
            // v1 has the direction of a call inside the customer, v2 at the root.
            Field::Direction => &["direction", "customer_info.direction"],
            Field::FinalStatus => &["final_status"],
            Field::SmartStatus => &["smart_status"],
            Field::DisconnectingEvent => &["disconnecting_event"],
            Field::SurveyType => &["survey_type"],
            Field::Disposition => &["dispositions"],
            Field::Queue => &["destinations.queue_id", "destinations.queue_name"],
            // An agent segment can be written inline.
            Field::Agent => &["destinations.agent_id", "destinations.responding_agent.agent_id"],
        }
    }
}

impl std::str::FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Condition, String> {
        let parts = text.split_once('=').filter(|(_, value)| !value.is_empty());
        let (name, value) = parts.ok_or_else(|| "want FIELD=VALUE, for example queue=Sales".to_string())?;
        let field = Field::ALL.into_iter().find(|field| field.name() == name);
        let field = field.ok_or_else(|| {
            let known = Field::ALL.map(Field::name).join(", ");
            format!("no field {name:?} to select by; there are: {known}")
        })?;
        let value = value.to_string();
        Ok(Condition { field, value })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.field.name(), self.value)
    }
}

/// Whether all fields that conditions name have one of the values that they name. `has` says whether a column has a value.
pub(crate) fn is_selected(conditions: &[Condition], has: impl Fn(&str, &str) -> bool) -> bool {
    let holds = |condition: &Condition| {
        let mut columns = condition.field.columns().iter();
        columns.any(|column| has(column, &condition.value))
    };
    Field::ALL.into_iter().all(|field| {
        let mut alternatives = conditions
            .iter()
            .filter(|condition| condition.field == field)
            .peekable();
        alternatives.peek().is_none() || alternatives.any(holds)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{self, Kind};

    #[test]
    fn conditions_are_a_field_and_a_value() {
        let condition: Condition = "queue=Sales=East".parse().unwrap();
        assert_eq!(
            (condition.field, condition.value.as_str()),
            (Field::Queue, "Sales=East")
        );
        for bad in ["", "queue", "queue=", "=x", "Queue=x", "session_id=x"] {
            assert!(bad.parse::<Condition>().is_err(), "{bad}");
        }
        let error = "team=x".parse::<Condition>().unwrap_err();
        assert!(error.contains("channel, direction"), "{error}");
    }

    #[test]
    fn every_field_stands_for_columns_of_text() {
        for column in Field::ALL.iter().flat_map(|field| field.columns()) {
            let mut fields = schema::call_details().fields.as_slice();
            let mut leaf = None;
            for name in column.split('.') {
                let field = fields.iter().find(|field| field.name == name).expect(column);
                let mut kind = &field.kind;
                while let Kind::List(element) = kind {
                    kind = element;
                }
                leaf = Some(kind);
                if let Kind::Struct(children) = kind {
                    fields = children;
                }
            }
            assert_eq!(leaf, Some(&Kind::String), "{column}");
        }
    }

    #[test]
    fn values_of_one_field_are_alternatives_and_fields_must_all_fit() {
        let row = [("channel", "Voice"), ("destinations.queue_name", "Sales")];
        let check = |conditions: &[&str], want: bool| {
            let parsed: Vec<Condition> = conditions.iter().map(|text| text.parse().unwrap()).collect();
            let selected = is_selected(&parsed, |column, value| row.contains(&(column, value)));
            assert_eq!(selected, want, "{conditions:?}");
        };
        check(&[], true);
        check(&["channel=Voice"], true);
        check(&["channel=voice"], false);
        check(&["channel=Chat", "channel=Voice"], true);
        check(&["channel=Voice", "queue=Sales"], true);
        check(&["channel=Voice", "queue=Support"], false);
        check(&["direction=Inbound"], false);
    }
}
