//! The wildcard filters of common shapes, found without a way that leads to them.
//!
//! The shape of a filter is how many levels it has, which of them are `+`, and whether `#` follows. Filters are many, but
//! shapes are few: so each shape that occurs is tried on a topic. What the filters of a shape must have where they are
//! plain text is then known from the topic alone, and a hash table tells whether there is such a filter. No try waits
//! for the outcome of another, so the processor waits for the memory of all of them at once.
//!
//! To try shapes that somebody made up to slow down others would cost every topic: so there are at most [`SHAPES_MAX`] of
//! them. A filter of one shape more has to be kept elsewhere.

use alloc::vec::Vec;

use super::hash::{DEPTH_MAX, Hasher};
use super::levels::Levels;
use super::table::Table;
use super::text::split_level;

/// Shapes that are tried on a topic: as many numbers as [`NUMBER_BITS`] has besides 0.
const SHAPES_MAX: usize = (1 << NUMBER_BITS) - 1;

const NUMBER_BITS: u32 = 6;

pub(crate) struct Shapes {
    /// Those that occur, and how many filters have each. One that occurs no more is replaced by the next that is new.
    common: Vec<(Shape, u32)>,
    /// Filters by plain text and number of the shape.
    filters: Table<u32>,
    /// Tests make shapes scarce.
    #[cfg(test)]
    pub(crate) shapes_max: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    /// A bit for each level that is plain text.
    plain: u16,
    /// Levels before `#`, at most [`DEPTH_MAX`].
    depth: u8,
    multi: bool,
}

/// Where the filters are that can match a topic.
pub(crate) struct Places {
    hashes: [u64; SHAPES_MAX],
    len: usize,
}

impl Shapes {
    pub(crate) const fn new() -> Self {
        Self {
            common: Vec::new(),
            filters: Table::new(),
            #[cfg(test)]
            shapes_max: SHAPES_MAX,
        }
    }

    /// Adds a filter that is not here yet; says whether it did.
    pub(crate) fn insert(&mut self, hasher: &Hasher, id: u32, text: &[u8]) -> bool {
        let Some((shape, sum)) = Shape::of(hasher, text) else {
            return false;
        };
        let nth = self.number(shape).or_else(|| self.common.iter().position(|common| common.1 == 0));
        let nth = match nth {
            Some(nth) => nth,
            None if self.common.len() < self.shapes_max() => {
                self.common.push((shape, 0));
                self.common.len() - 1
            }
            None => return false,
        };
        self.common[nth] = (shape, self.common[nth].1 + 1);
        self.filters.insert(place(sum, nth), id);
        true
    }

    /// Removes a filter; says whether it was here.
    pub(crate) fn remove(&mut self, hasher: &Hasher, id: u32, text: &[u8]) -> bool {
        let known = Shape::of(hasher, text).and_then(|(shape, sum)| Some((self.number(shape)?, sum)));
        let found = known.and_then(|(nth, sum)| Some((nth, self.filters.find(place(sum, nth), |other| *other == id)?)));
        let Some((nth, at)) = found else {
            return false;
        };
        self.filters.remove(at);
        self.common[nth].1 -= 1;
        while self.common.last().is_some_and(|last| last.1 == 0) {
            self.common.pop();
        }
        if self.common.is_empty() {
            self.common = Vec::new();
        }
        true
    }

    /// The number under which a filter with this text is here.
    pub(crate) fn id<'a>(&self, hasher: &Hasher, text: &[u8], text_of: impl Fn(u32) -> &'a [u8]) -> Option<u32> {
        let (shape, sum) = Shape::of(hasher, text)?;
        let at = self.filters.find(place(sum, self.number(shape)?), |id| text_of(*id) == text)?;
        Some(self.filters.item(at))
    }

    fn number(&self, shape: Shape) -> Option<usize> {
        self.common.iter().position(|common| *common == (shape, common.1) && common.1 > 0)
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Where to look for a topic. Has the processor fetch that memory.
    #[inline]
    pub(crate) fn places(&self, hasher: &Hasher, levels: &Levels) -> Places {
        let mut sums = [0; DEPTH_MAX];
        for (nth, (sum, level)) in sums.iter_mut().zip(levels.hashes()).enumerate() {
            *sum = hasher.level(nth, *level);
        }
        let mut places = Places { hashes: [0; SHAPES_MAX], len: 0 };
        for (nth, (shape, _)) in self.common.iter().enumerate() {
            if shape.fits(levels.depth()) {
                if let Some(hash) = places.hashes.get_mut(places.len) {
                    *hash = place(shape.sum(&sums), nth);
                    places.len += 1;
                }
            }
        }
        self.filters.fetch(places.hashes().iter().copied());
        places
    }

    /// The filters in these places, each once: those that match the topic, and hardly any other.
    #[inline]
    pub(crate) fn candidates(&self, places: &Places, mut each: impl FnMut(u32)) {
        for hash in places.hashes() {
            self.filters.find(*hash, |id| {
                each(*id);
                false
            });
        }
    }

    #[cfg(not(test))]
    const fn shapes_max(&self) -> usize {
        SHAPES_MAX
    }

    #[cfg(test)]
    const fn shapes_max(&self) -> usize {
        self.shapes_max
    }
}

impl Places {
    #[inline]
    fn hashes(&self) -> &[u64] {
        &self.hashes[..self.len]
    }
}

impl Shape {
    /// The shape of a filter and the sum for its plain text; `None` if it has too many levels.
    fn of(hasher: &Hasher, filter: &[u8]) -> Option<(Self, u64)> {
        let (mut shape, mut sums) = (Self { plain: 0, depth: 0, multi: false }, [0; DEPTH_MAX]);
        let mut rest = Some(filter);
        while let Some(text) = rest {
            let (level, after) = split_level(text);
            rest = after;
            if level == b"#" {
                shape.multi = true;
                break;
            }
            let nth = usize::from(shape.depth);
            let sum = sums.get_mut(nth)?;
            if level != b"+" {
                *sum = hasher.level(nth, hasher.text(level));
                shape.plain |= 1 << nth;
            }
            shape.depth += 1;
        }
        Some((shape, shape.sum(&sums)))
    }

    /// Whether filters of this shape can match a topic of so many levels.
    #[inline]
    fn fits(self, depth: usize) -> bool {
        let own = usize::from(self.depth);
        // `a/#` matches `a` as well.
        own == depth || (self.multi && own < depth)
    }

    /// The sum of the hashes of the levels that are plain text.
    #[inline]
    fn sum(self, levels: &[u64; DEPTH_MAX]) -> u64 {
        let (mut sum, mut plain) = (0_u64, self.plain);
        while plain != 0 {
            sum = sum.wrapping_add(levels[plain.trailing_zeros() as usize % DEPTH_MAX]);
            plain &= plain - 1;
        }
        sum
    }
}

/// Where filters of the nth shape are that have this plain text.
///
/// A number for the shape takes the lowest bits of those that the table looks at. So the places of two shapes are never the
/// same, which would name a filter twice; and filters that differ in shape alone are neighbours.
#[inline]
const fn place(sum: u64, nth: usize) -> u64 {
    const NUMBERS: u64 = ((1 << NUMBER_BITS) - 1) << 32;
    (sum & !NUMBERS) | (nth as u64 + 1) << 32
}
