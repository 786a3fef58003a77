//! The wildcard filters of common shapes, found without a way that leads to them.
//!
//! The shape of a filter is how many levels it has, which of them are `+`, and whether `#` follows. Filters are many,
//! but shapes are few: so each shape that occurs is tried on a topic. What the filters of a shape must have where they
//! are plain text is then known from the topic alone, and a hash table tells whether there is such a filter. No try
//! waits for the outcome of another, so the processor waits for the memory of all of them at once.
//!
//! To try shapes that somebody made up to slow down others would cost every topic: so there are at most [`SHAPES_MAX`]
//! of them, and each has a table of its own, which stays in the processor's cache while its filters are few. A filter
//! of one shape more has to be kept elsewhere.

use alloc::vec::Vec;

use super::hash::{DEPTH_MAX, Hasher};
use super::levels::Levels;
use super::table::Table;
use super::text::split_level;

/// Shapes that are tried on a topic.
const SHAPES_MAX: usize = 64;

pub(crate) struct Shapes {
    /// Those that occur.
    common: Vec<Common>,
    /// Tests make shapes scarce.
    #[cfg(test)]
    pub(crate) shapes_max: usize,
}

/// The filters of one shape, by the hash of their plain text.
struct Common {
    shape: Shape,
    filters: Table<u32>,
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
    places: [Place; SHAPES_MAX],
    len: usize,
}

#[derive(Clone, Copy)]
struct Place {
    nth: usize,
    hash: u64,
}

impl Shapes {
    pub(crate) const fn new() -> Self {
        Self {
            common: Vec::new(),
            #[cfg(test)]
            shapes_max: SHAPES_MAX,
        }
    }

    /// Adds a filter that is not here yet; says whether it did.
    pub(crate) fn insert(&mut self, hasher: &Hasher, id: u32, text: &[u8]) -> bool {
        let Some((shape, hash)) = Shape::of(hasher, text) else {
            return false;
        };
        let nth = self.number(shape).unwrap_or(self.common.len());
        if nth == self.common.len() {
            if nth >= self.shapes_max() {
                return false;
            }
            self.common.push(Common { shape, filters: Table::new() });
        }
        self.common[nth].filters.insert(hash, id);
        true
    }

    /// Removes a filter; says whether it was here.
    pub(crate) fn remove(&mut self, hasher: &Hasher, id: u32, text: &[u8]) -> bool {
        let known = Shape::of(hasher, text).and_then(|(shape, hash)| Some((self.number(shape)?, hash)));
        let Some((nth, hash)) = known else {
            return false;
        };
        let filters = &mut self.common[nth].filters;
        let Some(at) = filters.find(hash, |other| *other == id) else {
            return false;
        };
        filters.remove(at);
        if filters.is_empty() {
            self.common.swap_remove(nth);
        }
        if self.common.is_empty() {
            self.common = Vec::new();
        }
        true
    }

    /// The number under which a filter with this text is here.
    pub(crate) fn id<'a>(&self, hasher: &Hasher, text: &[u8], text_of: impl Fn(u32) -> &'a [u8]) -> Option<u32> {
        let (shape, hash) = Shape::of(hasher, text)?;
        let filters = &self.common[self.number(shape)?].filters;
        let at = filters.find(hash, |id| text_of(*id) == text)?;
        Some(filters.item(at))
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.common.is_empty()
    }

    /// Adds where to look for a topic. Has the processor fetch that memory.
    #[inline]
    pub(crate) fn locate(&self, hasher: &Hasher, levels: &Levels, places: &mut Places) {
        let mut hashes = [0; DEPTH_MAX];
        for (nth, (hash, level)) in hashes.iter_mut().zip(levels.hashes()).enumerate() {
            *hash = hasher.level(nth, *level);
        }
        for (nth, common) in self.common.iter().enumerate() {
            if common.shape.fits(levels.depth()) {
                let hash = common.shape.hash(&hashes);
                places.push(Place { nth, hash });
            }
        }
        let read = places.all().iter().fold(0, |read, place| read ^ self.common[place.nth].filters.peek(place.hash));
        core::hint::black_box(read);
    }

    /// The filters in these places, each once: those that match the topic, and hardly any other.
    #[inline]
    pub(crate) fn candidates(&self, places: &Places, mut each: impl FnMut(u32)) {
        for Place { nth, hash } in places.all() {
            self.common[*nth].filters.find(*hash, |id| {
                each(*id);
                false
            });
        }
    }

    fn number(&self, shape: Shape) -> Option<usize> {
        self.common.iter().position(|common| common.shape == shape)
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
    pub(crate) const fn new() -> Self {
        Self { places: [Place { nth: 0, hash: 0 }; SHAPES_MAX], len: 0 }
    }

    #[inline]
    fn all(&self) -> &[Place] {
        &self.places[..self.len]
    }

    #[inline]
    fn push(&mut self, place: Place) {
        self.places[self.len] = place;
        self.len += 1;
    }
}

impl Shape {
    /// The shape of a filter and the hash of its plain text; `None` if it has too many levels.
    fn of(hasher: &Hasher, filter: &[u8]) -> Option<(Self, u64)> {
        let (mut shape, mut hashes) = (Self { plain: 0, depth: 0, multi: false }, [0; DEPTH_MAX]);
        let mut rest = Some(filter);
        while let Some(text) = rest {
            let (level, after) = split_level(text);
            rest = after;
            if level == b"#" {
                shape.multi = true;
                break;
            }
            let nth = usize::from(shape.depth);
            let hash = hashes.get_mut(nth)?;
            if level != b"+" {
                *hash = hasher.level(nth, hasher.text(level));
                shape.plain |= 1 << nth;
            }
            shape.depth += 1;
        }
        Some((shape, shape.hash(&hashes)))
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
    fn hash(self, levels: &[u64; DEPTH_MAX]) -> u64 {
        let (mut sum, mut plain) = (0_u64, self.plain);
        while plain != 0 {
            sum = sum.wrapping_add(levels[plain.trailing_zeros() as usize % DEPTH_MAX]);
            plain &= plain - 1;
        }
        sum
    }
}
