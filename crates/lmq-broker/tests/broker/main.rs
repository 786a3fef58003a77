//! What the broker does, seen from outside: one module per behaviour, each test named by what it proves.

#[path = "../common/mod.rs"]
mod common;

mod acknowledgements;
mod connect;
mod keep_alive;
mod publish;
mod resend;
mod session;
mod subscribe;
mod takeover;
