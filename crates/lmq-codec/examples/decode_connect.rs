//! Decodes a CONNECT from bytes.

use lmq_codec::{DecodeError, Packet, Split, Version, split};

fn main() -> Result<(), DecodeError> {
    let bytes = b"\x10\x13\0\x04MQTT\x04\xc2\0\x3c\0\x01a\0\x01u\0\x01p\xc0\0";
    let Split::Frame { frame, rest } = split(bytes, 65_536)? else {
        return Ok(());
    };
    if let Packet::Connect(connect) = Packet::decode(frame, Version::V3_1_1)? {
        println!("{} connects as {:?} with {}", connect.client_id, connect.username, connect.version);
    }
    println!("{} bytes follow", rest.len());
    Ok(())
}
