//! Text that can stand in a page: nothing out of a lake becomes markup.

use std::fmt::{self, Display, Write as _};

/// A text as it may stand between tags and in attributes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                character if character.is_control() => f.write_char(' ')?,
                character => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// A number with its thousands apart: `1,204`.
pub(super) use crate::report::grouped;

/// Bytes as a person says them: `12.3 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1e3;
    let mut unit = 0;
    while size >= 999.95 && unit + 1 < UNITS.len() {
        size /= 1e3;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// A share as a percentage: `12.5 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Seconds as a person says them: `41 s`, `3:20 min`, `2:05 h`.
pub(super) fn seconds(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3_600 => format!("{}:{:02} min", whole / 60, whole % 60),
        _ => format!("{}:{:02} h", whole / 3_600, whole / 60 % 60),
    }
}

/// How many of a thing there are: `1 day`, `2 days`.
pub(super) fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_becomes_markup() {
        let text = Escaped("<script>\"a\" & 'b'\n</script>").to_string();
        assert_eq!(
            text,
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39; &lt;/script&gt;"
        );
    }

    #[test]
    fn numbers_are_said_as_people_do() {
        for (size, want) in [
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_960, "1.0 MB"),
            (12_345_678, "12.3 MB"),
        ] {
            assert_eq!(bytes(size), want);
        }
        for (length, want) in [
            (0.25, "0.2 s"),
            (41.0, "41.0 s"),
            (200.4, "3:20 min"),
            (7_500.0, "2:05 h"),
        ] {
            assert_eq!(seconds(length), want);
        }
        assert_eq!(percent(0.125), "12.5 %");
        assert_eq!(counted(1, "day", "days"), "1 day");
    }
}
