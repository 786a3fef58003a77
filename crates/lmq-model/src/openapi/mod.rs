//! The management API `OnsMqtt` of 2020-04-20: what its actions are asked and what they answer, with the keys of the wire.
//!
//! Requests arrive as parameters of a query or form and are read with any `serde` deserializer of text values; answers leave as JSON, or
//! XML, with arrays not wrapped in the name of their element. Signing and verifying is the matter of `lmq-auth`.
//!
//! | family | actions |
//! |---|---|
//! | tokens | [`ApplyToken`], [`QueryToken`], [`RevokeToken`] |
//! | device credentials | [`RegisterDeviceCredential`], [`GetDeviceCredential`], [`RefreshDeviceCredential`], [`UnRegisterDeviceCredential`], [`ListDeviceCredentialClientId`] |
//! | custom authentication | [`AddCustomAuthIdentity`], [`UpdateCustomAuthIdentity`], [`DeleteCustomAuthIdentity`], [`QueryCustomAuthIdentity`], [`AddCustomAuthPermission`], [`UpdateCustomAuthPermission`], [`DeleteCustomAuthPermission`], [`QueryCustomAuthPermission`], [`AddCustomAuthConnectBlack`], [`DeleteCustomAuthConnectBlack`], [`QueryCustomAuthConnectBlack`] |
//!
//! Values are text as sent: what they mean, and their limits, is checked by who carries out the action. Secrets and tokens are
//! [`SecretText`], which is never printed.

mod custom_auth;
mod device;
mod envelope;
mod text;
mod token;

pub use custom_auth::{
    AddCustomAuthConnectBlack, AddCustomAuthIdentity, AddCustomAuthPermission, BlackListed, CustomIdentity,
    CustomPermission, DeleteCustomAuthConnectBlack, DeleteCustomAuthIdentity, DeleteCustomAuthPermission, PageOf,
    QueryCustomAuthConnectBlack, QueryCustomAuthIdentity, QueryCustomAuthPermission, UpdateCustomAuthIdentity,
    UpdateCustomAuthPermission,
};
pub use device::{
    DeviceCredential, DeviceCredentialClientIds, DeviceCredentialReply, GetDeviceCredential,
    ListDeviceCredentialClientId, ListDeviceCredentialClientIdReply, RefreshDeviceCredential, RegisterDeviceCredential,
    UnRegisterDeviceCredential,
};
pub use envelope::{Done, ErrorReply, Judged, Reply};
pub use text::SecretText;
pub use token::{ApplyToken, ApplyTokenReply, QueryToken, QueryTokenReply, RevokeToken};

use serde::{Serialize, de::DeserializeOwned};

/// The version that names the product in a request.
pub const ONS_MQTT_VERSION: &str = "2020-04-20";

/// A request of one action.
pub trait Action: DeserializeOwned + Serialize {
    /// Its name: the parameter `Action`, or the header `x-acs-action`.
    const NAME: &'static str;
    /// The parameters it cannot do without, in the order in which their absence is complained of.
    const REQUIRED: &'static [&'static str];
    /// What is answered, beside the request's id.
    type Answer: Serialize;
}
