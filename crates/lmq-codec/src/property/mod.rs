//! Properties of MQTT 5.0: checked once as a block, read one by one when somebody asks.

mod accessors;
mod error;
mod value;

use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use nom::IResult;
use nom::bytes::complete::take;

use crate::encode::{EncodeError, EncodeErrorKind, Sink};
use crate::wire::{self, Fail, fail};
use crate::{QoS, TopicName, Violation};

pub use error::PropertyError;
use error::PropertyErrorKind;
use value::Value;
pub use value::{SubscriptionId, SubscriptionIdError, UserProperty};

/// The packets that carry properties, one bit each. As wide as a pointer, so that a copy moves only whole words:
/// a narrower part cannot be forwarded from the store before it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum On {
    Connect = 1,
    Will = 1 << 1,
    ConnAck = 1 << 2,
    Publish = 1 << 3,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK have the same properties.
    Ack = 1 << 4,
    Subscribe = 1 << 5,
    Unsubscribe = 1 << 6,
    Disconnect = 1 << 7,
    Auth = 1 << 8,
}

macro_rules! properties {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $ty:ty, [$($on:ident)*];)*) => {
        /// One property of a packet of MQTT 5.0.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Property<'a> {
            $($(#[$doc])* $name($ty),)*
        }

        impl<'a> Property<'a> {
            /// The identifier on the wire.
            #[must_use]
            pub const fn id(&self) -> u8 {
                match self {
                    $(Self::$name(_) => $id,)*
                }
            }

            /// The property's name.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }

            #[inline]
            fn read_value(id: u8, i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
                match id {
                    $($id => <$ty>::read(i).map(|(rest, value)| (rest, Self::$name(value))),)*
                    _ => Err(fail(i, Violation::UnknownProperty)),
                }
            }

            #[inline]
            fn skip_value(id: u8, i: &'a [u8]) -> IResult<&'a [u8], (), Fail<'a>> {
                match id {
                    $($id => <$ty>::skip(i),)*
                    _ => Err(fail(i, Violation::UnknownProperty)),
                }
            }

            pub(crate) fn encoded_len(&self) -> usize {
                1 + match self {
                    $(Self::$name(value) => value.encoded_len(),)*
                }
            }

            pub(crate) fn write(&self, sink: &mut impl Sink) {
                sink.u8(self.id());
                match self {
                    $(Self::$name(value) => value.write(sink),)*
                }
            }

            fn check(&self) -> Result<(), PropertyErrorKind> {
                match self {
                    $(Self::$name(value) => value.check(),)*
                }
            }
        }

        /// Where a property may stand; 0 for identifiers that do not exist.
        #[inline]
        const fn places(id: u8) -> usize {
            match id {
                $($id => 0 $(| On::$on as usize)*,)*
                _ => 0,
            }
        }
    };
}

properties! {
    /// Whether the payload is UTF-8 text.
    PayloadFormatIndicator = 0x01, bool, [Will Publish];
    /// Seconds until the message is worth nothing.
    MessageExpiryInterval = 0x02, u32, [Will Publish];
    /// What the payload is, in words of the applications.
    ContentType = 0x03, &'a str, [Will Publish];
    /// Where a response goes; never with a wildcard. [MQTT-3.3.2-14]
    ResponseTopic = 0x08, TopicName<'a>, [Will Publish];
    /// Tells the requester which request a response answers.
    CorrelationData = 0x09, &'a [u8], [Will Publish];
    /// Names the subscription a message came by.
    SubscriptionIdentifier = 0x0b, SubscriptionId, [Publish Subscribe];
    /// Seconds the session outlives the connection; 4,294,967,295 is for ever.
    SessionExpiryInterval = 0x11, u32, [Connect ConnAck Disconnect];
    /// The client identifier the server chose.
    AssignedClientIdentifier = 0x12, &'a str, [ConnAck];
    /// Seconds of keep-alive the server wants instead.
    ServerKeepAlive = 0x13, u16, [ConnAck];
    /// The name of an authentication method.
    AuthenticationMethod = 0x15, &'a str, [Connect ConnAck Auth];
    /// What the authentication method says.
    AuthenticationData = 0x16, &'a [u8], [Connect ConnAck Auth];
    /// Whether the client wants reason strings and user properties with failures.
    RequestProblemInformation = 0x17, bool, [Connect];
    /// Seconds between the end of the connection and the will.
    WillDelayInterval = 0x18, u32, [Will];
    /// Whether the client wants response information.
    RequestResponseInformation = 0x19, bool, [Connect];
    /// From what the client builds response topics.
    ResponseInformation = 0x1a, &'a str, [ConnAck];
    /// Another server to use.
    ServerReference = 0x1c, &'a str, [ConnAck Disconnect];
    /// Words for people who look for a fault.
    ReasonString = 0x1f, &'a str, [ConnAck Ack Disconnect Auth];
    /// How many QoS 1 and QoS 2 messages may wait for their acknowledgement.
    ReceiveMaximum = 0x21, NonZeroU16, [Connect ConnAck];
    /// The highest topic alias the sender takes; 0 is none.
    TopicAliasMaximum = 0x22, u16, [Connect ConnAck];
    /// A number in the topic's place. [MQTT-3.3.2-8]
    TopicAlias = 0x23, NonZeroU16, [Publish];
    /// The highest QoS the server takes, 0 or 1; without the property it is 2.
    MaximumQoS = 0x24, QoS, [ConnAck];
    /// Whether the server retains messages.
    RetainAvailable = 0x25, bool, [ConnAck];
    /// A name and a value of the applications; may repeat.
    UserProperty = 0x26, UserProperty<'a>, [Connect Will ConnAck Publish Ack Subscribe Unsubscribe Disconnect Auth];
    /// The largest packet the sender takes, in bytes with the fixed header.
    MaximumPacketSize = 0x27, NonZeroU32, [Connect ConnAck];
    /// Whether the server has wildcard subscriptions.
    WildcardSubscriptionAvailable = 0x28, bool, [ConnAck];
    /// Whether the server has subscription identifiers.
    SubscriptionIdentifierAvailable = 0x29, bool, [ConnAck];
    /// Whether the server has shared subscriptions.
    SharedSubscriptionAvailable = 0x2a, bool, [ConnAck];
}

const USER_PROPERTY: u8 = 0x26;
const SUBSCRIPTION_IDENTIFIER: u8 = 0x0b;
const TOPIC_ALIAS: u8 = 0x23;
const AUTHENTICATION_METHOD: u8 = 0x15;
const AUTHENTICATION_DATA: u8 = 0x16;

/// Which properties a block has seen, and whether the next one is allowed.
struct Seen {
    on: On,
    ids: u64,
}

impl Seen {
    const fn new(on: On) -> Self {
        Self { on, ids: 0 }
    }

    #[inline]
    fn note(&mut self, id: u8) -> Result<(), Violation> {
        let places = places(id);
        if places & self.on as usize == 0 {
            return Err(if places == 0 { Violation::UnknownProperty } else { Violation::MisplacedProperty });
        }
        // Identifiers that exist end at 0x2a.
        let bit = 1_u64 << id;
        let repeats = id == USER_PROPERTY || id == SUBSCRIPTION_IDENTIFIER && self.on == On::Publish;
        if self.ids & bit != 0 && !repeats {
            return Err(Violation::DuplicateProperty);
        }
        self.ids |= bit;
        Ok(())
    }

    const fn has(&self, id: u8) -> bool {
        self.ids & 1 << id != 0
    }

    /// What the whole block must satisfy.
    const fn finish(&self) -> Result<(), Violation> {
        // Section 3.1.2.11.10; section 3.15.2.2.2.
        if self.has(AUTHENTICATION_METHOD) {
            Ok(())
        } else if matches!(self.on, On::Auth) {
            Err(Violation::AuthMethodMissing)
        } else if self.has(AUTHENTICATION_DATA) {
            Err(Violation::AuthDataWithoutMethod)
        } else {
            Ok(())
        }
    }
}

/// The properties of a packet: read from the wire, or a list of the caller's. Empty before MQTT 5.0.
#[derive(Clone, Copy)]
pub struct Properties<'a>(Repr<'a>);

#[derive(Clone, Copy)]
enum Repr<'a> {
    /// Bytes without the length in front, checked for packets of this kind.
    Wire(&'a [u8], On),
    List(&'a [Property<'a>]),
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Self = Self(Repr::List(&[]));

    /// Properties from a list, in its order. Whether a packet may carry them is checked by its encoder.
    ///
    /// # Errors
    /// The caller's: a text or binary value longer than 65,535 bytes, U+0000 in a text, maximum QoS 2.
    pub fn new(list: &'a [Property<'a>]) -> Result<Self, PropertyError> {
        for (at, property) in list.iter().enumerate() {
            property.check().map_err(|kind| PropertyError { name: property.name(), at, kind })?;
        }
        Ok(Self(Repr::List(list)))
    }

    /// The properties one by one, in the order of the packet.
    #[must_use]
    pub const fn iter(&self) -> PropertyIter<'a> {
        PropertyIter(self.0)
    }

    /// Whether there are none.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        match self.0 {
            Repr::Wire(bytes, _) => bytes.is_empty(),
            Repr::List(list) => list.is_empty(),
        }
    }

    /// The block as it came from the wire, if it was checked for packets of this kind; a list only if it is empty.
    #[inline]
    pub(crate) const fn wire(&self, on: On) -> Option<&'a [u8]> {
        match self.0 {
            Repr::Wire([], _) | Repr::List([]) => Some(&[]),
            Repr::Wire(bytes, checked) if checked as usize == on as usize => Some(bytes),
            _ => None,
        }
    }

    /// A block that was checked before, for packets of this kind.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) const fn from_checked(bytes: &'a [u8], on: On) -> Self {
        Self(Repr::Wire(bytes, on))
    }

    /// Length on the wire without the length field in front, after a check that a packet of this kind may carry them.
    #[inline]
    pub(crate) fn measure(&self, on: On) -> Result<usize, EncodeError> {
        match self.wire(on) {
            Some(bytes) => Ok(bytes.len()),
            None => self.measure_each(on),
        }
    }

    pub(crate) fn measure_each(&self, on: On) -> Result<usize, EncodeError> {
        let mut seen = Seen::new(on);
        let mut len = 0;
        for property in self.iter() {
            seen.note(property.id()).map_err(|v| EncodeError::new(EncodeErrorKind::Property(property.name(), v)))?;
            len += property.encoded_len();
        }
        seen.finish()
            .map_err(|violation| EncodeError::new(EncodeErrorKind::Property("AuthenticationMethod", violation)))?;
        Ok(len)
    }

    /// Writes the length field and the properties.
    pub(crate) fn write(&self, len: u32, sink: &mut impl Sink) {
        sink.varint(len);
        match self.0 {
            Repr::Wire(bytes, _) => sink.bytes(bytes),
            Repr::List(list) => list.iter().for_each(|property| property.write(sink)),
        }
    }

    /// Reads the length field and checks every property behind it.
    #[inline]
    pub(crate) fn read(i: &'a [u8], on: On) -> IResult<&'a [u8], Self, Fail<'a>> {
        if let [0, rest @ ..] = i {
            return Ok((rest, Self::EMPTY));
        }
        Self::read_some(i, on)
    }

    fn read_some(i: &'a [u8], on: On) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (i, len) = wire::varint(i)?;
        let (rest, block) = take(len)(i)?;
        // Errors count what is left of the packet, so they need the slice that ends where the packet ends.
        let at = |left: &'a [u8]| i.get(block.len() - left.len()..).unwrap_or_default();
        let mut left = block;
        let mut seen = Seen::new(on);
        while let Some((id, value)) = left.split_first() {
            seen.note(*id).map_err(|violation| fail(at(left), violation))?;
            left = match Property::skip_value(*id, value) {
                Ok((next, ())) => next,
                Err(error) => {
                    return Err(error.map(|e| {
                        let zero_alias = *id == TOPIC_ALIAS && e.violation == Violation::PropertyValue;
                        let violation = if zero_alias { Violation::TopicAliasZero } else { e.violation };
                        Fail { rest: at(e.rest), violation }
                    }));
                }
            };
        }
        seen.finish().map_err(|violation| fail(i, violation))?;
        Ok((rest, Self(Repr::Wire(block, on))))
    }
}

impl Default for Properties<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Properties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Properties<'_> {}

impl<'a> IntoIterator for Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;

    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;

    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

/// Properties one by one, read as they are asked for.
#[derive(Clone)]
pub struct PropertyIter<'a>(Repr<'a>);

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        match &mut self.0 {
            Repr::Wire(bytes, _) => {
                let (id, value) = bytes.split_first()?;
                let (rest, property) = Property::read_value(*id, value).ok()?;
                *bytes = rest;
                Some(property)
            }
            Repr::List(list) => {
                let (property, rest) = list.split_first()?;
                *list = rest;
                Some(*property)
            }
        }
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::{Delivery, Packet, Publish, Version};
    use bytes::Bytes;
    use std::vec::Vec;

    #[test]
    fn a_block_is_trusted_only_where_it_was_checked() {
        // A session expiry interval, which no PUBLISH has.
        let bytes = Bytes::from_static(b"\x05\x11\0\0\0\x3c");
        let (_, of_connect) = Properties::read(&bytes, On::Connect).ok().expect("right in CONNECT");
        assert_eq!(of_connect.measure(On::Connect), Ok(5));
        assert_eq!(of_connect.measure(On::Disconnect), Ok(5));
        assert!(of_connect.measure(On::Publish).is_err());
        let topic = TopicName::new("a").ok();
        let publish =
            Publish { delivery: Delivery::AtMostOnce, retain: false, topic, properties: of_connect, payload: b"" };
        let packet = Packet::Publish(publish);
        let mut out = Vec::new();
        assert!(packet.encode(Version::V5_0, &mut out).is_err());
        assert!(packet.encode(Version::V3_1_1, &mut out).is_err());
        assert!(out.is_empty());
        assert!(packet.upgrade(&bytes).is_none());
    }

    #[test]
    fn values_are_skipped_as_they_are_read() {
        let texts: [&[u8]; 6] = [b"", b"text/plain", b"\xc3\xa4+#", b"\xff", b"a\0b", b"\xed\xa0\x80 sixteen and more"];
        for text in texts {
            let field = [&(text.len() as u16).to_be_bytes()[..], text].concat();
            for len in 0..=field.len() {
                for id in 0..=0x30 {
                    let value = [&field[..len], b"\0\x01v"].concat();
                    for value in [&value[..], &field[..len]] {
                        let read = Property::read_value(id, value).map(|(rest, _)| rest);
                        let skipped = Property::skip_value(id, value).map(|(rest, ())| rest);
                        assert_eq!(read.is_ok(), skipped.is_ok(), "{id:#x} {value:?}");
                        assert_eq!(read.ok(), skipped.ok(), "{id:#x} {value:?}");
                    }
                }
            }
        }
    }
}
