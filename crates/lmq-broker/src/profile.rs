use alloc::{boxed::Box, vec::Vec};
use core::{num::NonZeroU32, time::Duration};

use lmq_codec::{QoS, TopicName};

/// The rules of one kind of broker. Start from [`Profile::lmq`] or [`Profile::mqtt`] and change single fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Which client ids may connect.
    pub client_ids: ClientIds,
    /// Longest topic name or filter, in characters; `None` leaves the 65,535 bytes of MQTT. A P2P topic is exempt: its
    /// parts are checked by themselves. A longer PUBLISH closes the connection, a longer filter is refused with 0x80.
    pub topic_chars_max: Option<NonZeroU32>,
    /// Subscriptions one session may hold; a filter beyond them is refused with 0x80 and the connection stays.
    pub subscriptions_max: Option<NonZeroU32>,
    /// Largest payload that is forwarded, in bytes; a larger one is acknowledged and discarded.
    pub payload_bytes_max: Option<NonZeroU32>,
    /// The first level of every topic and filter must be a parent topic of the instance.
    pub parent_topics: bool,
    /// `<parent>/p2p/<client id>` reaches that client without a subscription.
    pub p2p: bool,
    /// `$SYS/uploadToken` and the other control topics are taken by the broker and never forwarded.
    pub control_topics: bool,
    /// `a/b/` and `a/b` match each other; the text of the topic is delivered as published. A client needs the right to `a/b` for either.
    pub trailing_slash_ignored: bool,
    /// The highest QoS kept for a session that is away. Above it a subscription of a persistent session is served as if the
    /// session were clean.
    pub stored_qos_max: QoS,
    /// What follows a PUBLISH or SUBSCRIBE that the client has no right to.
    pub denied: Denied,
    /// Upper bound of the keep-alive; a client that asks for more, or for none, gets this.
    pub keep_alive_max: Option<Duration>,
    /// Lower bound of the keep-alive for clients of MQTT 5.0, which are told so; a client that asks for less gets this.
    pub keep_alive_min: Option<Duration>,
    /// The largest packet a client of MQTT 5.0 may send, in bytes with its header, where that is less than
    /// [`Limits::packet_bytes_max`](crate::Limits::packet_bytes_max); it is told so, and closed if it sends a larger one.
    pub v5_packet_bytes_max: Option<NonZeroU32>,
    /// Bytes of all names and values of the user properties of one PUBLISH; a message with more is answered with 0x97 and discarded.
    pub user_properties_bytes_max: Option<NonZeroU32>,
    /// The third part of a user name such as `Signature|<AccessKeyId>|<InstanceId>` chooses the instance; an unknown one is
    /// refused with return code 5. Without it, and where this is off, the first instance serves.
    pub instance_in_username: bool,
    /// Where the user name chooses no instance, the first label of the TLS server name does, as in `<InstanceId>.mqtt.example.com`,
    /// in upper or lower case. A name without a second label, or whose first is no instance, chooses none: the first instance
    /// serves. Off in [`mqtt`](Self::mqtt).
    pub instance_in_server_name: bool,
    /// The longest time a session outlives its connection, where a client asks for more, or, before MQTT 5.0, for a session that
    /// stays; `None`: for ever, if that is asked for.
    pub session_expiry_max: Option<Duration>,
    /// A shorter time than this, but not zero, counts as this: MQTT 5.0.
    pub session_expiry_min: Duration,
    /// Will messages are published. Without it the will of a CONNECT is read and forgotten.
    pub wills: bool,
    /// Messages with RETAIN are kept for later subscribers. Without it RETAIN is ignored; a client of MQTT 5.0 is told, and closed if it
    /// retains all the same [MQTT-3.2.2-14].
    pub retained_messages: bool,
    /// `$share/<name>/<filter>` is a shared subscription. Without it such a filter is refused.
    pub shared_subscriptions: bool,
    /// The authentication methods of MQTT 5.0 that the authenticator knows; a CONNECT with another one is refused [MQTT-4.12.0-1].
    pub authentication_methods: Vec<Box<str>>,
    /// A CONNECT without client id and with a clean session gets an id from the broker.
    pub client_id_assigned: bool,
}

/// Which client ids a [`Profile`] accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientIds {
    /// Any UTF-8 text.
    Any,
    /// `<GroupID>@@@<DeviceID>` of at most 64 characters, as `lmq_id::ClientId` checks it.
    GroupAndDevice,
}

/// What follows a PUBLISH or SUBSCRIBE that the client has no right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// The connection is closed.
    Close,
    /// A filter is refused with 0x80; a PUBLISH is acknowledged and dropped, the only answer MQTT 3.1.1 has [MQTT-3.3.5-2].
    Refuse,
}

impl Profile {
    /// Whether there is a rule that looks at the text of a topic, rights aside.
    #[inline]
    pub(crate) const fn judges_topics(&self) -> bool {
        self.topic_chars_max.is_some() || self.parent_topics || self.p2p || self.control_topics
    }

    /// The text of a topic or filter as it is matched, kept and judged: without a trailing `/` where that is ignored; `/` alone stays.
    pub(crate) fn routed<'t>(&self, text: &'t str) -> &'t str {
        text.strip_suffix('/').filter(|shorter| self.trailing_slash_ignored && !shorter.is_empty()).unwrap_or(text)
    }

    pub(crate) fn routed_topic<'t>(&self, topic: TopicName<'t>) -> TopicName<'t> {
        // Looked at as bytes first: as text, every topic would be checked once more.
        if !self.trailing_slash_ignored || topic.as_bytes().last() != Some(&b'/') {
            return topic;
        }
        TopicName::new(self.routed(topic.as_str())).unwrap_or(topic)
    }

    /// The product's rules: group and device in the client id, 64-character topics under known parents, 30 subscriptions, 64 KiB
    /// payloads, P2P, control topics, no stored QoS 2, keep-alive of at most 8 minutes. In MQTT 5.0 also: keep-alive of at least
    /// 1 minute, packets of at most 128 KiB, user properties of at most 8 KiB, sessions of none or at least 10 minutes.
    pub fn lmq() -> Self {
        Self {
            client_ids: ClientIds::GroupAndDevice,
            topic_chars_max: NonZeroU32::new(64),
            subscriptions_max: NonZeroU32::new(30),
            payload_bytes_max: NonZeroU32::new(64 * 1024),
            parent_topics: true,
            p2p: true,
            control_topics: true,
            trailing_slash_ignored: true,
            stored_qos_max: QoS::AtLeastOnce,
            denied: Denied::Close,
            keep_alive_max: Some(Duration::from_secs(480)),
            keep_alive_min: Some(Duration::from_secs(60)),
            v5_packet_bytes_max: NonZeroU32::new(128 * 1024),
            user_properties_bytes_max: NonZeroU32::new(8 * 1024),
            instance_in_username: true,
            instance_in_server_name: true,
            session_expiry_max: None,
            session_expiry_min: Duration::from_secs(600),
            wills: false,
            retained_messages: false,
            shared_subscriptions: false,
            authentication_methods: Vec::new(),
            client_id_assigned: false,
        }
    }

    /// Standard MQTT: any client id, any topic, all three QoS stored for a session that is away.
    pub fn mqtt() -> Self {
        Self {
            client_ids: ClientIds::Any,
            topic_chars_max: None,
            subscriptions_max: None,
            payload_bytes_max: None,
            parent_topics: false,
            p2p: false,
            control_topics: false,
            trailing_slash_ignored: false,
            stored_qos_max: QoS::ExactlyOnce,
            denied: Denied::Refuse,
            keep_alive_max: None,
            keep_alive_min: None,
            v5_packet_bytes_max: None,
            user_properties_bytes_max: None,
            instance_in_username: false,
            instance_in_server_name: false,
            session_expiry_max: None,
            session_expiry_min: Duration::ZERO,
            wills: true,
            retained_messages: true,
            shared_subscriptions: true,
            authentication_methods: Vec::new(),
            client_id_assigned: true,
        }
    }
}
