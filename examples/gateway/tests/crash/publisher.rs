//! Publishes numbers, and again what was not acknowledged when the connection ended [MQTT-4.4.0-1].

use std::{collections::VecDeque, io, sync::Arc, thread, time::Duration};

use lmq_codec::{Packet, PacketId, QoS};

use crate::{
    World,
    common::mqtt::{Client, is_timeout},
};

/// Messages under way.
const WINDOW: usize = 8;

/// What a publisher was told.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) publisher: usize,
    pub(crate) qos: QoS,
    /// Every message below is acknowledged.
    pub(crate) acknowledged: u64,
    /// Times a session that must have been there was not.
    pub(crate) sessions_lost: u64,
}

pub(crate) struct Publisher {
    world: Arc<World>,
    name: String,
    published: Published,
    next: u64,
    open: VecDeque<Open>,
    known: bool,
}

/// A message under way.
struct Open {
    number: u64,
    id: PacketId,
    /// PUBREC came.
    received: bool,
}

impl Publisher {
    pub(crate) fn new(publisher: usize, qos: QoS, world: Arc<World>) -> Self {
        let published = Published { publisher, qos, acknowledged: 0, sessions_lost: 0 };
        let name = format!("p{publisher}");
        Self { world, name, published, next: 0, open: VecDeque::new(), known: false }
    }

    /// Until it is to stop and everything is acknowledged.
    pub(crate) fn run(mut self) -> Published {
        loop {
            match self.connection() {
                Ok(()) => return self.published,
                // The gateway was killed.
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn connection(&mut self) -> io::Result<()> {
        let addr = self.world.addr().ok_or(io::ErrorKind::NotConnected)?;
        let mut client = Client::keep(addr, &self.name)?;
        self.published.sessions_lost += u64::from(self.known && !client.present);
        self.known = true;
        client.patience(Duration::from_millis(100))?;
        for at in 0..self.open.len() {
            match self.open[at].received {
                true => client.pubrel(self.open[at].id)?,
                false => self.publish(&mut client, at, true)?,
            }
        }
        loop {
            while self.open.len() < WINDOW && !self.world.publishers_stop() {
                let id = PacketId::new((self.next % 60_000) as u16 + 1).expect("not 0");
                self.open.push_back(Open { number: self.next, id, received: false });
                self.next += 1;
                self.publish(&mut client, self.open.len() - 1, false)?;
            }
            if self.open.is_empty() {
                return Ok(());
            }
            match client.receive() {
                Ok(packet) => self.on_packet(&mut client, packet.packet())?,
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn publish(&self, client: &mut Client, at: usize, dup: bool) -> io::Result<()> {
        let (Published { publisher, qos, .. }, Open { number, id, .. }) = (&self.published, &self.open[at]);
        let payload = format!("{publisher} {number}");
        client.publish(&format!("p/{publisher}"), payload.as_bytes(), *qos, id.value(), dup)
    }

    fn on_packet(&mut self, client: &mut Client, packet: Packet<'_>) -> io::Result<()> {
        match packet {
            Packet::PubAck(ack) => {
                self.acknowledged(ack.id);
                self.open.retain(|open| open.id != ack.id);
            }
            Packet::PubRec(ack) => {
                self.acknowledged(ack.id);
                self.open.iter_mut().filter(|open| open.id == ack.id).for_each(|open| open.received = true);
                client.pubrel(ack.id)?;
            }
            Packet::PubComp(ack) => self.open.retain(|open| open.id != ack.id),
            other => return Err(io::Error::other(format!("{other:?}"))),
        }
        Ok(())
    }

    /// Acknowledgements come in the order of their messages [MQTT-4.6.0-2] [MQTT-4.6.0-3].
    fn acknowledged(&mut self, id: PacketId) {
        if let Some(open) = self.open.iter().find(|open| open.id == id) {
            self.published.acknowledged = self.published.acknowledged.max(open.number + 1);
        }
    }
}
