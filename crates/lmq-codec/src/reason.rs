use core::fmt;

/// The packets that carry reason codes, one bit each.
#[derive(Clone, Copy)]
pub(crate) struct On(u16);

impl On {
    pub(crate) const CONNACK: Self = Self(1);
    /// PUBACK and PUBREC have the same codes.
    pub(crate) const PUBACK: Self = Self(1 << 1);
    /// PUBREL and PUBCOMP have the same codes.
    pub(crate) const PUBREL: Self = Self(1 << 2);
    pub(crate) const SUBACK: Self = Self(1 << 3);
    pub(crate) const UNSUBACK: Self = Self(1 << 4);
    pub(crate) const DISCONNECT: Self = Self(1 << 5);
    pub(crate) const AUTH: Self = Self(1 << 6);
}

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal, [$($on:ident)*];)*) => {
        /// The outcome of an operation, as MQTT 5.0 numbers it; 128 and above are failures.
        ///
        /// Zero is also called "normal disconnection" (DISCONNECT) and "granted QoS 0" (SUBACK).
        /// The return codes of MQTT 3.1.1 are spoken of in these terms too and translated on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub enum ReasonCode {
            $($(#[$doc])* $name = $value,)*
        }

        impl ReasonCode {
            /// The code with this number, if MQTT 5.0 has one.
            #[must_use]
            pub const fn from_value(value: u8) -> Option<Self> {
                match value {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }

            const fn places(self) -> u16 {
                match self {
                    $(Self::$name => 0 $(| On::$on.0)*,)*
                }
            }

            const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

reason_codes! {
    /// It worked; the normal end of a connection; QoS 0 granted.
    Success = 0x00, "success", [CONNACK PUBACK PUBREL SUBACK UNSUBACK DISCONNECT AUTH];
    /// QoS 1 granted.
    GrantedQoS1 = 0x01, "granted QoS 1", [SUBACK];
    /// QoS 2 granted.
    GrantedQoS2 = 0x02, "granted QoS 2", [SUBACK];
    /// The client leaves but wants its will sent.
    DisconnectWithWill = 0x04, "disconnect with will message", [DISCONNECT];
    /// Accepted, and nobody subscribes.
    NoMatchingSubscribers = 0x10, "no matching subscribers", [PUBACK];
    /// There was no such subscription.
    NoSubscriptionExisted = 0x11, "no subscription existed", [UNSUBACK];
    /// Another step of the authentication follows.
    ContinueAuthentication = 0x18, "continue authentication", [AUTH];
    /// The client authenticates again.
    ReAuthenticate = 0x19, "re-authenticate", [AUTH];
    /// No other code fits, or the reason is kept back.
    UnspecifiedError = 0x80, "unspecified error", [CONNACK PUBACK SUBACK UNSUBACK DISCONNECT];
    /// The bytes are no packet.
    MalformedPacket = 0x81, "malformed packet", [CONNACK DISCONNECT];
    /// A packet that the protocol does not allow here.
    ProtocolError = 0x82, "protocol error", [CONNACK DISCONNECT];
    /// Valid, but this implementation does not take it.
    ImplementationSpecificError = 0x83, "implementation specific error", [CONNACK PUBACK SUBACK UNSUBACK DISCONNECT];
    /// The server does not speak this protocol level.
    UnsupportedProtocolVersion = 0x84, "unsupported protocol version", [CONNACK];
    /// The server does not take this client identifier.
    ClientIdentifierNotValid = 0x85, "client identifier not valid", [CONNACK];
    /// User name or password is wrong.
    BadUserNameOrPassword = 0x86, "bad user name or password", [CONNACK];
    /// Not allowed.
    NotAuthorized = 0x87, "not authorized", [CONNACK PUBACK SUBACK UNSUBACK DISCONNECT];
    /// The server is not available.
    ServerUnavailable = 0x88, "server unavailable", [CONNACK];
    /// The server has no time now.
    ServerBusy = 0x89, "server busy", [CONNACK DISCONNECT];
    /// The client is banned.
    Banned = 0x8a, "banned", [CONNACK];
    /// The server is going down.
    ServerShuttingDown = 0x8b, "server shutting down", [DISCONNECT];
    /// The authentication method is not known here.
    BadAuthenticationMethod = 0x8c, "bad authentication method", [CONNACK DISCONNECT];
    /// Nothing was heard for one and a half times the keep-alive.
    KeepAliveTimeout = 0x8d, "keep-alive timeout", [DISCONNECT];
    /// Another connection uses the same client identifier.
    SessionTakenOver = 0x8e, "session taken over", [DISCONNECT];
    /// The filter is well formed but not taken.
    TopicFilterInvalid = 0x8f, "topic filter invalid", [SUBACK UNSUBACK DISCONNECT];
    /// The topic is well formed but not taken.
    TopicNameInvalid = 0x90, "topic name invalid", [CONNACK PUBACK DISCONNECT];
    /// The packet identifier is in use.
    PacketIdentifierInUse = 0x91, "packet identifier in use", [PUBACK SUBACK UNSUBACK];
    /// The packet identifier is not known.
    PacketIdentifierNotFound = 0x92, "packet identifier not found", [PUBREL];
    /// More unacknowledged messages than announced.
    ReceiveMaximumExceeded = 0x93, "receive maximum exceeded", [DISCONNECT];
    /// A topic alias that does not exist here.
    TopicAliasInvalid = 0x94, "topic alias invalid", [DISCONNECT];
    /// Larger than the maximum packet size.
    PacketTooLarge = 0x95, "packet too large", [CONNACK DISCONNECT];
    /// Too many messages in too short a time.
    MessageRateTooHigh = 0x96, "message rate too high", [DISCONNECT];
    /// A quota is used up.
    QuotaExceeded = 0x97, "quota exceeded", [CONNACK PUBACK SUBACK DISCONNECT];
    /// An administrator did it.
    AdministrativeAction = 0x98, "administrative action", [DISCONNECT];
    /// The payload is not what its format indicator says.
    PayloadFormatInvalid = 0x99, "payload format invalid", [CONNACK PUBACK DISCONNECT];
    /// This server retains nothing.
    RetainNotSupported = 0x9a, "retain not supported", [CONNACK DISCONNECT];
    /// A QoS above what the server announced.
    QoSNotSupported = 0x9b, "QoS not supported", [CONNACK DISCONNECT];
    /// Use another server for a while.
    UseAnotherServer = 0x9c, "use another server", [CONNACK DISCONNECT];
    /// Use another server from now on.
    ServerMoved = 0x9d, "server moved", [CONNACK DISCONNECT];
    /// This server has no shared subscriptions.
    SharedSubscriptionsNotSupported = 0x9e, "shared subscriptions not supported", [SUBACK DISCONNECT];
    /// Connections come too fast.
    ConnectionRateExceeded = 0x9f, "connection rate exceeded", [CONNACK DISCONNECT];
    /// The connection lasted as long as it was allowed to.
    MaximumConnectTime = 0xa0, "maximum connect time", [DISCONNECT];
    /// This server has no subscription identifiers.
    SubscriptionIdentifiersNotSupported = 0xa1, "subscription identifiers not supported", [SUBACK DISCONNECT];
    /// This server has no wildcard subscriptions.
    WildcardSubscriptionsNotSupported = 0xa2, "wildcard subscriptions not supported", [SUBACK DISCONNECT];
}

impl ReasonCode {
    /// The number on the wire of MQTT 5.0.
    #[must_use]
    pub const fn value(self) -> u8 {
        self as u8
    }

    /// Whether the code says that the operation failed: 128 and above.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self as u8 >= 0x80
    }

    /// The return code (0 to 5) that says exactly this in a CONNACK of MQTT 3.1 and 3.1.1, if there is one.
    #[must_use]
    pub const fn connack_code(self) -> Option<u8> {
        match self {
            Self::Success => Some(0),
            Self::UnsupportedProtocolVersion => Some(1),
            Self::ClientIdentifierNotValid => Some(2),
            Self::ServerUnavailable => Some(3),
            Self::BadUserNameOrPassword => Some(4),
            Self::NotAuthorized => Some(5),
            _ => None,
        }
    }

    /// What a return code of MQTT 3.1 and 3.1.1 means; `None` above 5, which are reserved.
    #[must_use]
    pub const fn from_connack_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Success),
            1 => Some(Self::UnsupportedProtocolVersion),
            2 => Some(Self::ClientIdentifierNotValid),
            3 => Some(Self::ServerUnavailable),
            4 => Some(Self::BadUserNameOrPassword),
            5 => Some(Self::NotAuthorized),
            _ => None,
        }
    }

    pub(crate) const fn allowed(self, on: On) -> bool {
        self.places() & on.0 != 0
    }

    /// The code with this number if the packet may carry it.
    pub(crate) const fn decode(value: u8, on: On) -> Option<Self> {
        match Self::from_value(value) {
            Some(code) if code.allowed(on) => Some(code),
            _ => None,
        }
    }
}

impl From<crate::QoS> for ReasonCode {
    /// The code that grants this QoS.
    fn from(qos: crate::QoS) -> Self {
        match qos {
            crate::QoS::AtMostOnce => Self::Success,
            crate::QoS::AtLeastOnce => Self::GrantedQoS1,
            crate::QoS::ExactlyOnce => Self::GrantedQoS2,
        }
    }
}

impl From<ReasonCode> for u8 {
    fn from(code: ReasonCode) -> Self {
        code as Self
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
