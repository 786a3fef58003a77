//! A stream of one client: CONNECT, then 1000 rounds of what clients send.

use lmq_codec::{
    Ack, Connect, Delivery, Packet, PacketId, Properties, Property, Publish, QoS, Subscribe, SubscribeFilters,
    SubscribeOptions, TopicFilter, TopicName, UserProperty, Version,
};

pub(crate) const ROUNDS: usize = 1000;
pub(crate) const PACKETS: usize = 1 + 5 * ROUNDS;

pub(crate) fn bytes(version: Version) -> Vec<u8> {
    let v5 = version == Version::V5_0;
    let list = [
        Property::MessageExpiryInterval(3600),
        Property::ContentType("text/plain"),
        Property::UserProperty(UserProperty { name: "room", value: "12" }),
    ];
    let properties = if v5 { Properties::new(&list).unwrap() } else { Properties::EMPTY };
    let id = PacketId::new(7).unwrap();
    let connect = Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_id: "client",
        will: None,
        username: Some("user"),
        password: Some(b"secret"),
        properties: Properties::EMPTY,
    };
    let publish = |delivery| {
        let topic = Some(TopicName::new("sensors/room/12/temp").unwrap());
        Packet::Publish(Publish { delivery, retain: false, topic, properties, payload: &[b'p'; 64] })
    };
    let filters = ["a/+", "b/#", "c"].map(|f| (TopicFilter::new(f).unwrap(), SubscribeOptions::new(QoS::AtLeastOnce)));
    let subscribe = Subscribe { id, properties: Properties::EMPTY, filters: SubscribeFilters::new(&filters) };
    let mut out = Vec::new();
    let mut write = |packet: &Packet<'_>| packet.encoder(version).unwrap().write(&mut out);
    write(&Packet::Connect(connect));
    for _ in 0..ROUNDS {
        write(&publish(Delivery::AtMostOnce));
        write(&Packet::PubAck(Ack::new(id)));
        write(&Packet::Subscribe(subscribe));
        write(&publish(Delivery::AtLeastOnce { id, dup: false }));
        write(&Packet::PingReq);
    }
    out
}
