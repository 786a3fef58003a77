//! The search for all nodes on the paths of one topic.
//!
//! Depth first, so that a fixed number of places holds what is still to be visited; but some nodes of one depth at a
//! time, so that the processor waits for their memory at once and not for one after another.

use super::hash::{DEPTH_MAX, Hasher, Path, Step};
use super::levels::Levels;
use super::prefixes::{Prefixes, Ways};

/// Nodes that are visited together. Each leaves at most two for the next depth.
const BATCH: usize = 12;

/// Names every filter that may match, each once: all that do, and those that agree with the topic as far as nodes tell.
///
/// Visits no more nodes than the filters that agree so far have levels, and no more than 3 for each way to replace
/// levels of the topic by `+`. Returns how many nodes it visited.
#[inline]
pub(crate) fn candidates(hasher: &Hasher, prefixes: &Prefixes, levels: &Levels, mut each: impl FnMut(u32)) -> usize {
    prefixes.fetch_literal(hasher, levels.hashes());
    let mut todo = Todo::new(hasher.root());
    let mut visited = 0;
    while let Some((depth, batch)) = todo.pop() {
        let level = levels.hashes().get(depth).copied();
        let mut ends = Batch { paths: [Path::default(); 2 * BATCH], len: 0 };
        for path in batch.paths() {
            let Some(ways) = prefixes.visit(*path, &mut each) else {
                continue;
            };
            if ways.has(Ways::MULTI) {
                ends.push(hasher.path(*path, Step::Multi));
            }
            match level {
                Some(level) => {
                    if ways.has(Ways::LITERAL) {
                        todo.push(depth + 1, hasher.path(*path, Step::Literal(level)));
                    }
                    if ways.has(Ways::PLUS) {
                        todo.push(depth + 1, hasher.path(*path, Step::Plus));
                    }
                }
                None if ways.has(Ways::END) => ends.push(hasher.path(*path, Step::End)),
                None => {}
            }
        }
        prefixes.fetch(todo.deepest());
        for path in ends.paths() {
            visit_end(prefixes, hasher, *path, &mut each);
        }
        visited += batch.len + ends.len;
    }
    visited
}

/// Names the filters whose path is complete. It has a node of its own unless hashes collide.
#[inline]
fn visit_end(prefixes: &Prefixes, hasher: &Hasher, mut path: Path, mut listed: impl FnMut(u32)) {
    while prefixes.visit(path, &mut listed).is_some_and(|ways| ways.has(Ways::END)) {
        path = hasher.path(path, Step::End);
    }
}

/// The nodes still to be visited, in the order of depth.
///
/// Nodes are added for one depth below the batch that was taken last, so that there are at most [`BATCH`] left behind
/// at each depth and twice as many at the deepest.
struct Todo {
    paths: [Path; BATCH * (DEPTH_MAX + 2)],
    len: usize,
    /// How many of them are at each depth.
    counts: [u8; DEPTH_MAX + 1],
    depth: usize,
}

impl Todo {
    #[inline]
    fn new(root: Path) -> Self {
        let paths = [Path::default(); BATCH * (DEPTH_MAX + 2)];
        let mut todo = Self { paths, len: 0, counts: [0; DEPTH_MAX + 1], depth: 0 };
        todo.push(0, root);
        todo
    }

    #[inline]
    fn push(&mut self, depth: usize, path: Path) {
        self.paths[self.len] = path;
        self.len += 1;
        self.counts[depth] += 1;
        self.depth = depth;
    }

    #[inline]
    fn pop(&mut self) -> Option<(usize, Batch<BATCH>)> {
        while self.counts[self.depth] == 0 {
            self.depth = self.depth.checked_sub(1)?;
        }
        let len = usize::from(self.counts[self.depth]).min(BATCH);
        self.counts[self.depth] -= len as u8;
        self.len -= len;
        // A whole batch is copied whatever its length: that is a few instructions, not a call.
        let paths = *self.paths.get(self.len..)?.first_chunk()?;
        Some((self.depth, Batch { paths, len }))
    }

    #[inline]
    fn deepest(&self) -> &[Path] {
        &self.paths[self.len - usize::from(self.counts[self.depth])..self.len]
    }
}

struct Batch<const N: usize> {
    paths: [Path; N],
    len: usize,
}

impl<const N: usize> Batch<N> {
    #[inline]
    fn push(&mut self, path: Path) {
        self.paths[self.len] = path;
        self.len += 1;
    }

    #[inline]
    fn paths(&self) -> &[Path] {
        &self.paths[..self.len]
    }
}
