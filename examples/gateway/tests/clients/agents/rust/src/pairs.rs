//! Pairs `key=value` of the line protocol, and the properties of rumqttc that they stand for.

use std::{collections::HashMap, error::Error};

use rumqttc::v5::mqttbytes::{
    QoS,
    v5::{
        ConnAck, ConnectProperties, ConnectReturnCode, LastWill, LastWillProperties, PubAck, PubAckReason, Publish,
        PublishProperties, RetainForwardRule, SubAck, SubscribeProperties, SubscribeReasonCode, UnsubAck,
    },
};

pub struct Pairs {
    values: HashMap<String, String>,
    users: Vec<(String, String)>,
}

impl Pairs {
    pub fn new(words: &[&str]) -> Self {
        let (mut values, mut users) = (HashMap::new(), Vec::new());
        for (key, value) in words.iter().filter_map(|word| word.split_once('=')) {
            match value.split_once(':').filter(|_| key == "user") {
                Some((name, value)) => users.push((name.to_owned(), value.to_owned())),
                None => drop(values.insert(key.to_owned(), value.to_owned())),
            }
        }
        Self { values, users }
    }

    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub fn of_connect(&self, packet_bytes_max: u32) -> ConnectProperties {
        ConnectProperties {
            session_expiry_interval: self.number("session-expiry"),
            receive_maximum: self.number("receive-max"),
            max_packet_size: Some(self.number("packet-max").unwrap_or(packet_bytes_max)),
            topic_alias_max: self.number("alias-max"),
            authentication_method: self.text("auth-method"),
            ..ConnectProperties::new()
        }
    }

    pub fn will(&self, qos: fn(&str) -> Result<QoS, Box<dyn Error>>) -> Option<LastWill> {
        let properties = LastWillProperties {
            delay_interval: self.number("will-delay"),
            payload_format_indicator: None,
            message_expiry_interval: self.number("will-expiry"),
            content_type: None,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        };
        let qos = qos(self.values.get("will-qos").map_or("0", String::as_str)).ok()?;
        let payload = bytes(&self.text("will-payload")?);
        Some(LastWill::new(self.text("will-topic")?, payload, qos, self.has("will-retain"), Some(properties)))
    }

    pub fn of_message(&self) -> PublishProperties {
        PublishProperties {
            payload_format_indicator: self.number("format"),
            message_expiry_interval: self.number("expiry"),
            topic_alias: self.number("alias"),
            response_topic: self.text("response-topic"),
            correlation_data: self.text("correlation").map(|text| bytes(&text).into()),
            user_properties: self.users.clone(),
            subscription_identifiers: Vec::new(),
            content_type: self.text("content-type"),
        }
    }

    pub fn subscription_id(&self) -> Option<SubscribeProperties> {
        Some(SubscribeProperties { id: Some(self.number("id")?), user_properties: Vec::new() })
    }

    pub fn retain_handling(&self) -> RetainForwardRule {
        match self.number("retain-handling") {
            Some(1_u8) => RetainForwardRule::OnNewSubscribe,
            Some(2) => RetainForwardRule::Never,
            _ => RetainForwardRule::OnEverySubscribe,
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        self.values.get(key).cloned()
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.values.get(key)?.parse().ok()
    }
}

pub fn of_connack(connack: &ConnAck) -> Vec<String> {
    let Some(found) = &connack.properties else { return Vec::new() };
    let words = [
        pair("session-expiry", found.session_expiry_interval),
        pair("receive-max", found.receive_max),
        pair("packet-max", found.max_packet_size),
        pair("alias-max", found.topic_alias_max),
        pair("id", found.assigned_client_identifier.as_ref()),
        pair("keep-alive", found.server_keep_alive),
        pair("retain", found.retain_available),
        pair("shared", found.shared_subscription_available),
    ];
    words.into_iter().flatten().collect()
}

pub fn of_publish(publish: &Publish) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(found) = &publish.properties {
        words.extend(pair("content-type", found.content_type.as_ref()));
        words.extend(pair("correlation", found.correlation_data.as_deref().map(hex)));
        words.extend(pair("expiry", found.message_expiry_interval));
        words.extend(pair("format", found.payload_format_indicator));
        words.extend(pair("response-topic", found.response_topic.as_ref()));
        words.extend(found.user_properties.iter().map(|(name, value)| format!("user={name}:{value}")));
        let mut ids = found.subscription_identifiers.clone();
        ids.sort_unstable();
        let ids = ids.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        words.extend(pair("ids", Some(ids).filter(|ids| !ids.is_empty())));
        words.extend(pair("alias", found.topic_alias));
    }
    words.extend(publish.retain.then(|| "retain=1".to_owned()));
    words
}

pub fn suback_code(suback: &SubAck) -> String {
    let code = match suback.return_codes.first() {
        Some(SubscribeReasonCode::Success(qos)) => *qos as u8,
        Some(SubscribeReasonCode::QuotaExceeded) => 0x97,
        Some(SubscribeReasonCode::SharedSubscriptionsNotSupported) => 0x9e,
        _ => 0x80,
    };
    code.to_string()
}

pub fn unsuback_code(unsuback: &UnsubAck) -> String {
    use rumqttc::v5::mqttbytes::v5::UnsubAckReason;
    let code = match unsuback.reasons.first() {
        Some(UnsubAckReason::Success) => 0,
        Some(UnsubAckReason::NoSubscriptionExisted) => 0x11,
        _ => 0x80,
    };
    code.to_string()
}

pub fn puback_code(puback: &PubAck) -> String {
    let code = match puback.reason {
        PubAckReason::Success => 0,
        PubAckReason::NoMatchingSubscribers => 0x10,
        PubAckReason::QuotaExceeded => 0x97,
        _ => 0x80,
    };
    code.to_string()
}

pub fn connack_code(code: ConnectReturnCode) -> String {
    let code = match code {
        ConnectReturnCode::ClientIdentifierNotValid => 0x85,
        ConnectReturnCode::BadUserNamePassword => 0x86,
        ConnectReturnCode::NotAuthorized => 0x87,
        ConnectReturnCode::BadAuthenticationMethod => 0x8c,
        _ => 0x80,
    };
    code.to_string()
}

pub fn bytes(hex: &str) -> Vec<u8> {
    let digits = (0..hex.len()).step_by(2).filter_map(|at| hex.get(at..at + 2));
    digits.filter_map(|two| u8::from_str_radix(two, 16).ok()).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pair(key: &str, value: Option<impl ToString>) -> Option<String> {
    Some(format!("{key}={}", value?.to_string()))
}
