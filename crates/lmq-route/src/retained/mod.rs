//! What was kept for a topic.

mod seek;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::{Entry, Range};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Bound;

use lmq_codec::{TopicFilter, TopicName};

use crate::compact::Text;
use crate::subscriptions::text::has_wildcard;
use seek::Verdict;

/// Topics, each with one value: the retained message, or what names it.
///
/// [`matching`](Self::matching) finds the topics that a new subscription's filter matches, some at a time.
///
/// # Order
/// Everything comes in ascending order of the topic's bytes, as [`TopicName`]s compare. Nothing is hashed: there is no
/// seed, and no choice of topics makes a lookup slow.
///
/// # Limits
/// How many topics there are, and how long, is for the caller to bound, who may go by [`len`](Self::len) and
/// [`bytes`](Self::bytes). A topic costs 40 bytes and the size of a value, and its text if that is longer than 38
/// bytes; the nodes that keep them are half full at worst, so twice as much: 130 bytes for a short topic with a value
/// of 8 bytes.
pub struct Retained<V> {
    topics: BTreeMap<Text, V>,
    bytes: usize,
}

/// Where [`Retained::matching`] goes on. It holds text of at most 65,535 bytes.
///
/// It belongs to the filter it was returned for. With another filter it is valid too, and leaves out the topics before
/// it.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor {
    /// No topic below this one is left.
    from: Vec<u8>,
}

impl<V> Retained<V> {
    /// Without a topic. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { topics: BTreeMap::new(), bytes: 0 }
    }

    /// Keeps a value for the topic, and returns the one that was kept before.
    pub fn insert(&mut self, topic: TopicName<'_>, value: V) -> Option<V> {
        let text = topic.as_bytes();
        match self.topics.entry(Text::new(text)) {
            Entry::Occupied(mut entry) => Some(entry.insert(value)),
            Entry::Vacant(entry) => {
                entry.insert(value);
                self.bytes += text.len();
                None
            }
        }
    }

    /// Removes the topic and returns its value.
    pub fn remove(&mut self, topic: TopicName<'_>) -> Option<V> {
        let value = self.topics.remove(topic.as_bytes())?;
        self.bytes -= topic.as_bytes().len();
        if self.topics.is_empty() {
            // An empty tree may keep a node.
            self.topics = BTreeMap::new();
        }
        Some(value)
    }

    /// The value of the topic, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, topic: TopicName<'_>) -> Option<&mut V> {
        self.topics.get_mut(topic.as_bytes())
    }

    /// The value of the topic.
    #[must_use]
    pub fn get(&self, topic: TopicName<'_>) -> Option<&V> {
        self.topics.get(topic.as_bytes())
    }

    /// Calls back for topics that the filter matches, in ascending order, and returns where to go on; `None` at the
    /// end.
    ///
    /// Begins at the first topic without a cursor. Topics may come and go between the calls: one that is there from the
    /// first call to the last comes exactly once, one that is not comes once or not at all.
    ///
    /// # Work
    /// A call looks at `work_max` topics or at one more than is left, and always gets on; long text counts more, one
    /// for each whole 1,024 bytes of topic and filter. What cannot match is passed over: `a/+/c` looks at no more than
    /// 10 topics for each second level there is, however many topics lie below that. No filter makes it look at a topic
    /// twice. So 1,000 is a step of 0.1 ms or so, and the worst filter costs as many steps as `#`.
    ///
    /// Allocates nothing but the cursor, once. Does not recurse. A filter that starts with `$share/` is not unfolded.
    pub fn matching<'a>(
        &'a self,
        filter: TopicFilter<'_>,
        cursor: Option<Cursor>,
        work_max: usize,
        mut each: impl FnMut(TopicName<'a>, &'a V),
    ) -> Option<Cursor> {
        let filter = filter.as_bytes();
        if !has_wildcard(filter) {
            if let (None, Some((text, value))) = (cursor, self.topics.get_key_value(filter)) {
                visit(text, value, each);
            }
            return None;
        }
        let mut target = cursor.map_or_else(|| seek::first(filter), |cursor| cursor.from);
        let mut topics = self.from(&target);
        let mut next = topics.next();
        let (mut work, mut near) = (0, NEAR_MAX);
        while let Some((text, value)) = next {
            let topic = text.as_bytes();
            let passed_over = near < NEAR_MAX && topic < target.as_slice();
            if work > 0 && work >= work_max {
                if !passed_over {
                    target.clear();
                    target.extend_from_slice(topic);
                }
                return Some(Cursor { from: target });
            }
            work += 1 + (topic.len() + filter.len()) / WORK_BYTES;
            if passed_over {
                near += 1;
                if near == NEAR_MAX {
                    topics = self.from(&target);
                }
                next = topics.next();
                continue;
            }
            near = NEAR_MAX;
            match seek::judge(filter, topic, &mut target) {
                Verdict::Match => visit(text, value, &mut each),
                Verdict::Next => {}
                // The target is often one of the next topics, and then nearer than by a search.
                Verdict::Seek => near = 0,
                Verdict::End => return None,
            }
            next = topics.next();
        }
        None
    }

    /// All topics in ascending order, those that begin with `$` as well.
    pub fn iter(&self) -> impl Iterator<Item = (TopicName<'_>, &V)> {
        self.topics.iter().filter_map(|(text, value)| Some((name(text)?, value)))
    }

    /// The number of topics.
    #[must_use]
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether there is no topic.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// The lengths of all topics together, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn from(&self, target: &[u8]) -> Range<'_, Text, V> {
        self.topics.range::<[u8], _>((Bound::Included(target), Bound::Unbounded))
    }
}

impl<V> Default for Retained<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> fmt::Debug for Retained<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retained").field("len", &self.len()).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({:?})", alloc::string::String::from_utf8_lossy(&self.from))
    }
}

#[inline]
fn visit<'a, V>(text: &'a Text, value: &'a V, mut each: impl FnMut(TopicName<'a>, &'a V)) {
    if let Some(topic) = name(text) {
        each(topic, value);
    }
}

/// The topic that was kept as text.
#[inline]
fn name(text: &Text) -> Option<TopicName<'_>> {
    let name = core::str::from_utf8(text.as_bytes()).ok().and_then(|text| TopicName::new(text).ok());
    debug_assert!(name.is_some(), "only topics are kept");
    name
}

/// Topics that are looked at one after another before the target is searched for.
const NEAR_MAX: usize = 4;

/// Text of which each whole such length counts like one more topic.
const WORK_BYTES: usize = 1024;
