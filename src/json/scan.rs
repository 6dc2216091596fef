//! The lexical layer: where a JSON value starts and ends in a byte slice that may stop in its middle.
//!
//! Nothing here allocates for well-formed strings without escapes, and nothing recurses, so that nesting of any depth is
//! safe. UTF-8 is not checked here.

use wide::{u8x16, u8x32};

/// Bytes that are looked through at once.
pub(crate) const CHUNK: usize = 32;

/// Why a value could not be read. It is eight bytes long, so that a `Result` of it goes through a register: every value's
/// reading gives one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fail {
    /// The bytes end before the value does.
    Incomplete,
    /// The bytes at this position, cut to 32 bits, are not JSON.
    Invalid { at: u32, what: Fault },
}

/// What is wrong with bytes that are not JSON, or not the JSON that there should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NoObject,
    Control,
    ControlInString,
    UnicodeEscape,
    Escape,
    Value,
    Number,
    Key,
    Colon,
    ObjectEnd,
    ArrayEnd,
    RecordsEnd,
    PageEnd,
}

impl Fault {
    /// The fault at that position.
    #[cold]
    pub(crate) fn at(self, position: usize) -> Fail {
        Fail::Invalid {
            at: u32::try_from(position).unwrap_or(u32::MAX),
            what: self,
        }
    }

    /// The fault in words.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Fault::NoObject => "a record that is not an object",
            Fault::Control => "a control character between values",
            Fault::ControlInString => "a control character in a string",
            Fault::UnicodeEscape => "an escape \\u without four hexadecimal digits",
            Fault::Escape => "an unknown escape in a string",
            Fault::Value => "a value that is not JSON",
            Fault::Number => "a malformed number",
            Fault::Key => "a key that is not a string",
            Fault::Colon => "no colon after a key",
            Fault::ObjectEnd => "neither a comma nor a closing brace after a value",
            Fault::ArrayEnd => "neither a comma nor a closing bracket after a value",
            Fault::RecordsEnd => "neither a comma nor a closing bracket after a record",
            Fault::PageEnd => "neither a comma nor a closing brace after the records of a page",
        }
    }
}

/// A read position in a byte slice.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    /// All bytes there are.
    pub(crate) buf: &'a [u8],
    /// Position of the next byte.
    pub(crate) pos: usize,
}

/// A string between its quotes.
pub(crate) struct RawString<'a> {
    /// The bytes between the quotes, as they came.
    pub(crate) raw: &'a [u8],
    /// Whether there is a backslash among them.
    pub(crate) escaped: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(buf: &'a [u8]) -> Cursor<'a> {
        Cursor { buf, pos: 0 }
    }

    pub(crate) fn invalid(&self, what: Fault) -> Fail {
        what.at(self.pos)
    }

    /// The next byte, not consumed.
    #[inline]
    pub(crate) fn peek(&self) -> Result<u8, Fail> {
        self.buf.get(self.pos).copied().ok_or(Fail::Incomplete)
    }

    /// Skips white space and gives the byte behind it, not consumed.
    #[inline(always)]
    pub(crate) fn token(&mut self) -> Result<u8, Fail> {
        match self.buf.get(self.pos) {
            Some(&byte) if byte > b' ' => Ok(byte),
            _ => self.token_behind_space(),
        }
    }

    /// As [`Cursor::token`], of a copy of that cursor: a copy whose address no call is given can be held in registers.
    #[inline(always)]
    pub(crate) fn token_by(&mut self, cursor: &mut Cursor<'a>) -> Result<u8, Fail> {
        match self.buf.get(self.pos) {
            Some(&byte) if byte > b' ' => Ok(byte),
            _ => {
                cursor.pos = self.pos;
                let byte = cursor.token_behind_space()?;
                self.pos = cursor.pos;
                Ok(byte)
            }
        }
    }

    fn token_behind_space(&mut self) -> Result<u8, Fail> {
        loop {
            let byte = self.peek()?;
            if byte > b' ' {
                return Ok(byte);
            }
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Err(self.invalid(Fault::Control));
            }
            self.pos += 1;
        }
    }

    /// Skips white space, then this byte.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, what: Fault) -> Result<(), Fail> {
        if self.token()? != byte {
            return Err(self.invalid(what));
        }
        self.pos += 1;
        Ok(())
    }

    /// Reads a string; the cursor stands on its opening quote.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<RawString<'a>, Fail> {
        let start = self.pos + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at = self.plain_until(at)?;
            match self.buf[at] {
                b'"' => {
                    self.pos = at + 1;
                    return Ok(RawString {
                        raw: &self.buf[start..at],
                        escaped,
                    });
                }
                b'\\' => {
                    escaped = true;
                    at = self.escape(at)?;
                }
                _ => {
                    return Err(Fault::ControlInString.at(at));
                }
            }
        }
    }

    /// Position of the first quote, backslash or control character from `at` on.
    #[inline]
    fn plain_until(&self, mut at: usize) -> Result<usize, Fail> {
        while let Some(chunk) = self.buf.get(at..).and_then(|rest| rest.first_chunk()) {
            let ends = string_ends(chunk);
            if ends != 0 {
                return Ok(at + ends.trailing_zeros() as usize);
            }
            at += CHUNK;
        }
        let rest = self.buf.get(at..).unwrap_or_default();
        let found = rest
            .iter()
            .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
        found.map(|offset| at + offset).ok_or(Fail::Incomplete)
    }

    /// Checks the escape at `at` and gives the position behind it.
    fn escape(&self, at: usize) -> Result<usize, Fail> {
        match self.buf.get(at + 1).ok_or(Fail::Incomplete)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
            b'u' => {
                for offset in 2..6 {
                    if !self
                        .buf
                        .get(at + offset)
                        .ok_or(Fail::Incomplete)?
                        .is_ascii_hexdigit()
                    {
                        return Err(Fault::UnicodeEscape.at(at));
                    }
                }
                Ok(at + 6)
            }
            _ => Err(Fault::Escape.at(at)),
        }
    }

    /// Reads a number; the cursor stands on its first byte. The bytes behind it decide where it ends, so a number at the
    /// end of the slice is incomplete.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<&'a [u8], Fail> {
        let start = self.pos;
        if self.peek()? == b'-' {
            self.pos += 1;
        }
        match self.peek()? {
            b'0' => self.pos += 1,
            b'1'..=b'9' => self.digits()?,
            _ => return Err(self.invalid(Fault::Value)),
        }
        if self.peek()? == b'.' {
            self.pos += 1;
            self.some_digits()?;
        }
        if matches!(self.peek()?, b'e' | b'E') {
            self.pos += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.pos += 1;
            }
            self.some_digits()?;
        }
        if matches!(self.peek()?, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
            return Ok(&self.buf[start..self.pos]);
        }
        Err(self.invalid(Fault::Number))
    }

    fn some_digits(&mut self) -> Result<(), Fail> {
        if !self.peek()?.is_ascii_digit() {
            return Err(self.invalid(Fault::Number));
        }
        self.digits()
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Fail> {
        while self.peek()?.is_ascii_digit() {
            self.pos += 1;
        }
        Ok(())
    }

    /// Reads `true`, `false` or `null`; the cursor stands on its first byte.
    #[inline]
    pub(crate) fn literal(&mut self, word: &'static [u8]) -> Result<(), Fail> {
        let rest = &self.buf[self.pos..];
        if rest.starts_with(word) {
            self.pos += word.len();
            return Ok(());
        }
        if rest.len() < word.len() && word.starts_with(rest) {
            return Err(Fail::Incomplete);
        }
        Err(self.invalid(Fault::Value))
    }

    /// Skips any value and gives its bytes; the cursor stands on its first byte.
    pub(crate) fn skip_value(&mut self) -> Result<&'a [u8], Fail> {
        let start = self.pos;
        // One bit a level, 1 for an object, so that nesting costs no stack.
        let mut open = Nesting::default();
        loop {
            match self.token()? {
                b'{' => {
                    self.pos += 1;
                    if self.token()? == b'}' {
                        self.pos += 1;
                    } else {
                        open.push(true);
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.pos += 1;
                    if self.token()? == b']' {
                        self.pos += 1;
                    } else {
                        open.push(false);
                        continue;
                    }
                }
                b'"' => {
                    self.string()?;
                }
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => {
                    self.number()?;
                }
            }
            loop {
                let Some(object) = open.top() else {
                    return Ok(&self.buf[start..self.pos]);
                };
                match (self.token()?, object) {
                    (b',', true) => {
                        self.pos += 1;
                        self.key()?;
                        break;
                    }
                    (b',', false) => {
                        self.pos += 1;
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        self.pos += 1;
                        open.pop();
                    }
                    (_, true) => {
                        return Err(self.invalid(Fault::ObjectEnd));
                    }
                    (_, false) => {
                        return Err(self.invalid(Fault::ArrayEnd));
                    }
                }
            }
        }
    }

    /// Reads a key and the colon behind it.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<RawString<'a>, Fail> {
        if self.token()? != b'"' {
            return Err(self.invalid(Fault::Key));
        }
        let key = self.string()?;
        self.expect(b':', Fault::Colon)?;
        Ok(key)
    }
}

/// Which of the bytes are quotes, backslashes or control characters, the first byte in the lowest bit.
#[inline]
pub(crate) fn string_ends(chunk: &[u8; CHUNK]) -> u32 {
    let bytes = u8x32::new(*chunk);
    let control = bytes.min(u8x32::splat(0x1f)).simd_eq(bytes);
    let quote = bytes.simd_eq(u8x32::splat(b'"'));
    let backslash = bytes.simd_eq(u8x32::splat(b'\\'));
    (quote | backslash | control).to_bitmask()
}

/// Bytes that are compared at once.
pub(crate) const HALF: usize = CHUNK / 2;

/// Which of the bytes are equal, the first ones in the lowest bit.
#[inline]
pub(crate) fn equal(a: &[u8; HALF], b: &[u8; HALF]) -> u16 {
    u8x16::new(*a).simd_eq(u8x16::new(*b)).to_bitmask() as u16
}

/// A stack of bits: one a level of nesting, true for an object.
#[derive(Default)]
pub(crate) struct Nesting {
    words: Vec<u64>,
    top: u64,
    depth: usize,
}

impl Nesting {
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    pub(crate) fn push(&mut self, bit: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.words.push(self.top);
        }
        self.top = self.top << 1 | u64::from(bit);
        self.depth += 1;
    }

    pub(crate) fn top(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.top & 1 == 1)
    }

    pub(crate) fn pop(&mut self) {
        self.top >>= 1;
        self.depth -= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.top = self.words.pop().unwrap_or_default();
        }
    }
}

/// Decodes the escapes of a string and appends the text; false where it has a lone surrogate, which no UTF-8 text can
/// hold (then `out` is as it was).
pub(crate) fn unescape_into(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut at = 0;
    while at < raw.len() {
        if raw[at] != b'\\' {
            let plain = memchr::memchr(b'\\', &raw[at..]).unwrap_or(raw.len() - at);
            out.extend_from_slice(&raw[at..at + plain]);
            at += plain;
            continue;
        }
        let simple = match raw.get(at + 1) {
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let Some((character, length)) = unicode_escape(&raw[at..]) else {
                    out.truncate(start);
                    return false;
                };
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
                continue;
            }
            Some(&other) => other,
            None => b'\\',
        };
        out.push(simple);
        at += 2;
    }
    true
}

/// Character of the `\uXXXX` (or pair of them) at the start, and how many bytes it takes; `None` for a lone surrogate.
fn unicode_escape(raw: &[u8]) -> Option<(char, usize)> {
    let first = hex4(raw.get(2..6)?)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    if raw.get(6..8)? != b"\\u" {
        return None;
    }
    let second = hex4(raw.get(8..12)?)?;
    if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).map(|character| (character, 12))
}

fn hex4(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the bytes are one JSON value (a space is added so that a number has an end).
    fn accepts(text: &str) -> bool {
        let padded = format!("{text} ");
        let mut cursor = Cursor::new(padded.as_bytes());
        cursor.skip_value().is_ok_and(|value| value.len() == text.len())
    }

    #[test]
    fn skip_value_agrees_with_serde_json() {
        let cases = [
            "1",
            "-1",
            "-",
            "01",
            "1.",
            "1.5",
            ".5",
            "1e5",
            "1e",
            "1E+5",
            "1e-",
            "-0",
            "+1",
            "NaN",
            "Infinity",
            "true",
            "tru",
            "truex",
            "null",
            "nul",
            "\"\"",
            "\"a",
            "\"\\u12\"",
            "\"\\u1234\"",
            "\"\\x\"",
            "\"\t\"",
            "[]",
            "[1]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\"a\"}",
            "{a:1}",
            "{\"a\":}",
            "[}",
            "{]",
            "[[[]]]",
            "{\"a\":[{\"b\":{}}]}",
            "{\"a\":1 \"b\":2}",
            "[{\"a\":1},{\"a\":2}]",
        ];
        for case in cases {
            let want = serde_json::from_str::<serde_json::Value>(case).is_ok();
            assert_eq!(accepts(case), want, "{case}");
        }
    }

    #[test]
    fn every_cut_of_a_value_is_incomplete() {
        let text = br#"{"a":[1.5e3,{"b":"x\u00e9\"y"},true,null,[]],"long key with more than eight":false} "#;
        for end in 0..text.len() - 1 {
            assert_eq!(
                Cursor::new(&text[..end]).skip_value().err(),
                Some(Fail::Incomplete),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn nesting_of_any_depth_is_skipped() {
        let depth = 100_003;
        let text = format!("{}1{}", "[{\"a\":".repeat(depth), "}]".repeat(depth));
        assert!(accepts(&text));
        assert!(!accepts(&text.replace("1}]", "1]}")));
    }

    #[test]
    fn escapes_decode_and_lone_surrogates_do_not() {
        let check = |raw: &str, want: Option<&str>| {
            let mut out = b"kept".to_vec();
            let fits = unescape_into(raw.as_bytes(), &mut out);
            assert_eq!(
                fits.then(|| std::str::from_utf8(&out[4..]).unwrap()),
                want,
                "{raw}"
            );
            assert!(fits || out == b"kept");
        };
        check(r"a\n\t\r\b\f\/\\\u0022z", Some("a\n\t\r\u{8}\u{c}/\\\"z"));
        check(r"\ud83d\ude00", Some("😀"));
        check(r"\u0000", Some("\0"));
        for lone in [
            r"\ud83d",
            r"\ude00",
            r"\ud83d\ud83d",
            r"\ud83dx",
            r"\ude00\ud83d",
            r"\ud83d\n",
        ] {
            check(lone, None);
        }
    }
}
