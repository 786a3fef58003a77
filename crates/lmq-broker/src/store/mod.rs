//! The contract between a shard and its store, and a store in memory.

#[doc = include_str!("contract.md")]
pub mod contract {}
mod memory;
mod op;

pub use memory::{MemoryStore, Quota};
pub use op::{Done, Evicted, Failed, QueueSlot, StoreOp, StoredInflight, StoredMessage, StoredRetained, StoredSession};
