//! Where the fields of a packet lie in a buffer: what a borrowed packet becomes when it lets go of its lifetime.

use crate::packet::AckKind;
use crate::property::{On, Properties};
use crate::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, PacketId, Publish, QoS, ReasonCode, ReasonCodes, SubAck,
    Subscribe, SubscribeFilters, TopicName, UnsubAck, Unsubscribe, UnsubscribeFilters, Version, Will,
};

/// A range of the buffer, or nothing at all.
#[derive(Clone, Copy)]
pub(super) struct Span {
    at: u32,
    len: u32,
}

impl Span {
    const EMPTY: Self = Self { at: 0, len: 0 };

    /// Where `part` lies in `whole`; `None` if it does not, or beyond 4 GiB.
    #[inline(always)]
    fn of(part: &[u8], whole: &[u8]) -> Option<Self> {
        if part.is_empty() {
            return Some(Self::EMPTY);
        }
        let at = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
        if at > whole.len() || part.len() > whole.len() - at {
            return None;
        }
        Some(Self { at: u32::try_from(at).ok()?, len: u32::try_from(part.len()).ok()? })
    }

    #[inline]
    pub(super) fn range(self) -> core::ops::Range<usize> {
        self.at as usize..self.at as usize + self.len as usize
    }

    #[inline]
    fn bytes(self, whole: &[u8]) -> &[u8] {
        whole.get(self.range()).unwrap_or_default()
    }
}

/// The five fields of a CONNECT, which are at most 65,535 bytes each.
#[derive(Clone, Copy)]
pub(super) struct ConnectParts {
    at: [u32; 5],
    len: [u16; 5],
    properties: Span,
    will_properties: Span,
    keep_alive: u16,
    version: Version,
    clean_start: bool,
    will: Option<(QoS, bool)>,
    username: bool,
    password: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Parts {
    Connect(ConnectParts),
    ConnAck { session_present: bool, reason: ReasonCode, properties: Span },
    Publish { delivery: Delivery, retain: bool, topic: Option<Span>, properties: Span, payload: Span },
    Ack { kind: AckKind, id: PacketId, reason: ReasonCode, properties: Span },
    Subscribe { id: PacketId, properties: Span, filters: Span, version: Version },
    SubAck { id: PacketId, properties: Span, reasons: Span },
    Unsubscribe { id: PacketId, properties: Span, filters: Span, version: Version },
    UnsubAck { id: PacketId, properties: Span, reasons: Span },
    PingReq,
    PingResp,
    Disconnect { reason: ReasonCode, properties: Span },
    Auth { reason: ReasonCode, properties: Span },
}

impl Parts {
    /// Where the packet's fields lie in `whole`; `None` if one of them does not.
    #[inline]
    pub(super) fn of(packet: &Packet<'_>, whole: &[u8]) -> Option<Self> {
        let block = |properties: &Properties<'_>, on| Span::of(properties.wire(on)?, whole);
        let ack = |kind, p: &Ack<'_>| {
            Some(Self::Ack { kind, id: p.id, reason: p.reason, properties: block(&p.properties, On::Ack)? })
        };
        Some(match packet {
            Packet::Publish(p) => Self::of_publish(p, whole)?,
            Packet::PubAck(p) => ack(AckKind::Ack, p)?,
            Packet::PubRec(p) => ack(AckKind::Rec, p)?,
            Packet::PubRel(p) => ack(AckKind::Rel, p)?,
            Packet::PubComp(p) => ack(AckKind::Comp, p)?,
            Packet::Connect(p) => Self::Connect(ConnectParts::of(p, whole)?),
            Packet::ConnAck(p) => Self::ConnAck {
                session_present: p.session_present,
                reason: p.reason,
                properties: block(&p.properties, On::ConnAck)?,
            },
            Packet::Subscribe(p) => {
                let (filters, version) = p.filters.wire()?;
                let (properties, filters) = (block(&p.properties, On::Subscribe)?, Span::of(filters, whole)?);
                Self::Subscribe { id: p.id, properties, filters, version }
            }
            Packet::SubAck(p) => Self::SubAck {
                id: p.id,
                properties: block(&p.properties, On::Ack)?,
                reasons: Span::of(p.reasons.wire()?, whole)?,
            },
            Packet::Unsubscribe(p) => {
                let (filters, version) = p.filters.wire()?;
                let (properties, filters) = (block(&p.properties, On::Unsubscribe)?, Span::of(filters, whole)?);
                Self::Unsubscribe { id: p.id, properties, filters, version }
            }
            Packet::UnsubAck(p) => Self::UnsubAck {
                id: p.id,
                properties: block(&p.properties, On::Ack)?,
                reasons: Span::of(p.reasons.wire()?, whole)?,
            },
            Packet::PingReq => Self::PingReq,
            Packet::PingResp => Self::PingResp,
            Packet::Disconnect(p) => {
                Self::Disconnect { reason: p.reason, properties: block(&p.properties, On::Disconnect)? }
            }
            Packet::Auth(p) => Self::Auth { reason: p.reason, properties: block(&p.properties, On::Auth)? },
        })
    }

    #[inline(always)]
    pub(super) fn of_publish(p: &Publish<'_>, whole: &[u8]) -> Option<Self> {
        Some(Self::Publish {
            delivery: p.delivery,
            retain: p.retain,
            topic: match p.topic {
                Some(topic) => Some(Span::of(topic.as_bytes(), whole)?),
                None => None,
            },
            properties: Span::of(p.properties.wire(On::Publish)?, whole)?,
            payload: Span::of(p.payload, whole)?,
        })
    }

    #[inline(always)]
    pub(super) fn of_short(first: u8, body: &[u8]) -> Option<Self> {
        let kind = match (first, body) {
            (0x40, _) => AckKind::Ack,
            (0x50, _) => AckKind::Rec,
            (0x62, _) => AckKind::Rel,
            (0x70, _) => AckKind::Comp,
            (0xc0, []) => return Some(Self::PingReq),
            (0xd0, []) => return Some(Self::PingResp),
            _ => return None,
        };
        let id = PacketId::new(u16::from_be_bytes(body.try_into().ok()?))?;
        Some(Self::Ack { kind, id, reason: ReasonCode::Success, properties: Span::EMPTY })
    }

    /// Whether some field lies in the buffer, so that the packet must keep it.
    #[inline(always)]
    pub(super) fn need_bytes(&self) -> bool {
        match self {
            Self::PingReq | Self::PingResp => false,
            Self::Ack { properties, .. }
            | Self::ConnAck { properties, .. }
            | Self::Disconnect { properties, .. }
            | Self::Auth { properties, .. } => properties.len > 0,
            Self::UnsubAck { properties, reasons, .. } => properties.len > 0 || reasons.len > 0,
            Self::Publish { .. }
            | Self::Connect(_)
            | Self::Subscribe { .. }
            | Self::SubAck { .. }
            | Self::Unsubscribe { .. } => true,
        }
    }

    pub(super) const fn payload(&self) -> Option<Span> {
        match self {
            Self::Publish { payload, .. } => Some(*payload),
            _ => None,
        }
    }

    /// The packet again, borrowed from the buffer; what most packets are is put together where the caller stands.
    #[inline]
    pub(super) fn view<'a>(&self, whole: &'a [u8]) -> Packet<'a> {
        let block = |span: &Span, on| Properties::from_checked(span.bytes(whole), on);
        match self {
            Self::Publish { delivery, retain, topic, properties, payload } => Packet::Publish(Publish {
                delivery: *delivery,
                retain: *retain,
                topic: topic.map(|topic| TopicName::from_checked(topic.bytes(whole))),
                properties: block(properties, On::Publish),
                payload: payload.bytes(whole),
            }),
            Self::Ack { kind, id, reason, properties } => {
                let ack = Ack { id: *id, reason: *reason, properties: block(properties, On::Ack) };
                match kind {
                    AckKind::Ack => Packet::PubAck(ack),
                    AckKind::Rec => Packet::PubRec(ack),
                    AckKind::Rel => Packet::PubRel(ack),
                    AckKind::Comp => Packet::PubComp(ack),
                }
            }
            Self::PingReq => Packet::PingReq,
            Self::PingResp => Packet::PingResp,
            _ => self.view_other(whole),
        }
    }

    #[inline(never)]
    fn view_other<'a>(&self, whole: &'a [u8]) -> Packet<'a> {
        let block = |span: &Span, on| Properties::from_checked(span.bytes(whole), on);
        match self {
            Self::Connect(parts) => Packet::Connect(parts.view(whole)),
            Self::ConnAck { session_present, reason, properties } => Packet::ConnAck(ConnAck {
                session_present: *session_present,
                reason: *reason,
                properties: block(properties, On::ConnAck),
            }),
            Self::Subscribe { id, properties, filters, version } => Packet::Subscribe(Subscribe {
                id: *id,
                properties: block(properties, On::Subscribe),
                filters: SubscribeFilters::from_checked(filters.bytes(whole), *version),
            }),
            Self::SubAck { id, properties, reasons } => Packet::SubAck(SubAck {
                id: *id,
                properties: block(properties, On::Ack),
                reasons: ReasonCodes::from_checked(reasons.bytes(whole)),
            }),
            Self::Unsubscribe { id, properties, filters, version } => Packet::Unsubscribe(Unsubscribe {
                id: *id,
                properties: block(properties, On::Unsubscribe),
                filters: UnsubscribeFilters::from_checked(filters.bytes(whole), *version),
            }),
            Self::UnsubAck { id, properties, reasons } => Packet::UnsubAck(UnsubAck {
                id: *id,
                properties: block(properties, On::Ack),
                reasons: ReasonCodes::from_checked(reasons.bytes(whole)),
            }),
            Self::Disconnect { reason, properties } => {
                Packet::Disconnect(Disconnect { reason: *reason, properties: block(properties, On::Disconnect) })
            }
            Self::Auth { reason, properties } => {
                Packet::Auth(Auth { reason: *reason, properties: block(properties, On::Auth) })
            }
            // Those that are most packets, see `view`.
            Self::Publish { .. } | Self::Ack { .. } | Self::PingReq | Self::PingResp => self.view(whole),
        }
    }
}

impl ConnectParts {
    fn of(p: &Connect<'_>, whole: &[u8]) -> Option<Self> {
        let (topic, payload) = p.will.map_or((&[][..], &[][..]), |will| (will.topic.as_bytes(), will.payload));
        let fields = [
            p.client_id.as_bytes(),
            topic,
            payload,
            p.username.unwrap_or_default().as_bytes(),
            p.password.unwrap_or_default(),
        ];
        let (mut at, mut len) = ([0; 5], [0; 5]);
        for ((field, at), len) in fields.iter().zip(&mut at).zip(&mut len) {
            *at = Span::of(field, whole)?.at;
            *len = u16::try_from(field.len()).ok()?;
        }
        Some(Self {
            at,
            len,
            properties: Span::of(p.properties.wire(On::Connect)?, whole)?,
            will_properties: match &p.will {
                Some(will) => Span::of(will.properties.wire(On::Will)?, whole)?,
                None => Span::EMPTY,
            },
            keep_alive: p.keep_alive,
            version: p.version,
            clean_start: p.clean_start,
            will: p.will.map(|will| (will.qos, will.retain)),
            username: p.username.is_some(),
            password: p.password.is_some(),
        })
    }

    fn view<'a>(&self, whole: &'a [u8]) -> Connect<'a> {
        let [id, topic, payload, username, password] = self.at;
        let [id_len, topic_len, payload_len, username_len, password_len] = self.len;
        let bytes = |at: u32, len: u16| Span { at, len: u32::from(len) }.bytes(whole);
        let text = |at: u32, len: u16| core::str::from_utf8(bytes(at, len)).unwrap_or_default();
        Connect {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            client_id: text(id, id_len),
            will: self.will.map(|(qos, retain)| Will {
                topic: TopicName::from_checked(bytes(topic, topic_len)),
                payload: bytes(payload, payload_len),
                qos,
                retain,
                properties: Properties::from_checked(self.will_properties.bytes(whole), On::Will),
            }),
            username: self.username.then(|| text(username, username_len)),
            password: self.password.then(|| bytes(password, password_len)),
            properties: Properties::from_checked(self.properties.bytes(whole), On::Connect),
        }
    }
}
