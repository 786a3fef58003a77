use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Action, Done, SecretText, text};

/// Makes the credential of a device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegisterDeviceCredential {
    /// The instance.
    pub instance_id: String,
    /// The device, as `GroupId@@@DeviceId`.
    pub client_id: String,
}

impl Action for RegisterDeviceCredential {
    const NAME: &'static str = "RegisterDeviceCredential";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "ClientId"];
    type Answer = DeviceCredentialReply;
}

/// Asks for the credential of a device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetDeviceCredential {
    /// The instance.
    pub instance_id: String,
    /// The device, as `GroupId@@@DeviceId`.
    pub client_id: String,
}

impl Action for GetDeviceCredential {
    const NAME: &'static str = "GetDeviceCredential";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "ClientId"];
    type Answer = DeviceCredentialReply;
}

/// Gives a device another secret; its access key stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RefreshDeviceCredential {
    /// The instance.
    pub instance_id: String,
    /// The device, as `GroupId@@@DeviceId`.
    pub client_id: String,
}

impl Action for RefreshDeviceCredential {
    const NAME: &'static str = "RefreshDeviceCredential";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "ClientId"];
    type Answer = DeviceCredentialReply;
}

/// Deletes the credential of a device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnRegisterDeviceCredential {
    /// The instance.
    pub instance_id: String,
    /// The device, as `GroupId@@@DeviceId`.
    pub client_id: String,
}

impl Action for UnRegisterDeviceCredential {
    const NAME: &'static str = "UnRegisterDeviceCredential";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "ClientId"];
    type Answer = Done;
}

/// Answers the actions that make, show or renew a credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeviceCredentialReply {
    /// The credential.
    pub device_credential: DeviceCredential,
}

/// What a device signs in with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeviceCredential {
    /// Whose it is.
    pub client_id: String,
    /// When it was made, in milliseconds since 1970.
    #[serde(deserialize_with = "text::number")]
    pub create_time: u64,
    /// Its access key: `DC.` and more.
    pub device_access_key_id: String,
    /// Its secret.
    pub device_access_key_secret: SecretText,
    /// The instance it is good for.
    pub instance_id: String,
    /// When it was changed last, in milliseconds since 1970.
    #[serde(deserialize_with = "text::number")]
    pub update_time: u64,
}

/// Lists the devices of a group that have a credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListDeviceCredentialClientId {
    /// The instance.
    pub instance_id: String,
    /// The group.
    pub group_id: String,
    /// How many a page has at most: 1 to 100.
    #[serde(deserialize_with = "text::number")]
    pub page_size: u64,
    /// Which page, counted from 1; instead of `next_token`.
    #[serde(default, deserialize_with = "text::optional_number", skip_serializing_if = "Option::is_none")]
    pub page_no: Option<u64>,
    /// Where the page begins: what the one before said; empty for the first.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl Action for ListDeviceCredentialClientId {
    const NAME: &'static str = "ListDeviceCredentialClientId";
    const REQUIRED: &'static [&'static str] = &["InstanceId", "GroupId", "PageSize"];
    type Answer = ListDeviceCredentialClientIdReply;
}

/// Answers [`ListDeviceCredentialClientId`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListDeviceCredentialClientIdReply {
    /// One page.
    pub device_credential_client_id_list: DeviceCredentialClientIds,
}

/// A page of client ids. Numbers are text, as the product has them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeviceCredentialClientIds {
    /// The client ids, in their order.
    pub client_id_list: Vec<String>,
    /// Where the next page begins; absent in the last.
    #[serde(default, deserialize_with = "text::optional_text", skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Which page it is, counted from 1.
    pub page_no: String,
    /// How many a page has at most.
    pub page_size: String,
    /// How many there are on all pages.
    pub total: String,
}
