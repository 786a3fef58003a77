//! Status events of the product: what they say of a channel must be a story.

use std::collections::BTreeMap;

use lmq_model::status::{EventType, StatusEvent};

use crate::violation::{Checker, Violation};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connected,
    SaidGoodbye,
    Clean,
}

/// The channels of all starts, and who holds them.
#[derive(Debug, Default)]
pub(crate) struct StatusBook {
    channels: BTreeMap<String, (String, Stage)>,
}

impl StatusBook {
    /// One `connect`, then perhaps `disconnect`, then one `tcpclean`; and only one open channel per client.
    pub(crate) fn take(&mut self, event: &StatusEvent) -> Result<(), Violation> {
        self.step(&event.channel_id.to_string(), event.client_id.as_ref(), event.event_type)
    }

    /// The broker ended without a word: its channels say nothing more.
    pub(crate) fn crashed(&mut self) {
        self.channels.values_mut().for_each(|(_, stage)| *stage = Stage::Clean);
    }

    pub(crate) fn open(&self) -> usize {
        self.channels.values().filter(|(_, stage)| *stage != Stage::Clean).count()
    }

    fn step(&mut self, channel: &str, client: &str, event: EventType) -> Result<(), Violation> {
        let before = self.channels.get(channel).map(|(_, stage)| *stage);
        let after = match (before, event) {
            (None, EventType::Connect) => Stage::Connected,
            (Some(Stage::Connected), EventType::Disconnect) => Stage::SaidGoodbye,
            (Some(Stage::Connected | Stage::SaidGoodbye), EventType::TcpClean) => Stage::Clean,
            _ => {
                return Err(Violation::new(Checker::Status, format!("{event} of {client} on {channel} at {before:?}")));
            }
        };
        let is_other = |(held, stage): &&(String, Stage)| held == client && *stage != Stage::Clean;
        if before.is_none() && self.channels.values().any(|channel| is_other(&channel)) {
            return Err(Violation::new(Checker::Status, format!("{client} connects while another channel is open")));
        }
        self.channels.insert(channel.to_owned(), (client.to_owned(), after));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_out_of_order_is_noticed() {
        use EventType::{Connect, Disconnect, TcpClean};
        let tell = |story: &[EventType]| {
            let mut book = StatusBook::default();
            story.iter().try_for_each(|event| book.step("channel", "client", *event))
        };
        for good in [&[Connect, TcpClean][..], &[Connect, Disconnect, TcpClean]] {
            assert_eq!(tell(good), Ok(()));
        }
        for bad in [
            &[TcpClean][..],
            &[Connect, Connect],
            &[Connect, Disconnect, Disconnect],
            &[Connect, TcpClean, TcpClean],
            &[Connect, TcpClean, Disconnect],
        ] {
            assert_eq!(tell(bad).unwrap_err().checker, Checker::Status, "{bad:?}");
        }
    }

    #[test]
    fn a_second_open_channel_is_noticed_and_a_crash_ends_all() {
        let mut book = StatusBook::default();
        book.step("one", "client", EventType::Connect).unwrap();
        assert!(book.step("two", "client", EventType::Connect).is_err());
        assert_eq!(book.open(), 1);
        book.crashed();
        assert_eq!(book.open(), 0);
        book.step("three", "client", EventType::Connect).unwrap();
    }
}
