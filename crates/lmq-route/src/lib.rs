#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod compact;
mod groups;
mod retained;
mod subscriptions;

pub use groups::{Fit, Group, SharedGroups};
pub use retained::{Cursor, Retained};
pub use subscriptions::{Search, Subscriptions};
