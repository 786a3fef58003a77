use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::{Action, Done, SecretText, text};

/// Asks for a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApplyToken {
    /// The instance it is for.
    pub instance_id: String,
    /// Topic filters with commas between them, at most 100.
    pub resources: String,
    /// `R`, `W`, or both as `R,W`.
    pub actions: String,
    /// When it ends, in milliseconds since 1970.
    #[serde(deserialize_with = "text::number")]
    pub expire_time: u64,
}

/// Answers [`ApplyToken`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApplyTokenReply {
    /// The token.
    pub token: SecretText,
}

/// Asks whether a token is good.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryToken {
    /// The instance it is for.
    pub instance_id: String,
    /// The token.
    pub token: SecretText,
}

/// Answers [`QueryToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryTokenReply {
    /// Whether it is good now.
    pub token_status: bool,
}

/// Makes a token worthless.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RevokeToken {
    /// The instance it is for.
    pub instance_id: String,
    /// The token.
    pub token: SecretText,
}

impl Action for ApplyToken {
    const NAME: &'static str = "ApplyToken";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "Resources", "Actions", "ExpireTime"];
    type Answer = ApplyTokenReply;
}

impl Action for QueryToken {
    const NAME: &'static str = "QueryToken";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "Token"];
    type Answer = QueryTokenReply;
}

impl Action for RevokeToken {
    const NAME: &'static str = "RevokeToken";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "Token"];
    type Answer = Done;
}
