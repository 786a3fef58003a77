// The front page's example reads JSON, so it is a test only where JSON can be read.
#![cfg_attr(feature = "json", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "json"),
    doc = "The messages an *MQ for IoT* gateway writes and reads itself; feature `json` reads and writes them."
)]
#![no_std]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

extern crate alloc;

pub mod control;
#[cfg(feature = "json")]
mod json;
pub mod openapi;
pub mod status;
mod time;

pub use time::UnixMillis;
