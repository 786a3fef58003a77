//! Topic aliases of one connection of MQTT 5.0, in both directions; they end with it [MQTT-3.3.2-7].

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::num::NonZeroU16;

use lmq_codec::TopicForm;

/// What the client's aliases mean.
#[derive(Debug, Default)]
pub(crate) struct InboundAliases {
    /// By alias, from 1 on. As long as the highest one used.
    topics: Vec<Option<Arc<str>>>,
}

impl InboundAliases {
    /// Gives a meaning to an alias, which is at most what CONNACK has announced [MQTT-3.3.2-9].
    pub(crate) fn set(&mut self, alias: NonZeroU16, topic: &str) {
        let at = usize::from(alias.get()) - 1;
        if self.topics.len() <= at {
            self.topics.resize(at + 1, None);
        }
        if self.topics[at].as_deref() != Some(topic) {
            self.topics[at] = Some(topic.into());
        }
    }

    pub(crate) fn topic(&self, alias: NonZeroU16) -> Option<Arc<str>> {
        self.topics.get(usize::from(alias.get()) - 1)?.clone()
    }
}

/// The aliases we have given to topics; when all are in use, the one given first gets a new meaning.
#[derive(Debug)]
pub(crate) struct OutboundAliases {
    /// By alias, from 1 on.
    topics: Vec<Box<[u8]>>,
    max: u16,
    /// The place that is given away next once all are taken.
    oldest: usize,
}

impl OutboundAliases {
    pub(crate) const fn new(max: u16) -> Self {
        Self { topics: Vec::new(), max, oldest: 0 }
    }

    /// How the next packet should tell this topic; nothing changes until [`introduce`](Self::introduce).
    pub(crate) fn form(&self, topic: &[u8]) -> TopicForm {
        if let Some(at) = self.topics.iter().position(|known| **known == *topic) {
            return alias(at).map_or(TopicForm::Name, TopicForm::Alias);
        }
        let at = if self.topics.len() < usize::from(self.max) { self.topics.len() } else { self.oldest };
        match alias(at) {
            Some(alias) if self.max > 0 => TopicForm::Introduce(alias),
            _ => TopicForm::Name,
        }
    }

    /// The packet that introduces what [`form`](Self::form) said is on its way.
    pub(crate) fn introduce(&mut self, topic: &[u8]) {
        if self.topics.len() < usize::from(self.max) {
            self.topics.push(topic.into());
        } else if let Some(known) = self.topics.get_mut(self.oldest) {
            *known = topic.into();
            self.oldest = (self.oldest + 1) % self.topics.len();
        }
    }
}

fn alias(at: usize) -> Option<NonZeroU16> {
    NonZeroU16::new(u16::try_from(at + 1).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(form: TopicForm) -> (bool, u16) {
        match form {
            TopicForm::Name => (false, 0),
            TopicForm::Introduce(alias) => (true, alias.get()),
            TopicForm::Alias(alias) => (false, alias.get()),
        }
    }

    #[test]
    fn the_oldest_alias_gets_a_new_meaning_when_all_are_taken() {
        let mut aliases = OutboundAliases::new(2);
        let mut send = |topic: &str| {
            let topic = topic.as_bytes();
            let form = aliases.form(topic);
            if matches!(form, TopicForm::Introduce(_)) {
                aliases.introduce(topic);
            }
            number(form)
        };
        assert_eq!(
            ["a", "b", "a", "c", "b", "a"].map(&mut send),
            [(true, 1), (true, 2), (false, 1), (true, 1), (false, 2), (true, 2)]
        );
    }

    #[test]
    fn a_client_that_takes_no_alias_gets_names() {
        assert_eq!(OutboundAliases::new(0).form(b"a"), TopicForm::Name);
    }

    #[test]
    fn the_last_meaning_of_an_alias_counts() {
        let alias = |n| NonZeroU16::new(n).unwrap();
        let mut aliases = InboundAliases::default();
        aliases.set(alias(3), "a");
        aliases.set(alias(3), "b");
        assert_eq!(aliases.topic(alias(3)).as_deref(), Some("b"));
        assert_eq!((aliases.topic(alias(1)), aliases.topic(alias(4))), (None, None));
    }
}
