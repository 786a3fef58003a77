use core::num::{NonZeroU16, NonZeroU32};

use super::{Properties, Property};
use crate::{QoS, SubscriptionId, TopicName};

macro_rules! accessors {
    ($($(#[$doc:meta])* $fn:ident, $variant:ident, $ty:ty;)*) => {
        /// The properties that appear at most once, by name; each call looks through the block.
        impl<'a> Properties<'a> {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $fn(&self) -> Option<$ty> {
                    self.iter().find_map(|property| match property {
                        Property::$variant(value) => Some(value),
                        _ => None,
                    })
                }
            )*
        }
    };
}

accessors! {
    /// Whether the payload is UTF-8 text.
    payload_format_indicator, PayloadFormatIndicator, bool;
    /// Seconds until the message is worth nothing.
    message_expiry_interval, MessageExpiryInterval, u32;
    /// What the payload is.
    content_type, ContentType, &'a str;
    /// Where a response goes.
    response_topic, ResponseTopic, TopicName<'a>;
    /// Tells which request a response answers.
    correlation_data, CorrelationData, &'a [u8];
    /// The first subscription identifier; a PUBLISH may have several, see [`Properties::iter`].
    subscription_identifier, SubscriptionIdentifier, SubscriptionId;
    /// Seconds the session outlives the connection.
    session_expiry_interval, SessionExpiryInterval, u32;
    /// The client identifier the server chose.
    assigned_client_identifier, AssignedClientIdentifier, &'a str;
    /// Seconds of keep-alive the server wants.
    server_keep_alive, ServerKeepAlive, u16;
    /// The authentication method.
    authentication_method, AuthenticationMethod, &'a str;
    /// What the authentication method says.
    authentication_data, AuthenticationData, &'a [u8];
    /// Whether the client wants details of failures; without it: yes.
    request_problem_information, RequestProblemInformation, bool;
    /// Seconds between the end of the connection and the will.
    will_delay_interval, WillDelayInterval, u32;
    /// Whether the client wants response information; without it: no.
    request_response_information, RequestResponseInformation, bool;
    /// From what the client builds response topics.
    response_information, ResponseInformation, &'a str;
    /// Another server to use.
    server_reference, ServerReference, &'a str;
    /// Words for people who look for a fault.
    reason_string, ReasonString, &'a str;
    /// How many unacknowledged messages the sender takes; without it: 65,535.
    receive_maximum, ReceiveMaximum, NonZeroU16;
    /// The highest topic alias the sender takes; without it: 0.
    topic_alias_maximum, TopicAliasMaximum, u16;
    /// A number in the topic's place.
    topic_alias, TopicAlias, NonZeroU16;
    /// The highest QoS the server takes; without it: 2.
    maximum_qos, MaximumQoS, QoS;
    /// Whether the server retains; without it: yes.
    retain_available, RetainAvailable, bool;
    /// The largest packet the sender takes; without it: no limit.
    maximum_packet_size, MaximumPacketSize, NonZeroU32;
    /// Whether the server has wildcard subscriptions; without it: yes.
    wildcard_subscription_available, WildcardSubscriptionAvailable, bool;
    /// Whether the server has subscription identifiers; without it: yes.
    subscription_identifier_available, SubscriptionIdentifierAvailable, bool;
    /// Whether the server has shared subscriptions; without it: yes.
    shared_subscription_available, SharedSubscriptionAvailable, bool;
}
