//! CONNACK, in the words of the client's version.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use lmq_codec::{ConnAck, Packet, Properties, Property, ReasonCode, Version};

use crate::{ConnectRequest, Refusal, Settings};

/// An answer that lets nobody in.
pub(crate) fn refusal(version: Version, refusal: Refusal) -> Vec<u8> {
    let before = || ReasonCode::from_connack_code(refusal.return_code()).unwrap_or(ReasonCode::ServerUnavailable);
    let reason = if version.has_properties() { refusal.reason_code() } else { before() };
    failure(version, reason)
}

/// The same for a CONNECT that cannot be read, with a code that the version has.
pub(crate) fn failure(version: Version, reason: ReasonCode) -> Vec<u8> {
    encode(version, &ConnAck { session_present: false, reason, properties: Properties::EMPTY })
}

/// The answer that lets a client in, and what MQTT 5.0 has to be told about this server.
///
/// [MQTT-3.2.2-2] [MQTT-3.2.2-3]: bit 0 says that we have kept the session; MQTT 3.1 has no such bit.
pub(crate) fn welcome(request: &ConnectRequest, present: bool, settings: &Settings, more: &[Property<'_>]) -> Vec<u8> {
    let version = request.version;
    let session_present = present && version > Version::V3_1;
    let mut list = Vec::new();
    if version.has_properties() {
        announce(request, settings, &mut list);
        list.extend_from_slice(more);
    }
    let properties = Properties::new(&list).unwrap_or_default();
    encode(version, &ConnAck { session_present, reason: ReasonCode::Success, properties })
}

fn announce<'a>(request: &'a ConnectRequest, settings: &Settings, list: &mut Vec<Property<'a>>) {
    let (profile, limits) = (&settings.profile, &settings.limits);
    if request.changed.session_expiry {
        list.push(Property::SessionExpiryInterval(request.session_expiry));
    }
    list.push(Property::ReceiveMaximum(limits.receive_max));
    if !profile.retained_messages {
        list.push(Property::RetainAvailable(false));
    }
    list.extend(NonZeroU32::new(settings.packet_bytes_max(request.version)).map(Property::MaximumPacketSize));
    if request.changed.client_id {
        list.push(Property::AssignedClientIdentifier(&request.client.client_id));
    }
    if limits.topic_alias_max > 0 {
        list.push(Property::TopicAliasMaximum(limits.topic_alias_max));
    }
    if !profile.shared_subscriptions {
        list.push(Property::SharedSubscriptionAvailable(false));
    }
    if request.changed.keep_alive {
        list.push(Property::ServerKeepAlive(request.keep_alive_secs));
    }
}

fn encode(version: Version, connack: &ConnAck<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoded = Packet::ConnAck(*connack).encode(version, &mut bytes);
    debug_assert!(encoded.is_ok(), "{encoded:?}");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_said_in_the_words_of_each_version() {
        assert_eq!(refusal(Version::V3_1_1, Refusal::Credentials), [0x20, 2, 0, 4]);
        assert_eq!(refusal(Version::V3_1_1, Refusal::Banned), [0x20, 2, 0, 5]);
        assert_eq!(refusal(Version::V5_0, Refusal::Banned), [0x20, 3, 0, 0x8a, 0]);
    }
}
