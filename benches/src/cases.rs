//! What is measured: the bytes of every case, built once.

/// One kind of packet, or a stream of several.
pub struct Case {
    pub name: &'static str,
    /// Whether the bytes are those of MQTT 5.0.
    pub v5: bool,
    /// The packets that one run works on.
    pub bytes: &'static [u8],
    pub packets: usize,
}

const TOPIC: &[u8] = b"\0\x14sensors/room/12/temp";

fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut left = body.len();
    loop {
        let digit = (left & 0x7f) as u8;
        left >>= 7;
        out.push(if left > 0 { digit | 0x80 } else { digit });
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

fn publish(first: u8, id: &[u8], properties: &[u8], payload: usize) -> Vec<u8> {
    frame(first, &[TOPIC, id, properties, &vec![b'p'; payload]].concat())
}

fn subscribe(count: usize) -> Vec<u8> {
    let mut body = b"\0\x09".to_vec();
    for i in 0..count {
        let last = if i % 3 == 0 { "+" } else { "temperature" };
        let filter = format!("sensors/room/{i:02}/{last}");
        body.extend_from_slice(&(filter.len() as u16).to_be_bytes());
        body.extend_from_slice(filter.as_bytes());
        body.push(1);
    }
    frame(0x82, &body)
}

fn connect() -> Vec<u8> {
    let parts: [&[u8]; 6] = [
        b"\0\x04MQTT\x04\xee\0\x3c",
        b"\0\x14GID_demo@@@device-01",
        b"\0\x10status/device-01",
        b"\0\x07offline",
        b"\0\x1bSignature|AccessKeyId|inst1",
        b"\0\x1cabcdefghijklmnopqrstuvwxyz1=",
    ];
    frame(0x10, &parts.concat())
}

/// Half telemetry, and what goes with it: 1000 packets in a fixed order.
fn mixed() -> Vec<u8> {
    let mut out = Vec::new();
    for i in 0..1000 {
        out.extend_from_slice(&match i % 20 {
            0..10 => publish(0x30, b"", b"", 64),
            10..14 => publish(0x32, b"\0\x07", b"", 256),
            14..18 => frame(0x40, b"\x12\x34"),
            18 => frame(0xc0, b""),
            _ => subscribe(3),
        });
    }
    out
}

fn case(name: &'static str, v5: bool, packet: Vec<u8>, packets: usize) -> Case {
    Case { name, v5, bytes: packet.repeat(packets).leak(), packets }
}

pub fn all() -> Vec<Case> {
    // Message expiry, content type and a user property.
    let properties = b"\x1d\x02\0\0\x0e\x10\x03\0\x0atext/plain\x26\0\x04room\0\x0212";
    let mut cases = vec![
        case("pingreq", false, frame(0xc0, b""), 100),
        case("puback", false, frame(0x40, b"\x12\x34"), 100),
        case("publish_qos0_64b", false, publish(0x30, b"", b"", 64), 100),
        case("publish_qos1_1kib", false, publish(0x32, b"\0\x07", b"", 1024), 100),
        case("publish_qos1_64kib", false, publish(0x32, b"\0\x07", b"", 65_536), 10),
        case("connect_will_credentials", false, connect(), 100),
        case("subscribe_30", false, subscribe(30), 20),
        case("v5_publish_3_properties", true, publish(0x32, b"\0\x07", properties, 64), 100),
    ];
    cases.push(Case { name: "stream_1000_mixed", v5: false, bytes: mixed().leak(), packets: 1000 });
    cases
}
