//! Kills a gateway with SIGKILL, again and again, while clients publish and consume; then counts what arrived.
//!
//! ```text
//! cargo test --release -p gateway --test crash -- --kills 100 --seed 7
//! ```
//!
//! Without arguments there are 10 kills. What was acknowledged must have been delivered to every session that subscribed, in the order of its
//! publisher, and once where both sides use QoS 2. The last is demanded of a gateway with one thread, which gets half of the kills; with
//! more, a crash may repeat a QoS 2 message whose publisher and subscriber belong to different threads (README of `lmq-broker`, "Exactly
//! once"), which is counted. The end of a process does not take what the system holds for the disk: that a power failure loses nothing is
//! shown by the tests of the store, on a disk that loses what was not synced.

mod chance;
#[path = "../common/mod.rs"]
mod common;
mod publisher;
mod report;
mod subscriber;

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{Gateway, Place};
use lmq_codec::QoS;
use rustix::process::Signal;

use chance::Chance;
use publisher::Publisher;
use report::Report;
use subscriber::Subscriber;

const SERVE: [&str; 5] = ["--profile", "mqtt", "--allow-anonymous", "--mqtt", "127.0.0.1:0"];
/// From the last kill until everything must have arrived.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all threads see.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Where the gateway is; `None` while it is not.
    addr: Mutex<Option<SocketAddr>>,
    /// No new message is published.
    publishers_stop: AtomicBool,
    subscribers_stop: AtomicBool,
}

impl World {
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        *self.addr.lock().unwrap()
    }

    pub(crate) fn publishers_stop(&self) -> bool {
        self.publishers_stop.load(Ordering::Relaxed)
    }

    pub(crate) fn subscribers_stop(&self) -> bool {
        self.subscribers_stop.load(Ordering::Relaxed)
    }
}

fn main() -> ExitCode {
    let kills = argument("--kills").unwrap_or(10);
    let seed = argument("--seed").unwrap_or_else(|| u64::from(std::process::id()));
    println!("{kills} kills, seed {seed}");
    let one = run("1", kills / 2, seed);
    let two = run("2", kills - kills / 2, seed);
    let (passed, failed) = (one.passed() + two.passed(), one.failed() + two.failed());
    println!("SIGKILL leaves what the system holds for the disk: this says nothing of power failures");
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// So many kills of a gateway with so many threads, and what came of it.
fn run(threads: &str, kills: u64, seed: u64) -> Report {
    let (place, world) = (Place::new(), Arc::new(World::default()));
    let mut gateway = start(&place, threads, &world);
    let subscribers: Vec<_> = [("s1", QoS::AtLeastOnce), ("s2", QoS::ExactlyOnce), ("s3", QoS::ExactlyOnce)]
        .into_iter()
        .map(|(name, qos)| Subscriber::subscribed(name, qos, &world, seed))
        .collect();
    let logs: Vec<_> = subscribers.iter().map(|subscriber| subscriber.log()).collect();
    let subscribers: Vec<_> = subscribers.into_iter().map(|own| thread::spawn(move || own.run())).collect();
    let publishers: Vec<_> = [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]
        .into_iter()
        .enumerate()
        .map(|(number, qos)| Publisher::new(number, qos, world.clone()))
        .map(|own| thread::spawn(move || own.run()))
        .collect();

    let mut chance = Chance::new(seed, 0);
    for _ in 0..kills {
        thread::sleep(Duration::from_millis(chance.range(20, 500)));
        *world.addr.lock().unwrap() = None;
        gateway.stop_with(Signal::KILL);
        gateway = start(&place, threads, &world);
    }
    world.publishers_stop.store(true, Ordering::Relaxed);
    let published: Vec<_> = publishers.into_iter().map(|thread| thread.join().unwrap()).collect();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && !logs.iter().all(|log| report::has_all(&published, &log.lock().unwrap())) {
        thread::sleep(Duration::from_millis(50));
    }
    world.subscribers_stop.store(true, Ordering::Relaxed);
    let received: Vec<_> = subscribers.into_iter().map(|thread| thread.join().unwrap()).collect();
    let (status, _, log) = gateway.stop();
    let report = Report::of(&published, &received, threads == "1", status.success());
    print!("{kills} kills with {threads} threads: {report}");
    if report.failed() > 0 {
        println!("log of the last gateway:\n{log}");
    }
    report
}

fn start(place: &Place, threads: &str, world: &World) -> Gateway {
    let gateway = place.start(SERVE.iter().chain(&["--threads", threads]));
    *world.addr.lock().unwrap() = Some(gateway.addr("mqtt"));
    gateway
}

/// The number behind a flag. Other arguments are those of test runners, and mean nothing here.
fn argument(flag: &str) -> Option<u64> {
    let mut args = std::env::args().skip_while(|arg| arg != flag);
    args.next()?;
    let value = args.next().and_then(|value| value.parse().ok());
    Some(value.unwrap_or_else(|| panic!("{flag} wants a number")))
}
