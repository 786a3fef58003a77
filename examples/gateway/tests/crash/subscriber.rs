//! Takes messages, acknowledges them, goes away at times, and writes down what came.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use lmq_codec::{Delivery, Packet, PacketId, QoS};

use crate::{
    World,
    chance::Chance,
    common::mqtt::{Client, is_timeout},
};

/// What came, in its order: publisher and number.
pub(crate) type Log = Arc<Mutex<Vec<(usize, u64)>>>;

/// What a subscriber has to say in the end.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) name: &'static str,
    pub(crate) qos: QoS,
    pub(crate) messages: Vec<(usize, u64)>,
    /// Times a session that must have been there was not.
    pub(crate) sessions_lost: u64,
}

pub(crate) struct Subscriber {
    world: Arc<World>,
    name: &'static str,
    qos: QoS,
    log: Log,
    /// QoS 2 messages whose PUBREL has not come.
    open: BTreeSet<PacketId>,
    sessions_lost: u64,
    chance: Chance,
}

impl Subscriber {
    /// A session with its subscription, which the gateway has acknowledged.
    pub(crate) fn subscribed(name: &'static str, qos: QoS, world: &Arc<World>, seed: u64) -> Self {
        let mut client = Client::keep(world.addr().expect("the gateway runs"), name).unwrap();
        client.subscribe("p/+", qos).unwrap();
        let chance = Chance::new(seed, u64::from(name.as_bytes()[1]));
        let (log, open) = (Log::default(), BTreeSet::new());
        Self { world: world.clone(), name, qos, log, open, sessions_lost: 0, chance }
    }

    pub(crate) fn log(&self) -> Log {
        self.log.clone()
    }

    pub(crate) fn run(mut self) -> Received {
        while !self.world.subscribers_stop() {
            // The gateway was killed, or it is our own turn to go away.
            drop(self.connection());
            thread::sleep(Duration::from_millis(self.chance.range(0, 60)));
        }
        let messages = self.log.lock().unwrap().clone();
        Received { name: self.name, qos: self.qos, messages, sessions_lost: self.sessions_lost }
    }

    fn connection(&mut self) -> io::Result<()> {
        let addr = self.world.addr().ok_or(io::ErrorKind::NotConnected)?;
        let mut client = Client::keep(addr, self.name)?;
        self.sessions_lost += u64::from(!client.present);
        client.patience(Duration::from_millis(100))?;
        let until = Instant::now() + Duration::from_millis(self.chance.range(50, 1500));
        while Instant::now() < until && !self.world.subscribers_stop() {
            match client.receive() {
                Ok(packet) => self.on_packet(&mut client, packet.packet())?,
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn on_packet(&mut self, client: &mut Client, packet: Packet<'_>) -> io::Result<()> {
        match packet {
            Packet::Publish(publish) => match publish.delivery {
                Delivery::AtMostOnce => Err(io::Error::other("QoS 0")),
                Delivery::AtLeastOnce { id, .. } => {
                    self.note(publish.payload);
                    client.puback(id)
                }
                Delivery::ExactlyOnce { id, .. } => {
                    // [MQTT-4.3.3-2]
                    if self.open.insert(id) {
                        self.note(publish.payload);
                    }
                    client.pubrec(id)
                }
            },
            Packet::PubRel(ack) => {
                self.open.remove(&ack.id);
                client.pubcomp(ack.id)
            }
            other => Err(io::Error::other(format!("{other:?}"))),
        }
    }

    fn note(&self, payload: &[u8]) {
        let text = std::str::from_utf8(payload).expect("publishers write text");
        let (publisher, number) = text.split_once(' ').expect("two numbers");
        self.log.lock().unwrap().push((publisher.parse().unwrap(), number.parse().unwrap()));
    }
}
