use core::fmt;

use nom::IResult;

use super::entries::Entries;
use crate::encode::{EncodeError, EncodeErrorKind, Encoder, Form, Sink, Sizes, properties_exist};
use crate::property::On;
use crate::wire::{self, Fail, fail};
use crate::{PacketId, Properties, QoS, TopicFilter, Version, Violation};

/// SUBSCRIBE: the client asks for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Names the packet until its SUBACK.
    pub id: PacketId,
    /// MQTT 5.0 only.
    pub properties: Properties<'a>,
    /// What for; at least one.
    pub filters: SubscribeFilters<'a>,
}

/// What a subscription asks for besides its filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SubscribeOptions {
    /// The highest QoS the client wants.
    pub qos: QoS,
    /// Leave out what the client itself publishes; MQTT 5.0, and not on shared subscriptions. [MQTT-3.8.3-4]
    pub no_local: bool,
    /// Keep the RETAIN flag as it was published; MQTT 5.0.
    pub retain_as_published: bool,
    /// When retained messages are sent; MQTT 5.0.
    pub retain_handling: RetainHandling,
}

/// When a subscription brings retained messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RetainHandling {
    /// With every SUBSCRIBE, as before MQTT 5.0.
    #[default]
    Send = 0,
    /// Only if the subscription is new.
    SendIfNew = 1,
    /// Never.
    DoNotSend = 2,
}

impl SubscribeOptions {
    /// This QoS and nothing else.
    #[must_use]
    pub const fn new(qos: QoS) -> Self {
        Self { qos, no_local: false, retain_as_published: false, retain_handling: RetainHandling::Send }
    }

    const fn from_byte(byte: u8, version: Version) -> Result<Self, Violation> {
        // [MQTT-3.8.3-4] (3.1.1), [MQTT-3.8.3-5] (5.0)
        let reserved = if version.has_properties() { 0xc0 } else { 0xfc };
        if byte & reserved != 0 {
            return Err(Violation::ReservedSubscriptionBits);
        }
        let Some(qos) = QoS::from_bits(byte & 0x03) else {
            return Err(Violation::SubscriptionQoS3);
        };
        let retain_handling = match byte >> 4 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(Violation::RetainHandling3),
        };
        Ok(Self { qos, no_local: byte & 0x04 != 0, retain_as_published: byte & 0x08 != 0, retain_handling })
    }

    const fn byte(self) -> u8 {
        self.qos as u8
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }
}

impl<'a> Subscribe<'a> {
    pub(super) fn read(i: &'a [u8], version: Version) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (i, id) = wire::packet_id(i)?;
        let (i, properties) =
            if version.has_properties() { Properties::read(i, On::Subscribe)? } else { (i, Properties::EMPTY) };
        // [MQTT-3.8.3-3] (3.1.1), [MQTT-3.8.3-2] (5.0)
        if i.is_empty() {
            return Err(fail(i, Violation::SubscribeEmpty));
        }
        let mut rest = plain_entries(i);
        while !rest.is_empty() {
            rest = plain_entries(entry(rest, version)?.0);
        }
        Ok((rest, Self { id, properties, filters: SubscribeFilters(Entries::Wire(i, version)) }))
    }

    /// Checks once that the packet can be written in this edition and measures it.
    ///
    /// # Errors
    /// The caller's: no filter, options or properties the edition does not have, no-local on a shared subscription.
    pub fn encoder(&self, version: Version) -> Result<Encoder<'_>, EncodeError> {
        properties_exist(self.properties.is_empty(), version)?;
        let properties = if version.has_properties() { Some(self.properties.measure(On::Subscribe)?) } else { None };
        let filters = self.filters.measure(version)?;
        if filters == 0 {
            return Err(EncodeError::new(EncodeErrorKind::Packet(Violation::SubscribeEmpty)));
        }
        Ok(Encoder::new(Form::Subscribe(self), version, Sizes::new(filters.saturating_add(2), properties)?))
    }

    pub(crate) fn write(&self, version: Version, sizes: &Sizes, sink: &mut impl Sink) {
        sink.header_u16(0x82, sizes.remaining, self.id.value());
        if version.has_properties() {
            self.properties.write(sizes.properties, sink);
        }
        self.filters.write(version, sink);
    }
}

/// What follows the entries that are right in every edition and need no second look.
#[inline(never)]
fn plain_entries(mut i: &[u8]) -> &[u8] {
    while let Some((filter, [0..=2, rest @ ..])) = wire::checked_field(i) {
        if !TopicFilter::is_plain_field(filter) {
            break;
        }
        i = rest;
    }
    i
}

fn entry(i: &[u8], version: Version) -> IResult<&[u8], (TopicFilter<'_>, SubscribeOptions), Fail<'_>> {
    let (options_at, filter) = topic_filter(i)?;
    let (rest, byte) = wire::u8(options_at)?;
    let options = SubscribeOptions::from_byte(byte, version).map_err(|violation| fail(options_at, violation))?;
    check_share(filter, options, version).map_err(|violation| fail(i, violation))?;
    Ok((rest, (filter, options)))
}

pub(super) fn topic_filter(i: &[u8]) -> IResult<&[u8], TopicFilter<'_>, Fail<'_>> {
    let (rest, bytes) = wire::binary(i)?;
    match TopicFilter::from_field(bytes) {
        Ok(filter) => Ok((rest, filter)),
        Err(violation) => Err(fail(i, violation)),
    }
}

/// What MQTT 5.0 adds for `$share/`. [MQTT-4.8.2-1], [MQTT-4.8.2-2], [MQTT-3.8.3-4]
pub(super) fn check_share(
    filter: TopicFilter<'_>,
    options: SubscribeOptions,
    version: Version,
) -> Result<(), Violation> {
    if !version.has_properties() || !filter.has_share_prefix() {
        Ok(())
    } else if filter.share().is_none() {
        Err(Violation::ShareMalformed)
    } else if options.no_local {
        Err(Violation::NoLocalOnShared)
    } else {
        Ok(())
    }
}

/// The filters of a SUBSCRIBE: read from the wire, or a list of the caller's.
#[derive(Clone, Copy)]
pub struct SubscribeFilters<'a>(Entries<'a, (TopicFilter<'a>, SubscribeOptions)>);

impl<'a> SubscribeFilters<'a> {
    /// Filters from a list, in its order. That there is one is checked by the packet's encoder.
    #[must_use]
    pub const fn new(list: &'a [(TopicFilter<'a>, SubscribeOptions)]) -> Self {
        Self(Entries::List(list))
    }

    #[cfg(feature = "alloc")]
    pub(crate) const fn wire(&self) -> Option<(&'a [u8], Version)> {
        self.0.wire()
    }

    #[cfg(feature = "alloc")]
    pub(crate) const fn from_checked(bytes: &'a [u8], version: Version) -> Self {
        Self(Entries::Wire(bytes, version))
    }

    /// Length on the wire, after a check that a packet of this version may carry them.
    fn measure(&self, version: Version) -> Result<usize, EncodeError> {
        if let Some(bytes) = self.0.wire_of(version) {
            return Ok(bytes.len());
        }
        let mut len = 0_usize;
        for (filter, options) in *self {
            check_share(filter, options, version).map_err(|v| EncodeError::new(EncodeErrorKind::Packet(v)))?;
            if !version.has_properties() && options != SubscribeOptions::new(options.qos) {
                return Err(EncodeError::new(EncodeErrorKind::NotIn("subscription options besides QoS", version)));
            }
            len = len.saturating_add(2 + filter.as_bytes().len() + 1);
        }
        Ok(len)
    }

    fn write(&self, version: Version, sink: &mut impl Sink) {
        if let Some(bytes) = self.0.wire_of(version) {
            return sink.bytes(bytes);
        }
        for (filter, options) in *self {
            sink.field(filter.as_bytes());
            sink.u8(options.byte());
        }
    }

    /// The filters one by one, in the order of the packet.
    #[must_use]
    pub const fn iter(&self) -> SubscribeFilters<'a> {
        *self
    }
}

impl<'a> Iterator for SubscribeFilters<'a> {
    type Item = (TopicFilter<'a>, SubscribeOptions);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Entries::Wire(bytes, version) => {
                let (filter, rest) = wire::checked_field(bytes)?;
                let (byte, rest) = rest.split_first()?;
                *bytes = rest;
                let options = match byte {
                    0 => SubscribeOptions::new(QoS::AtMostOnce),
                    1 => SubscribeOptions::new(QoS::AtLeastOnce),
                    2 => SubscribeOptions::new(QoS::ExactlyOnce),
                    byte => SubscribeOptions::from_byte(*byte, *version).ok()?,
                };
                Some((TopicFilter::from_checked(filter), options))
            }
            Entries::List(list) => {
                let (item, rest) = list.split_first()?;
                *list = rest;
                Some(*item)
            }
        }
    }
}

impl fmt::Debug for SubscribeFilters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for SubscribeFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for SubscribeFilters<'_> {}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use crate::{Packet, Split, Version, split};
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn rewritten(bytes: &[u8], from: Version, to: Version) -> Result<Vec<u8>, String> {
        let Ok(Split::Frame { frame, .. }) = split(bytes, 1000) else { panic!("a whole packet") };
        let packet = Packet::decode(frame, from).expect("right in its own edition");
        let mut out = Vec::new();
        packet.encode(to, &mut out).map_err(|error| error.to_string()).map(|()| out)
    }

    #[test]
    fn entries_of_another_edition_are_looked_at_again() {
        let (v3, v5) = (Version::V3_1_1, Version::V5_0);
        let plain = b"\x82\x08\0\x09\0\x03a/+\x01";
        assert_eq!(rewritten(plain, v3, v3).as_deref(), Ok(&plain[..]));
        assert_eq!(rewritten(plain, v3, Version::V3_1).as_deref(), Ok(&plain[..]));
        assert_eq!(rewritten(plain, v3, v5).as_deref(), Ok(&b"\x82\x09\0\x09\0\0\x03a/+\x01"[..]));
        let half_shared = b"\x82\x0d\0\x09\0\x08$share/a\x01";
        assert_eq!(rewritten(half_shared, v3, v3).as_deref(), Ok(&half_shared[..]));
        assert!(rewritten(half_shared, v3, v5).is_err());
        let options = b"\x82\x09\0\x09\0\0\x03a/+\x2d";
        assert_eq!(rewritten(options, v5, v5).as_deref(), Ok(&options[..]));
        assert!(rewritten(options, v5, v3).is_err());
    }

    #[test]
    fn filters_of_another_edition_are_looked_at_again() {
        let (v3, v5) = (Version::V3_1_1, Version::V5_0);
        let plain = b"\xa2\x07\0\x09\0\x03a/+";
        assert_eq!(rewritten(plain, v3, v3).as_deref(), Ok(&plain[..]));
        assert_eq!(rewritten(plain, v3, Version::V3_1).as_deref(), Ok(&plain[..]));
        let plain_5 = b"\xa2\x08\0\x09\0\0\x03a/+";
        assert_eq!(rewritten(plain, v3, v5).as_deref(), Ok(&plain_5[..]));
        assert_eq!(rewritten(plain_5, v5, v5).as_deref(), Ok(&plain_5[..]));
        assert_eq!(rewritten(plain_5, v5, v3).as_deref(), Ok(&plain[..]));
        let half_shared = b"\xa2\x0c\0\x09\0\x08$share/a";
        assert_eq!(rewritten(half_shared, v3, v3).as_deref(), Ok(&half_shared[..]));
        assert!(rewritten(half_shared, v3, v5).is_err());
    }
}
