//! The contract between a shard and its store, and a store in memory.

mod memory;
mod op;

pub use memory::{MemoryStore, Quota};
pub use op::{Done, Evicted, Failed, QueueSlot, StoreOp, StoredInflight, StoredMessage, StoredRetained, StoredSession};
