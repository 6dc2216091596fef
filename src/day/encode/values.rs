//! The values of one column: taken from arrays, given back as the body of a page.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use parquet::basic::Encoding;

use super::delta::{self, Lengths, Prefixes};
use super::dictionary::{Texts, Words};
use super::extremes::Extremes;
use super::rle::{hybrid, pack, width};
use super::slots::{Elements, Picked};

/// Bytes of a dictionary from which values are written plain: what other writers and their readers are used to.
const DICTIONARY_LIMIT: usize = 1 << 20;

/// Bytes that a text is copied as at least, where there are as many: a copy of constant size takes no call of `memcpy`.
const SHORT: usize = 64;

/// Numbers of values in a dictionary, for the pages that refer to it.
#[derive(Debug, Default)]
struct References<D> {
    dictionary: D,
    numbers: Vec<u32>,
    /// Number of the first value that was not there before the page.
    fresh: u32,
}

/// Texts and how they are written.
#[derive(Debug)]
enum TextCoder {
    Dictionary(References<Texts>),
    Plain(Vec<u8>),
    Lengths(Lengths),
    Prefixes(Prefixes),
}

/// Numbers, by their bits, and how they are written.
#[derive(Debug)]
enum WordCoder {
    Dictionary(References<Words>),
    Plain(Vec<u8>),
    Delta(Vec<i64>),
}

#[derive(Debug)]
enum Coder {
    Text(TextCoder),
    Word(WordCoder),
    Bool(Vec<u8>),
}

/// The dictionary page of a column.
#[derive(Debug)]
pub(super) struct DictionaryPage {
    pub(super) values: usize,
    pub(super) plain: Vec<u8>,
}

/// The values of one column since the last page.
#[derive(Debug)]
pub(super) struct Values {
    coder: Coder,
    /// Number of values, nulls not counted.
    count: usize,
    /// Once values no longer go to the dictionary, the page of those that did.
    dictionary: Option<DictionaryPage>,
}

impl Values {
    /// No values yet of a column of the type; without an encoding they go to a dictionary as long as that is small.
    pub(super) fn new(data_type: &DataType, encoding: Option<Encoding>) -> Values {
        let coder = match (data_type, encoding) {
            (DataType::Boolean, _) => Coder::Bool(Vec::new()),
            (DataType::Utf8, None) => Coder::Text(TextCoder::Dictionary(References::default())),
            (DataType::Utf8, Some(Encoding::DELTA_LENGTH_BYTE_ARRAY)) => {
                Coder::Text(TextCoder::Lengths(Lengths::default()))
            }
            (DataType::Utf8, Some(Encoding::DELTA_BYTE_ARRAY)) => {
                Coder::Text(TextCoder::Prefixes(Prefixes::default()))
            }
            (DataType::Utf8, Some(_)) => Coder::Text(TextCoder::Plain(Vec::new())),
            (_, None) => Coder::Word(WordCoder::Dictionary(References::default())),
            (_, Some(Encoding::DELTA_BINARY_PACKED)) => Coder::Word(WordCoder::Delta(Vec::new())),
            (_, Some(_)) => Coder::Word(WordCoder::Plain(Vec::new())),
        };
        Values {
            coder,
            count: 0,
            dictionary: None,
        }
    }

    /// Number of values since the last page.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Takes the values picked of an array; `extremes` gets to see each that differs from the one before.
    pub(super) fn push(&mut self, array: &ArrayRef, picked: &Picked, extremes: &mut Option<Extremes>) {
        self.count += picked.len();
        match &mut self.coder {
            Coder::Text(coder) => coder.push(array.as_string(), picked, extremes),
            Coder::Bool(bits) => push_bools(bits, array.as_boolean(), picked, extremes),
            Coder::Word(coder) => match array.data_type() {
                DataType::Float64 => {
                    let values = array.as_primitive::<Float64Type>().values();
                    coder.push(values, f64::to_bits, picked, |value| {
                        see(extremes, |extremes| extremes.double(value));
                    });
                }
                DataType::Int64 => {
                    let values = array.as_primitive::<Int64Type>().values();
                    coder.push_ints(values, picked, extremes);
                }
                _ => {
                    let values = array.as_primitive::<TimestampMicrosecondType>().values();
                    coder.push_ints(values, picked, extremes);
                }
            },
        }
    }

    /// About the bytes of what was pushed since the last page; with the dictionary once that is to be left, so that texts of
    /// any length end the page soon.
    pub(super) fn size(&self) -> usize {
        let full = |bytes: usize| if bytes > DICTIONARY_LIMIT { bytes } else { 0 };
        match &self.coder {
            Coder::Text(TextCoder::Dictionary(references)) => {
                references.numbers.len() + full(references.dictionary.plain().len())
            }
            Coder::Text(TextCoder::Plain(bytes)) => bytes.len(),
            Coder::Text(TextCoder::Lengths(texts)) => texts.size(),
            Coder::Text(TextCoder::Prefixes(texts)) => texts.size(),
            Coder::Word(WordCoder::Dictionary(references)) => references.numbers.len(),
            Coder::Word(WordCoder::Plain(bytes)) => bytes.len(),
            Coder::Word(WordCoder::Delta(values)) => 8 * values.len(),
            Coder::Bool(bools) => bools.len() / 8,
        }
    }

    /// Makes room for so many times the values since the last page.
    pub(super) fn reserve(&mut self, times: usize) {
        match &mut self.coder {
            Coder::Text(TextCoder::Dictionary(references)) => reserve(&mut references.numbers, times),
            Coder::Word(WordCoder::Dictionary(references)) => reserve(&mut references.numbers, times),
            Coder::Text(TextCoder::Plain(bytes)) | Coder::Word(WordCoder::Plain(bytes)) => {
                reserve(bytes, times);
            }
            Coder::Text(TextCoder::Lengths(texts)) => texts.reserve(times),
            Coder::Text(TextCoder::Prefixes(texts)) => texts.reserve(times),
            Coder::Word(WordCoder::Delta(values)) => reserve(values, times),
            Coder::Bool(bools) => reserve(bools, times),
        }
    }

    /// Bytes of the dictionary.
    pub(super) fn dictionary_size(&self) -> usize {
        let page = self.dictionary.as_ref().map_or(0, |page| page.plain.len());
        page + match &self.coder {
            Coder::Text(TextCoder::Dictionary(references)) => references.dictionary.plain().len(),
            Coder::Word(WordCoder::Dictionary(references)) => 8 * references.dictionary.len(),
            _ => 0,
        }
    }

    /// Appends the values since the last page as a page has them, and forgets them. A page without values refers to no
    /// dictionary, so that a column of nulls needs none.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> Encoding {
        if std::mem::take(&mut self.count) == 0 {
            return Encoding::PLAIN;
        }
        let encoding = match &mut self.coder {
            Coder::Text(TextCoder::Dictionary(references)) => {
                references.flush(references.dictionary.len(), out)
            }
            Coder::Word(WordCoder::Dictionary(references)) => {
                references.flush(references.dictionary.len(), out)
            }
            Coder::Text(TextCoder::Plain(bytes)) | Coder::Word(WordCoder::Plain(bytes)) => {
                out.append(bytes);
                Encoding::PLAIN
            }
            Coder::Text(TextCoder::Lengths(texts)) => {
                texts.flush(out);
                Encoding::DELTA_LENGTH_BYTE_ARRAY
            }
            Coder::Text(TextCoder::Prefixes(texts)) => {
                texts.flush(out);
                Encoding::DELTA_BYTE_ARRAY
            }
            Coder::Word(WordCoder::Delta(values)) => {
                delta::binary_packed(values, out);
                values.clear();
                Encoding::DELTA_BINARY_PACKED
            }
            Coder::Bool(bools) => {
                let end = out.len() + bools.len().div_ceil(8);
                pack(bools, 1, out);
                out.truncate(end);
                bools.clear();
                Encoding::PLAIN
            }
        };
        if self.dictionary_size() > DICTIONARY_LIMIT {
            self.leave_dictionary();
        }
        encoding
    }

    /// Has the values to come written plain.
    fn leave_dictionary(&mut self) {
        let plain = match &self.coder {
            Coder::Text(TextCoder::Dictionary(_)) => Coder::Text(TextCoder::Plain(Vec::new())),
            Coder::Word(WordCoder::Dictionary(_)) => Coder::Word(WordCoder::Plain(Vec::new())),
            _ => return,
        };
        self.dictionary = dictionary_page(std::mem::replace(&mut self.coder, plain));
    }

    /// The dictionary page, if the pages refer to one.
    pub(super) fn into_dictionary(self) -> Option<DictionaryPage> {
        let Values {
            coder, dictionary, ..
        } = self;
        let dictionary = dictionary.or_else(|| dictionary_page(coder));
        dictionary.filter(|page| page.values > 0)
    }
}

fn dictionary_page(coder: Coder) -> Option<DictionaryPage> {
    let (values, plain) = match coder {
        Coder::Text(TextCoder::Dictionary(references)) => {
            (references.dictionary.len(), references.dictionary.into_plain())
        }
        Coder::Word(WordCoder::Dictionary(references)) => {
            (references.dictionary.len(), references.dictionary.plain())
        }
        _ => return None,
    };
    Some(DictionaryPage { values, plain })
}

impl<D> References<D> {
    fn flush(&mut self, distinct: usize, out: &mut Vec<u8>) -> Encoding {
        let bits = width(distinct.saturating_sub(1) as u64);
        out.push(bits);
        hybrid(&self.numbers, bits, out);
        self.numbers.clear();
        self.fresh = distinct as u32;
        Encoding::RLE_DICTIONARY
    }

    fn last(&self) -> u32 {
        self.numbers.last().copied().unwrap_or(u32::MAX)
    }

    /// Whether the value was not seen in this page, or may not have been. `count` is the number of values known before.
    fn is_new(&self, number: u32, last: u32, count: usize) -> bool {
        number as usize == count || (number < self.fresh && number != last)
    }
}

impl TextCoder {
    fn push(&mut self, array: &StringArray, picked: &Picked, extremes: &mut Option<Extremes>) {
        let (offsets, bytes) = (array.value_offsets(), array.value_data());
        let text = |element: usize| &bytes[offsets[element] as usize..offsets[element + 1] as usize];
        match self {
            TextCoder::Dictionary(references) => {
                let mut last = references.last();
                references.numbers.reserve(picked.len());
                picked.each(|element| {
                    let known = references.dictionary.len();
                    let number = references.dictionary.number(text(element), last);
                    if references.is_new(number, last, known) {
                        see(extremes, |extremes| {
                            extremes.text(references.dictionary.text(number))
                        });
                    }
                    references.numbers.push(number);
                    last = number;
                });
            }
            TextCoder::Plain(out) => picked.each(|element| {
                let text = text(element);
                out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                let rest = bytes.get(offsets[element] as usize..).unwrap_or_default();
                match rest.first_chunk::<SHORT>() {
                    Some(chunk) if text.len() <= SHORT => {
                        let end = out.len() + text.len();
                        out.extend_from_slice(chunk);
                        out.truncate(end);
                    }
                    _ => out.extend_from_slice(text),
                }
                see(extremes, |extremes| extremes.text(text));
            }),
            TextCoder::Lengths(texts) => {
                let mut together = 0..0;
                picked.each(|element| {
                    let range = offsets[element] as usize..offsets[element + 1] as usize;
                    texts.push_length(range.len());
                    see(extremes, |extremes| extremes.text(&bytes[range.clone()]));
                    if range.start == together.end {
                        together.end = range.end;
                    } else {
                        let before = std::mem::replace(&mut together, range);
                        texts.push_bytes(&bytes[before]);
                    }
                });
                texts.push_bytes(&bytes[together]);
            }
            TextCoder::Prefixes(texts) => picked.each(|element| {
                texts.push(text(element));
                see(extremes, |extremes| extremes.text(text(element)));
            }),
        }
    }
}

impl WordCoder {
    fn push_ints(&mut self, values: &[i64], picked: &Picked, extremes: &mut Option<Extremes>) {
        self.push(
            values,
            |value| value as u64,
            picked,
            |value| {
                see(extremes, |extremes| extremes.int(value));
            },
        );
    }

    fn push<T: Copy>(
        &mut self,
        values: &[T],
        bits: impl Fn(T) -> u64,
        picked: &Picked,
        mut seen: impl FnMut(T),
    ) {
        match self {
            WordCoder::Dictionary(references) => {
                let mut last = references.last();
                references.numbers.reserve(picked.len());
                picked.each(|element| {
                    let value = values[element];
                    let known = references.dictionary.len();
                    let number = references.dictionary.number(bits(value), last);
                    if references.is_new(number, last, known) {
                        seen(value);
                    }
                    references.numbers.push(number);
                    last = number;
                });
            }
            WordCoder::Plain(out) => picked.each(|element| {
                out.extend(bits(values[element]).to_le_bytes());
                seen(values[element]);
            }),
            WordCoder::Delta(out) => picked.each(|element| {
                out.push(bits(values[element]) as i64);
                seen(values[element]);
            }),
        }
    }
}

/// Makes room for so many times what is there, and a little more.
pub(super) fn reserve<T>(values: &mut Vec<T>, times: usize) {
    let room = values.len() + values.len() / 16;
    values.reserve_exact(room * times - values.len());
}

fn push_bools(out: &mut Vec<u8>, array: &BooleanArray, picked: &Picked, extremes: &mut Option<Extremes>) {
    let bits = array.values();
    picked.each(|element| {
        let value = bits.value(element);
        out.push(u8::from(value));
        see(extremes, |extremes| extremes.bool(value));
    });
}

fn see(extremes: &mut Option<Extremes>, value: impl FnOnce(&mut Extremes)) {
    if let Some(extremes) = extremes {
        value(extremes);
    }
}

impl Picked<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Picked::None => 0,
            Picked::All(elements) => elements.len(),
            Picked::Some(picked) => picked.len(),
        }
    }

    pub(super) fn each(&self, mut element: impl FnMut(usize)) {
        match self {
            Picked::None => {}
            Picked::All(Elements::Range(range)) => range.clone().for_each(element),
            Picked::All(Elements::Listed(picked)) => {
                picked.iter().for_each(|&picked| element(picked as usize))
            }
            Picked::Some(picked) => picked.iter().for_each(|&picked| element(picked as usize)),
        }
    }
}
