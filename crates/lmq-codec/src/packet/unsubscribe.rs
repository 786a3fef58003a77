use core::fmt;

use nom::IResult;

use super::entries::Entries;
use super::subscribe::{check_share, topic_filter};
use crate::encode::{EncodeError, EncodeErrorKind, Encoder, Form, Sink, Sizes, properties_exist};
use crate::property::On;
use crate::wire::{self, Fail, fail};
use crate::{PacketId, Properties, SubscribeOptions, TopicFilter, Version, Violation};

/// UNSUBSCRIBE: the client takes subscriptions back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Names the packet until its UNSUBACK.
    pub id: PacketId,
    /// MQTT 5.0 only.
    pub properties: Properties<'a>,
    /// Which ones; at least one.
    pub filters: UnsubscribeFilters<'a>,
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn read(i: &'a [u8], version: Version) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (i, id) = wire::packet_id(i)?;
        let (i, properties) =
            if version.has_properties() { Properties::read(i, On::Unsubscribe)? } else { (i, Properties::EMPTY) };
        // [MQTT-3.10.3-2]
        if i.is_empty() {
            return Err(fail(i, Violation::UnsubscribeEmpty));
        }
        let mut left = i;
        while !left.is_empty() {
            if let Some((_, rest)) = wire::checked_field(left).filter(|(filter, _)| TopicFilter::is_plain_field(filter))
            {
                left = rest;
                continue;
            }
            let (rest, filter) = topic_filter(left)?;
            check_share(filter, SubscribeOptions::default(), version).map_err(|violation| fail(left, violation))?;
            left = rest;
        }
        Ok((left, Self { id, properties, filters: UnsubscribeFilters(Entries::Wire(i, version)) }))
    }

    /// Checks once that the packet can be written in this edition and measures it.
    ///
    /// # Errors
    /// The caller's: no filter, a malformed shared filter, properties the edition does not have.
    pub fn encoder(&self, version: Version) -> Result<Encoder<'_>, EncodeError> {
        properties_exist(self.properties.is_empty(), version)?;
        let properties = if version.has_properties() { Some(self.properties.measure(On::Unsubscribe)?) } else { None };
        let filters = self.filters.measure(version)?;
        if filters == 0 {
            return Err(EncodeError::new(EncodeErrorKind::Packet(Violation::UnsubscribeEmpty)));
        }
        Ok(Encoder::new(Form::Unsubscribe(self), version, Sizes::new(filters.saturating_add(2), properties)?))
    }

    pub(crate) fn write(&self, version: Version, sizes: &Sizes, sink: &mut impl Sink) {
        sink.header_u16(0xa2, sizes.remaining, self.id.value());
        if version.has_properties() {
            self.properties.write(sizes.properties, sink);
        }
        self.filters.write(version, sink);
    }
}

/// The filters of an UNSUBSCRIBE: read from the wire, or a list of the caller's.
#[derive(Clone, Copy)]
pub struct UnsubscribeFilters<'a>(Entries<'a, TopicFilter<'a>>);

impl<'a> UnsubscribeFilters<'a> {
    /// Filters from a list, in its order. That there is one is checked by the packet's encoder.
    #[must_use]
    pub const fn new(list: &'a [TopicFilter<'a>]) -> Self {
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
        for filter in *self {
            check_share(filter, SubscribeOptions::default(), version)
                .map_err(|v| EncodeError::new(EncodeErrorKind::Packet(v)))?;
            len = len.saturating_add(2 + filter.as_bytes().len());
        }
        Ok(len)
    }

    fn write(&self, version: Version, sink: &mut impl Sink) {
        if let Some(bytes) = self.0.wire_of(version) {
            return sink.bytes(bytes);
        }
        for filter in *self {
            sink.field(filter.as_bytes());
        }
    }

    /// The filters one by one, in the order of the packet.
    #[must_use]
    pub const fn iter(&self) -> UnsubscribeFilters<'a> {
        *self
    }
}

impl<'a> Iterator for UnsubscribeFilters<'a> {
    type Item = TopicFilter<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Entries::Wire(bytes, _) => {
                let (filter, rest) = wire::checked_field(bytes)?;
                *bytes = rest;
                Some(TopicFilter::from_checked(filter))
            }
            Entries::List(list) => {
                let (filter, rest) = list.split_first()?;
                *list = rest;
                Some(*filter)
            }
        }
    }
}

impl fmt::Debug for UnsubscribeFilters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for UnsubscribeFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for UnsubscribeFilters<'_> {}
