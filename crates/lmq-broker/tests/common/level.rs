//! The same dialogue in MQTT 3.1.1 and in MQTT 5.0.

use lmq_codec::Version;

use super::{Connect, World, publish_flags, publish5, subscribe, subscribe5, unsubscribe, unsubscribe5};

/// The version a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    V3,
    V5,
}

impl Level {
    pub(crate) const BOTH: [Self; 2] = [Self::V3, Self::V5];

    /// A session that begins anew and ends with its connection.
    pub(crate) fn clean(self, client_id: &str) -> Connect {
        match self {
            Self::V3 => Connect::new(client_id),
            Self::V5 => Connect::v5(client_id, &[]),
        }
    }

    /// A session that goes on and stays for ever.
    pub(crate) fn kept(self, client_id: &str) -> Connect {
        match self {
            Self::V3 => Connect::kept(client_id),
            Self::V5 => Connect { clean: false, ..Connect::v5(client_id, &[0x11, 0xff, 0xff, 0xff, 0xff]) },
        }
    }

    /// PUBLISH with the four flags as given.
    pub(crate) fn publish(self, flags: u8, topic: &str, payload: &str, id: u16) -> Vec<u8> {
        match self {
            Self::V3 => publish_flags(flags, topic, payload, id),
            Self::V5 => publish5(flags, topic, &[], payload, id),
        }
    }

    pub(crate) fn subscribe(self, id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
        match self {
            Self::V3 => subscribe(id, filters),
            Self::V5 => subscribe5(id, &[], filters),
        }
    }

    pub(crate) fn unsubscribe(self, id: u16, filters: &[&str]) -> Vec<u8> {
        match self {
            Self::V3 => unsubscribe(id, filters),
            Self::V5 => unsubscribe5(id, filters),
        }
    }

    /// The line of an UNSUBACK; only MQTT 5.0 has codes.
    pub(crate) fn unsuback(self, id: u16, codes: &[u8]) -> String {
        match self {
            Self::V3 => format!("UNSUBACK {id}"),
            Self::V5 => format!("UNSUBACK {id} {codes:?}"),
        }
    }

    /// What a client sees when it is closed; only MQTT 5.0 is told the code.
    pub(crate) fn closed(self, name: &str, code: u8, reason: &str) -> Vec<String> {
        let closed = format!("{name}: closed {reason}");
        match self {
            Self::V3 => vec![closed],
            Self::V5 => vec![format!("{name}: DISCONNECT {code:#x}"), closed],
        }
    }
}

impl World {
    /// Accepts a connection of a client that will speak MQTT 5.0.
    pub(crate) fn open5(&mut self, name: &'static str) {
        self.open(name);
        self.client(name).version = Version::V5_0;
    }

    /// A client with a clean session and its name as client id is in.
    #[track_caller]
    pub(crate) fn join(&mut self, name: &'static str, level: Level) {
        self.connect_with(name, &level.clean(name));
        self.expect([format!("{name}: CONNACK 0")]);
    }

    /// A client whose session stays, new in the broker, is in.
    #[track_caller]
    pub(crate) fn join_kept(&mut self, name: &'static str, level: Level) {
        self.connect_with(name, &level.kept(name));
        self.expect([format!("{name}: CONNACK 0")]);
    }

    /// The client comes back to its session, and these lines follow its CONNACK.
    #[track_caller]
    pub(crate) fn rejoin<const N: usize>(&mut self, name: &'static str, level: Level, lines: [&str; N]) {
        self.connect_with(name, &level.kept(name));
        let connack = format!("{name}: CONNACK 0 present");
        assert_eq!(self.take_log(), [&[&*connack][..], &lines].concat());
    }

    /// Subscribes and is granted what it asked for. The packet id is 999.
    #[track_caller]
    pub(crate) fn subscribe_in(&mut self, level: Level, name: &'static str, filter: &str, qos: u8) {
        self.send(name, level.subscribe(999, &[(filter, qos)]));
        self.expect([format!("{name}: SUBACK 999 [{qos}]")]);
    }

    /// The same as [`World::expect`] for lines that depend on the version.
    #[track_caller]
    pub(crate) fn expect_all(&mut self, lines: &[String]) {
        assert_eq!(self.take_log(), lines);
    }
}
