//! Whether two JSON texts are the same value, without building trees of them.
//!
//! Both are read side by side, object by object and array by array. Values nested deeper than any schema stand in `extra` as they
//! came, so from some depth on texts must be the same token by token; that bounds the recursion.

use std::borrow::Cow;

use crate::json::decimal;
use crate::json::private::{MASK, is_private};
use crate::json::scan::{Cursor, Fail, unescape_into};

/// Depth from which on texts are compared token by token.
const MAX_DEPTH: usize = 64;

/// Where a rebuilt record is another than the original.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at {}", if .pointer.is_empty() { "the record itself" } else { .pointer })]
pub struct Difference {
    /// JSON Pointer of the first value that differs; keys that may be personal data are masked.
    pub pointer: String,
    /// How it differs. Never the values, which may be personal data.
    pub what: &'static str,
}

/// Compares the original of a record with what was rebuilt.
///
/// # Errors
/// The first difference.
pub fn compare(original: &[u8], rebuilt: &[u8]) -> Result<(), Difference> {
    let (mut a, mut b) = (Cursor::new(original), Cursor::new(rebuilt));
    equal(&mut a, &mut b, 0)?;
    if original[a.pos..].trim_ascii().is_empty() && rebuilt[b.pos..].trim_ascii().is_empty() {
        Ok(())
    } else {
        Err(differs("more text behind the value"))
    }
}

fn differs(what: &'static str) -> Difference {
    Difference {
        pointer: String::new(),
        what,
    }
}

impl Difference {
    /// The same, seen from one level up.
    #[cold]
    fn below(mut self, key: &[u8]) -> Difference {
        let token = match is_private(key) {
            true => MASK.to_string(),
            false => String::from_utf8_lossy(key).replace('~', "~0").replace('/', "~1"),
        };
        self.pointer.insert_str(0, &token);
        self.pointer.insert(0, '/');
        self
    }
}

/// One of the texts is no JSON; the original was read before, so it is the rebuilt one.
impl From<Fail> for Difference {
    fn from(_: Fail) -> Difference {
        differs("a value that is not JSON")
    }
}

/// Compares the values under the cursors, which move behind them where they are equal.
fn equal(a: &mut Cursor<'_>, b: &mut Cursor<'_>, depth: usize) -> Result<(), Difference> {
    let kinds = (a.token()?, b.token()?);
    if depth == MAX_DEPTH {
        return same_tokens(a.skip_value()?, b.skip_value()?);
    }
    let (same, what) = match kinds {
        (b'{', b'{') => return objects(a, b, depth),
        (b'[', b'[') => return arrays(a, b, depth),
        (b'"', b'"') => (same_text(a.string()?.raw, b.string()?.raw), "another text"),
        (b'-' | b'0'..=b'9', b'-' | b'0'..=b'9') => {
            (decimal::equal(number(a)?, number(b)?), "another number")
        }
        (first, second) if first == second => (a.skip_value()? == b.skip_value()?, "another value"),
        _ => (false, "a value of another type"),
    };
    if same { Ok(()) } else { Err(differs(what)) }
}

/// A number may end with its text.
fn number<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Fail> {
    let start = cursor.pos;
    match cursor.number() {
        Err(Fail::Incomplete) if cursor.pos > start => Ok(&cursor.buf[start..cursor.pos]),
        other => other,
    }
}

fn same_text(a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    unescape_into(a, &mut left) && unescape_into(b, &mut right) && left == right
}

fn arrays(a: &mut Cursor<'_>, b: &mut Cursor<'_>, depth: usize) -> Result<(), Difference> {
    (a.pos, b.pos) = (a.pos + 1, b.pos + 1);
    let (mut next, mut index) = ((a.token()?, b.token()?), 0);
    loop {
        match next {
            (b']', b']') => {
                (a.pos, b.pos) = (a.pos + 1, b.pos + 1);
                return Ok(());
            }
            (b']', _) | (_, b']') => return Err(differs("an array of another length")),
            (b',', b',') if index > 0 => (a.pos, b.pos) = (a.pos + 1, b.pos + 1),
            _ => {}
        }
        equal(a, b, depth + 1).map_err(|difference| difference.below(index.to_string().as_bytes()))?;
        index += 1;
        next = (a.token()?, b.token()?);
    }
}

/// Compares two objects, whatever the order of their keys. Which members belong together is told by their keys before any of
/// them is compared: so each is compared once, and nesting does not multiply the work.
fn objects(a: &mut Cursor<'_>, b: &mut Cursor<'_>, depth: usize) -> Result<(), Difference> {
    let (originals, rebuilt) = (members(a)?, members(b)?);
    let Some(partners) = partners(&originals, &rebuilt) else {
        return by_key(originals, rebuilt, depth);
    };
    for (original, partner) in originals.iter().zip(partners) {
        values(original, &rebuilt[partner], depth)?;
    }
    Ok(())
}

/// A key without escapes, and its value with the byte behind it, which ends the value if it is a number.
type Member<'a> = (Cow<'a, [u8]>, &'a [u8]);

/// The members of an object, as they come.
fn members<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Member<'a>>, Fail> {
    cursor.pos += 1;
    let mut members = Vec::new();
    let mut next = cursor.token()?;
    while next != b'}' {
        if next == b',' {
            cursor.pos += 1;
        }
        let key = cursor.key()?;
        let key = match key.escaped {
            true => Cow::Owned(name(key.raw)),
            false => Cow::Borrowed(key.raw),
        };
        cursor.token()?;
        let start = cursor.pos;
        cursor.skip_value()?;
        next = cursor.token()?;
        members.push((key, &cursor.buf[start..=cursor.pos]));
    }
    cursor.pos += 1;
    Ok(members)
}

/// Members of an object up to which they are looked for one by one.
const FEW: usize = 128;

/// For each original the place of the rebuilt member with its key, where each has one, keys stand once and members are few.
fn partners(originals: &[Member<'_>], rebuilt: &[Member<'_>]) -> Option<Vec<usize>> {
    if originals.len() != rebuilt.len() || originals.len() > FEW {
        return None;
    }
    let mut taken = [false; FEW];
    let partner = |(key, _): &Member<'_>| {
        let at = rebuilt.iter().position(|(other, _)| other == key)?;
        (!std::mem::replace(&mut taken[at], true)).then_some(at)
    };
    originals.iter().map(partner).collect()
}

/// Compares two objects in the order of their keys.
fn by_key(originals: Vec<Member<'_>>, rebuilt: Vec<Member<'_>>, depth: usize) -> Result<(), Difference> {
    let (originals, rebuilt) = (sorted(originals), sorted(rebuilt));
    let surplus = |key: &[u8]| differs("a value that the original does not have").below(key);
    let mut others = rebuilt.iter().peekable();
    for original in &originals {
        let key = &original.0;
        match others.next_if(|(other, _)| other <= key) {
            Some(found) if found.0 == *key => values(original, found, depth)?,
            Some((other, _)) => return Err(surplus(other)),
            None => return Err(differs("a value is missing").below(key)),
        }
    }
    match others.next() {
        Some((other, _)) => Err(surplus(other)),
        None => Ok(()),
    }
}

/// The members by key, of equal keys the last one.
fn sorted(mut members: Vec<Member<'_>>) -> Vec<Member<'_>> {
    // Stable, so that the last of equal keys is the first once the order is turned.
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    members.reverse();
    members.dedup_by(|(earlier, _), (later, _)| earlier == later);
    members.reverse();
    members
}

/// Compares the values of two members of one key.
fn values(original: &Member<'_>, found: &Member<'_>, depth: usize) -> Result<(), Difference> {
    // The same text is the same value; most are, and it is much cheaper to tell.
    if original.1.split_last().map(|(_, text)| text) == found.1.split_last().map(|(_, text)| text) {
        return Ok(());
    }
    let (mut a, mut b) = (Cursor::new(original.1), Cursor::new(found.1));
    equal(&mut a, &mut b, depth + 1).map_err(|difference| difference.below(&original.0))
}

/// The key without escapes. One with a lone surrogate is told apart as it is written, because it is kept so.
fn name(key: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    if !unescape_into(key, &mut name) {
        name.extend_from_slice(key);
    }
    name
}

/// Compares two texts but for the white space between their tokens.
fn same_tokens(a: &[u8], b: &[u8]) -> Result<(), Difference> {
    let (mut a, mut b) = (Cursor::new(a), Cursor::new(b));
    loop {
        let same = match (a.token(), b.token()) {
            (Err(_), Err(_)) => return Ok(()),
            (Ok(b'"'), Ok(b'"')) => a.string()?.raw == b.string()?.raw,
            (first, second) => {
                (a.pos, b.pos) = (a.pos + 1, b.pos + 1);
                first == second
            }
        };
        if !same {
            return Err(differs("another text of a deeply nested value"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `want` is the pointer of the first difference.
    fn check(a: &str, b: &str, want: Option<&str>) {
        for (a, b) in [(a, b), (b, a)] {
            let got = compare(a.as_bytes(), b.as_bytes()).err();
            let got = got.map(|difference| difference.pointer);
            assert_eq!(got.as_deref(), want, "{a} and {b}");
        }
    }

    #[test]
    fn equal_values() {
        check("{}", " { } ", None);
        check(
            r#"{"a":1,"b":[true,null,"x"]}"#,
            r#"{"b":[ true,null,"\u0078"],"a":1.0}"#,
            None,
        );
        check(r#"{"a":1,"a":2}"#, r#"{"a":2}"#, None);
        check(
            r#"{"a":{"x":1,"x":[]},"b":0,"a":{"x":3}}"#,
            r#"{"b":0,"a":{"x":1,"x":3}}"#,
            None,
        );
        check(r#"{"a":"\ud800"}"#, r#"{"a":"\ud800"}"#, None);
        check(r#"{"\ud800":1,"b":2}"#, r#"{"b":2,"\ud800":1}"#, None);
        check("1", "1e0", None);
    }

    #[test]
    fn differences_are_named() {
        check(r#"{"a":1}"#, r#"{"a":2}"#, Some("/a"));
        check(r#"{"a":1}"#, r#"{}"#, Some("/a"));
        check(r#"{"b":1,"a":1}"#, r#"{"b":1,"c":1}"#, Some("/a"));
        check(r#"{"a":null}"#, r#"{}"#, Some("/a"));
        check(r#"{"a":{}}"#, r#"{"a":[]}"#, Some("/a"));
        check(r#"{"a":[]}"#, r#"{"a":[null]}"#, Some("/a"));
        check(
            r#"{"a":[1,{"b/~":true}]}"#,
            r#"{"a":[1,{"b/~":false}]}"#,
            Some("/a/1/b~1~0"),
        );
        check(r#"{"b":1,"a":{"x":"1"}}"#, r#"{"a":{"x":1},"b":1}"#, Some("/a/x"));
        check(r#"{"a":1,"a":2}"#, r#"{"a":1}"#, Some("/a"));
        check(r#"{"a":"\ud800"}"#, r#"{"a":"\ud801"}"#, Some("/a"));
        check(r#"{"a":0}"#, r#"{"a":-0}"#, Some("/a"));
        check(
            r#"{"x@y.example":{"a":0}}"#,
            r#"{"x@y.example":{"a":1}}"#,
            Some("/(masked)/a"),
        );
        check("{}", "{} 1", Some(""));
    }

    #[test]
    fn what_is_rebuilt_as_no_json_differs() {
        for rebuilt in ["", "{", r#"{"a":}"#, r#"{"a":NaN}"#, r#"{"a":1"#, r#"{"a":1,}"#] {
            assert!(compare(br#"{"a":1}"#, rebuilt.as_bytes()).is_err(), "{rebuilt}");
        }
    }

    #[test]
    fn nesting_of_any_depth_is_compared() {
        let nested = |space: &str, inner: &str| {
            let open = format!("{{\"a\":{space}[").repeat(50_000);
            format!("{open}{inner}{}", "]}".repeat(50_000))
        };
        let compared = |a: String, b: String| compare(a.as_bytes(), b.as_bytes()).is_ok();
        assert!(compared(nested("", "1"), nested(" ", "1")));
        assert!(!compared(nested("", "1"), nested("", "2")));
    }

    #[test]
    fn duplicate_keys_at_every_level_do_not_make_it_slow() {
        let (mut a, mut b) = ("1".to_string(), "1".to_string());
        for _ in 0..60 {
            a = format!(r#"{{"x":0,"x":{a}}}"#);
            b = format!(r#"{{"x":{b}}}"#);
        }
        assert_eq!(compare(a.as_bytes(), b.as_bytes()), Ok(()));
        // The duplicate behind what is nested, and a key in another place.
        let (mut a, mut b) = ("1".to_string(), "1".to_string());
        for _ in 0..60 {
            a = format!(r#"{{"y":{a},"z":0,"x":0,"x":1}}"#);
            b = format!(r#"{{"y":{b},"x":1,"z":0}}"#);
        }
        assert_eq!(compare(a.as_bytes(), b.as_bytes()), Ok(()));
        assert!(compare(a.as_bytes(), b.replacen("\"y\":1", "\"y\":2", 1).as_bytes()).is_err());
    }

    #[test]
    fn objects_of_many_members_are_compared() {
        let object = |keys: &mut dyn Iterator<Item = usize>, last: usize| {
            let members: Vec<_> = keys.map(|key| format!("\"k{key}\":{}", key.min(last))).collect();
            format!("{{{}}}", members.join(","))
        };
        for count in [FEW, FEW + 1, 10_000] {
            let (a, b) = (
                object(&mut (0..count), count),
                object(&mut (0..count).rev(), count),
            );
            check(&a, &b, None);
            let other = object(&mut (0..count), count - 2);
            check(&other, &b, Some(&format!("/k{}", count - 1)));
        }
    }
}
