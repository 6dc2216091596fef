//! The entries of one row's `extra` as a tree, to be walked beside the columns.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, StructArray};

/// What stands in `extra` at one place and below it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overlay<'a> {
    /// JSON text that takes the place of the value.
    pub(super) text: Option<&'a str>,
    /// Entries below, by key or index.
    pub(super) below: BTreeMap<String, Overlay<'a>>,
}

impl<'a> Overlay<'a> {
    /// The tree of the entries (`key`, `value`); `None` where there are none. Fails with the key that is no pointer.
    pub(super) fn new(entries: &'a StructArray) -> Result<Option<Overlay<'a>>, String> {
        if entries.is_empty() {
            return Ok(None);
        }
        let (keys, values) = (
            entries.column(0).as_string::<i32>(),
            entries.column(1).as_string::<i32>(),
        );
        let mut root = Overlay::default();
        for (pointer, text) in keys.iter().flatten().zip(values.iter().flatten()) {
            let mut place = &mut root;
            for token in tokens(pointer).ok_or_else(|| pointer.to_string())? {
                place = place.below.entry(token).or_default();
            }
            place.text = Some(text);
        }
        Ok(Some(root))
    }
}

/// The tokens of a JSON Pointer, unescaped.
fn tokens(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let rest = pointer.strip_prefix('/')?;
    Some(
        rest.split('/')
            .map(|token| token.replace("~1", "/").replace("~0", "~"))
            .collect(),
    )
}

/// Appends a JSON text without the white space between its tokens, so that it stays on one line.
pub(super) fn write_compact(text: &str, out: &mut Vec<u8>) {
    let mut in_string = false;
    let mut escaped = false;
    for &byte in text.as_bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_unescape_in_the_order_of_the_standard() {
        assert_eq!(
            tokens("/a~1b/~01//"),
            Some(vec!["a/b".into(), "~1".into(), String::new(), String::new()])
        );
        assert_eq!(tokens(""), Some(vec![]));
        assert_eq!(tokens("a"), None);
    }

    #[test]
    fn white_space_within_strings_stays() {
        let mut out = Vec::new();
        write_compact("{ \"a b\" :\n[1,\t\"\\\" \\\\\" , \" \"]}", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a b":[1,"\" \\"," "]}"#);
    }
}
