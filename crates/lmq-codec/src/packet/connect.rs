use core::fmt;

use nom::IResult;

#[cfg(feature = "alloc")]
use crate::encode::BufSink;
use crate::encode::{
    EncodeError, EncodeErrorKind, Encoder, Form, Sink, Sizes, check_binary, check_text, properties_exist,
};
use crate::property::On;
use crate::wire::{self, Fail, fail};
use crate::{DecodeError, Frame, Properties, QoS, TopicName, Version, Violation};

/// CONNECT: the client asks for a connection. `Debug` leaves the password out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The edition of everything that follows on the connection.
    pub version: Version,
    /// Begin without what an earlier session left ("clean session" before MQTT 5.0).
    pub clean_start: bool,
    /// Seconds between two packets of the client; 0 switches the check off.
    pub keep_alive: u16,
    /// Names the session. Empty: the server chooses; before MQTT 5.0 only with a clean session, in MQTT 3.1 never.
    pub client_id: &'a str,
    /// What the server publishes when the connection ends without DISCONNECT.
    pub will: Option<Will<'a>>,
    /// Who connects.
    pub username: Option<&'a str>,
    /// What proves it; any bytes.
    pub password: Option<&'a [u8]>,
    /// MQTT 5.0 only.
    pub properties: Properties<'a>,
}

/// The message a server publishes for a client that went without DISCONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Where it goes.
    pub topic: TopicName<'a>,
    /// What it says; at most 65,535 bytes.
    pub payload: &'a [u8],
    /// With which QoS it goes.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
    /// MQTT 5.0 only.
    pub properties: Properties<'a>,
}

const RESERVED: u8 = 0x01;
const CLEAN: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_QOS: u8 = 0x18;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USERNAME: u8 = 0x80;

impl<'a> Connect<'a> {
    #[inline(always)]
    pub(super) fn decode(frame: Frame<'a>) -> Result<Self, DecodeError> {
        if let Some(connect) = Self::plain(frame.body()) {
            return Ok(connect);
        }
        let (body, version) = version(frame.body()).map_err(|e| super::place(frame, None, e))?;
        super::whole(frame, version, Self::read(body, version))
    }

    /// Reads a CONNECT of MQTT 3.1.1 that is right; what is not, the grammar judges.
    #[inline(always)]
    fn plain(body: &'a [u8]) -> Option<Self> {
        let [0, 4, b'M', b'Q', b'T', b'T', 4, flags, high, low, payload @ ..] = body else { return None };
        let (flags, version) = (*flags, Version::V3_1_1);
        check_flags(flags, version).ok()?;
        let (client_id, mut rest) = plain_text(payload)?;
        let clean_start = flags & CLEAN != 0;
        if client_id.is_empty() && !clean_start {
            return None;
        }
        let mut will = None;
        if flags & WILL != 0 {
            let (topic, after) = wire::checked_field(rest)?;
            let (payload, after) = wire::checked_field(after)?;
            will = Some(Will {
                topic: TopicName::from_field(topic).ok()?,
                payload,
                qos: QoS::from_bits((flags & WILL_QOS) >> 3)?,
                retain: flags & WILL_RETAIN != 0,
                properties: Properties::EMPTY,
            });
            rest = after;
        }
        let (mut username, mut password) = (None, None);
        if flags & USERNAME != 0 {
            let (text, after) = plain_text(rest)?;
            (username, rest) = (Some(text), after);
        }
        if flags & PASSWORD != 0 {
            let (bytes, after) = wire::checked_field(rest)?;
            (password, rest) = (Some(bytes), after);
        }
        let keep_alive = u16::from_be_bytes([*high, *low]);
        let properties = Properties::EMPTY;
        rest.is_empty().then_some(Self {
            version,
            clean_start,
            keep_alive,
            client_id,
            will,
            username,
            password,
            properties,
        })
    }

    fn read(i: &'a [u8], version: Version) -> IResult<&'a [u8], Self, Fail<'a>> {
        let flags_at = i;
        let (i, flags) = wire::u8(i)?;
        check_flags(flags, version).map_err(|violation| fail(flags_at, violation))?;
        let (i, keep_alive) = wire::u16(i)?;
        let (i, properties) =
            if version.has_properties() { Properties::read(i, On::Connect)? } else { (i, Properties::EMPTY) };
        let id_at = i;
        let (i, client_id) = wire::text(i)?;
        let clean_start = flags & CLEAN != 0;
        let empty_allowed = match version {
            Version::V3_1 => false,
            // [MQTT-3.1.3-8]
            Version::V3_1_1 => clean_start,
            Version::V5_0 => true,
        };
        if client_id.is_empty() && !empty_allowed {
            return Err(fail(id_at, Violation::ClientIdEmpty));
        }
        let (i, will) = if flags & WILL == 0 { (i, None) } else { will(i, flags, version)? };
        // MQTT 3.1 lets both fields be missing at the end although their flags are set.
        let present = |flag: u8, i: &[u8]| flags & flag != 0 && !(i.is_empty() && version == Version::V3_1);
        let (i, username) = if present(USERNAME, i) { some(wire::text(i)?) } else { (i, None) };
        let (i, password) = if present(PASSWORD, i) { some(wire::binary(i)?) } else { (i, None) };
        Ok((i, Self { version, clean_start, keep_alive, client_id, will, username, password, properties }))
    }

    /// Checks once that the packet can be written and measures it.
    ///
    /// # Errors
    /// The caller's: another version than the packet's own, a field over 65,535 bytes or with U+0000, properties or
    /// combinations the edition does not have.
    pub fn encoder(&self, version: Version) -> Result<Encoder<'_>, EncodeError> {
        Ok(Encoder::new(Form::Connect(self), version, self.sizes(version)?))
    }

    #[inline(always)]
    fn sizes(&self, version: Version) -> Result<Sizes, EncodeError> {
        if version != self.version {
            return Err(EncodeError::new(EncodeErrorKind::NotIn("CONNECT of another version", version)));
        }
        let packet = |violation| Err(EncodeError::new(EncodeErrorKind::Packet(violation)));
        check_text("client identifier", self.client_id)?;
        if self.client_id.is_empty() && (version == Version::V3_1 || version == Version::V3_1_1 && !self.clean_start) {
            return packet(Violation::ClientIdEmpty);
        }
        if self.username.is_none() && self.password.is_some() && !version.has_properties() {
            return packet(Violation::PasswordWithoutUserName);
        }
        let mut body = 2 + version.protocol_name().len() + 1 + 1 + 2 + 2 + self.client_id.len();
        let v5 = version.has_properties();
        properties_exist(self.properties.is_empty(), version)?;
        let properties = if v5 { Some(self.properties.measure(On::Connect)?) } else { None };
        let mut will_properties = None;
        if let Some(will) = &self.will {
            check_binary("will payload", will.payload)?;
            properties_exist(will.properties.is_empty(), version)?;
            if v5 {
                will_properties = Some(will.properties.measure(On::Will)?);
            }
            body += 2 + will.topic.as_bytes().len() + 2 + will.payload.len();
        }
        if let Some(username) = self.username {
            check_text("user name", username)?;
            body += 2 + username.len();
        }
        if let Some(password) = self.password {
            check_binary("password", password)?;
            body += 2 + password.len();
        }
        Sizes::with_will(body, properties, will_properties)
    }

    /// Checks the packet and appends it to `dst`.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    pub(super) fn encode(&self, version: Version, dst: &mut impl bytes::BufMut) -> Result<(), EncodeError> {
        let written = match version {
            Version::V3_1_1 => self.write_checked::<true>(version, dst),
            _ => self.write_checked::<false>(version, dst),
        };
        // As for PUBLISH: an error is looked for once more where there is one.
        if written { Ok(()) } else { self.refused(version) }
    }

    #[cfg(feature = "alloc")]
    #[cold]
    fn refused(&self, version: Version) -> Result<(), EncodeError> {
        self.sizes(version).map(|_| ())
    }

    /// Whether the packet could be written. The version most connections have gets code of its own.
    #[cfg(feature = "alloc")]
    #[inline(never)]
    fn write_checked<const V3_1_1: bool>(&self, version: Version, dst: &mut impl bytes::BufMut) -> bool {
        let version = if V3_1_1 { Version::V3_1_1 } else { version };
        let Ok(sizes) = self.sizes(version) else { return false };
        self.write(version, &sizes, &mut BufSink(dst));
        true
    }

    #[inline(always)]
    pub(crate) fn write(&self, version: Version, sizes: &Sizes, sink: &mut impl Sink) {
        let (flags, [high, low]) = (self.flags(), self.keep_alive.to_be_bytes());
        let [id_high, id_low] = (self.client_id.len() as u16).to_be_bytes();
        match (version, sizes.remaining) {
            // Most are so short that everything up to the client identifier is one piece.
            (Version::V3_1_1, len @ 0..0x80) => {
                sink.bytes(&[0x10, len as u8, 0, 4, b'M', b'Q', b'T', b'T', 4, flags, high, low, id_high, id_low]);
            }
            (Version::V3_1, len) => {
                sink.header(0x10, len);
                sink.bytes(&[0, 6, b'M', b'Q', b'I', b's', b'd', b'p', 3, flags, high, low, id_high, id_low]);
            }
            (Version::V3_1_1, len) => {
                sink.header(0x10, len);
                sink.bytes(&[0, 4, b'M', b'Q', b'T', b'T', 4, flags, high, low, id_high, id_low]);
            }
            (Version::V5_0, len) => {
                sink.header(0x10, len);
                sink.bytes(&[0, 4, b'M', b'Q', b'T', b'T', 5, flags, high, low]);
                self.properties.write(sizes.properties, sink);
                sink.bytes(&[id_high, id_low]);
            }
        }
        sink.bytes(self.client_id.as_bytes());
        if let Some(will) = &self.will {
            if version.has_properties() {
                will.properties.write(sizes.will_properties, sink);
            }
            sink.field(will.topic.as_bytes());
            sink.field(will.payload);
        }
        if let Some(username) = self.username {
            sink.field(username.as_bytes());
        }
        if let Some(password) = self.password {
            sink.field(password);
        }
    }

    #[inline]
    fn flags(&self) -> u8 {
        let will = self.will.map_or(0, |w| WILL | u8::from(w.qos) << 3 | if w.retain { WILL_RETAIN } else { 0 });
        let bit = |set: bool, flag: u8| if set { flag } else { 0 };
        bit(self.clean_start, CLEAN)
            | will
            | bit(self.password.is_some(), PASSWORD)
            | bit(self.username.is_some(), USERNAME)
    }
}

/// Reads name and level.
fn version(i: &[u8]) -> IResult<&[u8], Version, Fail<'_>> {
    let (level_at, name) = wire::binary(i)?;
    // [MQTT-3.1.2-1]
    if !matches!(name, b"MQTT" | b"MQIsdp") {
        return Err(fail(i, Violation::UnknownProtocolName));
    }
    let (rest, level) = wire::u8(level_at)?;
    // [MQTT-3.1.2-2]
    match Version::from_wire(name, level) {
        Some(version) => Ok((rest, version)),
        None => Err(fail(level_at, Violation::UnsupportedProtocolLevel)),
    }
}

#[inline(always)]
fn plain_text(i: &[u8]) -> Option<(&str, &[u8])> {
    let (bytes, rest) = wire::checked_field(i)?;
    Some((wire::check_text(bytes).ok()?, rest))
}

#[inline]
fn check_flags(flags: u8, version: Version) -> Result<(), Violation> {
    if flags & RESERVED != 0 {
        // [MQTT-3.1.2-3]
        return Err(Violation::ReservedConnectFlag);
    }
    if flags & WILL == 0 {
        if flags & WILL_QOS != 0 {
            return Err(Violation::WillQoSWithoutWill);
        }
        if flags & WILL_RETAIN != 0 {
            return Err(Violation::WillRetainWithoutWill);
        }
    } else if flags & WILL_QOS == WILL_QOS {
        return Err(Violation::WillQoS3);
    }
    // [MQTT-3.1.2-22] (3.1.1); MQTT 5.0 allows it.
    if flags & (USERNAME | PASSWORD) == PASSWORD && !version.has_properties() {
        return Err(Violation::PasswordWithoutUserName);
    }
    Ok(())
}

fn will(i: &[u8], flags: u8, version: Version) -> IResult<&[u8], Option<Will<'_>>, Fail<'_>> {
    let (i, properties) =
        if version.has_properties() { Properties::read(i, On::Will)? } else { (i, Properties::EMPTY) };
    let (i, topic) = wire::topic_name(i)?;
    let (rest, payload) = wire::binary(i)?;
    let Some(qos) = QoS::from_bits((flags & WILL_QOS) >> 3) else {
        return Err(fail(i, Violation::WillQoS3));
    };
    Ok((rest, Some(Will { topic, payload, qos, retain: flags & WILL_RETAIN != 0, properties })))
}

#[inline]
fn some<I, T>((rest, value): (I, T)) -> (I, Option<T>) {
    (rest, Some(value))
}

impl fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("client_id", &self.client_id)
            .field("will", &self.will)
            .field("username", &self.username)
            .field("password", &self.password.map(|_| ".."))
            .field("properties", &self.properties)
            .finish()
    }
}
