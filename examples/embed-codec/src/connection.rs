//! One connection, from the first byte to the last.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::BytesMut;
use lmq_codec::{
    Ack, ConnAck, Connect, Decoded, Decoder, Disconnect, Framed, FramedError, Packet, PacketId, Properties, Property,
    Publish, QoS, ReasonCode, ReasonCodes, SubAck, Subscribe, UnsubAck, Unsubscribe, Version,
};
use tokio::io::{self, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::StreamExt;
use tokio_util::codec::{Encoder, FramedRead};

use crate::hub::{ANY_ID, Frame, Hub, Member, delivery};

/// The largest packet a client may send, and so the most that one can make the server hold for it.
const PACKET_BYTES_MAX: u32 = 256 * 1024;
/// From accept to the end of CONNECT.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// For last words to arrive.
const LINGER: Duration = Duration::from_secs(3);
/// Messages leave the queue while less than this is unsent: the queue is where they are counted.
const SEND_BELOW: usize = 16 * 1024;
/// Packets are read while less than this is unsent: who does not read answers is not listened to. It is above
/// `SEND_BELOW` and a packet, so that messages of others never stop a connection from being read.
const READ_BELOW: usize = 512 * 1024;
/// QoS 1 messages without PUBACK; fewer if the client says so.
const WINDOW: usize = 32;

/// Why a connection ended without a DISCONNECT of the client.
pub(crate) enum End {
    /// The peer was lost, or sent what is no packet.
    Peer(FramedError),
    /// This server does not want to go on.
    Server(ReasonCode),
    /// No CONNECT in time, or no DISCONNECT before the end.
    Silent,
}

struct Link<'s> {
    packets: FramedRead<ReadHalf<'s>, Framed>,
    write: WriteHalf<'s>,
    /// Encoded and not sent.
    unsent: BytesMut,
}

/// Serves a connection until it is over.
pub(crate) async fn serve(mut socket: TcpStream, hub: &Arc<Hub>) -> Result<(), End> {
    socket.set_nodelay(true).map_err(FramedError::Io)?;
    let (read, write) = socket.split();
    let packets = FramedRead::new(read, Framed::new(Decoder::server(PACKET_BYTES_MAX)));
    let mut link = Link { packets, write, unsent: BytesMut::new() };
    let end = link.run(hub).await;
    // The peer's end is awaited: closing with unread bytes would destroy what is under way to it.
    let linger = async {
        link.write.write_all(&link.unsent).await?;
        link.write.shutdown().await?;
        io::copy(link.packets.get_mut(), &mut io::sink()).await
    };
    let _ = timeout(LINGER, linger).await;
    end
}

impl Link<'_> {
    async fn run(&mut self, hub: &Arc<Hub>) -> Result<(), End> {
        let first = match timeout(CONNECT_TIME, self.packets.next()).await {
            Ok(Some(Ok(Decoded::Packet(first)))) => first,
            Ok(Some(Err(FramedError::Decode(error)))) => {
                // Before MQTT 5.0 most get no answer.
                if let Some((version, refusal)) = error.server_answer(None) {
                    let _ = refusal.encode(version, &mut self.unsent);
                }
                return Err(FramedError::Decode(error).into());
            }
            Ok(Some(Err(error))) => return Err(error.into()),
            _ => return Err(End::Silent),
        };
        let Packet::Connect(connect) = first.packet() else { return Err(End::Silent) };
        if let Some(reason) = objection(&connect) {
            self.say(refusal(reason))?;
            return Err(End::Server(reason));
        }
        let mut member = hub.join(&connect);
        let end = match self.welcome(&connect, &member) {
            Ok(()) => self.talk(&connect, &mut member).await,
            Err(error) => Err(error.into()),
        };
        let dropped = member.dropped.load(Relaxed);
        if dropped > 0 {
            eprintln!("{}: {dropped} messages dropped", member.client_id);
        }
        let Err(end) = end else { return Ok(()) };
        if let Some(will) = connect.will {
            // Without a session a will is not delayed, and a PUBLISH does not speak of delays.
            let list: Vec<_> =
                will.properties.iter().filter(|it| !matches!(it, Property::WillDelayInterval(_))).collect();
            let properties = Properties::new(&list).unwrap_or_default();
            let (delivery, topic) = (delivery(will.qos, ANY_ID), Some(will.topic));
            member.publish(&Publish { delivery, retain: false, topic, properties, payload: will.payload });
        }
        if let Some(last) = end.last_words(connect.version) {
            let _ = self.say(last);
        }
        Err(end)
    }

    fn welcome(&mut self, connect: &Connect<'_>, member: &Member) -> Result<(), FramedError> {
        let mut list = vec![
            Property::MaximumQoS(QoS::AtLeastOnce),
            Property::RetainAvailable(false),
            Property::SharedSubscriptionAvailable(false),
            Property::SubscriptionIdentifierAvailable(false),
        ];
        list.extend(NonZeroU32::new(PACKET_BYTES_MAX).map(Property::MaximumPacketSize));
        // No session outlives its connection here, whatever was asked for.
        list.extend(connect.properties.session_expiry_interval().map(|_| Property::SessionExpiryInterval(0)));
        if connect.client_id.is_empty() {
            list.push(Property::AssignedClientIdentifier(&member.client_id));
        }
        let properties = match connect.version {
            Version::V5_0 => Properties::new(&list).unwrap_or_default(),
            _ => Properties::EMPTY,
        };
        self.say(Packet::ConnAck(ConnAck { session_present: false, reason: ReasonCode::Success, properties }))
    }

    /// Reads, sends what others publish, and writes, all at once.
    async fn talk(&mut self, connect: &Connect<'_>, member: &mut Member) -> Result<(), End> {
        let patience = Duration::from_millis(u64::from(connect.keep_alive) * 1500);
        let receive_max = connect.properties.receive_maximum().map_or(WINDOW, |max| usize::from(max.get()));
        let mut flight = Flight { ids: BTreeSet::new(), last: 0, window: WINDOW.min(receive_max) };
        let mut heard = Instant::now();
        loop {
            let unsent = self.unsent.len();
            // Each of these may be dropped half done and loses nothing.
            tokio::select! {
                packet = self.packets.next(), if unsent < READ_BELOW => {
                    heard = Instant::now();
                    let Decoded::Packet(packet) = packet.ok_or(End::Silent)?? else { continue };
                    if let Packet::Disconnect(last) = packet.packet() {
                        let wants_will = last.reason == ReasonCode::DisconnectWithWill;
                        return if wants_will { Err(End::Silent) } else { Ok(()) };
                    }
                    self.handle(packet.packet(), connect.version, member, &mut flight)?;
                }
                Some((frame, _)) = member.queue.recv(), if unsent < SEND_BELOW && flight.open() => {
                    flight.send(&frame, &mut self.unsent);
                }
                written = self.write.write_buf(&mut self.unsent), if unsent > 0 => {
                    written.map_err(FramedError::Io)?;
                }
                reason = &mut member.evicted => return Err(End::Server(reason.unwrap_or(ReasonCode::UnspecifiedError))),
                () = sleep_until(heard + patience), if !patience.is_zero() => {
                    return Err(End::Server(ReasonCode::KeepAliveTimeout)); // [MQTT-3.1.2-24] (3.1.1), [MQTT-3.1.2-22] (5.0)
                }
            }
        }
    }

    fn handle(
        &mut self,
        packet: Packet<'_>,
        version: Version,
        member: &Member,
        flight: &mut Flight,
    ) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => self.publish(&publish, version, member)?,
            Packet::PubAck(ack) => {
                flight.ids.remove(&ack.id);
            }
            Packet::Subscribe(Subscribe { id, properties, filters }) => {
                let named = properties.subscription_identifier().is_some();
                let codes = filters.map(|(filter, options)| {
                    let code = match version {
                        Version::V5_0 if named => ReasonCode::SubscriptionIdentifiersNotSupported,
                        Version::V5_0 if filter.share().is_some() => ReasonCode::SharedSubscriptionsNotSupported,
                        _ => member.subscribe(filter, options),
                    };
                    // Before MQTT 5.0 there is one failure.
                    let plain = code.is_failure() && !version.has_properties();
                    if plain { ReasonCode::UnspecifiedError } else { code }
                });
                let codes: Vec<_> = codes.collect();
                let reasons = ReasonCodes::new(&codes);
                self.say(Packet::SubAck(SubAck { id, properties: Properties::EMPTY, reasons }))?;
            }
            Packet::Unsubscribe(Unsubscribe { id, filters, .. }) => {
                let codes: Vec<_> = filters.map(|filter| member.unsubscribe(filter)).collect();
                let reasons = if version.has_properties() { ReasonCodes::new(&codes) } else { ReasonCodes::EMPTY };
                self.say(Packet::UnsubAck(UnsubAck { id, properties: Properties::EMPTY, reasons }))?;
            }
            Packet::PingReq => self.say(Packet::PingResp)?,
            // The handshake of QoS 2 without its PUBLISH, and AUTH without a method.
            _ => return Err(End::Server(ReasonCode::ProtocolError)),
        }
        Ok(())
    }

    fn publish(&mut self, publish: &Publish<'_>, version: Version, member: &Member) -> Result<(), End> {
        if publish.delivery.qos() == QoS::ExactlyOnce {
            return Err(End::Server(ReasonCode::QoSNotSupported)); // [MQTT-3.2.2-11]
        }
        if version.has_properties() && publish.retain {
            return Err(End::Server(ReasonCode::RetainNotSupported)); // [MQTT-3.2.2-14]
        }
        if publish.properties.topic_alias().is_some() {
            return Err(End::Server(ReasonCode::TopicAliasInvalid)); // [MQTT-3.3.2-9]: none was offered
        }
        let nobody = member.publish(publish) == 0;
        let Some(id) = publish.delivery.packet_id() else { return Ok(()) };
        let told = nobody && version.has_properties();
        let reason = if told { ReasonCode::NoMatchingSubscribers } else { ReasonCode::Success };
        self.say(Packet::PubAck(Ack { reason, ..Ack::new(id) }))?;
        Ok(())
    }

    /// Encodes in the version that the codec took from CONNECT.
    fn say(&mut self, packet: Packet<'_>) -> Result<(), FramedError> {
        self.packets.decoder_mut().encode(packet, &mut self.unsent)
    }
}

/// QoS 1 messages on their way to one client.
struct Flight {
    ids: BTreeSet<PacketId>,
    last: u16,
    window: usize,
}

impl Flight {
    fn open(&self) -> bool {
        self.ids.len() < self.window
    }

    fn send(&mut self, frame: &Frame, unsent: &mut BytesMut) {
        let mut id = ANY_ID;
        if frame.qos != QoS::AtMostOnce {
            // There are more identifiers than places in the window.
            id = loop {
                self.last = self.last.wrapping_add(1);
                if let Some(id) = PacketId::new(self.last).filter(|id| self.ids.insert(*id)) {
                    break id;
                }
            };
        }
        frame.write(delivery(frame.qos, id), unsent);
    }
}

/// What a client of MQTT 5.0 may ask for and does not get here.
fn objection(connect: &Connect<'_>) -> Option<ReasonCode> {
    let will = connect.will.filter(|_| connect.version.has_properties());
    if connect.properties.authentication_method().is_some() {
        Some(ReasonCode::BadAuthenticationMethod)
    } else if will.is_some_and(|will| will.qos == QoS::ExactlyOnce) {
        Some(ReasonCode::QoSNotSupported) // [MQTT-3.2.2-12]
    } else if will.is_some_and(|will| will.retain) {
        Some(ReasonCode::RetainNotSupported) // [MQTT-3.2.2-13]
    } else {
        None
    }
}

fn refusal<'a>(reason: ReasonCode) -> Packet<'a> {
    Packet::ConnAck(ConnAck { session_present: false, reason, properties: Properties::EMPTY })
}

impl End {
    /// What a client of this version is told, which exists in MQTT 5.0 only.
    fn last_words(&self, version: Version) -> Option<Packet<'static>> {
        match self {
            Self::Peer(FramedError::Decode(error)) => error.server_answer(Some(version)).map(|(_, answer)| answer),
            Self::Server(reason) if version.has_properties() => Some(Packet::Disconnect(Disconnect::new(*reason))),
            _ => None,
        }
    }
}

impl From<FramedError> for End {
    fn from(error: FramedError) -> Self {
        Self::Peer(error)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(error) => error.fmt(f),
            Self::Server(reason) => write!(f, "closed: {reason}"),
            Self::Silent => f.write_str("left without a word"),
        }
    }
}
