//! Signed HTTP requests: the token server, the status query and the OpenAPI, both sides, over parts instead of an HTTP library's types.
//!
//! | request | parse | make |
//! |---|---|---|
//! | `/token/apply`, `/token/revoke`, `/token/query` | [`TokenApply`], [`TokenRevoke`], [`TokenQuery`] | `sign` of the same |
//! | `/route/clientId/get` | [`StatusQuery`] | [`StatusQuery::sign`] |
//! | OpenAPI, RPC signature 1.0 and ACS3-HMAC-SHA256 | [`OpenApiRequest`] | [`OutgoingCall`] |
//!
//! What has been parsed cannot be used before it is verified: parsing gives a [`SignedRequest`] or an [`OpenApiRequest`], which tell
//! whose key to look up and nothing else. An OpenAPI request passes a [`NonceWindow`] in addition.
//!
//! **Attacker's view.** Everything here is read before anybody has proved anything: sizes are bounded by [`Pairs`] and the limits of the
//! types, a parameter given twice is an error, and no more is reserved than was sent allows. A request of the token server has no time
//! and no nonce: who has seen one (no TLS) can repeat it, and a request to query a token is word for word one to revoke it. A
//! status query can be repeated for five minutes, an OpenAPI request not at all. Signatures are compared in constant time.

mod acs3;
mod authorization;
mod canonical;
mod error;
mod form;
mod nonce;
mod openapi;
mod openapi_error;
mod outgoing;
mod pairs;
mod percent;
mod rpc;
mod signed;
mod status_query;
mod string_to_sign;
mod timestamp;
mod token_apply;
mod token_use;

pub use canonical::{ListOrder, parameter_text};
pub use error::RequestError;
pub use form::ReplyFormat;
pub use nonce::{NonceLimits, NonceWindow};
pub use openapi::{OpenApiCall, OpenApiRequest, RequestParts, VerifiedRequest};
pub use openapi_error::OpenApiError;
pub use outgoing::{OutgoingCall, SignedHeaders};
pub use pairs::{Pairs, PairsError};
pub use percent::{PercentError, percent_decode, percent_encode};
pub use signed::SignedRequest;
pub use status_query::StatusQuery;
pub use string_to_sign::StringToSign;
pub use timestamp::{Timestamp, TimestampError};
pub use token_apply::TokenApply;
pub use token_use::{TokenQuery, TokenRevoke};
