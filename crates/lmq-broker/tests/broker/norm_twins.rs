//! The same dialogue in MQTT 3.1.1 and in 5.0: what both have happens in both, in the same order.

use proptest::prelude::*;

use crate::common::{Level, PINGREQ, World, mqtt, puback, pubcomp, pubrec, pubrel};

const NAMES: [&str; 3] = ["a", "b", "c"];
const TOPICS: [&str; 3] = ["t/1", "t/2", "u"];
const FILTERS: [&str; 5] = ["t/1", "t/+", "#", "u", "t/#"];

#[derive(Clone, Debug)]
enum Op {
    Join { kept: bool },
    Cut,
    Disconnect,
    Ping,
    Subscribe { filter: usize, qos: u8 },
    Unsubscribe { filter: usize },
    Publish { topic: usize, flags: u8, id: u16 },
    PubAck(u16),
    PubRec(u16),
    PubRel(u16),
    PubComp(u16),
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let id = || 1..6_u16;
    prop_oneof![
        3 => any::<bool>().prop_map(|kept| Op::Join { kept }),
        1 => Just(Op::Cut),
        1 => Just(Op::Disconnect),
        1 => Just(Op::Ping),
        3 => (0..FILTERS.len(), 0..3_u8).prop_map(|(filter, qos)| Op::Subscribe { filter, qos }),
        1 => (0..FILTERS.len()).prop_map(|filter| Op::Unsubscribe { filter }),
        6 => (0..TOPICS.len(), flags(), id()).prop_map(|(topic, flags, id)| Op::Publish { topic, flags, id }),
        2 => id().prop_map(Op::PubAck),
        2 => id().prop_map(Op::PubRec),
        2 => id().prop_map(Op::PubRel),
        2 => id().prop_map(Op::PubComp),
        1 => Just(Op::Restart),
    ]
}

/// RETAIN, QoS, and DUP where there is one.
fn flags() -> impl Strategy<Value = u8> {
    (0..3_u8, prop::bool::weighted(0.2), any::<bool>())
        .prop_map(|(qos, retain, dup)| u8::from(retain) | qos << 1 | u8::from(dup && qos > 0) << 3)
}

fn play(level: Level, window: u16, ops: &[(usize, Op)]) -> Vec<String> {
    let mut settings = mqtt(1);
    settings.limits.inflight_max = window;
    let mut world = World::new(settings);
    let mut seen = Vec::new();
    for (at, op) in ops {
        let name = NAMES[*at];
        let gone = world.is_gone(name);
        match op {
            Op::Restart => world.restart(),
            Op::Join { kept: true } if gone => world.connect_with(name, &level.kept(name)),
            Op::Join { kept: false } if gone => world.connect_with(name, &level.clean(name)),
            Op::Cut if !gone => world.cut(name),
            _ if !gone => world.send(name, bytes(level, op)),
            _ => {}
        }
        seen.push(format!("{name} {op:?}"));
        seen.extend(world.take_log().iter().map(|line| plain(line)));
    }
    seen
}

fn bytes(level: Level, op: &Op) -> Vec<u8> {
    match *op {
        Op::Disconnect => vec![0xe0, 0],
        Op::Ping => PINGREQ.to_vec(),
        Op::Subscribe { filter, qos } => level.subscribe(9, &[(FILTERS[filter], qos)]),
        Op::Unsubscribe { filter } => level.unsubscribe(8, &[FILTERS[filter]]),
        Op::Publish { topic, flags, id } => level.publish(flags, TOPICS[topic], &id.to_string(), id),
        Op::PubAck(id) => puback(id),
        Op::PubRec(id) => pubrec(id),
        Op::PubRel(id) => pubrel(id),
        Op::PubComp(id) => pubcomp(id),
        Op::Join { .. } | Op::Cut | Op::Restart => Vec::new(),
    }
}

/// A line without what only MQTT 5.0 says: the codes of acknowledgements.
fn plain(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match words[1] {
        "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP" | "UNSUBACK" => words[..3].join(" "),
        _ => line.into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn both_versions_play_the_same_dialogue(
        window in 1..5_u16,
        ops in prop::collection::vec((0..NAMES.len(), op()), 1..60),
    ) {
        let joined = NAMES.iter().enumerate().map(|(at, _)| (at, Op::Join { kept: at < 2 }));
        let ops: Vec<(usize, Op)> = joined.chain(ops).collect();
        prop_assert_eq!(play(Level::V3, window, &ops), play(Level::V5, window, &ops));
    }
}
