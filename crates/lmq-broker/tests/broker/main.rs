//! What the broker does, seen from outside: one module per behaviour, each test named by what it proves.

#[path = "../common/mod.rs"]
mod common;

mod connect;
