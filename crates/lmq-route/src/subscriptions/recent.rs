//! What was found for topics of late.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// Topics that are remembered at most, a power of two.
const TOPICS_MAX: usize = 1024;

/// A longer topic is not remembered.
const TOPIC_BYTES_MAX: usize = 256;

/// A topic that more wildcard filters match is not remembered.
const FILTERS_MAX: usize = 64;

/// The wildcard filters that match a topic, for topics that were asked for twice.
///
/// A topic has one place, by its hash. It gets it at the second question in a row that falls there, so that topics
/// asked for once leave the others in peace. Nothing is allocated before the first question.
pub(crate) struct Recent {
    places: Box<[Place]>,
}

#[derive(Default)]
struct Place {
    /// The hash of the last topic that asked and was not here.
    asked: u64,
    /// The version of the wildcard filters for which the rest is right.
    version: u64,
    topic: Vec<u8>,
    filters: Vec<u32>,
}

impl Recent {
    pub(crate) fn new() -> Self {
        Self { places: Box::default() }
    }

    /// What was found for the topic, if it is remembered.
    #[inline]
    pub(crate) fn filters(&self, hash: u64, topic: &[u8], version: u64) -> Option<&[u32]> {
        let place = self.places.get(place(hash))?;
        (place.version == version && place.topic == topic).then_some(&place.filters)
    }

    /// A question that had to be answered by a search: the list to fill with what is found, if that is to be remembered.
    pub(crate) fn ask(&mut self, hash: u64, topic: &[u8]) -> Option<&mut Vec<u32>> {
    }
}

#[inline]
const fn place(hash: u64) -> usize {
    hash as usize % TOPICS_MAX
}
