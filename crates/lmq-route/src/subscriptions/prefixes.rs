//! The wildcard filters, found by the paths that lead to them.
//!
//! A path is the levels of a filter from the first up to some level. Each path that more than one filter shares is a
//! node of kind [`Kind::Inner`], which says how its filters go on; the first path that a filter has for itself is a
//! node of kind [`Kind::Leaf`], which names the filter. What follows the leaf is in the filter's text only, so a
//! filter costs one node more than the paths it shares.
//!
//! Nodes are found by the hash of their path, not through their parents: where the prefixes of a topic would be is
//! known before the first is read. Two paths of one shape whose hashes agree share a node. That costs time only:
//! a node is a promise that looking further may be worth it, and a match is decided on the text.

use alloc::vec::Vec;

use super::buckets::Buckets;
use super::hash::{DEPTH_MAX, Hasher, Path, Step};
use super::table::Table;
use super::text::split_level;

pub(crate) struct Prefixes {
    nodes: Table<Node>,
    buckets: Buckets,
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// The half of the path that the table does not keep.
    low: u32,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// A filter that is alone here.
    Leaf(u32),
    /// Filters that have [`DEPTH_MAX`] levels in common, in the order of text.
    Bucket(u32),
    /// How the filters that pass go on, and their number.
    Inner(Ways, u32),
}

/// A set of steps. In a node, `LITERAL` may outlive the last filter that goes on so.
#[derive(Clone, Copy)]
pub(crate) struct Ways(u8);

/// A filter on its way from the root to its leaf.
struct Traveller<'a> {
    path: Path,
    rest: Option<&'a [u8]>,
}

impl Prefixes {
    pub(crate) const fn new() -> Self {
        Self { nodes: Table::new(), buckets: Buckets::new() }
    }

    /// Adds a filter that is not here yet.
    pub(crate) fn insert<'a>(&mut self, hasher: &Hasher, id: u32, text_of: impl Fn(u32) -> &'a [u8]) {
        let mut moving = Vec::new();
        let mut next = Some((id, Traveller::new(hasher, text_of(id))));
        while let Some((id, filter)) = next {
            moving.extend(self.settle(hasher, id, filter, &text_of).into_iter().flatten());
            next = moving.pop();
        }
    }

    /// Leads a filter to its node. If that was the leaf of another filter it becomes inner, and both have to go on.
    fn settle<'a>(
        &mut self,
        hasher: &Hasher,
        id: u32,
        mut filter: Traveller<'a>,
        text_of: &impl Fn(u32) -> &'a [u8],
    ) -> Option<[(u32, Traveller<'a>); 2]> {
        loop {
            let Some(at) = self.find(filter.path) else {
                self.nodes.insert(filter.path.bits(), Node { low: low(filter.path), kind: Kind::Leaf(id) });
                return None;
            };
            let kind = &mut self.nodes.item_mut(at).kind;
            match *kind {
                Kind::Inner(ways, count) => {
                    *kind = Kind::Inner(ways.with(filter.advance(hasher)), count + 1);
                }
                Kind::Bucket(bucket) => {
                    self.buckets.insert(bucket, id, text_of);
                    return None;
                }
                Kind::Leaf(other) if filter.path.depth() == DEPTH_MAX => {
                    *kind = Kind::Bucket(self.buckets.open(other));
                }
                Kind::Leaf(other) => {
                    let mut displaced = Traveller::new(hasher, text_of(other));
                    while displaced.path.depth() < filter.path.depth() {
                        displaced.advance(hasher);
                    }
                    let ways = Ways(0).with(displaced.advance(hasher)).with(filter.advance(hasher));
                    *kind = Kind::Inner(ways, 2);
                    return Some([(id, filter), (other, displaced)]);
                }
            }
        }
    }

    /// Removes a filter that is here.
    pub(crate) fn remove<'a>(&mut self, hasher: &Hasher, id: u32, text_of: impl Fn(u32) -> &'a [u8]) {
        let mut filter = Traveller::new(hasher, text_of(id));
        let mut trail = Vec::with_capacity(DEPTH_MAX);
        let mut vacated = loop {
            let Some(at) = self.find(filter.path) else {
                debug_assert!(false, "a filter is removed only while it is here");
                return;
            };
            match self.nodes.item(at).kind {
                Kind::Inner(..) => {
                    let path = filter.path;
                    trail.push((path, filter.advance(hasher)));
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
        while let Some((path, step)) = trail.pop() {
            vacated = self.leave(path, step, vacated);
        }
    }

    /// One filter fewer passes the inner node, which is removed with the last one; says whether it was.
    fn leave(&mut self, path: Path, step: Step, vacated: bool) -> bool {
        let Some(at) = self.find(path) else {
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
        let mut filter = Traveller::new(hasher, text);
        loop {
            match self.nodes.item(self.find(filter.path)?).kind {
                Kind::Inner(..) => {
                    filter.advance(hasher);
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
    pub(crate) fn visit(&self, path: Path, mut listed: impl FnMut(u32)) -> Option<Ways> {
        match self.nodes.item(self.find(path)?).kind {
            Kind::Leaf(id) => listed(id),
            Kind::Bucket(bucket) => self.buckets.ids(bucket).iter().for_each(|id| listed(*id)),
            Kind::Inner(ways, _) => return Some(ways),
        }
        None
    }

    /// Has the processor fetch nodes that will be visited.
    #[inline]
    pub(crate) fn fetch(&self, paths: &[Path]) {
        self.nodes.fetch(paths.iter().map(|path| path.bits()));
    }

    /// Has the processor fetch the nodes on the path of plain text.
    #[inline]
    pub(crate) fn fetch_literal(&self, hasher: &Hasher, levels: &[u64]) {
        let mut path = hasher.root();
        self.nodes.fetch(levels.iter().map(|level| {
            path = hasher.path(path, Step::Literal(*level));
            path.bits()
        }));
    }

    #[inline]
    fn find(&self, path: Path) -> Option<usize> {
        self.nodes.find(path.bits(), |node| node.low == low(path))
    }
}

#[inline]
const fn low(path: Path) -> u32 {
    path.bits() as u32
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
    pub(crate) const fn has(self, way: Self) -> bool {
        self.0 & way.0 != 0
    }
}

impl<'a> Traveller<'a> {
    fn new(hasher: &Hasher, filter: &'a [u8]) -> Self {
        Self { path: hasher.root(), rest: Some(filter) }
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
        self.path = hasher.path(self.path, step);
        step
    }
}
