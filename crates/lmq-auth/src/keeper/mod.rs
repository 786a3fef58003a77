//! The duties that the product's manual (edition of 2018-10, "Token service") puts on those who use tokens, as machines without I/O:
//! [`AppTokens`] for the application server that applies for tokens, [`ClientTokens`] for the client that holds them.
//!
//! Both follow one contract. Hand an input to a `handle_*` or `request` method together with the wall clock in milliseconds since
//! 1970-01-01T00:00:00Z, then take outputs with `poll_output` until there is none, then sleep until `poll_timeout` and call
//! `handle_timeout`. Nothing blocks and nothing reads a clock. A `now` before the last one is taken as it is: tokens are good by the wall
//! clock, and a clock that was put right counts at once.
//!
//! **Attacker's view.** What an authority or a gateway says is taken as true; both are reached by TLS. Tokens are wiped when replaced, and
//! shown by no `Debug`.

mod app;
mod backoff;
mod client;
mod held;
mod slot;

pub use self::app::{AppAnswer, AppOutput, AppTokens, AppTokensConfig};
pub use self::client::{Carrier, ClientOutput, ClientTokens, ClosedBy};
pub use self::held::HeldToken;
