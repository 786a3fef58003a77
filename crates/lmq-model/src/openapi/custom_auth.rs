use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Action, Judged, SecretText, text};

/// Gives somebody a user name of his own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddCustomAuthIdentity {
    /// The instance.
    pub instance_id: String,
    /// `USER` or `CLIENT`.
    pub identity_type: String,
    /// The user name.
    pub username: String,
    /// The client, with `CLIENT`.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What the password is, or is made with.
    pub secret: SecretText,
    /// `ORIGIN` or `SIGNED`.
    pub sign_mode: String,
}

impl Action for AddCustomAuthIdentity {
    const NAME: &'static str = "AddCustomAuthIdentity";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "IdentityType", "Username", "Secret", "SignMode"];
    type Answer = Judged;
}

/// Gives an identity another secret or another way of signing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateCustomAuthIdentity {
    /// The instance.
    pub instance_id: String,
    /// `USER` or `CLIENT`.
    pub identity_type: String,
    /// The user name.
    pub username: String,
    /// The client, with `CLIENT`.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What the password is, or is made with.
    pub secret: SecretText,
    /// `ORIGIN` or `SIGNED`.
    pub sign_mode: String,
}

impl Action for UpdateCustomAuthIdentity {
    const NAME: &'static str = "UpdateCustomAuthIdentity";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "IdentityType", "Username", "Secret", "SignMode"];
    type Answer = Judged;
}

/// Deletes an identity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteCustomAuthIdentity {
    /// The instance.
    pub instance_id: String,
    /// `USER` or `CLIENT`.
    pub identity_type: String,
    /// The user name.
    pub username: String,
    /// The client, with `CLIENT`.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

impl Action for DeleteCustomAuthIdentity {
    const NAME: &'static str = "DeleteCustomAuthIdentity";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "IdentityType", "Username"];
    type Answer = Judged;
}

/// Lists identities.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryCustomAuthIdentity {
    /// The instance.
    pub instance_id: String,
    /// `USER` or `CLIENT`; absent for any.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub identity_type: Option<String>,
    /// The user name; absent for any.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The client, with `CLIENT`.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// How many a page has at most: 1 to 100.
    #[serde(deserialize_with = "text::number")]
    pub size: u64,
    /// Where the page begins: what the one before said; empty for the first.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl Action for QueryCustomAuthIdentity {
    const NAME: &'static str = "QueryCustomAuthIdentity";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "Size"];
    type Answer = Judged<PageOf<CustomIdentity>>;
}

/// Gives somebody a right, or takes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddCustomAuthPermission {
    /// The instance.
    pub instance_id: String,
    /// `USER` or `CLIENT`.
    pub identity_type: String,
    /// The user name or the client id.
    pub identity: String,
    /// A topic filter.
    pub topic: String,
    /// `ALLOW` or `DENY`.
    pub effect: String,
    /// `PUB`, `SUB` or `PUB_SUB`.
    pub permit_action: String,
}

impl Action for AddCustomAuthPermission {
    const NAME: &'static str = "AddCustomAuthPermission";
    const REQUIRED: &'static [&'static str] =
        &["InstanceId", "IdentityType", "Identity", "Topic", "Effect", "PermitAction"];
    type Answer = Judged;
}

/// Changes what a permission says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateCustomAuthPermission {
    /// The instance.
    pub instance_id: String,
    /// `USER` or `CLIENT`.
    pub identity_type: String,
    /// The user name or the client id.
    pub identity: String,
    /// A topic filter.
    pub topic: String,
    /// `ALLOW` or `DENY`.
    pub effect: String,
    /// `PUB`, `SUB` or `PUB_SUB`.
    pub permit_action: String,
}

impl Action for UpdateCustomAuthPermission {
    const NAME: &'static str = "UpdateCustomAuthPermission";
    const REQUIRED: &'static [&'static str] =
        &["InstanceId", "IdentityType", "Identity", "Topic", "Effect", "PermitAction"];
    type Answer = Judged;
}

/// Deletes a permission.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteCustomAuthPermission {
    /// The instance.
    pub instance_id: String,
    /// `USER` or `CLIENT`.
    pub identity_type: String,
    /// The user name or the client id.
    pub identity: String,
    /// A topic filter.
    pub topic: String,
}

impl Action for DeleteCustomAuthPermission {
    const NAME: &'static str = "DeleteCustomAuthPermission";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "IdentityType", "Identity", "Topic"];
    type Answer = Judged;
}

/// Lists permissions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryCustomAuthPermission {
    /// The instance.
    pub instance_id: String,
    /// `USER` or `CLIENT`; absent for any.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub identity_type: Option<String>,
    /// The user name or the client id; absent for any.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// A topic filter; absent for any.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// How many a page has at most: 1 to 100.
    #[serde(deserialize_with = "text::number")]
    pub size: u64,
    /// Where the page begins: what the one before said; empty for the first.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl Action for QueryCustomAuthPermission {
    const NAME: &'static str = "QueryCustomAuthPermission";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "Size"];
    type Answer = Judged<PageOf<CustomPermission>>;
}

/// Puts a client on the black list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddCustomAuthConnectBlack {
    /// The instance.
    pub instance_id: String,
    /// The client.
    pub client_id: String,
}

impl Action for AddCustomAuthConnectBlack {
    const NAME: &'static str = "AddCustomAuthConnectBlack";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "ClientId"];
    type Answer = Judged;
}

/// Takes a client off the black list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteCustomAuthConnectBlack {
    /// The instance.
    pub instance_id: String,
    /// The client.
    pub client_id: String,
}

impl Action for DeleteCustomAuthConnectBlack {
    const NAME: &'static str = "DeleteCustomAuthConnectBlack";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "ClientId"];
    type Answer = Judged;
}

/// Lists the black list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryCustomAuthConnectBlack {
    /// The instance.
    pub instance_id: String,
    /// The client; absent for any.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// How many a page has at most: 1 to 100.
    #[serde(deserialize_with = "text::number")]
    pub size: u64,
    /// Where the page begins: what the one before said; empty for the first.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl Action for QueryCustomAuthConnectBlack {
    const NAME: &'static str = "QueryCustomAuthConnectBlack";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "Size"];
    type Answer = Judged<PageOf<BlackListed>>;
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PageOf<T> {
    /// Where the next page begins; absent in the last.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// What is on it.
    pub results: Vec<T>,
}

/// An identity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CustomIdentity {
    /// The client, with `CLIENT`.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `USER` or `CLIENT`.
    pub identity_type: String,
    /// What the password is, or is made with.
    pub secret: SecretText,
    /// `ORIGIN` or `SIGNED`.
    pub sign_mode: String,
    /// The user name.
    pub username: String,
}

/// A permission.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CustomPermission {
    /// `ALLOW` or `DENY`.
    pub effect: String,
    /// The user name or the client id.
    pub identity: String,
    /// `USER` or `CLIENT`.
    pub identity_type: String,
    /// `PUB`, `SUB` or `PUB_SUB`.
    pub permit_action: String,
    /// A topic filter.
    pub topic: String,
}

/// A client on the black list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BlackListed {
    /// The client.
    pub client_id: String,
    /// `DENY`.
    pub effect: String,
    /// `CONNECT`.
    pub permit_action: String,
}
