//! Finds the end of a JSON value that comes in pieces, without holding it: for values that are too long or not well-formed.
//!
//! Brackets, commas, colons and quotes must stand where JSON wants them; what the scalars are made of does not matter. So a
//! value with `NaN`, `01` or a control character in a text has an end, whereas one with a quote too few soon has none.

use super::scan::Nesting;

/// Deepest nesting followed: a stack of bits in 2 MiB.
const MAX_DEPTH: usize = 1 << 24;

/// A place within a value.
pub(crate) struct Skimmer {
    open: Nesting,
    state: State,
}

/// How far a piece led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skim {
    /// The value goes on behind the piece.
    More,
    /// The value ends before this byte of the piece.
    End(usize),
    /// From this byte of the piece on it is no value.
    Broken(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    After,
    Word,
    Text {
        key: bool,
    },
    Escape {
        key: bool,
    },
    /// Behind a line feed in a text.
    NewLine {
        key: bool,
    },
}

impl Skimmer {
    /// At the start of a value, or of the white space before it.
    pub(crate) fn new() -> Skimmer {
        Skimmer {
            open: Nesting::default(),
            state: State::Value,
        }
    }

    /// Goes on through the next piece.
    pub(crate) fn skim(&mut self, piece: &[u8]) -> Skim {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            if let State::Text { key } = self.state {
                let Some(offset) = memchr::memchr3(b'"', b'\\', b'\n', &piece[at..]) else {
                    return Skim::More;
                };
                at += offset + 1;
                match piece[at - 1] {
                    b'"' if key => self.state = State::Colon,
                    b'"' if self.end_value() => return Skim::End(at),
                    b'"' => {}
                    b'\\' => self.state = State::Escape { key },
                    _ => self.state = State::NewLine { key },
                }
                continue;
            }
            let space = matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
            match (self.state, byte) {
                (State::Escape { key }, _) => self.state = State::Text { key },
                // A line that starts like a record is one: the quote at the end of the text is missing.
                (State::NewLine { .. }, b'{' | b'[') => return Skim::Broken(at),
                (State::NewLine { key }, _) => {
                    self.state = State::Text { key };
                    continue;
                }
                (State::Word, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') => {
                    if self.end_value() {
                        return Skim::End(at);
                    }
                    continue;
                }
                (State::Word, b'"' | b'{' | b'[' | b':') => return Skim::Broken(at),
                (State::Word, _) => {}
                (_, _) if space => {}
                (State::ValueOrEnd, b']') | (State::KeyOrEnd, b'}') => {
                    if self.close() {
                        return Skim::End(at + 1);
                    }
                }
                (State::Value | State::ValueOrEnd, b'{' | b'[') => {
                    if self.open.depth() == MAX_DEPTH {
                        return Skim::Broken(at);
                    }
                    self.open.push(byte == b'{');
                    self.state = if byte == b'{' {
                        State::KeyOrEnd
                    } else {
                        State::ValueOrEnd
                    };
                }
                (State::Value | State::ValueOrEnd, b'"') => self.state = State::Text { key: false },
                (State::Value | State::ValueOrEnd, b',' | b'}' | b']' | b':') => return Skim::Broken(at),
                (State::Value | State::ValueOrEnd, _) => self.state = State::Word,
                (State::Key | State::KeyOrEnd, b'"') => self.state = State::Text { key: true },
                (State::Colon, b':') => self.state = State::Value,
                (State::After, b',') => {
                    self.state = if self.open.top() == Some(true) {
                        State::Key
                    } else {
                        State::Value
                    };
                }
                (State::After, b'}' | b']') if self.open.top() == Some(byte == b'}') => {
                    if self.close() {
                        return Skim::End(at + 1);
                    }
                }
                (State::Key | State::KeyOrEnd | State::Colon | State::After | State::Text { .. }, _) => {
                    return Skim::Broken(at);
                }
            }
            at += 1;
        }
        Skim::More
    }

    fn close(&mut self) -> bool {
        self.open.pop();
        self.end_value()
    }

    /// True where the value that ends is the whole one.
    fn end_value(&mut self) -> bool {
        self.state = State::After;
        self.open.depth() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outcome must be the same wherever the text is cut.
    fn check(text: &str, want: Skim) {
        for cut in 0..=text.len() {
            let mut skimmer = Skimmer::new();
            let got = match skimmer.skim(&text.as_bytes()[..cut]) {
                Skim::More => match skimmer.skim(&text.as_bytes()[cut..]) {
                    Skim::More => Skim::More,
                    Skim::End(at) => Skim::End(at + cut),
                    Skim::Broken(at) => Skim::Broken(at + cut),
                },
                end => end,
            };
            assert_eq!(got, want, "{text} cut at {cut}");
        }
    }

    #[test]
    fn well_formed_values_end_where_they_end() {
        check(r#"{"a":[1,{"b":"}\""},[],{}],"c":null},"#, Skim::End(36));
        check("[[]] ", Skim::End(4));
        check(r#" "x" "#, Skim::End(4));
        check("12 ", Skim::End(2));
        check("12", Skim::More);
        check(r#"{"a":"b"#, Skim::More);
    }

    #[test]
    fn faults_within_scalars_do_not_matter() {
        check("{\"a\":NaN,\"b\":01,\"c\":\"\t\\q\n \"}x", Skim::End(28));
        check("{\"a\":\"\\ud8\"} ", Skim::End(12));
    }

    #[test]
    fn faults_of_the_structure_do() {
        check(r#"{"a":"b,"c":1}"#, Skim::Broken(9));
        check("[1}", Skim::Broken(2));
        check("[,1]", Skim::Broken(1));
        check("{\"a\" 1}", Skim::Broken(5));
        check("{a:1}", Skim::Broken(1));
        check("{\"a\":\"x\n{\"b\":1}", Skim::Broken(8));
    }
}
