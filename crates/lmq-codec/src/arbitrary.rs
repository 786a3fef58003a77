//! Legal packets and values from raw bytes, for fuzzers that look behind the codec.

use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, OwnedPacket, Packet, PacketId, Properties, Property, Publish,
    QoS, ReasonCode, ReasonCodes, RetainHandling, SubAck, Subscribe, SubscribeFilters, SubscribeOptions,
    SubscriptionId, TopicFilter, TopicName, UnsubAck, Unsubscribe, UnsubscribeFilters, UserProperty, Version, Will,
};

impl<'a> Arbitrary<'a> for Version {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(*u.choose(&[Self::V3_1, Self::V3_1_1, Self::V5_0])?)
    }
}

impl<'a> Arbitrary<'a> for QoS {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(*u.choose(&[Self::AtMostOnce, Self::AtLeastOnce, Self::ExactlyOnce])?)
    }
}

impl<'a> Arbitrary<'a> for PacketId {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        NonZeroU16::arbitrary(u).map(Self::from)
    }
}

impl<'a> Arbitrary<'a> for Delivery {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match QoS::arbitrary(u)? {
            QoS::AtMostOnce => Self::AtMostOnce,
            QoS::AtLeastOnce => Self::AtLeastOnce { id: u.arbitrary()?, dup: u.arbitrary()? },
            QoS::ExactlyOnce => Self::ExactlyOnce { id: u.arbitrary()?, dup: u.arbitrary()? },
        })
    }
}

/// Text without U+0000 of at most 65,535 bytes.
fn text<'a>(u: &mut Unstructured<'a>) -> Result<&'a str> {
    let text = <&str>::arbitrary(u)?;
    let text = text.split('\0').next().unwrap_or_default();
    Ok(if text.len() > 65_535 { "long" } else { text })
}

fn binary<'a>(u: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let bytes = <&[u8]>::arbitrary(u)?;
    Ok(bytes.get(..65_535).unwrap_or(bytes))
}

impl<'a> Arbitrary<'a> for TopicName<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let text = text(u)?.split(['+', '#']).next().unwrap_or_default();
        Self::new(if text.is_empty() { "a" } else { text }).map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for TopicFilter<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let text = text(u)?;
        match Self::new(text) {
            Ok(filter) if !filter.has_share_prefix() || filter.share().is_some() => Ok(filter),
            _ => Self::new(u.choose(&["a", "+", "#", "a/+/b/#", "$share/g/a"])?)
                .map_err(|_| arbitrary::Error::IncorrectFormat),
        }
    }
}

fn user_property<'a>(u: &mut Unstructured<'a>) -> Result<Property<'a>> {
    Ok(Property::UserProperty(UserProperty { name: text(u)?, value: text(u)? }))
}

/// At most one of each choice and some user properties, in any number.
fn properties<'a>(
    u: &mut Unstructured<'a>,
    choices: &[fn(&mut Unstructured<'a>) -> Result<Property<'a>>],
) -> Result<Vec<Property<'a>>> {
    let mut list = Vec::new();
    for choice in choices {
        if u.arbitrary()? {
            list.push(choice(u)?);
        }
    }
    for _ in 0..u.int_in_range(0..=2)? {
        list.push(user_property(u)?);
    }
    Ok(list)
}

fn block<'l>(list: &'l [Property<'l>]) -> Result<Properties<'l>> {
    Properties::new(list).map_err(|_| arbitrary::Error::IncorrectFormat)
}

fn reason_string<'a>(u: &mut Unstructured<'a>) -> Result<Property<'a>> {
    text(u).map(Property::ReasonString)
}

fn own(packet: &Packet<'_>) -> Result<OwnedPacket> {
    OwnedPacket::new(packet, Version::V5_0).map_err(|_| arbitrary::Error::IncorrectFormat)
}

fn connect(u: &mut Unstructured<'_>) -> Result<OwnedPacket> {
    let list = properties(
        u,
        &[
            |u| u.arbitrary().map(Property::SessionExpiryInterval),
            |u| NonZeroU16::arbitrary(u).map(Property::ReceiveMaximum),
            |u| NonZeroU32::arbitrary(u).map(Property::MaximumPacketSize),
            |u| u.arbitrary().map(Property::TopicAliasMaximum),
            |u| u.arbitrary().map(Property::RequestResponseInformation),
            |u| u.arbitrary().map(Property::RequestProblemInformation),
            |u| text(u).map(Property::AuthenticationMethod),
        ],
    )?;
    let will_list = message_properties(u, |u| u.arbitrary().map(Property::WillDelayInterval))?;
    let will = Will {
        topic: u.arbitrary()?,
        payload: binary(u)?,
        qos: u.arbitrary()?,
        retain: u.arbitrary()?,
        properties: block(&will_list)?,
    };
    let connect = Connect {
        version: Version::V5_0,
        clean_start: u.arbitrary()?,
        keep_alive: u.arbitrary()?,
        client_id: text(u)?,
        will: if u.arbitrary()? { Some(will) } else { None },
        username: if u.arbitrary()? { Some(text(u)?) } else { None },
        password: if u.arbitrary()? { Some(binary(u)?) } else { None },
        properties: block(&list)?,
    };
    own(&Packet::Connect(connect))
}

fn message_properties<'a>(
    u: &mut Unstructured<'a>,
    own: fn(&mut Unstructured<'a>) -> Result<Property<'a>>,
) -> Result<Vec<Property<'a>>> {
    properties(
        u,
        &[
            |u| u.arbitrary().map(Property::PayloadFormatIndicator),
            |u| u.arbitrary().map(Property::MessageExpiryInterval),
            |u| text(u).map(Property::ContentType),
            |u| u.arbitrary().map(Property::ResponseTopic),
            |u| binary(u).map(Property::CorrelationData),
            own,
        ],
    )
}

fn publish(u: &mut Unstructured<'_>) -> Result<OwnedPacket> {
    let list = message_properties(u, |u| NonZeroU16::arbitrary(u).map(Property::TopicAlias))?;
    let properties = block(&list)?;
    let topic = if properties.topic_alias().is_some() && u.arbitrary()? { None } else { Some(u.arbitrary()?) };
    own(&Packet::Publish(Publish {
        delivery: u.arbitrary()?,
        retain: u.arbitrary()?,
        topic,
        properties,
        payload: u.arbitrary()?,
    }))
}

fn ack(u: &mut Unstructured<'_>) -> Result<OwnedPacket> {
    let list = properties(u, &[reason_string])?;
    let mut ack = Ack { id: u.arbitrary()?, reason: ReasonCode::Success, properties: block(&list)? };
    let kind = u.int_in_range(0..=3)?;
    if u.arbitrary()? {
        ack.reason = if kind < 2 { ReasonCode::QuotaExceeded } else { ReasonCode::PacketIdentifierNotFound };
    }
    own(&match kind {
        0 => Packet::PubAck(ack),
        1 => Packet::PubRec(ack),
        2 => Packet::PubRel(ack),
        _ => Packet::PubComp(ack),
    })
}

fn subscribe(u: &mut Unstructured<'_>) -> Result<OwnedPacket> {
    let list = properties(
        u,
        &[|u| {
            let value = u.int_in_range(1..=268_435_455)?;
            SubscriptionId::new(value).map(Property::SubscriptionIdentifier).ok_or(arbitrary::Error::IncorrectFormat)
        }],
    )?;
    let mut filters = Vec::new();
    for _ in 0..u.int_in_range(1..=5)? {
        let filter = TopicFilter::arbitrary(u)?;
        let options = SubscribeOptions {
            qos: u.arbitrary()?,
            no_local: u.arbitrary::<bool>()? && filter.share().is_none(),
            retain_as_published: u.arbitrary()?,
            retain_handling: *u.choose(&[
                RetainHandling::Send,
                RetainHandling::SendIfNew,
                RetainHandling::DoNotSend,
            ])?,
        };
        filters.push((filter, options));
    }
    let filters = SubscribeFilters::new(&filters);
    own(&Packet::Subscribe(Subscribe { id: u.arbitrary()?, properties: block(&list)?, filters }))
}

fn unsubscribe(u: &mut Unstructured<'_>) -> Result<OwnedPacket> {
    let list = properties(u, &[])?;
    let mut filters = Vec::new();
    for _ in 0..u.int_in_range(1..=5)? {
        filters.push(TopicFilter::arbitrary(u)?);
    }
    let filters = UnsubscribeFilters::new(&filters);
    own(&Packet::Unsubscribe(Unsubscribe { id: u.arbitrary()?, properties: block(&list)?, filters }))
}

fn answers(u: &mut Unstructured<'_>) -> Result<OwnedPacket> {
    let list = properties(u, &[reason_string])?;
    let properties = block(&list)?;
    let codes = [ReasonCode::Success, ReasonCode::UnspecifiedError, ReasonCode::NotAuthorized];
    let mut reasons = Vec::new();
    for _ in 0..u.int_in_range(1..=5)? {
        reasons.push(*u.choose(&codes)?);
    }
    let reasons = ReasonCodes::new(&reasons);
    let id = u.arbitrary()?;
    own(&match u.arbitrary()? {
        true => Packet::SubAck(SubAck { id, properties, reasons }),
        false => Packet::UnsubAck(UnsubAck { id, properties, reasons }),
    })
}

fn session(u: &mut Unstructured<'_>) -> Result<OwnedPacket> {
    let list = properties(u, &[reason_string, |u| text(u).map(Property::AuthenticationMethod)])?;
    let properties = block(&list)?;
    own(&match u.int_in_range(0..=4)? {
        0 => Packet::ConnAck(ConnAck { session_present: u.arbitrary()?, reason: ReasonCode::Success, properties }),
        1 if properties.authentication_method().is_some() => {
            Packet::Auth(Auth { reason: ReasonCode::ContinueAuthentication, properties })
        }
        2 => Packet::Disconnect(Disconnect::new(*u.choose(&[ReasonCode::Success, ReasonCode::ProtocolError])?)),
        3 => Packet::PingReq,
        _ => Packet::PingResp,
    })
}

/// A legal packet of MQTT 5.0 of any type.
impl<'a> Arbitrary<'a> for OwnedPacket {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        match u.int_in_range(0..=7)? {
            0 => connect(u),
            1 | 2 => publish(u),
            3 => ack(u),
            4 => subscribe(u),
            5 => unsubscribe(u),
            6 => answers(u),
            _ => session(u),
        }
    }
}
