//! What is decoded is encoded and decoded again: the same packet, the exact length, and the canonical bytes from then on.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lmq_codec::{OwnedPacket, Packet, Split, Version, split};

fn decode(bytes: &[u8], version: Version) -> Option<Packet<'_>> {
    match split(bytes, u32::MAX) {
        Ok(Split::Frame { frame, .. }) => Packet::decode(frame, version).ok(),
        _ => None,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, src)) = data.split_first() else { return };
    let asked = [Version::V3_1, Version::V3_1_1, Version::V5_0][usize::from(first % 3)];
    let Some(packet) = decode(src, asked) else { return };
    let version = if let Packet::Connect(connect) = &packet { connect.version } else { asked };

    let encoder = packet.encoder(version).expect("what is decoded is encodable");
    let mut once = Vec::new();
    encoder.write(&mut once);
    assert_eq!(once.len(), encoder.encoded_len());
    assert!(once.len() <= src.len(), "the canonical form is the shortest");
    let mut room = vec![0; once.len()];
    assert_eq!(encoder.write_to_slice(&mut room).expect("room"), &once[..]);
    let mut head = Vec::new();
    let payload = encoder.write_head(&mut head);
    head.extend_from_slice(payload);
    assert_eq!(head, once);

    let again = decode(&once, version).expect("what is encoded is decodable");
    assert_eq!(again, packet);
    let mut twice = Vec::new();
    again.encoder(version).expect("still encodable").write(&mut twice);
    assert_eq!(twice, once);

    let buffer = Bytes::copy_from_slice(src);
    let borrowed = decode(&buffer, asked).expect("the same bytes");
    let owned = borrowed.upgrade(&buffer).expect("it borrows from the buffer");
    drop(buffer);
    assert_eq!(owned.packet(), packet);
    assert_eq!(OwnedPacket::new(&packet, version).expect("encodable").packet(), packet);
});
