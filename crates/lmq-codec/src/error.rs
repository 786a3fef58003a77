use core::fmt;

use crate::reason::On;
use crate::{ConnAck, Disconnect, Packet, Properties, ReasonCode, Version};

macro_rules! violations {
    ($($(#[$doc:meta])* $name:ident, $text:literal, $v3:literal, $v5:literal, $reason:ident;)*) => {
        /// What a packet does that its edition forbids: one variant per rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Violation {
            $($(#[$doc])* $name,)*
        }

        impl Violation {
            /// Every violation there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What is wrong, in words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                self.row().0
            }

            /// The statements or sections that forbid it, in MQTT 3.1.1 and in MQTT 5.0; empty where an edition does not.
            #[must_use]
            pub const fn statements(self) -> [&'static str; 2] {
                let (_, v3, v5, _) = self.row();
                [v3, v5]
            }

            const fn row(self) -> (&'static str, &'static str, &'static str, ReasonCode) {
                match self {
                    $(Self::$name => ($text, $v3, $v5, ReasonCode::$reason),)*
                }
            }
        }
    };
}

violations! {
    /// The packet is larger than the receiver's limit.
    PacketTooLarge, "packet is larger than this receiver takes", "", "MQTT-3.1.2-24", PacketTooLarge;
    /// The remaining length has no end within four bytes.
    RemainingLengthTooLong, "remaining length goes on after four bytes", "section 2.2.3", "section 1.5.5", MalformedPacket;
    /// The remaining length could be written with fewer bytes.
    RemainingLengthNotMinimal, "remaining length is not written with the fewest bytes", "section 2.2.3", "MQTT-1.5.5-1", MalformedPacket;
    /// A packet type that the edition reserves: 0, and 15 before MQTT 5.0.
    ReservedPacketType, "packet type is reserved", "section 2.2.1", "section 2.1.2", MalformedPacket;
    /// Flags of the first byte differ from the fixed ones.
    ReservedFlags, "flags of the fixed header are not those of the packet type", "MQTT-2.2.2-2", "MQTT-2.1.3-1", MalformedPacket;
    /// Both QoS bits of a PUBLISH are set.
    PublishQoS3, "QoS 3 in PUBLISH", "MQTT-3.3.1-4", "MQTT-3.3.1-4", MalformedPacket;
    /// DUP is set at QoS 0.
    DupAtQoS0, "DUP set in a PUBLISH of QoS 0", "MQTT-3.3.1-2", "MQTT-3.3.1-2", MalformedPacket;
    /// The packet ends inside a field, which begins at the offset: an integer there, or the bytes a length announced.
    Truncated, "packet ends inside a field", "section 2.2.3", "section 4.13", MalformedPacket;
    /// Bytes follow the last field.
    TrailingBytes, "bytes follow the last field", "section 2.2.3", "section 4.13", MalformedPacket;
    /// A string is not UTF-8.
    NotUtf8, "string is not well-formed UTF-8", "MQTT-1.5.3-1", "MQTT-1.5.4-1", MalformedPacket;
    /// A string contains U+0000.
    NulInText, "string contains U+0000", "MQTT-1.5.3-2", "MQTT-1.5.4-2", MalformedPacket;
    /// The packet identifier is zero.
    PacketIdZero, "packet identifier is zero", "MQTT-2.3.1-1", "MQTT-2.2.1-3", MalformedPacket;
    /// The protocol name is neither `MQTT` nor `MQIsdp`.
    UnknownProtocolName, "protocol name is neither MQTT nor MQIsdp", "MQTT-3.1.2-1", "MQTT-3.1.2-1", UnsupportedProtocolVersion;
    /// The protocol level is none that goes with the name.
    UnsupportedProtocolLevel, "protocol level does not exist", "MQTT-3.1.2-2", "MQTT-3.1.2-2", UnsupportedProtocolVersion;
    /// The reserved bit of the connect flags is set.
    ReservedConnectFlag, "reserved connect flag is set", "MQTT-3.1.2-3", "MQTT-3.1.2-3", MalformedPacket;
    /// A will QoS without a will.
    WillQoSWithoutWill, "will QoS without will", "MQTT-3.1.2-13", "MQTT-3.1.2-11", MalformedPacket;
    /// Will retain without a will.
    WillRetainWithoutWill, "will retain without will", "MQTT-3.1.2-15", "MQTT-3.1.2-13", MalformedPacket;
    /// Both will QoS bits are set.
    WillQoS3, "will QoS 3", "MQTT-3.1.2-14", "MQTT-3.1.2-12", MalformedPacket;
    /// A password without a user name, before MQTT 5.0.
    PasswordWithoutUserName, "password without user name", "MQTT-3.1.2-22", "", MalformedPacket;
    /// An empty client identifier that asks for a kept session, or any empty one in MQTT 3.1.
    ClientIdEmpty, "client identifier is empty but the session is to be kept", "MQTT-3.1.3-8", "", ClientIdentifierNotValid;
    /// A topic is empty where it must not be.
    TopicEmpty, "topic is empty", "MQTT-4.7.3-1", "MQTT-4.7.3-1", MalformedPacket;
    /// A topic name contains a wildcard.
    WildcardInTopicName, "topic name contains a wildcard", "MQTT-3.3.2-2", "MQTT-3.3.2-2", TopicNameInvalid;
    /// A topic filter is not well formed.
    FilterMalformed, "topic filter has a misplaced wildcard", "MQTT-4.7.1-2", "MQTT-4.7.1-1", TopicFilterInvalid;
    /// `$share/` without share name and filter.
    ShareMalformed, "shared subscription without a share name and a filter", "", "MQTT-4.8.2-1", TopicFilterInvalid;
    /// No topic and no topic alias either.
    TopicMissing, "neither topic nor topic alias", "MQTT-4.7.3-1", "MQTT-3.3.2-1", ProtocolError;
    /// SUBSCRIBE without a filter.
    SubscribeEmpty, "SUBSCRIBE without a topic filter", "MQTT-3.8.3-3", "MQTT-3.8.3-2", ProtocolError;
    /// Reserved bits of the subscription options are set.
    ReservedSubscriptionBits, "reserved bits of the subscription options are set", "MQTT-3.8.3-4", "MQTT-3.8.3-5", MalformedPacket;
    /// Both QoS bits of the subscription options are set.
    SubscriptionQoS3, "QoS 3 in subscription options", "MQTT-3.8.3-4", "section 3.8.3.1", ProtocolError;
    /// Retain handling 3.
    RetainHandling3, "retain handling 3", "", "section 3.8.3.1", ProtocolError;
    /// No Local on a shared subscription.
    NoLocalOnShared, "no-local on a shared subscription", "", "MQTT-3.8.3-4", ProtocolError;
    /// UNSUBSCRIBE without a filter.
    UnsubscribeEmpty, "UNSUBSCRIBE without a topic filter", "MQTT-3.10.3-2", "MQTT-3.10.3-2", ProtocolError;
    /// SUBACK or UNSUBACK without a code.
    SubAckEmpty, "acknowledgement of a subscription without a code", "MQTT-3.8.4-5", "MQTT-3.8.4-6", MalformedPacket;
    /// Reserved bits of the CONNACK flags are set.
    ReservedConnAckFlags, "reserved CONNACK flags are set", "section 3.2.2.1", "MQTT-3.2.2-1", MalformedPacket;
    /// Session present together with a refusal.
    SessionPresentOnFailure, "session present although the connection is refused", "MQTT-3.2.2-4", "MQTT-3.2.2-6", ProtocolError;
    /// A code that the packet type does not have.
    UnknownReasonCode, "reason code does not exist for the packet type", "section 3.2.2.3", "section 2.4", MalformedPacket;
    /// A property that does not exist.
    UnknownProperty, "property does not exist", "", "section 2.2.2.2", MalformedPacket;
    /// A property that belongs to another packet type.
    MisplacedProperty, "property belongs to another packet type", "", "section 2.2.2.2", MalformedPacket;
    /// A property appears twice that may appear once.
    DuplicateProperty, "property appears twice", "", "section 2.2.2.2", ProtocolError;
    /// A property has a value outside its range.
    PropertyValue, "property has a value outside its range", "", "section 2.2.2.2", ProtocolError;
    /// A variable byte integer has no end within four bytes.
    VarIntTooLong, "variable byte integer goes on after four bytes", "", "section 1.5.5", MalformedPacket;
    /// A variable byte integer could be written with fewer bytes.
    VarIntNotMinimal, "variable byte integer is not written with the fewest bytes", "", "MQTT-1.5.5-1", MalformedPacket;
    /// Topic alias 0.
    TopicAliasZero, "topic alias is zero", "", "MQTT-3.3.2-8", TopicAliasInvalid;
    /// A response topic with a wildcard.
    WildcardInResponseTopic, "response topic contains a wildcard", "", "MQTT-3.3.2-14", ProtocolError;
    /// The first packet is not CONNECT, or to a client not CONNACK.
    FirstPacket, "first packet is neither CONNECT nor its answer", "MQTT-3.1.0-1", "MQTT-3.1.0-1", ProtocolError;
    /// CONNECT or CONNACK for the second time.
    SecondConnect, "second CONNECT or CONNACK", "MQTT-3.1.0-2", "MQTT-3.1.0-2", ProtocolError;
    /// A packet that only the other side sends.
    WrongDirection, "packet goes in the wrong direction", "section 2.2.1", "section 2.1.2", ProtocolError;
    /// A reason that only the other side gives.
    ReasonDirection, "reason code that only the other side sends", "", "MQTT-3.14.2-1", ProtocolError;
    /// A subscription identifier in a PUBLISH of a client.
    SubscriptionIdFromClient, "subscription identifier in a PUBLISH of a client", "", "MQTT-3.3.4-6", ProtocolError;
    /// A session expiry interval in a DISCONNECT of a server.
    SessionExpiryFromServer, "session expiry interval in a DISCONNECT of a server", "", "MQTT-3.14.2-2", ProtocolError;
    /// Authentication data without a method.
    AuthDataWithoutMethod, "authentication data without authentication method", "", "section 3.1.2.11.10", ProtocolError;
    /// AUTH with a body but without a method.
    AuthMethodMissing, "AUTH without authentication method", "", "section 3.15.2.2.2", ProtocolError;
}

/// Why bytes are no packet: what, where, and which statement of the norm forbids it.
///
/// The sender of the bytes is at fault. Keep the connection? Never: [`DecodeError::server_answer`] gives the last words
/// the norm wants of a server, if any.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecodeError {
    violation: Violation,
    version: Option<Version>,
    at: u32,
}

impl DecodeError {
    #[cold]
    pub(crate) const fn new(violation: Violation, version: Option<Version>, at: usize) -> Self {
        // Packets end at 268,435,460 bytes, far below 2^32.
        Self { violation, version, at: at as u32 }
    }

    /// The rule that was broken.
    #[must_use]
    pub const fn violation(&self) -> Violation {
        self.violation
    }

    /// The byte where it was found, counted from the first byte of the packet.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at as usize
    }

    /// The edition the packet was read in; `None` while that was not known.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// The normative statement, such as `MQTT-3.3.1-2`, or the section where the norm gives no number; that of
    /// MQTT 5.0 unless the packet was read in an older edition that has one.
    #[must_use]
    pub const fn statement(&self) -> &'static str {
        let (_, v3, v5, _) = self.violation.row();
        match self.version {
            Some(Version::V3_1 | Version::V3_1_1) if !v3.is_empty() => v3,
            _ if v5.is_empty() => v3,
            _ => v5,
        }
    }

    /// The return code that MQTT 3.1 and 3.1.1 want sent before the connection closes: 1 for a protocol level
    /// that does not exist, 2 for an empty client identifier that asks for a kept session. `None`: close silently.
    #[must_use]
    pub const fn connack_code(&self) -> Option<u8> {
        match self.violation {
            Violation::UnsupportedProtocolLevel => Some(1),
            Violation::ClientIdEmpty => Some(2),
            _ => None,
        }
    }
}

impl DecodeError {
    /// What a server sends before it closes, and the version to write it in; `None`: it closes silently.
    ///
    /// `accepted` is the version of a connection whose CONNECT was answered with success. It then gets a DISCONNECT,
    /// from MQTT 5.0 on. `None` stands for a connection that has not come so far: a CONNACK refuses it, before MQTT 5.0
    /// only where there is a [`DecodeError::connack_code`]. [MQTT-3.1.4-1], [MQTT-4.13.1-1]
    ///
    /// ```
    /// use lmq_codec::{Decoder, Packet, ReasonCode, Version};
    ///
    /// let nul_in_client_id = b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01\0";
    /// let error = Decoder::server(100).step(nul_in_client_id).unwrap_err();
    /// let (version, Packet::ConnAck(refusal)) = error.server_answer(None).unwrap() else { panic!() };
    /// assert_eq!((version, refusal.reason), (Version::V5_0, ReasonCode::MalformedPacket));
    /// ```
    #[must_use]
    pub fn server_answer(&self, accepted: Option<Version>) -> Option<(Version, Packet<'static>)> {
        let reason = ReasonCode::from(self);
        let or_plain = |on| if reason.allowed(on) { reason } else { ReasonCode::ProtocolError };
        let refusal =
            |reason| Packet::ConnAck(ConnAck { session_present: false, reason, properties: Properties::EMPTY });
        match (accepted, self.version) {
            (Some(version), _) if version.has_properties() => {
                Some((version, Packet::Disconnect(Disconnect::new(or_plain(On::DISCONNECT)))))
            }
            (Some(_), _) => None,
            (None, Some(version)) if version.has_properties() => Some((version, refusal(or_plain(On::CONNACK)))),
            (None, version) => {
                let reason = ReasonCode::from_connack_code(self.connack_code()?)?;
                Some((version.unwrap_or(Version::V3_1_1), refusal(reason)))
            }
        }
    }
}

impl From<&DecodeError> for ReasonCode {
    fn from(error: &DecodeError) -> Self {
        error.violation.row().3
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, ..) = self.violation.row();
        write!(f, "peer sent a malformed packet: {text}, at byte {} [{}]", self.at, self.statement())
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError({:?} at {}, {})", self.violation, self.at, self.statement())
    }
}

impl core::error::Error for DecodeError {}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_answer_can_be_written_in_its_version() {
        let versions = [None, Some(Version::V3_1), Some(Version::V3_1_1), Some(Version::V5_0)];
        for violation in Violation::ALL {
            for read_in in versions {
                let error = DecodeError::new(*violation, read_in, 0);
                for accepted in versions {
                    let Some((version, answer)) = error.server_answer(accepted) else {
                        let silent = accepted.is_some() || error.connack_code().is_none();
                        assert!(silent && accepted.or(read_in) != Some(Version::V5_0), "{error:?}, {accepted:?}");
                        continue;
                    };
                    answer.encode(version, &mut Vec::new()).expect("an answer of the version");
                    match answer {
                        Packet::ConnAck(p) => assert!(accepted.is_none() && p.reason.is_failure(), "{error:?}"),
                        Packet::Disconnect(p) => {
                            assert_eq!((accepted, version), (Some(version), Version::V5_0));
                            assert!(p.reason.is_failure(), "{error:?}");
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn before_mqtt_5_two_faults_are_answered() {
        let answer = |violation, version| {
            let (version, answer) = DecodeError::new(violation, version, 0).server_answer(None)?;
            let mut out = Vec::new();
            answer.encode(version, &mut out).ok()?;
            Some((version, out))
        };
        let (v31, v3) = (Some(Version::V3_1), Some(Version::V3_1_1));
        let level = answer(Violation::UnsupportedProtocolLevel, None);
        assert_eq!(level, Some((Version::V3_1_1, b"\x20\x02\0\x01".to_vec())));
        assert_eq!(answer(Violation::ClientIdEmpty, v31), Some((Version::V3_1, b"\x20\x02\0\x02".to_vec())));
        for version in [None, v31, v3] {
            assert_eq!(answer(Violation::NulInText, version), None);
            assert_eq!(answer(Violation::UnknownProtocolName, version), None);
        }
    }

    #[test]
    fn a_code_that_the_answer_does_not_have_becomes_a_protocol_error() {
        let v5 = Some(Version::V5_0);
        let answer = |violation, accepted| match DecodeError::new(violation, v5, 0).server_answer(accepted) {
            Some((_, Packet::ConnAck(p))) => p.reason,
            Some((_, Packet::Disconnect(p))) => p.reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(answer(Violation::TopicAliasZero, v5), ReasonCode::TopicAliasInvalid);
        assert_eq!(answer(Violation::TopicAliasZero, None), ReasonCode::ProtocolError);
        assert_eq!(answer(Violation::UnsupportedProtocolLevel, v5), ReasonCode::ProtocolError);
        assert_eq!(answer(Violation::NulInText, None), ReasonCode::MalformedPacket);
    }
}
