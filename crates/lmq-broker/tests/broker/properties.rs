//! Whatever clients send, in whatever pieces: no panic, no difference, no loss, no disorder.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lmq_broker::InstanceIndex;
use lmq_codec::TopicName;
use proptest::{collection::vec, prelude::*};

use crate::common::{
    Connect, World, mqtt, puback, pubcomp, publish, publish_flags, pubrec, pubrel, subscribe, unsubscribe,
};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const TOPICS: [&str; 3] = ["t/1", "t/2", "u"];
const FILTERS: [&str; 5] = ["t/1", "t/+", "t/#", "#", "u"];
const SHARED: [&str; 5] = ["$share/g/t/1", "$share/g/#", "$share/h/#", "t/+", "$share/i/u"];

/// What one client does next.
#[derive(Clone, Debug)]
enum Act {
    Publish {
        topic: usize,
        qos: u8,
        retain: bool,
    },
    /// Takes the retained message of a topic away.
    Clear {
        topic: usize,
    },
    Subscribe {
        filter: usize,
        qos: u8,
    },
    Unsubscribe {
        filter: usize,
    },
    /// Acknowledges everything it has received and not acknowledged.
    Acknowledge,
    Leave {
        politely: bool,
    },
    Block,
    Unblock,
    HoldStore,
    ReleaseStore,
    HoldRoutes,
    ReleaseRoutes,
    /// What the store holds back is lost, and those who waited for it are told.
    FailStore,
    /// What the store holds back is lost with everything in memory.
    Restart,
}

/// The same with failures.
fn rough_act() -> impl Strategy<Value = Act> {
    prop_oneof![16 => act(), 1 => Just(Act::FailStore), 1 => Just(Act::Restart)]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0..TOPICS.len(), 0..3_u8, any::<bool>()).prop_map(|(topic, qos, retain)| Act::Publish { topic, qos, retain }),
        1 => (0..TOPICS.len()).prop_map(|topic| Act::Clear { topic }),
        3 => (0..FILTERS.len(), 0..3_u8).prop_map(|(filter, qos)| Act::Subscribe { filter, qos }),
        1 => (0..FILTERS.len()).prop_map(|filter| Act::Unsubscribe { filter }),
        3 => Just(Act::Acknowledge),
        1 => any::<bool>().prop_map(|politely| Act::Leave { politely }),
        1 => Just(Act::Block),
        2 => Just(Act::Unblock),
        1 => Just(Act::HoldStore),
        2 => Just(Act::ReleaseStore),
        1 => Just(Act::HoldRoutes),
        2 => Just(Act::ReleaseRoutes),
    ]
}

/// Plays a dialogue and keeps what every client received.
struct Play {
    world: World,
    kept: [bool; 4],
    filters: [&'static str; 5],
    /// Lines of each client, by connection order.
    received: BTreeMap<&'static str, Vec<String>>,
    /// Acknowledgements a client owes, as bytes.
    owed: BTreeMap<&'static str, Vec<u8>>,
    published: u32,
    /// Numbers of the messages with RETAIN.
    retained: BTreeSet<u32>,
}

impl Play {
    fn new(shards: u16, kept: [bool; 4]) -> Self {
        let mut settings = mqtt(shards);
        settings.limits.inflight_max = 8;
        let mut play = Self {
            world: World::new(settings),
            kept,
            filters: FILTERS,
            received: BTreeMap::new(),
            owed: BTreeMap::new(),
            published: 0,
            retained: BTreeSet::new(),
        };
        for at in 0..NAMES.len() {
            play.enter(at);
        }
        play
    }

    fn enter(&mut self, at: usize) {
        let connect = Connect { clean: !self.kept[at], ..Connect::new(NAMES[at]) };
        self.owed.remove(NAMES[at]);
        self.world.connect_with(NAMES[at], &connect);
        self.collect();
    }

    fn send(&mut self, at: usize, bytes: &[u8]) {
        if self.world.is_gone(NAMES[at]) {
            self.enter(at);
        }
        self.world.send(NAMES[at], bytes);
        self.collect();
    }

    fn play(&mut self, at: usize, act: &Act) {
        match act {
            Act::Publish { topic, qos, retain } => {
                self.published += 1;
                self.retained.extend(retain.then_some(self.published));
                let payload = format!("{}{qos}#{}", NAMES[at], self.published);
                let id = self.published as u16;
                self.send(at, &publish_flags(qos << 1 | u8::from(*retain), TOPICS[*topic], payload, id));
                if *qos == 2 {
                    self.send(at, &pubrel(id));
                }
            }
            Act::Clear { topic } => self.send(at, &publish_flags(1, TOPICS[*topic], "", 0)),
            Act::Subscribe { filter, qos } => self.send(at, &subscribe(7, &[(self.filters[*filter], *qos)])),
            Act::Unsubscribe { filter } => self.send(at, &unsubscribe(8, &[self.filters[*filter]])),
            Act::Acknowledge => self.acknowledge(at),
            Act::Leave { politely } => {
                if *politely {
                    self.send(at, &[0xe0, 0]);
                }
                if !self.world.is_gone(NAMES[at]) {
                    self.world.cut(NAMES[at]);
                }
                self.collect();
                self.enter(at);
            }
            Act::Block => self.world.block(NAMES[at]),
            Act::Unblock => self.world.unblock(NAMES[at]),
            Act::HoldStore => self.world.hold_store(),
            Act::ReleaseStore => self.world.release_store(),
            Act::HoldRoutes => self.world.hold_routes(),
            Act::ReleaseRoutes => self.world.release_routes(),
            Act::FailStore => self.world.fail_held(),
            Act::Restart => {
                self.world.mend_store();
                self.world.restart();
                (0..NAMES.len()).for_each(|at| self.enter(at));
            }
        }
        self.collect();
    }

    fn acknowledge(&mut self, at: usize) {
        let owed = self.owed.remove(NAMES[at]).unwrap_or_default();
        self.send(at, &owed);
    }

    fn collect(&mut self) {
        for line in self.world.take_log() {
            let Some((name, what)) = line.split_once(": ") else { continue };
            let name = NAMES.into_iter().find(|known| *known == name).expect("a client");
            let owed = self.owed.entry(name).or_default();
            let id = || what.split(['#', ' ']).find_map(|word| word.parse::<u16>().ok()).expect("an id");
            match what.split(' ').next() {
                Some("q1") => owed.extend(puback(id())),
                Some("q2") => owed.extend(pubrec(id())),
                Some("PUBREL") => owed.extend(pubcomp(id())),
                _ => {}
            }
            self.received.entry(name).or_default().push(what.into());
        }
    }

    /// Nothing is held back any more and everybody acknowledges until nothing comes.
    fn settle(&mut self) {
        self.world.release_routes();
        self.world.release_store();
        // A page of what an earlier start left that could not be read is asked for again, not at once.
        if (0..self.world.settings.shards).any(|node| !self.world.shard(node.into()).is_ready()) {
            self.world.advance(Duration::from_secs(1));
        }
        for name in NAMES {
            self.world.unblock(name);
        }
        self.collect();
        while self.owed.values().any(|owed| !owed.is_empty()) {
            for at in 0..NAMES.len() {
                self.acknowledge(at);
            }
        }
    }
}

/// Topics and payloads of one QoS in the order they came; those left out that are empty, sent again, or were kept.
fn messages<'a>(lines: &'a [String], qos: &str) -> Vec<(&'a str, &'a str)> {
    let live = |line: &&String| !line.contains(" dup ") && !line.contains(" retain ") && !line.ends_with(' ');
    let of_qos = lines.iter().filter(|line| line.starts_with(qos)).filter(live);
    of_qos
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(head, payload)| Some((head.rsplit(' ').next()?, payload)))
        .collect()
}

/// The packet ids that publishers were acknowledged, which are the numbers of their messages.
fn acknowledged(play: &Play) -> Vec<u32> {
    let lines = play.received.values().flatten();
    let ids = lines.filter_map(|line| line.strip_prefix("PUBACK ").or_else(|| line.strip_prefix("PUBREC ")));
    ids.filter_map(|id| id.parse().ok()).collect()
}

fn number(payload: &str) -> u32 {
    payload.split('#').nth(1).and_then(|number| number.parse().ok()).expect("a payload of ours")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Messages of one publisher on one topic keep their order per QoS [MQTT-4.6.0-6], QoS 2 comes once, and in the end nothing is pending.
    #[test]
    fn random_dialogues_keep_order_and_lose_nothing(
        shards in 1..=3_u16,
        kept in any::<[bool; 4]>(),
        acts in vec((0..NAMES.len(), act()), 1..120),
    ) {
        let mut play = Play::new(shards, kept);
        for (at, act) in &acts {
            play.play(*at, act);
        }
        play.settle();
        for (name, lines) in &play.received {
            for qos in ["q0", "q1", "q2"] {
                // By topic, publisher and the QoS it was published with.
                let mut streams: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
                for (topic, payload) in messages(lines, qos) {
                    let publisher = payload.split('#').next().unwrap_or_default();
                    streams.entry((topic, publisher)).or_default().push(number(payload));
                }
                for numbers in streams.values() {
                    prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{} {} {:?}", name, qos, numbers);
                }
            }
        }
        let stats = play.world.stats();
        prop_assert_eq!((stats.effects_pending, stats.connections), (0, 4));
        for name in NAMES {
            let session = play.world.session(name).expect("it is connected");
            prop_assert_eq!((session.inflight, session.queued, session.stored), (0, 0, 0));
        }
    }

    /// A subscriber that stays gets every message of QoS 1 and 2 exactly once, whoever else comes and goes.
    #[test]
    fn a_live_subscriber_misses_nothing(
        shards in 1..=3_u16,
        kept in any::<[bool; 4]>(),
        acts in vec((0..NAMES.len(), act()), 1..80),
    ) {
        let mut play = Play::new(shards, kept);
        play.send(0, &subscribe(1, &[("#", 2)]));
        let mut expected = Vec::new();
        for (at, act) in &acts {
            let disturbs = matches!(act, Act::Leave { .. } | Act::Unsubscribe { .. } | Act::Subscribe { .. } | Act::Publish { qos: 0, .. });
            if disturbs && *at == 0 || matches!(act, Act::Leave { .. }) {
                continue;
            }
            play.play(*at, act);
            if let Act::Publish { qos: 1.., .. } = act {
                expected.push(play.published);
            }
        }
        play.settle();
        let lines = &play.received["a"];
        let mut got: Vec<u32> = ["q1", "q2"].iter().flat_map(|qos| messages(lines, qos)).map(|(_, payload)| number(payload)).collect();
        got.sort_unstable();
        prop_assert_eq!(got, expected);
    }

    /// Whatever was acknowledged reaches a kept subscriber, through reconnections, failures of the store and restarts.
    #[test]
    fn what_is_acknowledged_is_never_lost(
        shards in 1..=3_u16,
        qos in 1..=2_u8,
        acts in vec((0..NAMES.len(), rough_act()), 1..120),
    ) {
        let mut play = Play::new(shards, [true; 4]);
        play.send(0, &subscribe(1, &[("#", qos)]));
        for (at, act) in &acts {
            let disturbs = matches!(act, Act::Unsubscribe { .. } | Act::Subscribe { .. });
            if !(disturbs && *at == 0) {
                play.play(*at, act);
            }
        }
        play.settle();
        let gone: Vec<usize> = (0..NAMES.len()).filter(|at| play.world.is_gone(NAMES[*at])).collect();
        gone.into_iter().for_each(|at| play.enter(at));
        play.settle();
        let lines = &play.received["a"];
        let with_payload = lines.iter().filter(|line| line.starts_with('q') && !line.ends_with(' '));
        let got: Vec<u32> = with_payload.filter_map(|line| line.rsplit(' ').next()).map(number).collect();
        for id in acknowledged(&play) {
            prop_assert!(got.contains(&id), "{} of {:?}", id, got);
        }
        // [MQTT-4.3.3-1]: exactly once. One that was sent before says so.
        let mut twice: Vec<u32> = messages(lines, "q2").iter().map(|(_, payload)| number(payload)).collect();
        twice.sort_unstable();
        prop_assert!(twice.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", twice);
    }

    /// One member of each group gets a message, whoever comes and goes meanwhile. What was sent with QoS 1 to a client that was
    /// lost with its session comes once more, and of QoS 2 such a message is lost with it [MQTT-4.8.2-5].
    #[test]
    fn one_member_of_each_group_gets_each_message(
        shards in 1..=3_u16,
        others_kept in any::<bool>(),
        acts in vec((0..NAMES.len(), act()), 1..120),
    ) {
        // In every group one member stays, so that no group ends.
        let mut play = Play::new(shards, [true, others_kept, true, others_kept]);
        for (at, act) in [(0, Act::Unblock)].iter().chain(&acts) {
            for (at, share) in ["$share/g/#", "$share/g/#", "$share/h/#", "$share/h/#"].into_iter().enumerate() {
                if play.world.session(NAMES[at]).is_none_or(|session| session.subscriptions == 0) {
                    play.send(at, &subscribe(7, &[(share, 2)]));
                }
            }
            if !matches!(act, Act::Subscribe { .. } | Act::Unsubscribe { .. }) {
                play.play(*at, act);
            }
        }
        play.settle();
        let acknowledged = acknowledged(&play);
        for members in NAMES.chunks(2) {
            let mut copies: BTreeMap<(&str, u32), u32> = BTreeMap::new();
            let lines = members.iter().filter_map(|member| play.received.get(member));
            for (line, qos) in lines.flat_map(|lines| ["q1", "q2"].map(|qos| (lines, qos))) {
                for (_, payload) in messages(line, qos) {
                    *copies.entry((qos, number(payload))).or_default() += 1;
                }
                // One that was lost on its first way.
                for resent in line.iter().filter(|line| line.starts_with(qos) && line.contains(" dup ")) {
                    copies.entry((qos, number(resent.rsplit(' ').next().unwrap_or_default()))).or_insert(1);
                }
            }
            for ((qos, number), count) in &copies {
                prop_assert!(*count == 1 || *qos == "q1" && !others_kept, "{} {} times: {:?}", number, count, copies);
            }
            for id in &acknowledged {
                let came = ["q1", "q2"].iter().any(|qos| copies.contains_key(&(*qos, *id)));
                let may_be_lost = !others_kept && play.received.values().flatten().any(|line| *line == format!("PUBREC {id}"));
                prop_assert!(came || may_be_lost, "{} of {:?}", id, copies);
            }
        }
        let stats = play.world.stats();
        prop_assert_eq!((stats.effects_pending, stats.connections, stats.dropped_queue_full), (0, 4, 0));
    }

    /// Whatever happens to members, owners and stores, nothing is left waiting and the groups go on.
    #[test]
    fn groups_survive_everything(
        shards in 1..=3_u16,
        kept in any::<[bool; 4]>(),
        acts in vec((0..NAMES.len(), rough_act()), 1..120),
    ) {
        let mut play = Play::new(shards, kept);
        play.filters = SHARED;
        for (at, act) in &acts {
            play.play(*at, act);
        }
        play.settle();
        for (at, name) in NAMES.into_iter().enumerate() {
            if play.world.is_gone(name) {
                play.enter(at);
            }
            play.send(at, &unsubscribe(8, &SHARED));
        }
        play.settle();
        prop_assert_eq!((play.world.stats().effects_pending, play.world.stats().subscriptions), (0, 0));
        let before = play.world.stats().dropped_shared;
        for at in [1, 2] {
            play.send(at, &subscribe(7, &[("$share/g/#", 1)]));
        }
        play.received.clear();
        for at in 0..NAMES.len() {
            play.play(at, &Act::Publish { topic: at % TOPICS.len(), qos: 1, retain: false });
        }
        play.settle();
        let copies = ["b", "c"].map(|name| messages(&play.received[name], "q1").len());
        prop_assert_eq!(copies, [2, 2]);
        prop_assert_eq!(play.world.stats().dropped_shared, before);
        for name in NAMES {
            let session = play.world.session(name).expect("it is connected");
            prop_assert_eq!((session.inflight, session.queued, session.stored), (0, 0, 0));
        }
    }

    /// Every shard and the stores keep the same, and it is what was acknowledged last, unless somebody else came behind.
    #[test]
    fn what_is_kept_is_what_was_acknowledged(
        shards in 1..=3_u16,
        kept in any::<[bool; 4]>(),
        acts in vec((0..NAMES.len(), rough_act()), 1..120),
    ) {
        let mut play = Play::new(shards, kept);
        // By topic and publisher: messages with RETAIN, and topics that may be without one.
        let mut sent: BTreeMap<(usize, usize), Vec<u32>> = BTreeMap::new();
        let mut cleared = BTreeSet::new();
        for (at, act) in &acts {
            play.play(*at, act);
            match act {
                Act::Publish { topic, qos, retain: true } => {
                    sent.entry((*topic, *at)).or_default().push(play.published);
                    cleared.extend((*qos == 0).then_some(*topic));
                }
                Act::Clear { topic } => { cleared.insert(*topic); }
                _ => {}
            }
        }
        play.settle();
        let acknowledged = acknowledged(&play);
        let stats = play.world.stats();
        // A store that failed may have what nobody is told any more.
        let stored = play.world.stored_retained() as u64;
        let failed = acts.iter().any(|(_, act)| matches!(act, Act::FailStore));
        prop_assert!(stats.effects_pending == 0 && (stats.retained == stored || failed && stats.retained < stored));
        let mut lines = vec!["late: CONNACK 0".to_owned(), "late: SUBACK 1 [0]".to_owned()];
        for (topic, name) in TOPICS.iter().enumerate() {
            let of = TopicName::new(name).unwrap();
            let shard = |node: u16| play.world.shard(node.into());
            let at = |node| shard(node).retained(InstanceIndex(0), of).map(|message| message.payload.clone());
            let payload = at(0);
            prop_assert!((0..shards).all(|node| at(node) == payload), "{}", name);
            let Some(payload) = payload else {
                let lost = sent.iter().filter(|((of, _), _)| *of == topic).flat_map(|(_, numbers)| numbers);
                prop_assert!(cleared.contains(&topic) || lost.clone().all(|number| !acknowledged.contains(number)), "{}", name);
                continue;
            };
            let payload = String::from_utf8_lossy(&payload).into_owned();
            lines.push(format!("late: q0 retain {name} {payload}"));
            let publisher = NAMES.iter().position(|name| payload.starts_with(name)).unwrap();
            let later = sent[&(topic, publisher)].iter().filter(|later| **later > number(&payload));
            prop_assert!(later.clone().all(|later| !acknowledged.contains(later)), "{} {}", name, payload);
        }
        play.world.connect_with("late", &Connect::new("late"));
        play.world.send("late", subscribe(1, &[("#", 0)]));
        prop_assert_eq!(play.world.take_log(), lines);
    }

    /// What was kept of a topic does not come behind a newer message that was kept as well.
    #[test]
    fn nobody_is_told_an_older_state_behind_a_newer_one(acts in vec((0..NAMES.len(), act()), 1..120)) {
        let mut play = Play::new(1, [false; 4]);
        for (at, act) in &acts {
            play.play(*at, act);
        }
        play.settle();
        for lines in play.received.values() {
            let mut last: BTreeMap<&str, u32> = BTreeMap::new();
            for line in lines.iter().filter(|line| line.starts_with('q') && !line.ends_with(' ')) {
                let (head, payload) = line.rsplit_once(' ').unwrap();
                let topic = head.rsplit(' ').next().unwrap();
                let number = number(payload);
                if line.contains(" retain ") {
                    let before = last.get(topic).copied().unwrap_or_default();
                    prop_assert!(number >= before, "{} behind {}", line, before);
                } else if play.retained.contains(&number) {
                    last.insert(topic, number);
                }
            }
        }
    }

    /// However many shards there are, every client receives the same.
    #[test]
    fn one_shard_and_three_deliver_the_same(
        kept in any::<[bool; 4]>(),
        acts in vec((0..NAMES.len(), act()), 1..100),
    ) {
        // A kept message may come twice, once as it was published, and how often depends on the way.
        let calm = |act: &Act| !matches!(act, Act::HoldStore | Act::HoldRoutes | Act::Block | Act::Publish { retain: true, .. });
        let received = [1, 3].map(|shards| {
            let mut play = Play::new(shards, kept);
            for (at, act) in acts.iter().filter(|(_, act)| calm(act)) {
                play.play(*at, act);
            }
            play.settle();
            // Answers of our own packets and messages of others may change places; each kind keeps its order.
            play.received.clone().into_iter().map(|(name, lines)| {
                let (messages, answers): (Vec<String>, Vec<String>) = lines.into_iter().partition(|line| line.starts_with('q'));
                (name, messages, answers)
            }).collect::<Vec<_>>()
        });
        prop_assert_eq!(&received[0], &received[1]);
    }

    /// Cuts change no byte of what any client gets.
    #[test]
    fn any_cut_of_the_input_gives_the_same_output(
        acts in vec((0..2_usize, act()), 1..40),
        cuts in vec(1..60_usize, 1..40),
    ) {
        let mut streams = [Connect::new("a").bytes(), Connect::new("b").bytes()];
        for (n, (at, act)) in acts.iter().enumerate() {
            let id = n as u16 + 1;
            streams[*at].extend(match act {
                // Without RETAIN: what waits for an effect waits for the next drain, and so for the end of a piece.
                Act::Publish { topic, qos, .. } => publish(TOPICS[*topic], "x".repeat(n * 7), *qos, id),
                Act::Subscribe { filter, qos } => subscribe(id, &[(FILTERS[*filter], *qos), ("$share/x/y", 0)]),
                Act::Unsubscribe { filter } => unsubscribe(id, &[FILTERS[*filter]]),
                _ => vec![0xc0, 0],
            });
        }
        let whole = transcripts(&streams, &mut |rest| rest.len());
        let mut cuts = cuts.into_iter().cycle();
        let pieces = transcripts(&streams, &mut |rest| cuts.next().unwrap_or(1).min(rest.len()));
        prop_assert_eq!(&whole, &pieces);
        prop_assert_eq!(whole, transcripts(&streams, &mut |_| 1));
    }

    /// Random bytes close their own connection at most.
    #[test]
    fn random_bytes_disturb_nobody_else(
        pieces in vec((any::<bool>(), vec(any::<u8>(), 0..40)), 1..20),
        first in prop_oneof![Just(0x10_u8), Just(0x30), Just(0x32), Just(0x34), Just(0x82), Just(0xa2), Just(0x62), any::<u8>()],
    ) {
        let mut world = World::new(mqtt(2));
        for name in ["good", "watcher"] {
            world.connect_with(name, &Connect::new(name));
        }
        world.connect_with("inside", &Connect::kept("inside"));
        world.open("outside");
        world.send("watcher", subscribe(1, &[("only/ours", 1)]));
        world.take_log();
        for (inside, bytes) in &pieces {
            let name = if *inside { "inside" } else { "outside" };
            let bytes = [&[first, bytes.len() as u8][..], bytes].concat();
            world.send(name, &bytes);
        }
        for line in world.take_log() {
            prop_assert!(!line.starts_with("good") && !line.starts_with("watcher"), "{}", line);
        }
        world.send("good", publish("only/ours", "x", 1, 1));
        let mut lines = world.take_log();
        lines.retain(|line| line.starts_with("good") || line.starts_with("watcher"));
        lines.sort();
        prop_assert_eq!(lines, ["good: PUBACK 1", "watcher: q1 #1 only/ours x"]);
    }
}

/// Client `a` says everything, then client `b`, in pieces.
fn transcripts(streams: &[Vec<u8>; 2], piece: &mut dyn FnMut(&[u8]) -> usize) -> [Vec<u8>; 2] {
    let mut world = World::new(mqtt(1));
    for (name, stream) in ["a", "b"].into_iter().zip(streams) {
        world.open(name);
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(piece(rest));
            world.send(name, now);
            rest = later;
        }
    }
    world.take_log();
    ["a", "b"].map(|name| world.transcript(name).to_vec())
}
