//! Figures, not tests: `cargo test --release -p gateway --bin gateway -- --ignored --nocapture --test-threads 1 measure`.
//!
//! With `MEASURE_KEEP=DIR` the folder of the last one stays, to start a gateway with it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use lmq_broker::{
    ClientKey, DeliveryOptions, Done, InstanceIndex, Message, MessageId, Profile, QueueSlot, Settings, ShardId,
    StoreOp, Subscription, UnixMillis,
};
use lmq_codec::QoS;

use crate::store::{FileMedium, Keep, Request, Store};

const PAYLOAD_BYTES: usize = 100;
const APPENDS: u64 = 20_000;
const SESSIONS: u64 = 100_000;
const FILTERS: u64 = 10;
const WAITING: u64 = 1_000_000;

fn store(folder: &Path) -> Store {
    let settings = Arc::new(Settings::new(Profile::mqtt(), 1));
    Store::open(Box::new(FileMedium::create(folder).unwrap()), settings, Keep::default()).unwrap()
}

fn client(number: u64) -> ClientKey {
    ClientKey { instance: InstanceIndex(0), client_id: format!("client-{number:06}").into() }
}

fn run(store: &mut Store, ops: impl IntoIterator<Item = StoreOp>) -> Vec<Done> {
    let request = |op| Request { shard: ShardId(0), era: 0, ticket: (), op };
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = UnixMillis::new(wall.as_millis() as u64);
    let (answers, _) = store.execute(ops.into_iter().map(request).collect(), now);
    answers.into_iter().map(|answer| answer.result.unwrap()).collect()
}

fn open(number: u64) -> StoreOp {
    StoreOp::OpenSession { client: client(number), clean: false, expiry_secs: u32::MAX, will: None }
}

fn append(number: u64, seq: u64) -> StoreOp {
    let payload = Bytes::from(vec![b'x'; PAYLOAD_BYTES]);
    let message = Arc::new(Message::new(MessageId(seq.into()), "topic/of/some/length", payload));
    let options = DeliveryOptions::new(QoS::AtLeastOnce);
    StoreOp::Append { message, queues: vec![QueueSlot { client: client(number), seq, options }], dedup: None }
}

fn file_bytes(folder: &Path) -> u64 {
    fs::metadata(folder.join("store.redb")).unwrap().len()
}

#[test]
#[ignore = "figures, not a test"]
fn measure_appends_and_fetches() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut store = store(folder.path());
    run(&mut store, [open(0)]);
    let mut seq = 0;
    for batch in [1, 16, 256] {
        let count = APPENDS.min(batch * 500);
        let begun = Instant::now();
        for _ in 0..count / batch {
            run(&mut store, (seq..seq + batch).map(|seq| append(0, seq)));
            seq += batch;
        }
        let secs = begun.elapsed().as_secs_f64();
        println!(
            "append, {batch} in a transaction: {:.0} a second, {:.2} ms each transaction",
            count as f64 / secs,
            1000.0 * secs * batch as f64 / count as f64
        );
    }
    println!(
        "{:.0} bytes of file for a message with {PAYLOAD_BYTES} bytes of payload",
        file_bytes(folder.path()) as f64 / seq as f64
    );
    let begun = Instant::now();
    let mut from = 0;
    while from < seq {
        let fetch = StoreOp::Fetch { client: client(0), from, count_max: 64, bytes_max: 1 << 20 };
        let Some(Done::Fetched(messages)) = run(&mut store, [fetch]).pop() else { panic!() };
        from = messages.last().unwrap().seq + 1;
    }
    println!("fetch, 64 at a time: {:.0} a second", seq as f64 / begun.elapsed().as_secs_f64());
}

#[test]
#[ignore = "figures, not a test"]
fn measure_the_start_after_a_kill() {
    let own = tempfile::tempdir_in(".").unwrap();
    let mut store = store(own.path());
    for first in (0..SESSIONS).step_by(1000) {
        let filters = |number| (0..FILTERS).map(move |at| format!("room/{number}/{at}").into());
        let subscribed = |number| filters(number).map(|filter| (filter, Subscription::new(QoS::AtLeastOnce))).collect();
        let save = |number| StoreOp::SaveSession {
            client: client(number),
            subscribed: subscribed(number),
            unsubscribed: Vec::new(),
        };
        run(&mut store, (first..first + 1000).flat_map(|number| [open(number), save(number)]));
    }
    start(&own.path().join("store.redb"), "without messages");
    // Half of them for one client, the rest for all.
    for first in (0..WAITING).step_by(10_000) {
        let owner = |seq: u64| if seq.is_multiple_of(2) { 0 } else { seq / 2 % SESSIONS };
        run(&mut store, (first..first + 10_000).map(|seq| append(owner(seq), seq)));
    }
    println!("{} bytes of file", file_bytes(own.path()));
    start(&own.path().join("store.redb"), "with a million messages");
    if let Some(keep) = env::var_os("MEASURE_KEEP").map(PathBuf::from) {
        fs::create_dir_all(&keep).unwrap();
        fs::copy(own.path().join("store.redb"), keep.join("store.redb")).unwrap();
    }
}

/// Opens the file as it is now, which is how a killed process leaves it, and reads all pages.
fn start(file: &Path, what: &str) {
    let folder = tempfile::tempdir_in(".").unwrap();
    fs::copy(file, folder.path().join("store.redb")).unwrap();
    let begun = Instant::now();
    let mut store = store(folder.path());
    let opened = begun.elapsed();
    let (mut after, mut sessions) = (None, 0);
    loop {
        let Some(Done::Restored { sessions: page, more }) = run(&mut store, [StoreOp::Restore { after }]).pop() else {
            panic!()
        };
        sessions += page.len();
        after = page.last().map(|(client, _)| client.clone());
        if !more {
            break;
        }
    }
    let read = begun.elapsed() - opened;
    println!("start {what}: open {opened:?}, {sessions} sessions read in {read:?}");
}
