//! Finds the records in a stream of bytes, whatever shape it has.
//!
//! | shape | records |
//! | --- | --- |
//! | `{"numResults": 2, "data": [{…}, {…}]}` | the elements of `data` |
//! | `[{…}, {…}]` | the elements |
//! | `{…}` | the object |
//! | any of these one after another, as in NDJSON | all of theirs |
//!
//! An object is a page if a key `data` comes before any key of a record. The caller brings bytes with [`Stream::space`] and
//! [`Stream::filled`], and takes what happens from [`Stream::advance`]. Only the record in hand is held in memory whole.

use super::scan::{Cursor, Fail, unescape_into};
use super::{Decoder, MAX_RECORD_BYTES, RecordError};

/// Bytes asked for at once to begin with; doubled for as long as a record is longer.
const FIRST_CAPACITY: usize = 1 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What happened on the way through the bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A record was decoded.
    Record,
    /// Something was not.
    Problem(Problem),
    /// More bytes are needed.
    NeedInput,
    /// All is read.
    End,
}

/// Input that gave no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line on which it starts, from 1.
    pub line: u64,
    /// Its number among the records of the input, from 1.
    pub record: u64,
    /// What is wrong.
    pub cause: String,
    /// The bytes that gave no row, as far as they are known.
    pub raw: Vec<u8>,
    /// Whether the rest of the input is lost with it, because the next record can't be found.
    pub fatal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between top-level values.
    Top,
    /// In an array, before its first element or behind an element.
    Elements { page: bool, first: bool },
    /// In a page, behind its `data`.
    PageTail,
    /// Behind a fault that nothing can follow.
    Stopped,
}

/// A stream of bytes and the place reached in it.
pub struct Stream {
    buf: Vec<u8>,
    filled: usize,
    pos: usize,
    ended: bool,
    place: Place,
    /// Lines before the buffer.
    lines: u64,
    records: u64,
    values: u64,
}

enum Shape {
    Record,
    /// The first byte behind the bracket of `data`.
    Page(usize),
    NoData(&'static str),
}

impl Default for Stream {
    fn default() -> Stream {
        Stream::new()
    }
}

impl Stream {
    /// A stream that has had no bytes yet.
    pub fn new() -> Stream {
        Stream {
            buf: Vec::new(),
            filled: 0,
            pos: 0,
            ended: false,
            place: Place::Top,
            lines: 0,
            records: 0,
            values: 0,
        }
    }

    /// Room for the next bytes, never empty. Fill as much of it as there is input for: a record that is not whole is begun
    /// again with each call.
    pub fn space(&mut self) -> &mut [u8] {
        self.lines += newlines(&self.buf[..self.pos]);
        self.buf.copy_within(self.pos..self.filled, 0);
        self.filled -= self.pos;
        self.pos = 0;
        let wanted = if self.filled * 2 > self.buf.len() {
            self.buf.len() * 2
        } else {
            self.buf.len()
        };
        self.buf.resize(wanted.max(FIRST_CAPACITY), 0);
        &mut self.buf[self.filled..]
    }

    /// Says how many bytes of the room were filled; none means that the input has ended.
    pub fn filled(&mut self, bytes: usize) {
        self.filled += bytes;
        self.ended = bytes == 0;
    }

    /// Records found so far, decoded or not.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Goes on to the next event.
    pub fn advance(&mut self, decoder: &mut Decoder) -> Event {
        loop {
            let step = match self.place {
                Place::Top => self.top(decoder),
                Place::Elements { page, first } => self.element(decoder, page, first),
                Place::PageTail => self.page_tail(),
                Place::Stopped => return Event::End,
            };
            let fail = match step {
                Ok(Some(event)) => return event,
                Ok(None) => continue,
                Err(fail) => fail,
            };
            return match fail {
                // Lines behind the one that is cut may be whole.
                Fail::Incomplete if self.ended && self.place == Place::Top => self
                    .skip_lines(RecordError::Incomplete.to_string())
                    .unwrap_or(Event::NeedInput),
                Fail::Incomplete if self.ended => self.stop("the page or array is cut off".to_string()),
                Fail::Incomplete if self.filled - self.pos > MAX_RECORD_BYTES => {
                    self.stop(RecordError::TooLong.to_string())
                }
                Fail::Incomplete => Event::NeedInput,
                Fail::Invalid { at, what } => {
                    self.pos = at;
                    self.stop(format!("not JSON: {what}"))
                }
            };
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buf[self.pos..self.filled]
    }

    /// A cursor over the bytes at hand. Positions in it are positions in the buffer.
    fn cursor(&self) -> Cursor<'_> {
        Cursor {
            buf: &self.buf[..self.filled],
            pos: self.pos,
        }
    }

    fn top(&mut self, decoder: &mut Decoder) -> Result<Option<Event>, Fail> {
        if self.values == 0 && self.rest().starts_with(BYTE_ORDER_MARK) {
            self.pos += BYTE_ORDER_MARK.len();
        }
        let space = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        self.pos += space;
        let Some(&first) = self.rest().first() else {
            return match (self.ended, self.values) {
                (false, _) => Ok(Some(Event::NeedInput)),
                (true, 0) => Ok(Some(self.stop("no records: the input is empty".to_string()))),
                (true, _) => Ok(Some(Event::End)),
            };
        };
        match first {
            b'{' => match shape(self.cursor(), decoder) {
                Ok(Shape::Page(elements)) => {
                    self.values += 1;
                    self.pos = elements;
                    self.place = Place::Elements {
                        page: true,
                        first: true,
                    };
                    Ok(None)
                }
                Ok(Shape::NoData(what)) => {
                    let length = self.value_length()?;
                    Ok(Some(self.skip_record(length, what.to_string())))
                }
                Ok(Shape::Record) | Err(Fail::Invalid { .. }) => self.decode(decoder, true).map(Some),
                Err(Fail::Incomplete) => Err(Fail::Incomplete),
            },
            b'[' => {
                self.values += 1;
                self.pos += 1;
                self.place = Place::Elements {
                    page: false,
                    first: true,
                };
                Ok(None)
            }
            _ => match self.value_length() {
                Ok(length) => Ok(Some(self.skip_record(length, NOT_AN_OBJECT.to_string()))),
                Err(Fail::Incomplete) if !self.ended => Err(Fail::Incomplete),
                Err(Fail::Incomplete | Fail::Invalid { .. }) => {
                    self.skip_lines("not JSON".to_string()).map(Some)
                }
            },
        }
    }

    fn element(&mut self, decoder: &mut Decoder, page: bool, first: bool) -> Result<Option<Event>, Fail> {
        let mut cursor = self.cursor();
        if cursor.token()? == b']' {
            self.pos = cursor.pos + 1;
            self.place = if page { Place::PageTail } else { Place::Top };
            return Ok(None);
        }
        if !first {
            cursor.expect(b',', "neither a comma nor a closing bracket after a record")?;
        }
        let byte = cursor.token()?;
        // The place is kept before the comma until the element is whole.
        let (before, start) = (self.pos, cursor.pos);
        self.pos = start;
        let event = match byte {
            b'{' => self.decode(decoder, false),
            _ => self
                .value_length()
                .map(|length| self.skip_record(length, NOT_AN_OBJECT.to_string())),
        };
        match event {
            Ok(event) => {
                if self.place != Place::Stopped {
                    self.place = Place::Elements { page, first: false };
                }
                Ok(Some(event))
            }
            Err(Fail::Incomplete) if !self.ended => {
                self.pos = before;
                Err(Fail::Incomplete)
            }
            Err(fail) => Err(fail),
        }
    }

    fn page_tail(&mut self) -> Result<Option<Event>, Fail> {
        let mut cursor = self.cursor();
        while cursor.token()? == b',' {
            cursor.pos += 1;
            cursor.key()?;
            cursor.token()?;
            cursor.skip_value()?;
        }
        cursor.expect(
            b'}',
            "neither a comma nor a closing brace after the records of a page",
        )?;
        self.pos = cursor.pos;
        self.place = Place::Top;
        Ok(None)
    }

    /// Decodes the record that starts here.
    fn decode(&mut self, decoder: &mut Decoder, top: bool) -> Result<Event, Fail> {
        match decoder.record(&self.buf[self.pos..self.filled]) {
            Ok(length) => {
                self.pos += length;
                self.records += 1;
                self.values += 1;
                Ok(Event::Record)
            }
            Err(RecordError::Incomplete) => Err(Fail::Incomplete),
            Err(error @ RecordError::Encoding { length, .. }) => {
                Ok(self.skip_record(length, error.to_string()))
            }
            Err(error) if top => self.skip_lines(error.to_string()),
            Err(error) => Ok(self.stop(error.to_string())),
        }
    }

    fn value_length(&self) -> Result<usize, Fail> {
        let mut cursor = self.cursor();
        match cursor.skip_value() {
            Ok(value) => Ok(value.len()),
            // A number at the end of the input has nothing behind it to end it.
            Err(Fail::Incomplete) if self.ended => {
                let mut padded = self.rest().to_vec();
                padded.push(b'\n');
                Cursor::new(&padded).skip_value().map(<[u8]>::len)
            }
            Err(fail) => Err(fail),
        }
    }

    fn problem(&mut self, cause: String, length: usize, fatal: bool) -> Event {
        self.records += 1;
        self.values += 1;
        let problem = Problem {
            line: self.lines + newlines(&self.buf[..self.pos]) + 1,
            record: self.records,
            cause,
            raw: self.buf[self.pos..self.pos + length].to_vec(),
            fatal,
        };
        self.pos += length;
        Event::Problem(problem)
    }

    fn skip_record(&mut self, length: usize, cause: String) -> Event {
        self.problem(cause, length, false)
    }

    fn stop(&mut self, cause: String) -> Event {
        self.place = Place::Stopped;
        self.problem(cause, self.filled - self.pos, true)
    }

    /// Skips to the next line that can start a record: an NDJSON line that is broken takes no other with it, and a broken
    /// text of many lines is one problem.
    fn skip_lines(&mut self, cause: String) -> Result<Event, Fail> {
        let rest = self.rest();
        let next = rest.windows(2).position(|pair| matches!(pair, b"\n{" | b"\n["));
        match next {
            Some(at) => Ok(self.skip_record(at + 1, cause)),
            None if self.ended || rest.len() > MAX_RECORD_BYTES => Ok(self.skip_record(rest.len(), cause)),
            None => Err(Fail::Incomplete),
        }
    }
}

const NOT_AN_OBJECT: &str = "a record that is not an object";

/// What the object under the cursor is.
fn shape(mut cursor: Cursor<'_>, decoder: &Decoder) -> Result<Shape, Fail> {
    cursor.pos += 1;
    if cursor.token()? == b'}' {
        return Ok(Shape::Record);
    }
    let mut page_like = None;
    loop {
        let key = cursor.key()?;
        let mut name = Vec::new();
        unescape_into(key.raw, &mut name);
        let value = cursor.token()?;
        match name.as_slice() {
            b"data" if value == b'[' => return Ok(Shape::Page(cursor.pos + 1)),
            b"data" => page_like = Some("a page whose data is not an array"),
            b"numResults" => page_like = page_like.or(Some("a page without data")),
            b"error" | b"errors" => page_like = Some("an error of the API, not a page"),
            name if decoder.has_field(name) => return Ok(Shape::Record),
            _ => {}
        }
        cursor.skip_value()?;
        if cursor.token()? != b',' {
            return Ok(page_like.map_or(Shape::Record, Shape::NoData));
        }
        cursor.pos += 1;
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
