//! The wildcard filters, found by the paths that lead to them.
//!
//! A path is the levels of a filter from the first up to some level. Each path that more than one filter shares is a
//! node of kind [`Kind::Inner`], which says how its filters go on; the first path that a filter has for itself is a
//! node of kind [`Kind::Leaf`], which names the filter. What follows the leaf is in the filter's text only, so a
//! filter costs one node more than the paths it shares.
//!
//! Nodes are found by the hash of their path, not through their parents: where the prefixes of a topic would be is
//! known before the first is read. Two paths of one depth whose hashes agree share a node. That costs time only:
//! a node is a promise that looking further may be worth it, and a match is decided on the text.

use alloc::vec::Vec;

use super::buckets::Buckets;
use super::hash::{Hasher, Step};
use super::table::Table;
use super::text::split_level;

/// Levels that have nodes. Filters that agree in so many levels are listed under one node, in the order of their text.
pub(crate) const DEPTH_MAX: usize = 16;

pub(crate) struct Prefixes {
    nodes: Table<Node>,
    buckets: Buckets,
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// The depth, and 24 bits of the hash beside the 32 that the table keeps.
    check: u32,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// A filter that is alone here.
    Leaf(u32),
    /// Filters that have [`DEPTH_MAX`] levels in common.
    Bucket(u32),
    /// How the filters that pass go on, and their number.
    Inner(Ways, u32),
}

/// A set of steps. In a node, `LITERAL` may outlive the last filter that goes on so.
#[derive(Clone, Copy)]
pub(crate) struct Ways(u8);

/// A filter on its way from the root to its leaf.
struct Path<'a> {
    hash: u64,
    depth: usize,
    rest: Option<&'a [u8]>,
}

impl Prefixes {
    pub(crate) const fn new() -> Self {
        Self { nodes: Table::new(), buckets: Buckets::new() }
    }

    /// Adds a filter that is not here yet.
    pub(crate) fn insert<'a>(&mut self, hasher: &Hasher, id: u32, text_of: impl Fn(u32) -> &'a [u8]) {
        let mut moving = Vec::new();
        let mut next = Some((id, Path::new(hasher, text_of(id))));
        while let Some((id, path)) = next {
            moving.extend(self.settle(hasher, id, path, &text_of).into_iter().flatten());
            next = moving.pop();
        }
    }

    /// Leads a filter to its node. If that was the leaf of another filter it becomes inner, and both have to go on.
    fn settle<'a>(
        &mut self,
        hasher: &Hasher,
        id: u32,
        mut path: Path<'a>,
        text_of: &impl Fn(u32) -> &'a [u8],
    ) -> Option<[(u32, Path<'a>); 2]> {
        loop {
            let Some(at) = self.find(path.hash, path.depth) else {
                self.nodes.insert(path.hash, Node { check: check(path.hash, path.depth), kind: Kind::Leaf(id) });
                return None;
            };
            let kind = &mut self.nodes.item_mut(at).kind;
            match *kind {
                Kind::Inner(ways, count) => {
                    *kind = Kind::Inner(ways.with(path.advance(hasher)), count + 1);
                }
                Kind::Bucket(bucket) => {
                    self.buckets.insert(bucket, id, text_of);
                    return None;
                }
                Kind::Leaf(other) if path.depth == DEPTH_MAX => {
                    *kind = Kind::Bucket(self.buckets.open(other));
                }
                Kind::Leaf(other) => {
                    let mut below = Path::new(hasher, text_of(other));
                    while below.depth < path.depth {
                        below.advance(hasher);
                    }
                    let ways = Ways(0).with(below.advance(hasher)).with(path.advance(hasher));
                    *kind = Kind::Inner(ways, 2);
                    return Some([(id, path), (other, below)]);
                }
            }
        }
    }

    /// Removes a filter that is here.
    pub(crate) fn remove<'a>(&mut self, hasher: &Hasher, id: u32, text_of: impl Fn(u32) -> &'a [u8]) {
        let mut path = Path::new(hasher, text_of(id));
        let mut trail = Vec::with_capacity(DEPTH_MAX);
        let mut vacated = loop {
            let Some(at) = self.find(path.hash, path.depth) else {
                debug_assert!(false, "a filter is removed only while it is here");
                return;
            };
            match self.nodes.item(at).kind {
                Kind::Inner(..) => {
                    let hash = path.hash;
                    trail.push((hash, path.advance(hasher)));
                }
                Kind::Bucket(bucket) => {
                    if let Some(last) = self.buckets.remove(bucket, id, &text_of) {
                        self.nodes.item_mut(at).kind = Kind::Leaf(last);
                    }
                    break false;
                }
                Kind::Leaf(_) => {
                    self.nodes.remove(at);
                    break true;
                }
            }
        };
        while let Some((hash, step)) = trail.pop() {
            vacated = self.leave(hash, trail.len(), step, vacated);
        }
    }

    /// One filter fewer passes the inner node, which is removed with the last one; says whether it was.
    fn leave(&mut self, hash: u64, depth: usize, step: Step, vacated: bool) -> bool {
        let Some(at) = self.find(hash, depth) else {
            debug_assert!(false, "an inner node stays while filters pass it");
            return false;
        };
        let Kind::Inner(ways, count) = self.nodes.item(at).kind else {
            debug_assert!(false, "an inner node stays inner while filters pass it");
            return false;
        };
        if count == 1 {
            self.nodes.remove(at);
            return true;
        }
        let ways = if vacated { ways.without(step) } else { ways };
        self.nodes.item_mut(at).kind = Kind::Inner(ways, count - 1);
        false
    }

    /// The number under which a filter with this text is here.
    pub(crate) fn id<'a>(&self, hasher: &Hasher, text: &[u8], text_of: impl Fn(u32) -> &'a [u8]) -> Option<u32> {
        let mut path = Path::new(hasher, text);
        loop {
            match self.nodes.item(self.find(path.hash, path.depth)?).kind {
                Kind::Inner(..) => {
                    path.advance(hasher);
                }
                Kind::Bucket(bucket) => return self.buckets.find(bucket, text, text_of),
                Kind::Leaf(id) => return (text_of(id) == text).then_some(id),
            }
        }
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The filters listed at a node; for an inner node, how to go on.
    #[inline]
    pub(crate) fn visit(&self, hash: u64, depth: usize, mut listed: impl FnMut(u32)) -> Option<Ways> {
        match self.nodes.item(self.find(hash, depth)?).kind {
            Kind::Leaf(id) => listed(id),
            Kind::Bucket(bucket) => self.buckets.ids(bucket).iter().for_each(|id| listed(*id)),
            Kind::Inner(ways, _) => return Some(ways),
        }
        None
    }

    /// Has the processor fetch nodes that will be visited.
    #[inline]
    pub(crate) fn fetch(&self, hashes: &[u64]) {
        self.nodes.fetch(hashes.iter().copied());
    }

    /// Has the processor fetch the nodes on the path of plain text.
    #[inline]
    pub(crate) fn fetch_literal(&self, hasher: &Hasher, levels: &[u64]) {
        let mut path = hasher.root();
        self.nodes.fetch(levels.iter().map(|level| {
            path = hasher.path(path, Step::Literal(*level));
            path
        }));
    }

    #[inline]
    fn find(&self, hash: u64, depth: usize) -> Option<usize> {
        let check = check(hash, depth);
        self.nodes.find(hash, |node| node.check == check)
    }
}

#[inline]
const fn check(hash: u64, depth: usize) -> u32 {
    (hash as u32) << 8 | depth as u32
}

impl Default for Kind {
    fn default() -> Self {
        Self::Leaf(0)
    }
}

impl Ways {
    pub(crate) const LITERAL: Self = Self(1);
    pub(crate) const PLUS: Self = Self(2);
    pub(crate) const MULTI: Self = Self(4);
    pub(crate) const END: Self = Self(8);

    const fn of(step: Step) -> Self {
        match step {
            Step::Literal(_) => Self::LITERAL,
            Step::Plus => Self::PLUS,
            Step::Multi => Self::MULTI,
            Step::End => Self::END,
        }
    }

    const fn with(self, step: Step) -> Self {
        Self(self.0 | Self::of(step).0)
    }

    /// Without a step that no filter takes any more; other literal levels may remain.
    const fn without(self, step: Step) -> Self {
        match step {
            Step::Literal(_) => self,
            Step::Plus | Step::Multi | Step::End => Self(self.0 & !Self::of(step).0),
        }
    }

    #[inline]
    pub(crate) const fn literal_only(self) -> Self {
        Self(self.0 & Self::LITERAL.0)
    }

    #[inline]
    pub(crate) const fn has(self, way: Self) -> bool {
        self.0 & way.0 != 0
    }
}

impl<'a> Path<'a> {
    fn new(hasher: &Hasher, filter: &'a [u8]) -> Self {
        Self { hash: hasher.root(), depth: 0, rest: Some(filter) }
    }

    fn advance(&mut self, hasher: &Hasher) -> Step {
        let step = match self.rest {
            None => Step::End,
            Some(rest) => {
                let (level, rest) = split_level(rest);
                self.rest = rest;
                match level {
                    b"+" => Step::Plus,
                    b"#" => Step::Multi,
                    _ => Step::Literal(hasher.text(level)),
                }
            }
        };
        self.hash = hasher.path(self.hash, step);
        self.depth += 1;
        step
    }
}
