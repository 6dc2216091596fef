//! An independent reading of JSON: exact decimals, UTF-16 texts (lone surrogates included), the last of duplicate keys.

use std::collections::BTreeMap;

/// A JSON value in normal form: equal values are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// Sign (−0 is not 0), digits without zeros at either end, exponent (as text: it may have any size).
    Number(bool, String, String),
    Text(Vec<u16>),
    Array(Vec<Json>),
    Object(BTreeMap<Vec<u16>, Json>),
}

/// Parses a whole text; panics where it is not JSON.
pub(crate) fn parse(text: &str) -> Json {
    let characters: Vec<char> = text.chars().collect();
    let mut at = 0;
    let value = value(&characters, &mut at);
    space(&characters, &mut at);
    assert_eq!(at, characters.len(), "characters behind the value in {text}");
    value
}

fn space(text: &[char], at: &mut usize) {
    while text.get(*at).is_some_and(|c| " \n\r\t".contains(*c)) {
        *at += 1;
    }
}

fn value(text: &[char], at: &mut usize) -> Json {
    space(text, at);
    match text[*at] {
        '{' => {
            let mut fields = BTreeMap::new();
            members(text, at, '}', |text, at| {
                space(text, at);
                let key = string(text, at);
                space(text, at);
                assert_eq!(text[*at], ':');
                *at += 1;
                fields.insert(key, value(text, at));
            });
            Json::Object(fields)
        }
        '[' => {
            let mut elements = Vec::new();
            members(text, at, ']', |text, at| elements.push(value(text, at)));
            Json::Array(elements)
        }
        '"' => Json::Text(string(text, at)),
        't' => word(text, at, "true", Json::Bool(true)),
        'f' => word(text, at, "false", Json::Bool(false)),
        'n' => word(text, at, "null", Json::Null),
        _ => number(text, at),
    }
}

fn word(text: &[char], at: &mut usize, word: &str, value: Json) -> Json {
    assert!(text[*at..].iter().copied().zip(word.chars()).all(|(a, b)| a == b));
    *at += word.len();
    value
}

fn members(text: &[char], at: &mut usize, end: char, mut member: impl FnMut(&[char], &mut usize)) {
    *at += 1;
    space(text, at);
    if text[*at] != end {
        member(text, at);
        space(text, at);
        while text[*at] == ',' {
            *at += 1;
            member(text, at);
            space(text, at);
        }
    }
    assert_eq!(text[*at], end);
    *at += 1;
}

fn string(text: &[char], at: &mut usize) -> Vec<u16> {
    assert_eq!(text[*at], '"');
    *at += 1;
    let mut out = Vec::new();
    loop {
        let character = text[*at];
        *at += 1;
        match character {
            '"' => return out,
            '\\' => {
                let escape = text[*at];
                *at += 1;
                out.push(match escape {
                    'u' => {
                        let digits: String = text[*at..*at + 4].iter().collect();
                        assert!(digits.chars().all(|digit| digit.is_ascii_hexdigit()));
                        *at += 4;
                        u16::from_str_radix(&digits, 16).unwrap()
                    }
                    'n' => 10,
                    'r' => 13,
                    't' => 9,
                    'b' => 8,
                    'f' => 12,
                    '"' | '\\' | '/' => escape as u16,
                    other => panic!("an escape \\{other}"),
                });
            }
            control if control < ' ' => panic!("a control character in a text"),
            other => out.extend_from_slice(other.encode_utf16(&mut [0; 2])),
        }
    }
}

fn number(text: &[char], at: &mut usize) -> Json {
    let start = *at;
    while text.get(*at).is_some_and(|c| "+-.eE0123456789".contains(*c)) {
        *at += 1;
    }
    let written: String = text[start..*at].iter().collect();
    let (negative, unsigned) = match written.strip_prefix('-') {
        Some(rest) => (true, rest.to_string()),
        None => (false, written),
    };
    let plain = |digits: &str| !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit());
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((&unsigned, "0"));
    assert!(plain(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    assert!(plain(whole) && (whole == "0" || !whole.starts_with('0')));
    assert!(plain(fraction) || !mantissa.contains('.'));
    let all = format!("{whole}{fraction}");
    let leading = all.trim_start_matches('0');
    let digits = leading.trim_end_matches('0');
    if digits.is_empty() {
        return Json::Number(negative, String::new(), String::new());
    }
    // Exponents of any size: those beyond 64 bits are kept as they are written, which is exact enough to compare texts.
    let exponent = match exponent.parse::<i128>() {
        Ok(exponent) => {
            (exponent + (leading.len() - digits.len()) as i128 - fraction.len() as i128).to_string()
        }
        Err(_) => format!("{exponent} of {mantissa}"),
    };
    Json::Number(negative, digits.to_string(), exponent)
}
