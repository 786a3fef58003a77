use alloc::string::String;

use serde::{Deserialize, Serialize};

/// An answer with the id of its request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply<T> {
    /// Names the request in logs: a UUID in upper case.
    #[serde(rename = "RequestId")]
    pub request_id: String,
    /// What the action answers, on the same level.
    #[serde(flatten)]
    pub answer: T,
}

/// The answer of an action that says no more than that it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

/// The answer of an action that says so in its body, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Judged<T = Done> {
    /// 200.
    pub code: u16,
    /// `success`.
    pub message: String,
    /// True.
    pub success: bool,
    /// What was asked for, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
}

impl<T> Judged<T> {
    /// It was done; `data` is what it brought.
    #[must_use]
    pub fn done(data: Option<T>) -> Self {
        Self { code: 200, message: "success".into(), success: true, data }
    }
}

/// The answer to a request that is not carried out. In XML its element is called `Error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ErrorReply {
    /// Names the request in logs: a UUID in upper case.
    pub request_id: String,
    /// The host that was asked, as the request named it.
    pub host_id: String,
    /// The error's code, such as `SignatureDoesNotMatch`.
    pub code: String,
    /// What it means, in English.
    pub message: String,
}
