//! The definition levels of one column: mostly they are those of its place, and then not held a second time.

use std::cell::OnceCell;

use arrow::buffer::NullBuffer;
use bytes::Bytes;
use parquet::errors::Result;

use super::rle::{hybrid, width};
use super::slots::{Elements, Picked, Place};
use super::values::reserve;
use super::zstd::Zstd;

/// The definition levels of one column since the last page.
#[derive(Debug, Default)]
pub(super) struct Levels {
    kind: Kind,
    /// The levels themselves, where they are mixed.
    own: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No array had an element: they are the place's.
    #[default]
    Empty,
    /// All elements were null: they are the place's.
    Nulls,
    /// No element was null: they are the place's, one higher where it has an element.
    Full,
    Mixed,
}

impl Levels {
    /// Takes those of an array whose elements stand in the place's slots, and says which elements have a value. `listed` is
    /// overwritten.
    pub(super) fn push<'a>(
        &mut self,
        place: &Place,
        elements: &'a Elements,
        nulls: Option<&NullBuffer>,
        listed: &'a mut Vec<u32>,
    ) -> Picked<'a> {
        let picked = place.pick(elements, nulls, &mut self.own, listed);
        let kind = match &picked {
            Picked::None if elements.len() == 0 => Kind::Empty,
            Picked::None => Kind::Nulls,
            Picked::All(_) => Kind::Full,
            Picked::Some(_) => Kind::Mixed,
        };
        match (self.kind, kind) {
            (Kind::Mixed, Kind::Mixed) => {}
            (Kind::Mixed, kind) => extend(&mut self.own, place, place.batch(), kind),
            (before, Kind::Empty) => self.kind = before,
            (Kind::Empty, Kind::Nulls | Kind::Full) => self.kind = kind,
            (before, kind) if before == kind => {}
            (before, kind) => {
                let batch = std::mem::take(&mut self.own);
                extend(&mut self.own, place, place.before(), before);
                match kind {
                    Kind::Mixed => self.own.extend(batch),
                    _ => extend(&mut self.own, place, place.batch(), kind),
                }
                self.kind = Kind::Mixed;
            }
        }
        picked
    }

    /// Makes room for so many times those that are there.
    pub(super) fn reserve(&mut self, times: usize) {
        reserve(&mut self.own, times);
    }

    pub(super) fn size(&self) -> usize {
        self.own.len()
    }

    /// Appends them as a page has them.
    pub(super) fn encode(&self, place: &PageLevels, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Empty | Kind::Nulls => out.extend_from_slice(place.nulls()),
            Kind::Full => out.extend_from_slice(place.full()),
            Kind::Mixed => encode(&self.own, place.place.present() + 1, out),
        }
    }

    pub(super) fn clear(&mut self) {
        self.kind = Kind::Empty;
        self.own.clear();
    }
}

/// Appends levels of slots of the place.
fn extend(own: &mut Vec<u8>, place: &Place, levels: &[u8], kind: Kind) {
    match kind {
        Kind::Full => own.extend(place.raised(levels)),
        _ => own.extend_from_slice(levels),
    }
}

/// What pages of the columns of one place have in common, worked out for the first of them that has it.
#[derive(Debug)]
pub(super) struct PageLevels<'a> {
    place: &'a Place,
    /// The encoded repetition levels, in lists.
    repeated: Option<&'a [u8]>,
    /// The encoded definition levels of nulls alone.
    nulls: OnceCell<Vec<u8>>,
    /// Those without nulls.
    full: OnceCell<Vec<u8>>,
    /// A page of nulls alone, compressed, and its size before.
    null_page: Option<(Bytes, usize)>,
}

impl<'a> PageLevels<'a> {
    pub(super) fn new(place: &'a Place, repeated: Option<&'a [u8]>) -> PageLevels<'a> {
        PageLevels {
            place,
            repeated,
            nulls: OnceCell::new(),
            full: OnceCell::new(),
            null_page: None,
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.place.defined().len()
    }

    /// Appends the repetition levels.
    pub(super) fn repeated(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.repeated.unwrap_or_default());
    }

    /// Appends the definition levels of a column that can't be null where its place has an element.
    pub(super) fn required(&self, out: &mut Vec<u8>) {
        encode(self.place.defined(), self.place.present(), out);
    }

    fn nulls(&self) -> &[u8] {
        self.nulls.get_or_init(|| {
            let mut encoded = Vec::new();
            encode(self.place.defined(), self.place.present() + 1, &mut encoded);
            encoded
        })
    }

    fn full(&self) -> &[u8] {
        self.full.get_or_init(|| {
            let levels: Vec<_> = self.place.raised(self.place.defined()).collect();
            let mut encoded = Vec::new();
            encode(&levels, self.place.present() + 1, &mut encoded);
            encoded
        })
    }

    /// A page of nulls alone, compressed, and its size before.
    pub(super) fn null_page(&mut self, known: &mut NullPages, zstd: &mut Zstd) -> Result<(Bytes, usize)> {
        if let Some(page) = &self.null_page {
            return Ok(page.clone());
        }
        let mut body = Vec::new();
        self.repeated(&mut body);
        body.extend_from_slice(self.nulls());
        let size = body.len();
        let page = (known.compress(body, zstd)?, size);
        Ok(self.null_page.insert(page).clone())
    }
}

/// Compressed pages of nulls alone. Those of places in different lists are the same where the lists are all empty.
#[derive(Debug, Default)]
pub(super) struct NullPages(Vec<(Vec<u8>, Bytes)>);

impl NullPages {
    fn compress(&mut self, body: Vec<u8>, zstd: &mut Zstd) -> Result<Bytes> {
        if let Some((_, page)) = self.0.iter().find(|(known, _)| *known == body) {
            return Ok(page.clone());
        }
        zstd.input().extend_from_slice(&body);
        let page = Bytes::from(zstd.compress()?);
        self.0.push((body, page.clone()));
        Ok(page)
    }
}

/// Appends levels of at most `greatest` with their length, unless all are 0.
pub(super) fn encode(levels: &[u8], greatest: u8, out: &mut Vec<u8>) {
    if greatest == 0 {
        return;
    }
    let start = out.len();
    out.extend([0; 4]);
    hybrid(levels, width(greatest.into()), out);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}
