//! JSON values of any kind, as trees that are written as they are: duplicate keys, odd numbers, raw escapes and all.

use callake::schema::{Field, Kind};
use proptest::prelude::*;
use proptest::sample::Index;

/// A value; scalars and keys are JSON text as it is to be written.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    Scalar(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// A change of a tree at one of its places.
#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    Replace(Tree),
    Insert(String, Tree),
    Remove,
    Duplicate,
    Reverse,
    Rename(String),
}

impl Tree {
    pub(crate) fn parse(text: &str) -> Tree {
        fn of(value: &serde_json::Value) -> Tree {
            match value {
                serde_json::Value::Array(elements) => Tree::Array(elements.iter().map(of).collect()),
                serde_json::Value::Object(fields) => {
                    let quote = |key: &String| serde_json::to_string(key).unwrap();
                    Tree::Object(
                        fields
                            .iter()
                            .map(|(key, value)| (quote(key), of(value)))
                            .collect(),
                    )
                }
                scalar => Tree::Scalar(scalar.to_string()),
            }
        }
        of(&serde_json::from_str(text).unwrap())
    }

    /// The text, with white space between its tokens as the seed says; none for seed 0.
    pub(crate) fn write(&self, seed: u64) -> String {
        let mut out = String::new();
        self.write_into(&mut out, &mut { seed });
        out
    }

    fn write_into(&self, out: &mut String, seed: &mut u64) {
        let (open, close, members): (_, _, Vec<(Option<&String>, &Tree)>) = match self {
            Tree::Scalar(text) => {
                out.push_str(text);
                return;
            }
            Tree::Array(elements) => ('[', ']', elements.iter().map(|value| (None, value)).collect()),
            Tree::Object(fields) => (
                '{',
                '}',
                fields.iter().map(|(key, value)| (Some(key), value)).collect(),
            ),
        };
        out.push(open);
        out.push_str(space(seed));
        for (at, (key, value)) in members.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
                out.push_str(space(seed));
            }
            if let Some(key) = key {
                out.push_str(key);
                out.push_str(space(seed));
                out.push(':');
                out.push_str(space(seed));
            }
            value.write_into(out, seed);
            out.push_str(space(seed));
        }
        out.push(close);
    }

    fn places(&self) -> usize {
        1 + match self {
            Tree::Scalar(_) => 0,
            Tree::Array(elements) => elements.iter().map(Tree::places).sum(),
            Tree::Object(fields) => fields.iter().map(|(_, value)| value.places()).sum(),
        }
    }

    /// Changes the tree at a place; the root stays an object.
    pub(crate) fn mutate(&mut self, place: Index, mutation: &Mutation) {
        let place = place.index(self.places());
        self.mutate_at(place, mutation);
    }

    fn mutate_at(&mut self, mut place: usize, mutation: &Mutation) {
        if place == 0 {
            match (self, mutation) {
                (Tree::Object(fields), Mutation::Insert(key, value)) => {
                    fields.push((key.clone(), value.clone()));
                }
                (Tree::Object(fields), Mutation::Reverse) => fields.reverse(),
                (Tree::Array(elements), Mutation::Insert(_, value)) => elements.insert(0, value.clone()),
                (Tree::Array(elements), Mutation::Reverse) => elements.reverse(),
                _ => {}
            }
            return;
        }
        place -= 1;
        match self {
            Tree::Scalar(_) => {}
            Tree::Array(elements) => {
                for at in 0..elements.len() {
                    let places = elements[at].places();
                    if place == 0 {
                        match mutation {
                            Mutation::Replace(value) => elements[at] = value.clone(),
                            Mutation::Remove => drop(elements.remove(at)),
                            Mutation::Duplicate => elements.push(elements[at].clone()),
                            other => elements[at].mutate_at(0, other),
                        }
                        return;
                    }
                    if place < places {
                        return elements[at].mutate_at(place, mutation);
                    }
                    place -= places;
                }
            }
            Tree::Object(fields) => {
                for at in 0..fields.len() {
                    let places = fields[at].1.places();
                    if place == 0 {
                        match mutation {
                            Mutation::Replace(value) => fields[at].1 = value.clone(),
                            Mutation::Remove => drop(fields.remove(at)),
                            Mutation::Duplicate => fields.push(fields[at].clone()),
                            Mutation::Rename(key) => fields[at].0.clone_from(key),
                            other => fields[at].1.mutate_at(0, other),
                        }
                        return;
                    }
                    if place < places {
                        return fields[at].1.mutate_at(place, mutation);
                    }
                    place -= places;
                }
            }
        }
    }
}

/// The next white space; the seed is a xorshift generator, which stays 0 at 0.
fn space(seed: &mut u64) -> &'static str {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    ["", "", "", "", " ", "\n", "\r\n\t", "  "][usize::try_from(*seed % 8).unwrap()]
}

/// Mutations with values and keys that the schema may have there, or anything else.
pub(crate) fn mutation(fields: &'static [Field]) -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => any_value().prop_map(Mutation::Replace),
        2 => scalar().prop_map(|text| Mutation::Replace(Tree::Scalar(text))),
        2 => (key(), any_value()).prop_map(|(key, value)| Mutation::Insert(key, value)),
        1 => member(fields).prop_map(|(key, value)| Mutation::Insert(key, value)),
        1 => Just(Mutation::Remove),
        2 => Just(Mutation::Duplicate),
        1 => Just(Mutation::Reverse),
        1 => key().prop_map(Mutation::Rename),
    ]
}

/// An object whose keys are often the fields' and whose values often fit them.
pub(crate) fn object(fields: &'static [Field]) -> BoxedStrategy<Tree> {
    prop::collection::vec(member(fields), 0..8)
        .prop_map(Tree::Object)
        .boxed()
}

fn member(fields: &'static [Field]) -> BoxedStrategy<(String, Tree)> {
    let known = prop::sample::select(fields.iter().collect::<Vec<&'static Field>>());
    let known = known.prop_flat_map(|field| {
        let key = serde_json::to_string(field.json.as_deref().unwrap()).unwrap();
        (escapes(key), of_kind(&field.kind))
    });
    prop_oneof![5 => known, 1 => (key(), any_value())].boxed()
}

/// A value that fits the kind, or does not.
fn of_kind(kind: &'static Kind) -> BoxedStrategy<Tree> {
    let fits = match kind {
        Kind::String | Kind::TextMap => text().prop_map(Tree::Scalar).boxed(),
        Kind::Json => any_value(),
        Kind::Bool => one_of(&["true", "false"]),
        Kind::YesNo => one_of(&[r#""YES""#, r#""NO""#, r#""\u0059ES""#, r#""yes""#]),
        Kind::Int64 | Kind::Double => number().prop_map(Tree::Scalar).boxed(),
        Kind::Timestamp(_) => time().prop_map(Tree::Scalar).boxed(),
        Kind::List(element) => prop::collection::vec(of_kind(element), 0..4)
            .prop_map(Tree::Array)
            .boxed(),
        Kind::Struct(fields) => object(fields),
    };
    prop_oneof![6 => fits, 1 => scalar().prop_map(Tree::Scalar), 1 => any_value()].boxed()
}

fn one_of(texts: &'static [&'static str]) -> BoxedStrategy<Tree> {
    prop::sample::select(texts)
        .prop_map(|text| Tree::Scalar(text.to_string()))
        .boxed()
}

/// Any value at all.
pub(crate) fn any_value() -> BoxedStrategy<Tree> {
    scalar()
        .prop_map(Tree::Scalar)
        .prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Array),
                prop::collection::vec((key(), inner), 0..4).prop_map(Tree::Object),
            ]
        })
        .boxed()
}

fn scalar() -> BoxedStrategy<String> {
    prop_oneof![
        3 => text(),
        3 => number(),
        2 => time(),
        2 => prop::sample::select(&["null", "true", "false"][..]).prop_map(str::to_string),
    ]
    .boxed()
}

/// Keys: any text, and texts that pointers, schemas and readers may mistake.
fn key() -> BoxedStrategy<String> {
    let odd = [
        r#""""#,
        r#""/""#,
        r#""~""#,
        r#""~1""#,
        r#""a/b~c""#,
        r#""\u0000""#,
        r#""\ud800""#,
        r#""\udc00x""#,
        r#""0""#,
        r#""-""#,
        r#""session_id""#,
        r#""extra""#,
        r#""SessionId""#,
        r#""data""#,
        r#""numResults""#,
        r#""\u0064ata""#,
    ];
    prop_oneof![
        2 => prop::sample::select(odd.to_vec()).prop_map(str::to_string),
        1 => prop::sample::select(&["a", "b"][..]).prop_map(|key| format!("{key:?}")),
        1 => text(),
    ]
    .boxed()
}

/// Texts, with escapes that need not be and lone surrogates.
fn text() -> BoxedStrategy<String> {
    let odd = [
        r#""""#,
        r#""\ud83d\ude00""#,
        r#""\ud83d""#,
        r#""\ude00\ud83d""#,
        r#""\ud800\u0041""#,
        r#""\/\b\f\n\r\t\\\"""#,
        r#""\u0000""#,
        r#""YES""#,
        r#""no""#,
        r#""true""#,
        r#""null""#,
        r#""{}""#,
        r#""\ufeff""#,
        r#""\uFFFF\uffFE""#,
    ];
    prop_oneof![
        2 => prop::sample::select(odd.to_vec()).prop_map(str::to_string),
        2 => any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => "[ -~é😀]{0,40}".prop_map(|text| serde_json::to_string(&text).unwrap()).prop_flat_map(escapes),
    ]
    .boxed()
}

/// The text with some of its characters as escapes.
fn escapes(text: String) -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(0), 1 => any::<u64>()].prop_map(move |mut bits| {
        let inner = text[1..text.len() - 1].chars();
        let mut out = "\"".to_string();
        let mut behind_backslash = false;
        for character in inner {
            if bits & 1 == 1 && character.is_ascii() && character != '\\' && !behind_backslash {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            } else {
                out.push(character);
            }
            behind_backslash = character == '\\' && !behind_backslash;
            bits >>= 1;
        }
        out + "\""
    })
}

fn number() -> BoxedStrategy<String> {
    let odd = [
        "0",
        "-0",
        "0.0",
        "-0.0",
        "7.0",
        "1e2",
        "1E+2",
        "10e-1",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551616",
        "9007199254740993",
        "0.1",
        "0.30000000000000004",
        "5e-324",
        "1e-400",
        "1e308",
        "1.7976931348623157e308",
        "1e309",
        "1e999",
        "1E400",
        "-1e999",
        "1e-99999999999999999999",
        "1e99999999999999999999",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827",
    ];
    prop_oneof![
        2 => prop::sample::select(odd.to_vec()).prop_map(str::to_string),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_filter_map("not finite", |number| {
            number.is_finite().then(|| serde_json::to_string(&number).unwrap())
        }),
        1 => "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,4})?",
    ]
    .boxed()
}

/// Times in the API's forms, and a little beside them.
fn time() -> BoxedStrategy<String> {
    let odd = [
        r#""0000-12-31T23:59:59""#,
        r#""0001-01-01T00:00:00""#,
        r#""9999-12-31T23:59:59""#,
        r#""2024-02-30T00:00:00""#,
        r#""2025-09-30T24:00:00""#,
        r#""2025-09-30T23:59:60""#,
        r#""2025-09-30T11:40:31\u005a""#,
        r#""2025\u002d09-30T11:40:31""#,
        r#""0000-01-01T00:00:00.000Z""#,
        r#""9999-12-31T23:59:59.999Z""#,
    ];
    let parts = (0..10_000u32, 0..14u32, 0..33u32, 0..26u32, 0..62u32, 0..62u32);
    let form = 0..9usize;
    let composed =
        (parts, form, 0..1_000u32).prop_map(|((year, month, day, hour, minute, second), form, millis)| {
            let (date, clock) = (
                format!("{year:04}-{month:02}-{day:02}"),
                format!("{hour:02}:{minute:02}:{second:02}"),
            );
            match form {
                0..3 => format!("\"{date}T{clock}\""),
                3..5 => format!("\"{date}T{clock}.{millis:03}Z\""),
                5 => format!("\"{date} {hour}:{minute:02}:{second:02}\""),
                6 => format!("\"{}T{clock}\"", date.replace('-', "/")),
                7 => format!("\"{date}T{clock}.{millis}+05:30\""),
                _ => format!("\" {date}T{clock}Z\""),
            }
        });
    prop_oneof![1 => prop::sample::select(odd.to_vec()).prop_map(str::to_string), 4 => composed].boxed()
}
