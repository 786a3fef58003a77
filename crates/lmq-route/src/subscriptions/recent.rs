//! What was found for topics of late.

use alloc::vec::Vec;

/// Topics that are remembered at most, a power of two.
const TOPICS_MAX: usize = 1024;

/// A longer topic is not remembered.
const TOPIC_BYTES_MAX: usize = 256;

/// A topic that more wildcard filters match is not remembered.
const FILTERS_MAX: usize = 64;

/// The wildcard filters that match a topic, for topics that came more than once.
///
/// A topic has one place, by its hash. It gets it at the second miss in a row there, so that topics that come once
/// leave the others in peace. Nothing is allocated before the first miss.
pub(crate) struct Recent {
    places: Vec<Place>,
}

#[derive(Default)]
struct Place {
    /// The hash of the last topic that was missed here.
    missed: u64,
    /// The version of the wildcard filters for which the rest is right.
    version: u64,
    topic: Vec<u8>,
    filters: Vec<u32>,
}

impl Recent {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new() }
    }

    /// What was found for the topic, if it is remembered.
    #[inline]
    pub(crate) fn filters(&self, hash: u64, topic: &[u8], version: u64) -> Option<&[u32]> {
        let place = self.places.get(place(hash))?;
        (place.version == version && place.topic == topic).then_some(&place.filters)
    }

    /// Says that a topic had to be searched for. Returns where to keep what is found, if it is to be kept.
    #[inline]
    pub(crate) fn missed(&mut self, hash: u64, topic: &[u8]) -> Option<Vacancy<'_>> {
        if self.places.is_empty() {
            self.places.reserve_exact(TOPICS_MAX);
            self.places.resize_with(TOPICS_MAX, Place::default);
        }
        let place = self.places.get_mut(place(hash))?;
        if place.missed != hash || topic.len() > TOPIC_BYTES_MAX {
            place.missed = hash;
            return None;
        }
        place.version = 0;
        place.topic.clear();
        place.topic.extend_from_slice(topic);
        place.filters.clear();
        Some(Vacancy { place, full: false })
    }
}

/// A place that is being filled. What is in it counts only after [`Vacancy::keep`].
pub(crate) struct Vacancy<'a> {
    place: &'a mut Place,
    full: bool,
}

impl Vacancy<'_> {
    #[inline]
    pub(crate) fn push(&mut self, filter: u32) {
        if self.place.filters.len() == FILTERS_MAX {
            self.full = true;
        } else {
            self.place.filters.push(filter);
        }
    }

    /// Keeps what was found for this version of the wildcard filters, which is never 0.
    #[inline]
    pub(crate) fn keep(self, version: u64) {
        if !self.full {
            self.place.version = version;
        }
    }
}

#[inline]
const fn place(hash: u64) -> usize {
    hash as usize % TOPICS_MAX
}
