//! What the broker does, seen from outside: one module per behaviour, each test named by what it proves.

#[path = "../common/mod.rs"]
mod common;

mod acknowledgements;
mod authentication;
mod awaiting;
mod back_pressure;
mod bridge;
mod connect;
mod divided;
mod doubts;
mod keep_alive;
mod norm_auth;
mod norm_client;
mod norm_connect;
mod norm_disconnect;
mod norm_flow;
mod norm_publish;
mod norm_retain;
mod norm_session;
mod norm_shared;
mod norm_subscribe;
mod norm_twins;
mod norm_will;
mod operator;
mod orders;
mod p2p;
mod properties;
mod publish;
mod quota;
mod resend;
mod restart;
mod retained;
mod retained_replay;
mod retained_shards;
mod server_name;
mod session;
mod shards;
mod shared;
mod shared_shards;
mod subscribe;
mod takeover;
mod tokens;
mod upload;
mod v5;
mod will;
