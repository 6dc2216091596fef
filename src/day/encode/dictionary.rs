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
    prints: Vec<Print>,
    /// Numbers of texts that were looked up of late, each in the place that its print says; empty until there is one.
    recent: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

/// Places for texts that were looked up of late.
const RECENT: usize = 256;

/// Bytes of a length.
const LENGTH: usize = 4;

/// What tells most texts apart, and short ones wholly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Print {
    length: u32,
    first: u64,
    last: u64,
}

impl Print {
    /// Bytes of a text that the print tells wholly.
    const WHOLE: usize = 16;

    #[inline]
    fn of(text: &[u8]) -> Print {
        let (first, last) = match (text.first_chunk(), text.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (text.first_chunk(), text.last_chunk()) {
                (Some(first), Some(last)) => (
                    u32::from_le_bytes(*first).into(),
                    u32::from_le_bytes(*last).into(),
                ),
                _ => (text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
            },
        };
        Print {
            length: text.len() as u32,
            first,
            last,
        }
    }

    /// A place among the recent ones.
    fn place(self) -> usize {
        // The golden ratio, which spreads what differs in few bits.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (self.first ^ self.last.rotate_left(29)).wrapping_add(self.length.into());
        (mixed.wrapping_mul(SPREAD) >> (u64::BITS - RECENT.ilog2())) as usize
    }

    fn is_whole(self) -> bool {
        self.length as usize <= Self::WHOLE
    }
}

impl Texts {
    /// The text's number. `last` is one that it may well be.
    #[inline]
    pub(super) fn number(&mut self, text: &[u8], last: u32) -> u32 {
        let print = Print::of(text);
        if self.is(last, print, text) {
            return last;
        }
        let place = print.place();
        if let Some(&number) = self.recent.get(place)
            && self.is(number, print, text)
        {
            return number;
        }
        let number = self.look_up(text, print);
        if self.recent.is_empty() {
            self.recent.resize(RECENT, u32::MAX);
        }
        self.recent[place] = number;
        number
    }

    /// Whether the text has that number, if any has.
    #[inline]
    fn is(&self, number: u32, print: Print, text: &[u8]) -> bool {
        self.prints.get(number as usize) == Some(&print) && (print.is_whole() || self.text(number) == text)
    }

    fn look_up(&mut self, text: &[u8], print: Print) -> u32 {
        let Texts {
            plain,
            ends,
            prints,
            numbers,
            hasher,
            ..
        } = self;
        let same = |&number: &u32| {
            prints[number as usize] == print && (print.is_whole() || text_at(plain, ends, number) == text)
        };
        let hash = hash(hasher, print, text);
        if let Some(&number) = numbers.find(hash, same) {
            return number;
        }
        let number = ends.len() as u32;
        plain.extend((text.len() as u32).to_le_bytes());
        plain.extend_from_slice(text);
        ends.push(plain.len() as u32);
        prints.push(print);
        numbers.insert_unique(hash, number, |&number| {
            let print = prints[number as usize];
            self::hash(hasher, print, text_at(plain, ends, number))
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

    pub(super) fn into_plain(self) -> Vec<u8> {
        self.plain
    }
}

#[inline]
fn hash(hasher: &RandomState, print: Print, text: &[u8]) -> u64 {
    match print.is_whole() {
        true => hasher.hash_one(print),
        false => hasher.hash_one(text),
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
