//! Custom authentication: users, rights and a black list that the owner of an instance keeps himself.
//!
//! Plain values without a store: the gateway finds the identity, the permissions and the black list of an instance, these types decide.
//!
//! **Attacker's view.** Names and passwords are the peer's, everything else the owner's. `ORIGIN` sends the secret itself, which TLS has to
//! protect; `SIGNED` sends a signature without time. What nothing allows is forbidden, and `DENY` wins over `ALLOW`.

mod black_list;
mod identity;
mod permission;
mod words;

pub use self::black_list::{BlackList, BlackListFull};
pub use self::identity::{CustomIdentity, CustomNameError};
pub use self::permission::CustomPermission;
pub use self::words::{Effect, IdentityType, PermitAction, SignMode, WordError};
