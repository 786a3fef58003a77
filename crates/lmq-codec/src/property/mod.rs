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

/// The packets that carry properties, one bit each.
#[derive(Clone, Copy)]
pub(crate) struct On(u16);

impl On {
    pub(crate) const CONNECT: Self = Self(1);
    pub(crate) const WILL: Self = Self(1 << 1);
    pub(crate) const CONNACK: Self = Self(1 << 2);
    pub(crate) const PUBLISH: Self = Self(1 << 3);
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK have the same properties.
    pub(crate) const ACK: Self = Self(1 << 4);
    pub(crate) const SUBSCRIBE: Self = Self(1 << 5);
    pub(crate) const UNSUBSCRIBE: Self = Self(1 << 6);
    pub(crate) const DISCONNECT: Self = Self(1 << 7);
    pub(crate) const AUTH: Self = Self(1 << 8);
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

            fn encoded_len(&self) -> usize {
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
        const fn places(id: u8) -> u16 {
            match id {
                $($id => 0 $(| On::$on.0)*,)*
                _ => 0,
            }
        }
    };
}

properties! {
    /// Whether the payload is UTF-8 text.
    PayloadFormatIndicator = 0x01, bool, [WILL PUBLISH];
    /// Seconds until the message is worth nothing.
    MessageExpiryInterval = 0x02, u32, [WILL PUBLISH];
    /// What the payload is, in words of the applications.
    ContentType = 0x03, &'a str, [WILL PUBLISH];
    /// Where a response goes; never with a wildcard. [MQTT-3.3.2-14]
    ResponseTopic = 0x08, TopicName<'a>, [WILL PUBLISH];
    /// Tells the requester which request a response answers.
    CorrelationData = 0x09, &'a [u8], [WILL PUBLISH];
    /// Names the subscription a message came by.
    SubscriptionIdentifier = 0x0b, SubscriptionId, [PUBLISH SUBSCRIBE];
    /// Seconds the session outlives the connection; 4,294,967,295 is for ever.
    SessionExpiryInterval = 0x11, u32, [CONNECT CONNACK DISCONNECT];
    /// The client identifier the server chose.
    AssignedClientIdentifier = 0x12, &'a str, [CONNACK];
    /// Seconds of keep-alive the server wants instead.
    ServerKeepAlive = 0x13, u16, [CONNACK];
    /// The name of an authentication method.
    AuthenticationMethod = 0x15, &'a str, [CONNECT CONNACK AUTH];
    /// What the authentication method says.
    AuthenticationData = 0x16, &'a [u8], [CONNECT CONNACK AUTH];
    /// Whether the client wants reason strings and user properties with failures.
    RequestProblemInformation = 0x17, bool, [CONNECT];
    /// Seconds between the end of the connection and the will.
    WillDelayInterval = 0x18, u32, [WILL];
    /// Whether the client wants response information.
    RequestResponseInformation = 0x19, bool, [CONNECT];
    /// From what the client builds response topics.
    ResponseInformation = 0x1a, &'a str, [CONNACK];
    /// Another server to use.
    ServerReference = 0x1c, &'a str, [CONNACK DISCONNECT];
    /// Words for people who look for a fault.
    ReasonString = 0x1f, &'a str, [CONNACK ACK DISCONNECT AUTH];
    /// How many QoS 1 and QoS 2 messages may wait for their acknowledgement.
    ReceiveMaximum = 0x21, NonZeroU16, [CONNECT CONNACK];
    /// The highest topic alias the sender takes; 0 is none.
    TopicAliasMaximum = 0x22, u16, [CONNECT CONNACK];
    /// A number in the topic's place. [MQTT-3.3.2-8]
    TopicAlias = 0x23, NonZeroU16, [PUBLISH];
    /// The highest QoS the server takes, 0 or 1; without the property it is 2.
    MaximumQoS = 0x24, QoS, [CONNACK];
    /// Whether the server retains messages.
    RetainAvailable = 0x25, bool, [CONNACK];
    /// A name and a value of the applications; may repeat.
    UserProperty = 0x26, UserProperty<'a>, [CONNECT WILL CONNACK PUBLISH ACK SUBSCRIBE UNSUBSCRIBE DISCONNECT AUTH];
    /// The largest packet the sender takes, in bytes with the fixed header.
    MaximumPacketSize = 0x27, NonZeroU32, [CONNECT CONNACK];
    /// Whether the server has wildcard subscriptions.
    WildcardSubscriptionAvailable = 0x28, bool, [CONNACK];
    /// Whether the server has subscription identifiers.
    SubscriptionIdentifierAvailable = 0x29, bool, [CONNACK];
    /// Whether the server has shared subscriptions.
    SharedSubscriptionAvailable = 0x2a, bool, [CONNACK];
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
        if places & self.on.0 == 0 {
            return Err(if places == 0 { Violation::UnknownProperty } else { Violation::MisplacedProperty });
        }
        // Identifiers that exist end at 0x2a.
        let bit = 1_u64 << id;
        let repeats = id == USER_PROPERTY || id == SUBSCRIPTION_IDENTIFIER && self.on.0 == On::PUBLISH.0;
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
        } else if self.on.0 == On::AUTH.0 {
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
    /// Checked bytes without the length in front.
    Wire(&'a [u8]),
    List(&'a [Property<'a>]),
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Self = Self(Repr::Wire(&[]));

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
            Repr::Wire(bytes) => bytes.is_empty(),
            Repr::List(list) => list.is_empty(),
        }
    }

    /// The block as it came from the wire; `None` for a list of the caller's, unless it is empty.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) const fn wire(&self) -> Option<&'a [u8]> {
        match self.0 {
            Repr::Wire(bytes) => Some(bytes),
            Repr::List([]) => Some(&[]),
            Repr::List(_) => None,
        }
    }

    /// A block that was checked before.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) const fn from_checked(bytes: &'a [u8]) -> Self {
        Self(Repr::Wire(bytes))
    }

    /// Length on the wire without the length field in front, after a check that a packet of this kind may carry them.
    pub(crate) fn measure(&self, on: On) -> Result<usize, EncodeError> {
        let mut seen = Seen::new(on);
        let mut len = 0;
        for property in self.iter() {
            seen.note(property.id()).map_err(|v| EncodeError::new(EncodeErrorKind::Property(property.name(), v)))?;
            len += property.encoded_len();
        }
        if let (false, Err(violation)) = (self.is_empty(), seen.finish()) {
            return Err(EncodeError::new(EncodeErrorKind::Property("AuthenticationMethod", violation)));
        }
        Ok(len)
    }

    /// Writes the length field and the properties.
    pub(crate) fn write(&self, len: u32, sink: &mut impl Sink) {
        sink.varint(len);
        match self.0 {
            Repr::Wire(bytes) => sink.bytes(bytes),
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
            left = match Property::read_value(*id, value) {
                Ok((next, _)) => next,
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
        Ok((rest, Self(Repr::Wire(block))))
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
            Repr::Wire(bytes) => {
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
