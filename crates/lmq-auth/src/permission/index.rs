//! Finds the resources that may cover a filter without looking at all of them.
//!
//! Resources of one *shape* (how many levels, which of them `+`, with or without `#` behind) differ in their texts only, so that one look-up
//! in a hash table answers for all of them: hash the filter's levels as the shape asks, skipping those under a `+`. A session has few
//! shapes, whatever the number of its resources. What is found is compared as text afterwards, so that the hash needs no secret: who
//! builds resources with equal hashes makes the decisions of his own clients as slow as comparing all their resources is.

use alloc::vec;
use alloc::vec::Vec;

/// The most levels a shape has; deeper resources are few, and compared one by one.
const LEVELS_MAX: usize = 16;

/// Positions of rules, found by the hashes of their levels.
#[derive(Clone, Debug)]
pub(super) struct Index {
    shapes: Vec<Shape>,
    /// Open addressing, at most half full; a power of two long, or empty.
    slots: Vec<Slot>,
    used: usize,
    /// Rules that have too many levels for a shape.
    deep: Vec<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// Levels before `#`, or all.
    len: u8,
    /// Whether `#` follows.
    below: bool,
    /// Bit n: level n is `+`.
    plus: u16,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u64,
    rule: u16,
}

impl Slot {
    const EMPTY: Self = Self { key: 0, rule: u16::MAX };
}

impl Index {
    pub(super) const fn new() -> Self {
        Self { shapes: Vec::new(), slots: Vec::new(), used: 0, deep: Vec::new() }
    }

    /// Enters the rule at position `rule`, whose resource is `resource`.
    pub(super) fn insert(&mut self, resource: &str, rule: u16) {
        // The only resource that covers a filter with fewer levels than its own: it means the same as "#".
        let levels = Levels::of(if resource == "+/#" { "#" } else { resource });
        let Some(shape) = Shape::of(&levels) else {
            self.deep.push(rule);
            return;
        };
        if !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
        if (self.used + 1) * 2 > self.slots.len() {
            self.grow();
        }
        self.used += 1;
        place(&mut self.slots, Slot { key: shape.key(&levels), rule });
    }

    /// Whether `is_it` says yes to one of the rules that may cover `filter`. All that do cover it are asked about.
    pub(super) fn any(&self, filter: &str, mut is_it: impl FnMut(u16) -> bool) -> bool {
        let levels = Levels::of(filter);
        self.shapes.iter().filter(|shape| shape.may_cover(&levels)).any(|shape| {
            let key = shape.key(&levels);
            probe(&self.slots, key).any(|slot| slot.key == key && is_it(slot.rule))
        }) || self.deep.iter().any(|rule| is_it(*rule))
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(8);
        let old = core::mem::replace(&mut self.slots, vec![Slot::EMPTY; len]);
        old.into_iter().filter(|slot| slot.rule != Slot::EMPTY.rule).for_each(|slot| place(&mut self.slots, slot));
    }
}

fn place(slots: &mut [Slot], slot: Slot) {
    let mask = slots.len() - 1;
    let mut at = slot.key as usize & mask;
    while slots[at].rule != Slot::EMPTY.rule {
        at = (at + 1) & mask;
    }
    slots[at] = slot;
}

/// The slots where `key` may be, up to the first empty one.
fn probe(slots: &[Slot], key: u64) -> impl Iterator<Item = Slot> {
    let mask = slots.len().wrapping_sub(1);
    let start = key as usize;
    (0..slots.len())
        .map(move |step| slots[start.wrapping_add(step) & mask])
        .take_while(|slot| slot.rule != Slot::EMPTY.rule)
}

impl Shape {
    fn of(levels: &Levels) -> Option<Self> {
        let len = u8::try_from(levels.len).ok().filter(|len| usize::from(*len) <= LEVELS_MAX)?;
        let plus = (0..levels.len).filter(|at| levels.hashes[*at] == PLUS).fold(0, |plus, at| plus | 1 << at);
        Some(Self { len, below: levels.below, plus })
    }

    fn may_cover(self, filter: &Levels) -> bool {
        let len = usize::from(self.len);
        if self.below { len <= filter.len } else { len == filter.len && !filter.below }
    }

    fn key(self, levels: &Levels) -> u64 {
        let start = mix(u64::from(self.plus) << 16 | u64::from(self.below) << 8, u64::from(self.len));
        let texts = levels.hashes.iter().take(self.len.into()).enumerate();
        texts.fold(start, |key, (at, hash)| mix(key, if self.plus >> at & 1 == 1 { PLUS } else { *hash }))
    }
}

/// The levels of a filter as hashes.
struct Levels {
    hashes: [u64; LEVELS_MAX],
    /// Levels before `#`, or all; those beyond [`LEVELS_MAX`] are counted only.
    len: usize,
    below: bool,
}

impl Levels {
    #[inline]
    fn of(filter: &str) -> Self {
        let mut levels = Self { hashes: [0; LEVELS_MAX], len: 0, below: false };
        let mut rest = filter.as_bytes();
        loop {
            let end = rest.iter().position(|byte| *byte == b'/');
            let level = &rest[..end.unwrap_or(rest.len())];
            if level == b"#" {
                levels.below = true;
                return levels;
            }
            levels.push(hash_of(level));
            match end {
                Some(end) => rest = &rest[end + 1..],
                None => return levels,
            }
        }
    }

    fn push(&mut self, hash: u64) {
        if let Some(place) = self.hashes.get_mut(self.len) {
            *place = hash;
        }
        self.len += 1;
    }
}

/// The hash of the level `+`.
const PLUS: u64 = mix(1, short(b'+', b'+', b'+'));

/// Eight bytes at a time, the last ones overlapping: a loop over bytes would take most of a decision.
fn hash_of(level: &[u8]) -> u64 {
    let mut hash = level.len() as u64;
    if let Some(last) = level.last_chunk() {
        let mut rest = level;
        while let Some((word, tail)) = rest.split_first_chunk() {
            hash = mix(hash, u64::from_le_bytes(*word));
            rest = tail;
        }
        return mix(hash, u64::from_le_bytes(*last));
    }
    let word = match (level.first_chunk(), level.last_chunk(), level) {
        (Some(first), Some(last), _) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        (_, _, [first, .., last]) => short(*first, level[level.len() / 2], *last),
        (_, _, [only]) => short(*only, *only, *only),
        (_, _, []) => 0,
    };
    mix(hash, word)
}

/// One to three bytes.
const fn short(first: u8, middle: u8, last: u8) -> u64 {
    (first as u64) << 16 | (middle as u64) << 8 | last as u64
}

const fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash.rotate_left(23) ^ word).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 32
}
