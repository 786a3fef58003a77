//! What the broker does, seen from outside: one module per behaviour, each test named by what it proves.

#[path = "../common/mod.rs"]
mod common;

mod acknowledgements;
mod authentication;
mod back_pressure;
mod bridge;
mod connect;
mod keep_alive;
mod operator;
mod p2p;
mod properties;
mod publish;
mod quota;
mod resend;
mod restart;
mod retained;
mod retained_replay;
mod retained_shards;
mod session;
mod shards;
mod shared;
mod shared_shards;
mod subscribe;
mod takeover;
mod v5;
mod will;
