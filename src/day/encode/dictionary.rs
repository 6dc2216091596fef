//! Values that repeat: each once, and its number for every time it stands.

use ahash::RandomState;
use hashbrown::HashTable;

/// Distinct texts in the order in which they first came.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// As the dictionary page holds them: the length in four bytes, then the bytes.
    plain: Vec<u8>,
    /// Where the bytes of each end.
    ends: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

/// Bytes of a length.
const LENGTH: usize = 4;

impl Texts {
    /// The text's number. `last` is one that it may well be.
    pub(super) fn number(&mut self, text: &[u8], last: u32) -> u32 {
        if (last as usize) < self.ends.len() && self.text(last) == text {
            return last;
        }
        let Texts {
            plain,
            ends,
            numbers,
            hasher,
        } = self;
        let same = |&number: &u32| text_at(plain, ends, number) == text;
        let hash = hasher.hash_one(text);
        if let Some(&number) = numbers.find(hash, same) {
            return number;
        }
        let number = ends.len() as u32;
        plain.extend((text.len() as u32).to_le_bytes());
        plain.extend_from_slice(text);
        ends.push(plain.len() as u32);
        numbers.insert_unique(hash, number, |&number| {
            hasher.hash_one(text_at(plain, ends, number))
        });
        number
    }

    pub(super) fn text(&self, number: u32) -> &[u8] {
        text_at(&self.plain, &self.ends, number)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn plain(&self) -> &[u8] {
        &self.plain
    }
}

fn text_at<'a>(plain: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] as usize };
    &plain[start + LENGTH..ends[number] as usize]
}

/// Distinct numbers, by their bits, in the order in which they first came.
#[derive(Debug, Default)]
pub(super) struct Words {
    words: Vec<u64>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl Words {
    /// The word's number. `last` is one that it may well be.
    pub(super) fn number(&mut self, word: u64, last: u32) -> u32 {
        let Words {
            words,
            numbers,
            hasher,
        } = self;
        if words.get(last as usize) == Some(&word) {
            return last;
        }
        let hash = hasher.hash_one(word);
        if let Some(&number) = numbers.find(hash, |&number| words[number as usize] == word) {
            return number;
        }
        let number = words.len() as u32;
        words.push(word);
        numbers.insert_unique(hash, number, |&number| hasher.hash_one(words[number as usize]));
        number
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn plain(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}
