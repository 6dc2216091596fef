//! The entries of one row's `extra` as a tree, to be walked beside the columns.

use std::collections::BTreeMap;

use arrow::array::StringArray;

/// Tokens of a pointer at most. No schema nests as deep, so a longer one has no place.
const MAX_TOKENS: usize = 64;

/// What stands in `extra` at one place and below it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overlay {
    /// Number of the entry whose text takes the place of the value.
    pub(super) entry: Option<usize>,
    /// Entries below, by key or index.
    pub(super) below: BTreeMap<String, Overlay>,
}

impl Overlay {
    /// The tree of the entries with these pointers; fails with the number of the first that is no pointer.
    pub(super) fn new(pointers: &StringArray) -> Result<Overlay, usize> {
        let mut root = Overlay::default();
        for (entry, pointer) in pointers.iter().enumerate() {
            let mut place = &mut root;
            for token in pointer.and_then(tokens).ok_or(entry)? {
                place = place.below.entry(token).or_default();
            }
            place.entry = Some(entry);
        }
        Ok(root)
    }
}

/// The tokens of a JSON Pointer, unescaped.
fn tokens(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let tokens: Option<Vec<String>> = pointer
        .strip_prefix('/')?
        .split('/')
        .take(MAX_TOKENS + 1)
        .map(unescape)
        .collect();
    tokens.filter(|tokens| tokens.len() <= MAX_TOKENS)
}

fn unescape(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut out = parts.next()?.to_string();
    for part in parts {
        let (escaped, rest) = match part.as_bytes().first()? {
            b'0' => ('~', &part[1..]),
            b'1' => ('/', &part[1..]),
            _ => return None,
        };
        out.push(escaped);
        out.push_str(rest);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_those_of_the_standard() {
        let check = |pointer: &str, want: Option<&[&str]>| {
            let want = want.map(|tokens| tokens.iter().map(|token| token.to_string()).collect());
            assert_eq!(tokens(pointer), want, "{pointer}");
        };
        check("/a~1b/~01//", Some(&["a/b", "~1", "", ""]));
        check("/~0~1~0é", Some(&["~/~é"]));
        check("", Some(&[]));
        check("a", None);
        check("/~", None);
        check("/a~2", None);
        check(&"/".repeat(MAX_TOKENS), Some(&[""; MAX_TOKENS]));
        check(&"/".repeat(10_000_000), None);
    }
}
