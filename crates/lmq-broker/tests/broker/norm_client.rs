//! A client of MQTT 5.0 that counts along: whatever its server does, it never gets more, larger, later or other than was agreed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lmq_codec::{Split, split};
use proptest::{collection::vec, prelude::*};

use crate::common::{Connect, Level, World, mqtt, puback, pubcomp, publish5, pubrec, pubrel};

/// The largest packet of a client that takes only small ones, in bytes.
const SMALL: u8 = 60;

#[derive(Clone, Debug)]
enum Act {
    Publish {
        topic: u8,
        qos: u8,
        large: bool,
        expires: bool,
    },
    /// Answers one of what is open.
    Answer(prop::sample::Index),
    Come(Terms),
    Cut,
    Wait,
    HoldStore,
    ReleaseOne,
    ReleaseStore,
}

/// What the client asks for in its next connection.
#[derive(Clone, Copy, Debug)]
struct Terms {
    receive_max: u8,
    small: bool,
    aliases: u8,
}

fn terms() -> impl Strategy<Value = Terms> {
    (1..4_u8, any::<bool>(), 0..3_u8).prop_map(|(receive_max, small, aliases)| Terms { receive_max, small, aliases })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0..3_u8, 0..3_u8, prop::bool::weighted(0.2), prop::bool::weighted(0.2))
            .prop_map(|(topic, qos, large, expires)| Act::Publish { topic, qos, large, expires }),
        6 => any::<prop::sample::Index>().prop_map(Act::Answer),
        3 => terms().prop_map(Act::Come),
        1 => Just(Act::Cut),
        1 => Just(Act::Wait),
        1 => Just(Act::HoldStore),
        2 => Just(Act::ReleaseOne),
        2 => Just(Act::ReleaseStore),
    ]
}

/// What the client owes for a packet id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    Ack,
    Received,
    Complete,
}

struct Client {
    world: World,
    terms: Terms,
    /// Of this connection, and of earlier ones where the server has to come back to it.
    open: BTreeMap<u16, Owed>,
    /// Those that came in this connection and were not finished in it.
    here: BTreeSet<u16>,
    /// Those of them that wait for an answer of the client.
    seen: BTreeSet<u16>,
    /// Those whose PUBREL has come, in any connection.
    released: BTreeSet<u16>,
    /// Ids of QoS 1 messages that a small client will not get again [MQTT-3.1.2-25]: given up, sooner or later.
    large: BTreeSet<u16>,
    aliases: BTreeMap<String, String>,
    read: usize,
    /// The last number of each topic and QoS that came for the first time.
    last: BTreeMap<(String, char), u32>,
    got: BTreeSet<u32>,
    /// What was published, would fit any client and never expires.
    promised: BTreeSet<u32>,
    number: u32,
}

impl Client {
    fn new() -> Self {
        let mut settings = mqtt(1);
        settings.limits.effect_timeout = Duration::from_secs(1_000_000);
        let mut world = World::new(settings);
        world.connect5("p", &[]);
        world.join_kept("s", Level::V5);
        world.subscribe_in(Level::V5, "s", "t/#", 2);
        let terms = Terms { receive_max: 255, small: false, aliases: 0 };
        let read = world.transcript("s").len();
        let (open, here, seen, released, large, aliases) = Default::default();
        let (last, got, promised) = Default::default();
        Self { world, terms, open, here, seen, released, large, aliases, read, last, got, promised, number: 0 }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Publish { topic, qos, large, expires } => self.publish(*topic, *qos, *large, *expires),
            Act::Answer(index) if !self.open.is_empty() => {
                let id = *index.get(&self.open.keys().copied().collect::<Vec<_>>());
                self.answer(id);
            }
            Act::Come(terms) => self.come(*terms),
            Act::Cut => {
                self.world.cut("s");
                self.here.clear();
                self.seen.clear();
            }
            Act::Wait => self.world.advance(Duration::from_secs(6)),
            Act::HoldStore => self.world.hold_store(),
            Act::ReleaseOne => self.world.release_one(),
            Act::ReleaseStore => self.world.release_store(),
            Act::Answer(_) => {}
        }
        self.check();
    }

    fn publish(&mut self, topic: u8, qos: u8, large: bool, expires: bool) {
        self.number += 1;
        let number = self.number;
        let topic = format!("t/{topic}");
        let payload = format!("{topic}:{number}:{}", if large { "x".repeat(100) } else { String::new() });
        let properties: &[u8] = if expires { &[0x02, 0, 0, 0, 5] } else { &[] };
        let id = number as u16;
        self.world.send("p", publish5(qos << 1, &topic, properties, &payload, id));
        self.world.send("p", pubrel(id));
        if qos > 0 && !large && !expires {
            self.promised.insert(number);
        }
    }

    fn answer(&mut self, id: u16) {
        // Only what came in this connection can be answered in it.
        if self.world.is_gone("s") || !self.seen.remove(&id) {
            return;
        }
        let bytes = match self.open.remove(&id) {
            Some(Owed::Ack) => {
                self.large.remove(&id);
                self.here.remove(&id);
                puback(id)
            }
            Some(Owed::Received) => {
                self.open.insert(id, Owed::Complete);
                pubrec(id)
            }
            Some(Owed::Complete) => {
                self.released.remove(&id);
                self.here.remove(&id);
                pubcomp(id)
            }
            None => return,
        };
        self.world.send("s", bytes);
    }

    fn come(&mut self, terms: Terms) {
        if !self.world.is_gone("s") {
            self.world.cut("s");
        }
        self.check();
        let kept = Level::V5.kept("s");
        let mut properties = kept.properties.clone();
        properties.extend([0x21, 0, terms.receive_max, 0x22, 0, terms.aliases]);
        if terms.small {
            properties.extend([0x27, 0, 0, 0, SMALL]);
        }
        self.terms = terms;
        self.here.clear();
        self.seen.clear();
        self.aliases.clear();
        self.read = 0;
        self.world.connect_with("s", &Connect { properties, ..kept });
    }

    fn check(&mut self) {
        self.check_sizes();
        for line in self.world.take_log() {
            let Some(line) = line.strip_prefix("s: ") else { continue };
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["PUBREL", id, ..] => self.on_pubrel(id.parse().unwrap()),
                [qos @ ("q0" | "q1" | "q2"), ..] => self.on_publish(qos, line, &words),
                _ => {}
            }
        }
    }

    /// [MQTT-3.1.2-24]
    fn check_sizes(&mut self) {
        let mut rest = &self.world.transcript("s")[self.read..];
        while let Ok(Split::Frame { frame: _, rest: behind }) = split(rest, u32::MAX) {
            let size = rest.len() - behind.len();
            assert!(!self.terms.small || size <= usize::from(SMALL), "{size} bytes");
            (self.read, rest) = (self.read + size, behind);
        }
    }

    fn on_pubrel(&mut self, id: u16) {
        // A message that its client cannot take any more is let go without being sent again [MQTT-3.1.2-25].
        let before = self.open.insert(id, Owed::Complete);
        assert!(matches!(before, Some(Owed::Complete | Owed::Received)), "PUBREL {id} after {before:?}");
        self.released.insert(id);
        self.here.insert(id);
        self.seen.insert(id);
    }

    fn on_publish(&mut self, qos: &str, line: &str, words: &[&str]) {
        let dup = words.contains(&"dup");
        let at = 1 + usize::from(qos != "q0") + usize::from(dup);
        let (topic, payload) = (self.topic(words[at], line), words[at + 1]);
        let mut parts = payload.split(':');
        // Long payloads are shown by their length alone.
        if let (Some(named), Some(Ok(number))) = (parts.next(), parts.next().map(str::parse::<u32>)) {
            assert_eq!(named, topic, "{line}");
            self.got.insert(number);
            if !dup {
                let last = self.last.insert((topic, qos.chars().last().unwrap()), number);
                // [MQTT-4.6.0-5], and no message twice.
                assert!(last.is_none_or(|last| last < number), "{line} behind {last:?}");
            }
        }
        if qos != "q0" {
            self.on_exchange(words[1][1..].parse().unwrap(), qos, dup, line);
        }
    }

    fn on_exchange(&mut self, id: u16, qos: &str, dup: bool, line: &str) {
        let owed = if qos == "q1" { Owed::Ack } else { Owed::Received };
        let before = self.open.insert(id, owed);
        // [MQTT-2.2.1-4] [MQTT-4.4.0-1]: again only under its id, in another connection, and with DUP; new ones only under a free id.
        let given_up = self.large.contains(&id) && (before.is_none() || !dup);
        // A PUBREC that was not recorded is asked for again, but not behind its PUBREL [MQTT-4.3.3-6].
        let unrecorded =
            dup && before == Some(Owed::Complete) && owed == Owed::Received && !self.released.contains(&id);
        assert!(before == dup.then_some(owed) || given_up || unrecorded, "{line} with {before:?}");
        match line.contains(" bytes") {
            true => self.large.insert(id),
            false => self.large.remove(&id),
        };
        assert!(self.seen.insert(id) && self.here.insert(id), "twice in one connection: {line}");
        // [MQTT-3.3.4-9]
        let count = self.here.len();
        assert!(count <= usize::from(self.terms.receive_max), "{count} open with {line}");
    }

    fn topic(&mut self, name: &str, line: &str) -> String {
        let Some((_, alias)) = line.split_once("TopicAlias(") else { return name.into() };
        let alias = alias.split_once(')').unwrap().0;
        // [MQTT-3.3.2-11]
        assert!(alias.parse::<u8>().unwrap() <= self.terms.aliases, "{line}");
        if name != "-" {
            self.aliases.insert(alias.into(), name.into());
        }
        // [MQTT-3.3.2-7]
        self.aliases.get(alias).unwrap_or_else(|| panic!("unknown alias: {line}")).clone()
    }

    /// Everything goes well again: what is open is finished, and what was promised has come.
    fn finish(mut self) {
        self.act(&Act::ReleaseStore);
        self.act(&Act::Come(Terms { receive_max: 3, small: true, aliases: 1 }));
        self.open.retain(|id, owed| *owed != Owed::Ack || self.seen.contains(id) || !self.large.contains(id));
        for _ in 0..10_000 {
            let Some(id) = self.open.keys().copied().find(|id| self.seen.contains(id)) else { break };
            self.answer(id);
            self.check();
        }
        assert_eq!((self.open.len(), self.world.session("s").unwrap().inflight), (0, 0), "{:?}", self.open);
        let lost: Vec<_> = self.promised.difference(&self.got).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_client_never_gets_more_than_was_agreed(acts in vec(act(), 1..80)) {
        // [MQTT-2.2.1-4] [MQTT-3.1.2-24] [MQTT-3.1.2-25] [MQTT-3.3.2-7] [MQTT-3.3.2-11] [MQTT-3.3.4-9] [MQTT-4.4.0-1] [MQTT-4.6.0-5]
        let mut client = Client::new();
        acts.iter().for_each(|act| client.act(act));
        client.finish();
    }
}
