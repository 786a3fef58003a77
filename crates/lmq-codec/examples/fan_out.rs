//! Encodes a message once and sends it to three receivers, each with its own packet identifier.

use lmq_codec::{Delivery, PacketId, Properties, Publish, Template, TopicName, Version};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let publish = Publish {
        delivery: Delivery::AtLeastOnce { id: PacketId::new(1).ok_or("zero")?, dup: false },
        retain: false,
        topic: Some(TopicName::new("sensors/room/12")?),
        properties: Properties::EMPTY,
        payload: b"21.5",
    };
    let mut frame = Vec::new();
    let template = Template::write(&publish, Version::V3_1_1, &mut frame)?;
    for receiver in 1..=3 {
        let mut copy = frame.clone();
        let id = PacketId::new(receiver * 100).ok_or("zero")?;
        template.patch(&mut copy, Delivery::AtLeastOnce { id, dup: false });
        println!("receiver {receiver}: {copy:02x?}");
    }
    Ok(())
}
