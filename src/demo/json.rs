//! Writes JSON text straight into a buffer, keys in the order of the calls.

use chrono::{DateTime, Datelike, Timelike};

/// A writer of JSON text. Commas are set by looking at what was written last.
pub(super) struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// Write characters beyond ASCII as `\u` escapes.
    ascii: bool,
    /// Seconds that local time is ahead of UTC, for naive times.
    ahead: i64,
}

impl<'a> Json<'a> {
    /// `timezone_offset` in minutes with JavaScript's sign (India is -330): the zone of naive times.
    pub(super) fn new(out: &'a mut Vec<u8>, timezone_offset: i32, ascii: bool) -> Self {
        Self {
            out,
            ascii,
            ahead: -60 * i64::from(timezone_offset),
        }
    }

    /// An element or, after [`Json::key`], a value: an object with the fields that `fields` writes.
    pub(super) fn object(&mut self, fields: impl FnOnce(&mut Self)) {
        self.separate();
        self.out.push(b'{');
        fields(self);
        self.out.push(b'}');
    }

    pub(super) fn object_field(&mut self, name: &str, fields: impl FnOnce(&mut Self)) {
        self.key(name);
        self.object(fields);
    }

    pub(super) fn array_field(&mut self, name: &str, elements: impl FnOnce(&mut Self)) {
        self.key(name);
        self.out.push(b'[');
        elements(self);
        self.out.push(b']');
    }

    pub(super) fn str_field(&mut self, name: &str, value: &str) {
        self.key(name);
        self.str(value);
    }

    pub(super) fn int_field(&mut self, name: &str, value: i64) {
        self.key(name);
        self.raw(&value.to_string());
    }

    pub(super) fn bool_field(&mut self, name: &str, value: bool) {
        self.key(name);
        self.raw(if value { "true" } else { "false" });
    }

    /// A field whose value is the given JSON text.
    pub(super) fn raw_field(&mut self, name: &str, value: &str) {
        self.key(name);
        self.raw(value);
    }

    /// `2025-09-30T12:04:23` in the zone of the writer; `seconds` since 1970 in UTC.
    pub(super) fn naive_field(&mut self, name: &str, seconds: i64) {
        self.key(name);
        self.out.push(b'"');
        self.date_time(seconds + self.ahead, b'T', true);
        self.out.push(b'"');
    }

    /// `2025-09-30T06:34:48.810Z`.
    pub(super) fn utc_field(&mut self, name: &str, seconds: i64, millis: u16) {
        self.key(name);
        self.out.push(b'"');
        self.date_time(seconds, b'T', true);
        self.out.push(b'.');
        self.digits(i64::from(millis), 3);
        self.out.extend_from_slice(b"Z\"");
    }

    /// The other documented form of a time: `2023-01-10 2:25:54`, or with slashes.
    pub(super) fn spaced_time_field(&mut self, name: &str, seconds: i64, slashes: bool) {
        self.key(name);
        self.out.push(b'"');
        let from = self.out.len();
        self.date_time(seconds + self.ahead, b' ', false);
        if slashes {
            for byte in &mut self.out[from..] {
                if *byte == b'-' {
                    *byte = b'/';
                }
            }
        }
        self.out.push(b'"');
    }

    pub(super) fn str(&mut self, value: &str) {
        self.separate();
        self.out.push(b'"');
        let plain = value
            .bytes()
            .all(|b| b >= 0x20 && b != b'"' && b != b'\\' && (b < 0x80 || !self.ascii));
        if plain {
            self.out.extend_from_slice(value.as_bytes());
        } else {
            self.escaped(value);
        }
        self.out.push(b'"');
    }

    fn raw(&mut self, value: &str) {
        self.separate();
        self.out.extend_from_slice(value.as_bytes());
    }

    fn key(&mut self, name: &str) {
        self.str(name);
        self.out.push(b':');
    }

    fn separate(&mut self) {
        if matches!(
            self.out.last(),
            Some(b'}' | b']' | b'"' | b'0'..=b'9' | b'a'..=b'z')
        ) {
            self.out.push(b',');
        }
    }

    fn escaped(&mut self, value: &str) {
        for c in value.chars() {
            match c {
                '"' => self.out.extend_from_slice(b"\\\""),
                '\\' => self.out.extend_from_slice(b"\\\\"),
                '\n' => self.out.extend_from_slice(b"\\n"),
                '\t' => self.out.extend_from_slice(b"\\t"),
                c if (c as u32) < 0x20 || (self.ascii && !c.is_ascii()) => {
                    let mut units = [0u16; 2];
                    for unit in c.encode_utf16(&mut units) {
                        self.out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                    }
                }
                c => {
                    let mut bytes = [0u8; 4];
                    self.out.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
                }
            }
        }
    }

    fn date_time(&mut self, seconds: i64, separator: u8, padded_hour: bool) {
        // Beyond chrono's years (±262,000) no time of a demo lies; the epoch stands in.
        let time = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        self.digits(i64::from(time.year()), 4);
        self.out.push(b'-');
        self.digits(i64::from(time.month()), 2);
        self.out.push(b'-');
        self.digits(i64::from(time.day()), 2);
        self.out.push(separator);
        self.digits(
            i64::from(time.hour()),
            if padded_hour || time.hour() > 9 { 2 } else { 1 },
        );
        self.out.push(b':');
        self.digits(i64::from(time.minute()), 2);
        self.out.push(b':');
        self.digits(i64::from(time.second()), 2);
    }

    fn digits(&mut self, value: i64, width: u32) {
        for place in (0..width).rev() {
            self.out.push(b'0' + (value / 10_i64.pow(place) % 10) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(offset: i32, ascii: bool, write: impl FnOnce(&mut Json<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Json::new(&mut out, offset, ascii));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn commas_stand_between_fields_and_elements() {
        let text = written(0, false, |j| {
            j.object(|j| {
                j.array_field("a", |j| {
                    j.str("x{");
                    j.str("y");
                    j.object(|_| ());
                });
                j.int_field("b", -3);
                j.bool_field("c", true);
                j.object_field("d", |j| j.raw_field("e", "null"));
                j.array_field("f", |_| ());
                j.str_field("g", "");
            });
        });
        assert_eq!(
            text,
            r#"{"a":["x{","y",{}],"b":-3,"c":true,"d":{"e":null},"f":[],"g":""}"#
        );
    }

    #[test]
    fn strings_come_back_from_a_json_parser() {
        let value = "say \"é\"\\ \n\t\u{7} 漢 🎧";
        for ascii in [false, true] {
            let text = written(0, ascii, |j| j.str(value));
            assert_eq!(text.is_ascii(), ascii);
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
        }
    }

    #[test]
    fn naive_times_are_local_to_the_offset_and_utc_times_are_not() {
        // The sample of the API's documents: EnterTime 12:04:23 at -330 is 06:34:23Z.
        let text = written(-330, false, |j| {
            j.object(|j| {
                j.naive_field("n", 1_759_214_063);
                j.utc_field("u", 1_759_214_063, 81);
                j.spaced_time_field("s", 1_759_188_600, true);
            });
        });
        assert_eq!(
            text,
            r#"{"n":"2025-09-30T12:04:23","u":"2025-09-30T06:34:23.081Z","s":"2025/09/30 5:00:00"}"#
        );
    }
}
