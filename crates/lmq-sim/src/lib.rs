#![doc = include_str!("../README.md")]

mod client;
mod clock;
mod ledger;
mod link;
mod marks;
mod options;
mod rng;
mod run;
mod status;
mod store;
pub mod store_tests;
mod swarm;
mod trace;
mod violation;
mod wire;
mod world;

pub use marks::{Mark, Marks};
pub use options::{Features, Net, Options, SmallLimits, StoreFaults, Tokens};
pub use run::{Manner, Outcome, run, run_bytes, run_with};
pub use swarm::{Swarm, swarm};
pub use violation::{Checker, Violation};
