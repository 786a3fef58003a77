//! Single faults, looked at closely.

use std::sync::Arc;

use bytes::Bytes;
use lmq_broker::{
    ClientKey, DeliveryOptions, Done, Evicted, Failed, Instance, InstanceIndex, Message, MessageId, Profile, QueueSlot,
    Quota, Settings, ShardId, StoreOp, UnixMillis,
};
use lmq_codec::QoS;
use lmq_sim::store_tests::Setup;

use super::disk::{Disk, Faults};
use crate::store::{Keep, Request, Store, database::Medium};

pub(super) fn setup(shards: u16) -> Setup {
    let mut settings = Settings::new(Profile::mqtt(), shards);
    settings.instances = ["one", "two"].map(|name| Instance { name: name.into(), ..Instance::default() }).into();
    Setup { settings: Arc::new(settings), quota: Quota { messages_max: 200, bytes_max: 20_000 } }
}

/// A store of one shard with a session, and its disk.
struct Place {
    store: Store,
    disk: Disk,
    now: UnixMillis,
    next: u64,
    era: u64,
}

fn client(client_id: &str) -> ClientKey {
    ClientKey { instance: InstanceIndex(0), client_id: client_id.into() }
}

impl Place {
    fn new(keep: Keep) -> Self {
        let disk = Disk::new(1);
        let store = Self::open(&disk, keep);
        let mut place = Self { store, disk, now: UnixMillis::new(1_700_000_000_000), next: 0, era: 0 };
        place.done(StoreOp::OpenSession { client: client("c"), clean: false, expiry_secs: 9, will: None });
        place
    }

    fn open(disk: &Disk, keep: Keep) -> Store {
        let mut store = Store::open(Box::new(disk.clone()), setup(1).settings, keep).unwrap();
        store.never_rest();
        store
    }

    /// As a shard that was told of every failure before.
    fn run(&mut self, op: StoreOp) -> (Result<Done, Failed>, Vec<Evicted>) {
        let request = Request { shard: ShardId(0), era: self.era, ticket: (), op };
        let (mut answers, aged) = self.store.execute(vec![request], self.now);
        let mut answer = answers.remove(0);
        self.era += u64::from(answer.result.is_err());
        answer.evicted.extend(aged);
        (answer.result, answer.evicted)
    }

    fn done(&mut self, op: StoreOp) -> Vec<Evicted> {
        let (result, evicted) = self.run(op);
        assert!(result.is_ok(), "{result:?}");
        evicted
    }

    fn append_to(&mut self, clients: &[&str], payload: usize) -> (Result<Done, Failed>, Vec<Evicted>) {
        self.next += 1;
        let slot = |id: &&str| QueueSlot {
            client: client(id),
            seq: self.next,
            options: DeliveryOptions::new(QoS::AtLeastOnce),
        };
        let queues = clients.iter().map(slot).collect();
        let message = Message::new(MessageId(self.next.into()), "t", Bytes::from(vec![b'x'; payload]));
        self.run(StoreOp::Append { message: Arc::new(message), queues, dedup: None })
    }

    fn append(&mut self, payload: usize) -> Result<Done, Failed> {
        self.append_to(&["c"], payload).0
    }

    fn queue(&mut self, client_id: &str) -> Vec<u64> {
        let fetch = StoreOp::Fetch { client: client(client_id), from: 0, count_max: u32::MAX, bytes_max: u32::MAX };
        match self.run(fetch).0 {
            Ok(Done::Fetched(messages)) => messages.iter().map(|stored| stored.seq).collect(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_full_disk_refuses_what_it_has_no_room_for_and_gives_back_what_it_has() {
    let mut place = Place::new(Keep::default());
    place.disk.set_faults(Faults { full: true, ..Faults::default() });
    let kept = (1..).take_while(|_| place.append(50_000).is_ok()).count() as u64;
    assert!(kept < 100, "the file must have grown");
    assert!(
        place.store.trouble().is_some_and(|trouble| trouble.starts_with("no room: ")),
        "{:?}",
        place.store.trouble()
    );
    assert_eq!(place.append(50_000), Err(Failed::Full));
    assert_eq!(place.queue("c"), (1..=kept).collect::<Vec<_>>(), "what is there can be read");
    place.store.heal();
    assert!(place.store.trouble().is_some());
    place.disk.set_faults(Faults::default());
    place.store.heal();
    assert_eq!(place.store.trouble(), None);
    assert_eq!(place.append(50_000), Ok(Done::Stored));
    assert_eq!(place.queue("c").len() as u64, kept + 1);
}

#[test]
fn a_disk_that_cannot_be_written_is_readable_and_found_to_work_again() {
    let mut place = Place::new(Keep::default());
    assert_eq!(place.append(10), Ok(Done::Stored));
    place.disk.set_faults(Faults { read_only: true, ..Faults::default() });
    assert!(place.append(10).is_err());
    assert!(place.store.trouble().is_some());
    place.store.heal();
    assert!(place.store.trouble().is_some());
    place.disk.set_faults(Faults::default());
    place.store.heal();
    assert_eq!(place.store.trouble(), None);
    assert_eq!(place.queue("c"), [1]);
}

#[test]
fn after_the_second_sync_failed_the_answer_says_what_the_disk_has() {
    let mut place = Place::new(Keep::default());
    place.disk.set_faults(Faults { sync: 2, ..Faults::default() });
    let result = place.append(10);
    let expected: &[u64] = if result.is_ok() { &[1] } else { &[] };
    assert_ne!(result, Err(Failed::TimedOut), "it could be found out");
    assert_eq!(place.disk.faults().sync, 0, "the sync failed");
    assert_eq!(place.queue("c"), expected);
    let disk = place.disk.after_power_loss();
    let store = Place::open(&disk, Keep::default());
    let mut place = Place { store, disk, era: 0, ..place };
    assert_eq!(place.queue("c"), expected, "what was said is true after the power failed");
}

#[test]
fn where_nobody_knows_whether_it_was_stored_nobody_says_so() {
    let mut place = Place::new(Keep::default());
    place.disk.go_dark_after(8);
    let results: Vec<_> = (0..3).map(|_| place.append(10)).collect();
    assert!(results.contains(&Err(Failed::TimedOut)) || results.contains(&Err(Failed::Unavailable)), "{results:?}");
    let known = results.iter().take_while(|result| result.is_ok()).count();
    let disk = place.disk.after_power_loss();
    let store = Place::open(&disk, Keep::default());
    let mut place = Place { store, disk, era: 0, ..place };
    let found = place.queue("c").len();
    let doubted = results.iter().filter(|result| **result == Err(Failed::TimedOut)).count();
    assert!((known..=known + doubted).contains(&found), "{results:?} and then {found}");
}

#[test]
fn a_payload_is_freed_with_its_last_place() {
    let mut place = Place::new(Keep::default());
    for other in ["d", "e"] {
        place.done(StoreOp::OpenSession { client: client(other), clean: false, expiry_secs: 9, will: None });
    }
    for _ in 0..40 {
        assert!(place.append_to(&["c", "d", "e"], 50_000).0.is_ok());
    }
    let once = place.disk.len();
    assert!(once < 8_000_000, "40 messages of 50,000 bytes for three clients take {once} bytes");
    for _ in 0..10 {
        let seqs: Vec<u64> = place.queue("c");
        for id in ["c", "d", "e"] {
            place.done(StoreOp::Remove { client: client(id), seqs: seqs.clone() });
            assert!(place.queue(id).is_empty());
        }
        for _ in 0..40 {
            assert!(place.append_to(&["c", "d", "e"], 50_000).0.is_ok());
        }
    }
    assert!(place.disk.len() <= 2 * once, "{once} bytes became {}", place.disk.len());
}

#[test]
fn what_is_too_old_or_too_much_is_given_up_oldest_first_and_told() {
    let keep = Keep { instance_messages_max: 3, ..Keep::default() };
    let mut place = Place::new(keep);
    place.done(StoreOp::OpenSession { client: client("d"), clean: false, expiry_secs: 9, will: None });
    assert_eq!(place.append_to(&["c"], 1).1, []);
    assert_eq!(place.append_to(&["d", "c"], 1).1, []);
    let gone = |id: &str, seqs: &[u64]| Evicted { client: client(id), seqs: seqs.to_vec() };
    assert_eq!(place.append_to(&["d"], 1).1, [gone("c", &[1])]);
    assert_eq!(place.append_to(&["d"], 1).1, [gone("d", &[2])]);
    assert_eq!((place.queue("c"), place.queue("d")), (vec![2], vec![3, 4]));
    place.now = place.now.plus(3 * 24 * 60 * 60 * 1000 - 1);
    assert_eq!(place.store.purge(place.now), (false, Vec::new()));
    assert_eq!(place.append_to(&["c"], 1).1, [gone("c", &[2])]);
    place.now = place.now.plus(1);
    assert_eq!(place.store.purge(place.now), (true, vec![gone("d", &[3, 4])]));
    assert_eq!(place.store.purge(place.now), (false, Vec::new()));
    assert_eq!((place.queue("c"), place.queue("d")), (vec![5], vec![]));
}

#[test]
fn messages_whose_time_is_over_are_cleared_away() {
    let mut place = Place::new(Keep::default());
    for (id, lives) in [(1, 10), (2, 1000)] {
        let mut message = Message::new(MessageId(id), "t", Bytes::new());
        message.expires_at = Some(place.now.plus(lives));
        let options = DeliveryOptions::new(QoS::AtLeastOnce);
        let queues = vec![QueueSlot { client: client("c"), seq: id as u64, options }];
        place.done(StoreOp::Append { message: Arc::new(message), queues, dedup: None });
    }
    assert_eq!(place.store.purge(place.now), (false, Vec::new()));
    place.now = place.now.plus(10);
    assert_eq!(place.store.purge(place.now), (true, vec![Evicted { client: client("c"), seqs: vec![1] }]));
    assert_eq!(place.queue("c"), [2]);
}

#[test]
fn a_large_queue_that_ended_is_cleared_away_in_slices() {
    let mut place = Place::new(Keep::default());
    for _ in 0..1300 {
        assert!(place.append(10).is_ok());
    }
    place.done(StoreOp::DropSession { client: client("c") });
    let slices = (0..).take_while(|_| place.store.purge(place.now).0).count();
    assert!((2..=4).contains(&slices), "{slices}: the first went with the drop");
    drop(place.store);
    let stats = crate::store::stats::of(&place.disk.open().unwrap()).unwrap();
    assert_eq!((stats.messages, stats.places, stats.ended), (0, 0, 0));
}

#[test]
fn a_damaged_record_fails_what_needs_it_and_nothing_else() {
    let place = Place::new(Keep::default());
    let mut place = place;
    place.done(StoreOp::OpenSession { client: client("d"), clean: false, expiry_secs: 9, will: None });
    assert!(place.append_to(&["c"], 10).0.is_ok() && place.append_to(&["d"], 10).0.is_ok());
    let (disk, era, next, now) = (place.disk.clone(), place.era, place.next, place.now);
    drop(place);
    {
        use crate::store::tables::MESSAGES;
        let database = disk.open().unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(MESSAGES).unwrap().insert(1, &b"?"[..]).unwrap();
        transaction.commit().unwrap();
    }
    let mut place = Place { store: Place::open(&disk, Keep::default()), disk, era, next, now };
    let fetch = |id| StoreOp::Fetch { client: client(id), from: 0, count_max: 9, bytes_max: 99 };
    let request = |shard, op| Request { shard: ShardId(shard), era: 0, ticket: (), op };
    let (answers, _) = place.store.execute(vec![request(0, fetch("c")), request(0, fetch("d"))], now);
    let results: Vec<_> = answers.into_iter().map(|answer| answer.result).collect();
    assert_eq!(results, [Err(Failed::Unavailable), Err(Failed::Fenced)]);
    assert_eq!(place.store.trouble(), None, "the disk works");
    place.era = 1;
    assert_eq!(place.queue("d"), [2]);
    place.done(StoreOp::Remove { client: client("c"), seqs: vec![1] });
    assert_eq!(place.queue("c"), [0_u64; 0], "and so it goes away");
}

#[test]
fn a_file_of_another_version_is_refused() {
    let place = Place::new(Keep::default());
    let disk = place.disk.clone();
    drop(place);
    {
        use crate::store::tables::META;
        let database = disk.open().unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(META).unwrap().insert("schema", 99).unwrap();
        transaction.commit().unwrap();
    }
    let refused = Store::open(Box::new(disk), setup(1).settings, Keep::default()).unwrap_err();
    assert_eq!(refused, "it has version 99 of the layout, and this gateway knows version 1 only");
}
