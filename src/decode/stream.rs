//! Finds the records in a stream of bytes, whatever shape it has.
//!
//! | shape | records |
//! | --- | --- |
//! | `{"numResults": 2, "data": [{…}, {…}]}` | the elements of `data` |
//! | `[{…}, {…}]` | the elements |
//! | `{…}` | the object |
//! | any of these one after another, as in NDJSON | all of theirs |
//!
//! An object is a page if a key `data` with an array comes before any key of a record. The caller brings bytes with
//! [`Stream::space`] and [`Stream::filled`], and takes what happens from [`Stream::advance`]. Only the record in hand is held
//! in memory whole, and of one that is too long only the first [`MAX_RECORD_BYTES`].
//!
//! A fault costs as little as can be told apart, and every byte of what it costs reaches the caller:
//!
//! | fault | goes on |
//! | --- | --- |
//! | a record that is not UTF-8, no object, or crosses a limit | behind it |
//! | a value in a page or array whose brackets, commas and quotes are where they should be | behind it |
//! | any other, and one at the top level | at the next line that starts with `{` or `[`; behind a line that ends within a value, only where a record's key shows that this is no part of it |
//! | a single line at the top level that is too long | behind the line |

use std::borrow::Cow;

use super::resync::{Passage, Skip, next_record};
use super::{MAX_RECORD_BYTES, RecordDecoder, RecordError};
use crate::json::scan::{Cursor, Fail, Fault, RawString, unescape_into};
use crate::json::skim::{Skim, Skimmer};

/// Bytes asked for at once to begin with; doubled for as long as a record is longer.
const FIRST_CAPACITY: usize = 1 << 18;

/// Capacity that is kept when a longer record is done with.
const SPARE_CAPACITY: usize = 8 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What happened on the way through the bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A record was decoded; [`Stream::record`] has its bytes.
    Record,
    /// Something was not.
    Problem(Problem),
    /// More bytes that gave no row, directly behind those of the last problem.
    Skipped(Vec<u8>),
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
    /// The bytes that gave no row; those that are yet to come follow as [`Event::Skipped`].
    pub raw: Vec<u8>,
    /// Whether the input ends within it, so that nobody knows what else there was.
    pub cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between top-level values.
    Top,
    /// In an array.
    Elements { page: bool, next: Next },
    /// In a page, behind its `data`.
    PageTail,
}

/// What comes next in an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    FirstOrEnd,
    Element,
    CommaOrEnd,
}

/// A stream of bytes and the place reached in it.
pub struct Stream {
    buf: Vec<u8>,
    filled: usize,
    pos: usize,
    ended: bool,
    limit: usize,
    place: Place,
    /// How bytes are passed over, before `place` is reached.
    skip: Option<Skip>,
    /// Set where a fault led from an array (of a page?) to the top level: its commas and its end may still come.
    broken_off: Option<bool>,
    /// Set behind a fault that may go on over the next lines, until a record's key shows that it does not.
    within_fault: bool,
    /// Length of the record that was decoded last; it ends at `pos`.
    record: usize,
    /// Line feeds before `counted`, a place in the buffer.
    lines: u64,
    counted: usize,
    /// The byte before the buffer.
    before: u8,
    records: u64,
    values: u64,
}

enum Shape {
    Record,
    /// A record without any of the keys that identify one.
    Keyless,
    /// The first byte behind the bracket of `data`.
    Page(usize),
    NoData(&'static str),
}

const NOT_AN_OBJECT: &str = "a record that is not an object";

impl Default for Stream {
    fn default() -> Stream {
        Stream::new()
    }
}

impl Stream {
    /// A stream that has had no bytes yet.
    pub fn new() -> Stream {
        Stream::with_limit(MAX_RECORD_BYTES)
    }

    /// A stream in which a record may have this many bytes, instead of [`MAX_RECORD_BYTES`].
    pub fn with_limit(limit: usize) -> Stream {
        Stream {
            buf: Vec::new(),
            filled: 0,
            pos: 0,
            ended: false,
            limit,
            place: Place::Top,
            skip: None,
            broken_off: None,
            within_fault: false,
            record: 0,
            lines: 0,
            counted: 0,
            before: b'\n',
            records: 0,
            values: 0,
        }
    }

    /// Room for the next bytes, never empty. Fill as much of it as there is input for: a record that is not whole is begun
    /// again with each call.
    pub fn space(&mut self) -> &mut [u8] {
        self.count_lines();
        if let Some(last) = self.pos.checked_sub(1) {
            self.before = self.buf[last];
        }
        self.buf.copy_within(self.pos..self.filled, 0);
        self.filled -= self.pos;
        (self.pos, self.counted, self.record) = (0, 0, 0);
        let most = self.limit.saturating_add(FIRST_CAPACITY);
        if self.filled * 2 > self.buf.len() || self.buf.is_empty() {
            let wanted = (self.buf.len() * 2).clamp(FIRST_CAPACITY, most);
            self.buf.resize(wanted.max(self.filled + FIRST_CAPACITY), 0);
        } else if self.buf.len() > SPARE_CAPACITY && self.filled < FIRST_CAPACITY {
            // The long record is done with.
            self.buf.truncate(SPARE_CAPACITY);
            self.buf.shrink_to_fit();
        }
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

    /// The bytes of the record behind [`Event::Record`], until [`Stream::space`] or [`Stream::advance`] is called.
    pub fn record(&self) -> &[u8] {
        &self.buf[self.pos - self.record..self.pos]
    }

    /// Goes on to the next event.
    pub fn advance(&mut self, decoder: &mut dyn RecordDecoder) -> Event {
        loop {
            if self.skip.is_some() {
                match self.pass() {
                    Some(event) => return event,
                    None => continue,
                }
            }
            let step = match self.place {
                Place::Top => self.top(decoder),
                Place::Elements { page, next } => self.array(decoder, page, next),
                Place::PageTail => self.page_tail(decoder),
            };
            let step = match step {
                Err(Fail::Invalid { at, what }) => {
                    let here = u32::try_from(self.pos).is_ok_and(|pos| pos == at);
                    self.resync(format!("not JSON: {}", what.text()), here).map(Some)
                }
                other => other,
            };
            return match step {
                Ok(Some(event)) => event,
                Ok(None) => continue,
                Err(_) if self.filled - self.pos > self.limit => self.too_long(),
                Err(_) if self.ended => self.cut_off(),
                Err(_) => Event::NeedInput,
            };
        }
    }

    /// The bytes at hand, as far as a record may reach.
    fn window(&self) -> &[u8] {
        &self.buf[self.pos..self.window_end()]
    }

    fn window_end(&self) -> usize {
        self.filled.min(self.pos.saturating_add(self.limit))
    }

    /// A cursor over the window. Positions in it are positions in the buffer.
    fn cursor(&self) -> Cursor<'_> {
        Cursor {
            buf: &self.buf[..self.window_end()],
            pos: self.pos,
        }
    }

    /// Goes behind the white space and gives the byte there.
    fn token(&mut self) -> Result<u8, Fail> {
        let rest = &self.buf[self.pos..self.filled];
        let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        self.pos += space.count();
        self.buf[self.pos..self.filled]
            .first()
            .copied()
            .ok_or(Fail::Incomplete)
    }

    fn top(&mut self, decoder: &mut dyn RecordDecoder) -> Result<Option<Event>, Fail> {
        if self.values == 0 {
            let rest = &self.buf[self.pos..self.filled];
            if rest.starts_with(BYTE_ORDER_MARK) {
                self.pos += BYTE_ORDER_MARK.len();
            } else if BYTE_ORDER_MARK.starts_with(rest) && !self.ended {
                return Err(Fail::Incomplete);
            }
        }
        let Ok(first) = self.token() else {
            return Ok(Some(match (self.ended, self.values) {
                (false, _) => Event::NeedInput,
                (true, 0) => self.problem("no records: the input is empty".to_string(), 0),
                (true, _) => Event::End,
            }));
        };
        match (first, self.broken_off) {
            (b'{' | b'[', _) if self.within_fault && !self.is_beginning(decoder)? => {
                let passed = self.buf[self.pos];
                self.pos += 1;
                self.skip = Some(Skip::ToRecord { line_start: false });
                Ok(Some(Event::Skipped(vec![passed])))
            }
            (b'{', _) => match shape(self.cursor(), decoder) {
                Ok(Shape::Page(elements)) => {
                    self.begin_array(elements, true);
                    Ok(None)
                }
                Ok(Shape::NoData(what)) => {
                    let length = self.value_length()?;
                    Ok(Some(self.problem(what.to_string(), length)))
                }
                Ok(Shape::Record | Shape::Keyless) | Err(Fail::Invalid { .. }) => {
                    self.decode(decoder, true).map(Some)
                }
                Err(Fail::Incomplete) => Err(Fail::Incomplete),
            },
            (b'[', _) => {
                self.begin_array(self.pos + 1, false);
                Ok(None)
            }
            (b',', Some(_)) => {
                self.pos += 1;
                Ok(None)
            }
            (b']', Some(page)) => {
                self.end_array(page);
                Ok(None)
            }
            _ => match self.value_length() {
                Ok(length) => Ok(Some(self.problem(NOT_AN_OBJECT.to_string(), length))),
                Err(Fail::Incomplete) if !self.ended => Err(Fail::Incomplete),
                Err(Fail::Incomplete | Fail::Invalid { .. }) => {
                    self.resync("not JSON".to_string(), false).map(Some)
                }
            },
        }
    }

    /// Whether the object or array here, behind a fault, is no part of it: its key or that of its first element shows it. What is
    /// not JSON is left to be named.
    fn is_beginning(&mut self, decoder: &dyn RecordDecoder) -> Result<bool, Fail> {
        let mut cursor = self.cursor();
        if self.buf[self.pos] == b'[' {
            cursor.pos += 1;
            if cursor.token()? != b'{' {
                return Ok(false);
            }
        }
        match shape(cursor, decoder) {
            Ok(Shape::Keyless) => Ok(false),
            Ok(Shape::Record | Shape::Page(_) | Shape::NoData(_)) => {
                self.within_fault = false;
                Ok(true)
            }
            Err(Fail::Invalid { .. }) => Ok(true),
            Err(Fail::Incomplete) => Err(Fail::Incomplete),
        }
    }

    fn begin_array(&mut self, elements: usize, page: bool) {
        self.values += 1;
        self.pos = elements;
        self.broken_off = None;
        self.within_fault = false;
        self.place = Place::Elements {
            page,
            next: Next::FirstOrEnd,
        };
    }

    fn end_array(&mut self, page: bool) {
        self.pos += 1;
        self.broken_off = None;
        self.place = if page { Place::PageTail } else { Place::Top };
    }

    fn array(
        &mut self,
        decoder: &mut dyn RecordDecoder,
        page: bool,
        next: Next,
    ) -> Result<Option<Event>, Fail> {
        let byte = self.token()?;
        match (next, byte) {
            (Next::FirstOrEnd | Next::CommaOrEnd, b']') => self.end_array(page),
            (Next::CommaOrEnd, b',') => {
                self.pos += 1;
                self.place = Place::Elements {
                    page,
                    next: Next::Element,
                };
            }
            (Next::CommaOrEnd, _) => {
                return Err(Fault::RecordsEnd.at(self.pos));
            }
            (Next::FirstOrEnd | Next::Element, _) => {
                let event = self.element(decoder, byte)?;
                // A fault may have led elsewhere.
                if self.place == (Place::Elements { page, next }) {
                    self.place = Place::Elements {
                        page,
                        next: Next::CommaOrEnd,
                    };
                }
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn element(&mut self, decoder: &mut dyn RecordDecoder, first: u8) -> Result<Event, Fail> {
        if first == b'{' {
            return self.decode(decoder, false);
        }
        match self.value_length() {
            Ok(length) => Ok(self.problem(NOT_AN_OBJECT.to_string(), length)),
            Err(Fail::Incomplete) => Err(Fail::Incomplete),
            Err(Fail::Invalid { what, .. }) => self.malformed(format!("not JSON: {}", what.text()), false),
        }
    }

    /// Reads what comes behind the `data` of a page. None of it is passed before all of it is whole: behind a page that is
    /// cut off in its tail may come a record that looks like a value of it.
    fn page_tail(&mut self, decoder: &dyn RecordDecoder) -> Result<Option<Event>, Fail> {
        self.token()?;
        let mut cursor = self.cursor();
        let mut fault = None;
        while cursor.token()? == b',' {
            cursor.pos += 1;
            match &*name(&cursor.key()?) {
                b"data" => fault = Some("a page with two lists of records: the second was not read"),
                name if decoder.is_key(name) => {
                    fault = Some("a page that has a key of a record behind its data")
                }
                _ => {}
            }
            cursor.token()?;
            cursor.skip_value()?;
        }
        cursor.expect(b'}', Fault::PageEnd)?;
        let end = cursor.pos;
        self.place = Place::Top;
        if let Some(cause) = fault {
            return Ok(Some(self.problem(cause.to_string(), end - self.pos)));
        }
        self.pos = end;
        Ok(None)
    }

    /// Decodes the record that starts here.
    fn decode(&mut self, decoder: &mut dyn RecordDecoder, top: bool) -> Result<Event, Fail> {
        match decoder.record(&self.buf[self.pos..self.window_end()]) {
            Ok(length) => {
                self.pos += length;
                self.record = length;
                self.records += 1;
                self.values += 1;
                Ok(Event::Record)
            }
            Err(RecordError::Incomplete) => Err(Fail::Incomplete),
            Err(error @ RecordError::Encoding { length, .. }) => Ok(self.problem(error.to_string(), length)),
            Err(error @ RecordError::Limit { .. }) => match self.value_length() {
                Ok(length) => Ok(self.problem(error.to_string(), length)),
                Err(Fail::Incomplete) => Err(Fail::Incomplete),
                Err(Fail::Invalid { .. }) => self.malformed(error.to_string(), top),
            },
            Err(error @ RecordError::Invalid { .. }) => self.malformed(error.to_string(), top),
        }
    }

    fn value_length(&self) -> Result<usize, Fail> {
        let mut cursor = self.cursor();
        match cursor.skip_value() {
            Ok(value) => Ok(value.len()),
            // A number at the end of the input has nothing behind it to end it.
            Err(Fail::Incomplete) if self.ended && self.window_end() == self.filled => {
                let mut padded = self.window().to_vec();
                padded.push(b'\n');
                Cursor::new(&padded).skip_value().map(<[u8]>::len)
            }
            Err(fail) => Err(fail),
        }
    }

    fn starts_line(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map_or(self.before, |before| self.buf[before]);
        before == b'\n'
    }

    fn count_lines(&mut self) {
        self.lines += memchr::memchr_iter(b'\n', &self.buf[self.counted..self.pos]).count() as u64;
        self.counted = self.pos;
    }

    /// Notes that the next bytes give no row.
    fn problem(&mut self, cause: String, length: usize) -> Event {
        self.count_lines();
        self.records += 1;
        self.values += 1;
        let raw = self.buf[self.pos..self.pos + length].to_vec();
        self.pos += length;
        Event::Problem(Problem {
            line: self.lines + 1,
            record: self.records,
            cause,
            raw,
            cut: false,
        })
    }

    /// Goes on behind the value that starts here and is not JSON, if it is in an array and its end can be found.
    fn malformed(&mut self, cause: String, top: bool) -> Result<Event, Fail> {
        if top {
            return self.resync(cause, false);
        }
        match Skimmer::new().skim(self.window()) {
            Skim::End(length) => Ok(self.problem(cause, length)),
            Skim::More if self.filled - self.pos > self.limit || !self.ended => Err(Fail::Incomplete),
            Skim::More | Skim::Broken(_) => self.resync(cause, false),
        }
    }

    /// Goes on at the next line that starts like a record; `here` where that may be the very next byte.
    fn resync(&mut self, cause: String, here: bool) -> Result<Event, Fail> {
        let window = self.window();
        let line = match memchr::memchr(b'\n', window) {
            Some(end) => &window[..=end],
            None if self.ended || window.len() == self.limit => window,
            None => return Err(Fail::Incomplete),
        };
        let goes_on = self.place == Place::PageTail || Skimmer::new().skim(line) == Skim::More;
        Ok(self.give_up(cause, here && self.starts_line(self.pos), goes_on))
    }

    /// Goes on at the next line that starts like a record, or at once where this is one; `goes_on` where the fault may be on
    /// the next lines too.
    fn give_up(&mut self, cause: String, line_start: bool, goes_on: bool) -> Event {
        self.leave_array();
        let rest = &self.buf[self.pos..self.filled];
        let next = next_record(rest, line_start);
        self.within_fault |= goes_on && next != Some(0);
        match next {
            Some(length) => self.problem(cause, length),
            None => {
                let length = rest.len();
                let line_start = rest.last().map_or(line_start, |&byte| byte == b'\n');
                self.skip = Some(Skip::ToRecord { line_start });
                self.problem(cause, length)
            }
        }
    }

    /// Goes to the top level for a fault.
    fn leave_array(&mut self) {
        if let Place::Elements { page, .. } = self.place {
            self.broken_off = Some(page);
        }
        self.place = Place::Top;
    }

    /// The input ends within a value or an array.
    fn cut_off(&mut self) -> Event {
        let cause = if self.place == Place::Top {
            RecordError::Incomplete.to_string()
        } else {
            "the page or array is cut off".to_string()
        };
        match self.give_up(cause, false, true) {
            Event::Problem(problem) => Event::Problem(Problem { cut: true, ..problem }),
            other => other,
        }
    }

    /// Passes over the value that starts here without holding it.
    fn too_long(&mut self) -> Event {
        let error = RecordError::Limit {
            limit: self.limit,
            what: "bytes",
        };
        let one_line = self.place == Place::Top && memchr::memchr(b'\n', self.window()).is_none();
        self.skip = Some(match self.place {
            _ if one_line => Skip::Line,
            Place::Top | Place::Elements { .. } => Skip::Value(Skimmer::new()),
            Place::PageTail => Skip::ToRecord { line_start: false },
        });
        match self.place {
            Place::Elements { page, .. } => {
                self.place = Place::Elements {
                    page,
                    next: Next::CommaOrEnd,
                };
            }
            Place::PageTail => {
                self.place = Place::Top;
                self.within_fault = true;
            }
            Place::Top => {}
        }
        self.problem(error.to_string(), 0)
    }

    /// Passes over the next bytes, a bounded piece of them at a time.
    fn pass(&mut self) -> Option<Event> {
        let skip = self.skip.take()?;
        let end = self.filled.min(self.pos + FIRST_CAPACITY);
        let piece = &self.buf[self.pos..end];
        if piece.is_empty() {
            if !self.ended {
                self.skip = Some(skip);
                return Some(Event::NeedInput);
            }
            if let Skip::Value(_) = skip {
                return Some(self.cut_off());
            }
            // An array that is passed over to its end has been named.
            self.place = Place::Top;
            return None;
        }
        let passage = skip.pass(piece);
        let length = match &passage {
            Passage::More(_) => piece.len(),
            Passage::Over(length) | Passage::Broken(length) => *length,
        };
        let passed = piece[..length].to_vec();
        self.skip = match passage {
            Passage::More(skip) => Some(skip),
            Passage::Over(_) => None,
            Passage::Broken(_) => {
                self.leave_array();
                self.within_fault = true;
                let line_start = self.starts_line(self.pos + length);
                Some(Skip::ToRecord { line_start })
            }
        };
        self.pos += length;
        (length > 0).then_some(Event::Skipped(passed))
    }
}

/// What the object under the cursor is.
fn shape(mut cursor: Cursor<'_>, decoder: &dyn RecordDecoder) -> Result<Shape, Fail> {
    cursor.pos += 1;
    if cursor.token()? == b'}' {
        return Ok(Shape::Keyless);
    }
    let mut page_like = None;
    // A page may have fields named as a record's are (`reason`); a record's own are told by its key.
    let mut has_field = false;
    loop {
        let key = cursor.key()?;
        let value = cursor.token()?;
        match &*name(&key) {
            b"data" if value == b'[' => return Ok(Shape::Page(cursor.pos + 1)),
            b"data" => page_like = Some("a page whose data is not an array"),
            b"numResults" => page_like = page_like.or(Some("a page without data")),
            b"error" | b"errors" => page_like = Some("an error of the API, not a page"),
            name if decoder.is_key(name) => return Ok(Shape::Record),
            name => has_field |= decoder.has_field(name),
        }
        cursor.skip_value()?;
        if cursor.token()? != b',' {
            return Ok(page_like
                .filter(|_| !has_field)
                .map_or(Shape::Keyless, Shape::NoData));
        }
        cursor.pos += 1;
    }
}

/// The key without escapes; empty where it has a lone surrogate.
fn name<'a>(key: &RawString<'a>) -> Cow<'a, [u8]> {
    if !key.escaped {
        return Cow::Borrowed(key.raw);
    }
    let mut name = Vec::new();
    unescape_into(key.raw, &mut name);
    Cow::Owned(name)
}
