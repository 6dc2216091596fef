//! Keys that may be personal data: some systems index objects by a phone number or an address.

/// What stands for such a key in reports and messages.
pub(crate) const MASK: &str = "(masked)";

/// Digits from which on a key may be a phone number, a customer number or a date of birth; no key of the schemas has so many.
const DIGITS: usize = 5;

/// Whether a key may be personal data.
pub(crate) fn is_private(key: &[u8]) -> bool {
    let key = String::from_utf8_lossy(key);
    key.contains('@') || key.chars().filter(|character| character.is_numeric()).count() >= DIGITS
}

/// A JSON Pointer as reports and messages may show it.
pub(crate) fn masked(pointer: &str) -> String {
    let tokens = pointer
        .split('/')
        .map(|token| match is_private(token.as_bytes()) {
            true => MASK,
            false => token,
        });
    tokens.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_number_or_an_address_of_a_person_is_masked() {
        for (pointer, want) in [
            ("", ""),
            ("/destinations/12/surprise", "/destinations/12/surprise"),
            ("/customData/+49 123 45", "/customData/(masked)"),
            ("/customData/٠١٢٣٤", "/customData/(masked)"),
            ("/a@b.example/x", "/(masked)/x"),
            ("/a1b2c3d4/", "/a1b2c3d4/"),
        ] {
            assert_eq!(masked(pointer), want);
        }
    }
}
