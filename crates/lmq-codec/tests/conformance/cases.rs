//! Packets that a statement of the norm makes wrong, and the nearest ones that are right.

use lmq_codec::{Version, Violation};

/// The end of every judgement about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    /// Which rule, and at which byte of the packet.
    Reject(Violation, usize),
}

pub(crate) struct Case {
    pub(crate) statement: &'static str,
    pub(crate) version: Version,
    pub(crate) bytes: Vec<u8>,
    pub(crate) verdict: Verdict,
}

/// A first byte, the remaining length in the fewest bytes, a body.
pub(crate) fn frame(first: u8, body: &[u8]) -> Vec<u8> {
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

/// A block of properties with its length.
fn with(head: &[u8], properties: &[u8], tail: &[u8]) -> Vec<u8> {
    let mut out = head.to_vec();
    out.push(u8::try_from(properties.len()).expect("short in these cases"));
    out.extend_from_slice(properties);
    out.extend_from_slice(tail);
    out
}

struct Table(Vec<Case>);

impl Table {
    fn accept(&mut self, version: Version, statements: &[&'static str], first: u8, body: &[u8]) {
        self.push(version, statements, frame(first, body), Verdict::Accept);
    }

    fn reject(
        &mut self,
        version: Version,
        statements: &[&'static str],
        first: u8,
        body: &[u8],
        violation: Violation,
        at: usize,
    ) {
        self.push(version, statements, frame(first, body), Verdict::Reject(violation, at));
    }

    fn push(&mut self, version: Version, statements: &[&'static str], bytes: Vec<u8>, verdict: Verdict) {
        for statement in statements {
            self.0.push(Case { statement, version, bytes: bytes.clone(), verdict });
        }
    }
}

pub(crate) fn all() -> Vec<Case> {
    let mut table = Table(Vec::new());
    headers(&mut table);
    texts(&mut table);
    connect_v3(&mut table);
    connect_v5(&mut table);
    connack(&mut table);
    publish(&mut table);
    acks(&mut table);
    lists(&mut table);
    leaving(&mut table);
    properties(&mut table);
    table.0
}

use Version::{V3_1, V3_1_1, V5_0};
use Violation as No;

fn headers(t: &mut Table) {
    let bodies: [(u8, &[u8]); 14] = [
        (0x10, b"\0\x04MQTT\x04\x02\0\x3c\0\x01a"),
        (0x20, b"\0\0"),
        (0x40, b"\0\x01"),
        (0x50, b"\0\x01"),
        (0x62, b"\0\x01"),
        (0x70, b"\0\x01"),
        (0x82, b"\0\x01\0\x01a\0"),
        (0x90, b"\0\x01\0"),
        (0xa2, b"\0\x01\0\x01a"),
        (0xb0, b"\0\x01"),
        (0xc0, b""),
        (0xd0, b""),
        (0xe0, b""),
        (0x30, b"\0\x01a"),
    ];
    for (first, body) in bodies {
        t.accept(V3_1_1, &["MQTT-2.2.2-1"], first, body);
        for flags in 0..16 {
            let wrong = first & 0xf0 | flags;
            if wrong == first || first == 0x30 {
                continue;
            }
            let more: &[&str] = match first {
                0x62 => &["MQTT-2.2.2-2", "MQTT-3.6.1-1"],
                0x82 => &["MQTT-2.2.2-2", "MQTT-3.8.1-1"],
                0xa2 => &["MQTT-2.2.2-2", "MQTT-3.10.1-1"],
                0xe0 => &["MQTT-2.2.2-2", "MQTT-3.14.1-1"],
                _ => &["MQTT-2.2.2-2"],
            };
            t.reject(V3_1_1, more, wrong, body, No::ReservedFlags, 0);
            let more: &[&str] = match first {
                0x62 => &["MQTT-2.1.3-1", "MQTT-3.6.1-1"],
                0x82 => &["MQTT-2.1.3-1", "MQTT-3.8.1-1"],
                0xa2 => &["MQTT-2.1.3-1", "MQTT-3.10.1-1"],
                0xe0 => &["MQTT-2.1.3-1", "MQTT-3.14.1-1"],
                _ => &["MQTT-2.1.3-1"],
            };
            t.reject(V5_0, more, wrong, body, No::ReservedFlags, 0);
            // MQTT 3.1 marks what is sent again.
            if matches!(wrong, 0x6a | 0x8a | 0xaa) {
                t.accept(V3_1, &["3.1 section 2.1"], wrong, body);
            }
        }
    }
    for flags in 1..16 {
        t.reject(V5_0, &["MQTT-3.15.1-1"], 0xf0 | flags, b"\x18\x04\x15\0\x01m", No::ReservedFlags, 0);
    }
    t.accept(V5_0, &["MQTT-3.15.1-1", "MQTT-2.1.3-1"], 0xf0, b"\x18\x04\x15\0\x01m");
    t.reject(V3_1_1, &["MQTT-2.2.2-2"], 0xf0, b"", No::ReservedPacketType, 0);
    t.reject(V3_1_1, &["MQTT-2.2.2-2"], 0x00, b"", No::ReservedPacketType, 0);
    t.reject(V5_0, &["MQTT-2.1.3-1"], 0x00, b"", No::ReservedPacketType, 0);
    let raw = |t: &mut Table, bytes: &[u8], verdict| {
        t.push(V5_0, &["MQTT-1.5.5-1"], bytes.to_vec(), verdict);
    };
    raw(t, b"\xc0\x80\0", Verdict::Reject(No::RemainingLengthNotMinimal, 2));
    raw(t, b"\x40\x82\0\0\x01", Verdict::Reject(No::RemainingLengthNotMinimal, 2));
    raw(t, b"\x40\x82\x80\0\0\x01", Verdict::Reject(No::RemainingLengthNotMinimal, 3));
    raw(t, b"\x40\x82\x80\x80\0\0\x01", Verdict::Reject(No::RemainingLengthNotMinimal, 4));
    raw(t, b"\x40\x82\x80\x80\x80\0", Verdict::Reject(No::RemainingLengthTooLong, 4));
    raw(t, b"\x40\x02\0\x01", Verdict::Accept);
    raw(t, b"\x30\x04\0\x01a\x80", Verdict::Reject(No::Truncated, 6));
    raw(t, b"\x30\x05\0\x01a\x80\0", Verdict::Reject(No::VarIntNotMinimal, 6));
    raw(t, b"\x30\x08\0\x01a\x80\x80\x80\x80\0", Verdict::Reject(No::VarIntTooLong, 5));
    raw(t, b"\x30\x0a\0\x01a\x03\x0b\x81\0xyz", Verdict::Reject(No::VarIntNotMinimal, 8));
}

fn texts(t: &mut Table) {
    let utf8 =
        [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"a\x80", b"\xe2\x82"];
    for bad in utf8 {
        let topic = [&[0, bad.len() as u8][..], bad].concat();
        t.reject(V3_1_1, &["MQTT-1.5.3-1", "MQTT-3.3.2-1"], 0x30, &topic, No::NotUtf8, 2);
        t.reject(V5_0, &["MQTT-1.5.4-1", "MQTT-3.3.2-1"], 0x30, &[&topic[..], b"\0"].concat(), No::NotUtf8, 2);
        let id = [b"\0\x04MQTT\x04\x02\0\0", &topic[..]].concat();
        t.reject(V3_1_1, &["MQTT-1.5.3-1", "MQTT-3.1.3-4"], 0x10, &id, No::NotUtf8, 12);
        let id = [b"\0\x04MQTT\x05\x02\0\0\0", &topic[..]].concat();
        t.reject(V5_0, &["MQTT-1.5.4-1", "MQTT-3.1.3-4"], 0x10, &id, No::NotUtf8, 13);
        let will = [b"\0\x04MQTT\x04\x06\0\0\0\x01a", &topic[..], b"\0\0"].concat();
        t.reject(V3_1_1, &["MQTT-3.1.3-10"], 0x10, &will, No::NotUtf8, 15);
        let will = [b"\0\x04MQTT\x05\x06\0\0\0\0\x01a\0", &topic[..], b"\0\0"].concat();
        t.reject(V5_0, &["MQTT-3.1.3-11"], 0x10, &will, No::NotUtf8, 17);
        let user = [b"\0\x04MQTT\x04\x82\0\0\0\x01a", &topic[..]].concat();
        t.reject(V3_1_1, &["MQTT-3.1.3-11"], 0x10, &user, No::NotUtf8, 15);
        let user = [b"\0\x04MQTT\x05\x82\0\0\0\0\x01a", &topic[..]].concat();
        t.reject(V5_0, &["MQTT-3.1.3-12"], 0x10, &user, No::NotUtf8, 16);
        let filter = [b"\0\x01", &topic[..], b"\0"].concat();
        t.reject(V3_1_1, &["MQTT-3.8.3-1"], 0x82, &filter, No::NotUtf8, 4);
        t.reject(V3_1_1, &["MQTT-3.10.3-1"], 0xa2, &filter[..filter.len() - 1], No::NotUtf8, 4);
        let filter = [b"\0\x01\0", &topic[..], b"\0"].concat();
        t.reject(V5_0, &["MQTT-3.8.3-1"], 0x82, &filter, No::NotUtf8, 5);
        t.reject(V5_0, &["MQTT-3.10.3-1"], 0xa2, &filter[..filter.len() - 1], No::NotUtf8, 5);
        let property = [&[0x03][..], &topic].concat();
        t.reject(V5_0, &["MQTT-3.3.2-19"], 0x30, &with(b"\0\x01a", &property, b""), No::NotUtf8, 7);
        let property = [&[0x08][..], &topic].concat();
        t.reject(V5_0, &["MQTT-3.3.2-13"], 0x30, &with(b"\0\x01a", &property, b""), No::NotUtf8, 7);
        let property = [&[0x26][..], &topic, b"\0\0"].concat();
        t.reject(V5_0, &["MQTT-1.5.7-1"], 0x30, &with(b"\0\x01a", &property, b""), No::NotUtf8, 7);
        let property = [&b"\x26\0\0"[..], &topic].concat();
        t.reject(V5_0, &["MQTT-1.5.7-1"], 0x30, &with(b"\0\x01a", &property, b""), No::NotUtf8, 9);
    }
    for good in [&b"\xef\xbf\xbf"[..], b"\xed\x9f\xbf", b"\xf4\x8f\xbf\xbf", b"\xc2\x80", b"\x01", b"\x7f"] {
        let topic = [&[0, good.len() as u8][..], good].concat();
        t.accept(V3_1_1, &["MQTT-1.5.3-1"], 0x30, &topic);
        t.accept(V5_0, &["MQTT-1.5.4-1"], 0x30, &[&topic[..], b"\0"].concat());
    }
    t.reject(V3_1_1, &["MQTT-1.5.3-2", "MQTT-4.7.3-2"], 0x30, b"\0\x03a\0b", No::NulInText, 2);
    t.reject(V3_1_1, &["MQTT-1.5.3-2"], 0x10, b"\0\x04MQTT\x04\x02\0\0\0\x01\0", No::NulInText, 12);
    t.reject(V3_1_1, &["MQTT-4.7.3-2"], 0x82, b"\0\x01\0\x03a\0b\0", No::NulInText, 4);
    t.reject(V5_0, &["MQTT-1.5.4-2", "MQTT-4.7.3-2"], 0x30, b"\0\x03a\0b\0", No::NulInText, 2);
    t.reject(
        V5_0,
        &["MQTT-1.5.4-2", "MQTT-1.5.7-1"],
        0x30,
        &with(b"\0\x01a", b"\x26\0\x01\0\0\0", b""),
        No::NulInText,
        7,
    );
    t.reject(V5_0, &["MQTT-4.7.3-2"], 0xa2, b"\0\x01\0\0\x03a\0b", No::NulInText, 5);
}

fn connect_v3(t: &mut Table) {
    let connect = |flags: u8, payload: &[u8]| [b"\0\x04MQTT\x04", &[flags][..], b"\0\x3c", payload].concat();
    let mut no = |id: &'static str, flags: u8, payload: &[u8], violation, at| {
        t.reject(V3_1_1, &[id], 0x10, &connect(flags, payload), violation, at);
    };
    no("MQTT-3.1.2-3", 0x03, b"\0\x01a", No::ReservedConnectFlag, 9);
    no("MQTT-3.1.2-11", 0x0a, b"\0\x01a", No::WillQoSWithoutWill, 9);
    no("MQTT-3.1.2-13", 0x12, b"\0\x01a", No::WillQoSWithoutWill, 9);
    no("MQTT-3.1.2-11", 0x22, b"\0\x01a", No::WillRetainWithoutWill, 9);
    no("MQTT-3.1.2-15", 0x22, b"\0\x01a", No::WillRetainWithoutWill, 9);
    no("MQTT-3.1.2-14", 0x1e, b"\0\x01a\0\x01w\0\0", No::WillQoS3, 9);
    no("MQTT-3.1.2-22", 0x42, b"\0\x01a\0\x01p", No::PasswordWithoutUserName, 9);
    no("MQTT-3.1.2-9", 0x06, b"\0\x01a", No::Truncated, 15);
    no("MQTT-3.1.2-9", 0x06, b"\0\x01a\0\x01w", No::Truncated, 18);
    no("MQTT-3.1.2-11", 0x02, b"\0\x01a\0\x01w\0\x01x", No::TrailingBytes, 15);
    no("MQTT-3.1.2-18", 0x02, b"\0\x01a\0\x01u", No::TrailingBytes, 15);
    no("MQTT-3.1.2-19", 0x82, b"\0\x01a", No::Truncated, 15);
    no("MQTT-3.1.2-20", 0x82, b"\0\x01a\0\x01u\0\x01p", No::TrailingBytes, 18);
    no("MQTT-3.1.2-21", 0xc2, b"\0\x01a\0\x01u", No::Truncated, 18);
    no("MQTT-3.1.3-3", 0x02, b"", No::Truncated, 12);
    no("MQTT-3.1.3-3", 0x02, b"\0\x02a", No::Truncated, 14);
    no("MQTT-3.1.3-7", 0x00, b"\0\0", No::ClientIdEmpty, 12);
    no("MQTT-3.1.3-8", 0xc0, b"\0\0\0\x01u\0\x01p", No::ClientIdEmpty, 12);
    no("MQTT-4.7.1-1", 0x06, b"\0\x01a\0\x01#\0\0", No::WildcardInTopicName, 15);
    no("MQTT-4.7.3-1", 0x06, b"\0\x01a\0\0\0\0", No::TopicEmpty, 15);
    let mut yes = |id: &'static str, flags: u8, payload: &[u8]| t.accept(V3_1_1, &[id], 0x10, &connect(flags, payload));
    yes("MQTT-3.1.2-14", 0x16, b"\0\x01a\0\x01w\0\0");
    yes("MQTT-3.1.2-9", 0x26, b"\0\x01a\0\x01w\0\x01x");
    yes("MQTT-3.1.2-19", 0x82, b"\0\x01a\0\0");
    yes("MQTT-3.1.2-21", 0xc2, b"\0\x01a\0\x01u\0\0");
    yes("MQTT-3.1.3-5", 0x02, b"\0\x0312A");
    yes("MQTT-3.1.3-7", 0x02, b"\0\0");
    let mut name = |id: &'static str, start: &[u8], violation, at| {
        t.reject(V3_1_1, &[id], 0x10, &[start, b"\x02\0\0\0\x01a"].concat(), violation, at);
    };
    name("MQTT-3.1.2-1", b"\0\x04mqtt\x04", No::UnknownProtocolName, 2);
    name("MQTT-3.1.2-1", b"\0\x03MQT\x04", No::UnknownProtocolName, 2);
    name("MQTT-3.1.2-1", b"\0\x05MQTTT\x04", No::UnknownProtocolName, 2);
    name("MQTT-3.1.2-2", b"\0\x04MQTT\x03", No::UnsupportedProtocolLevel, 8);
    name("MQTT-3.1.2-2", b"\0\x04MQTT\x06", No::UnsupportedProtocolLevel, 8);
    name("MQTT-3.1.2-2", b"\0\x04MQTT\x84", No::UnsupportedProtocolLevel, 8);
    name("MQTT-3.1.2-2", b"\0\x06MQIsdp\x04", No::UnsupportedProtocolLevel, 10);
    t.accept(V3_1, &["3.1 section 3.1"], 0x10, b"\0\x06MQIsdp\x03\x02\0\0\0\x01a");
    // MQTT 3.1 lets the last fields be missing.
    t.accept(V3_1, &["3.1 section 3.1"], 0x10, b"\0\x06MQIsdp\x03\xc2\0\0\0\x01a");
    t.accept(V3_1, &["3.1 section 3.1"], 0x10, b"\0\x06MQIsdp\x03\xc2\0\0\0\x01a\0\x01u");
    t.reject(V3_1, &["3.1 section 3.1"], 0x10, b"\0\x06MQIsdp\x03\x02\0\0\0\0", No::ClientIdEmpty, 14);
}

fn connect_v5(t: &mut Table) {
    let connect = |flags: u8, payload: &[u8]| [b"\0\x04MQTT\x05", &[flags][..], b"\0\x3c\0", payload].concat();
    let mut no = |id: &'static str, flags: u8, payload: &[u8], violation, at| {
        t.reject(V5_0, &[id], 0x10, &connect(flags, payload), violation, at);
    };
    no("MQTT-3.1.2-3", 0x03, b"\0\x01a", No::ReservedConnectFlag, 9);
    no("MQTT-3.1.2-11", 0x0a, b"\0\x01a", No::WillQoSWithoutWill, 9);
    no("MQTT-3.1.2-12", 0x1e, b"\0\x01a\0\0\x01w\0\0", No::WillQoS3, 9);
    no("MQTT-3.1.2-13", 0x22, b"\0\x01a", No::WillRetainWithoutWill, 9);
    no("MQTT-3.1.2-9", 0x06, b"\0\x01a", No::Truncated, 16);
    no("MQTT-3.1.2-9", 0x06, b"\0\x01a\0", No::Truncated, 17);
    no("MQTT-3.1.2-9", 0x06, b"\0\x01a\0\0\x01w", No::Truncated, 20);
    no("MQTT-3.1.2-16", 0x02, b"\0\x01a\0\x01u", No::TrailingBytes, 16);
    no("MQTT-3.1.2-17", 0x82, b"\0\x01a", No::Truncated, 16);
    no("MQTT-3.1.2-18", 0x82, b"\0\x01a\0\x01u\0\x01p", No::TrailingBytes, 19);
    no("MQTT-3.1.2-19", 0xc2, b"\0\x01a\0\x01u", No::Truncated, 19);
    no("MQTT-3.1.3-3", 0x02, b"", No::Truncated, 13);
    let mut yes = |id: &'static str, flags: u8, payload: &[u8]| t.accept(V5_0, &[id], 0x10, &connect(flags, payload));
    yes("MQTT-3.1.2-12", 0x36, b"\0\x01a\0\0\x01w\0\0");
    yes("MQTT-3.1.2-9", 0x06, b"\0\x01a\x05\x18\0\0\0\x01\0\x01w\0\0");
    // Legal from MQTT 5.0 on: a password alone, and no name with a kept session.
    yes("MQTT-3.1.2-19", 0x42, b"\0\x01a\0\x01p");
    yes("MQTT-3.1.3-3", 0x00, b"\0\0");
    yes("MQTT-3.1.3-5", 0x02, b"\0\x0312A");
    let mut name = |id: &'static str, start: &[u8], violation, at| {
        t.reject(V5_0, &[id], 0x10, &[start, b"\x02\0\0\0\0\x01a"].concat(), violation, at);
    };
    name("MQTT-3.1.2-1", b"\0\x04MQTt\x05", No::UnknownProtocolName, 2);
    name("MQTT-3.1.2-2", b"\0\x04MQTT\x06", No::UnsupportedProtocolLevel, 8);
    name("MQTT-3.1.2-2", b"\0\x06MQIsdp\x05", No::UnsupportedProtocolLevel, 10);
    // Properties are announced even where there are none.
    t.reject(V5_0, &["MQTT-2.2.2-1"], 0x10, b"\0\x04MQTT\x05\x02\0\0", No::Truncated, 12);
    t.reject(V5_0, &["MQTT-2.2.2-1"], 0x20, b"\0\0", No::Truncated, 4);
    t.reject(V5_0, &["MQTT-2.2.2-1"], 0x30, b"\0\x01a", No::Truncated, 5);
    t.reject(V5_0, &["MQTT-2.2.2-1"], 0x90, b"\0\x01", No::Truncated, 4);
    t.accept(V5_0, &["MQTT-2.2.2-1"], 0x30, b"\0\x01a\0");
}

fn connack(t: &mut Table) {
    for code in 0..=5 {
        t.accept(V3_1_1, &["MQTT-3.2.2-6"], 0x20, &[0, code]);
        t.accept(V3_1, &["3.1 section 3.2"], 0x20, &[0x7f, code]);
    }
    for code in 6..=255 {
        t.reject(V3_1_1, &["MQTT-3.2.2-6"], 0x20, &[0, code], No::UnknownReasonCode, 3);
    }
    t.accept(V3_1_1, &["MQTT-3.2.2-4"], 0x20, b"\x01\0");
    t.reject(V3_1_1, &["MQTT-3.2.2-4"], 0x20, b"\x01\x05", No::SessionPresentOnFailure, 2);
    t.accept(V5_0, &["MQTT-3.2.2-6", "MQTT-3.2.2-1"], 0x20, b"\x01\0\0");
    t.reject(V5_0, &["MQTT-3.2.2-6"], 0x20, b"\x01\x87\0", No::SessionPresentOnFailure, 2);
    for flags in [0x02, 0x04, 0x80, 0x03] {
        t.reject(V3_1_1, &["MQTT-2.2.2-1"], 0x20, &[flags, 0], No::ReservedConnAckFlags, 2);
        t.reject(V5_0, &["MQTT-3.2.2-1"], 0x20, &[flags, 0, 0], No::ReservedConnAckFlags, 2);
    }
}

fn publish(t: &mut Table) {
    for (version, tail) in [(V3_1_1, &b""[..]), (V5_0, b"\0")] {
        let body = |start: &[u8]| [start, tail].concat();
        for retain in [0, 1] {
            t.reject(version, &["MQTT-3.3.1-2"], 0x38 | retain, &body(b"\0\x01a"), No::DupAtQoS0, 0);
            for dup in [0, 8] {
                t.reject(version, &["MQTT-3.3.1-4"], 0x36 | dup | retain, &body(b"\0\x01a\0\x01"), No::PublishQoS3, 0);
                for qos in [0x32, 0x34] {
                    t.accept(version, &["MQTT-3.3.1-2", "MQTT-3.3.1-4"], qos | dup | retain, &body(b"\0\x01a\0\x01"));
                }
            }
        }
        let zero: &[&str] = if version == V5_0 { &["MQTT-2.2.1-3", "MQTT-2.2.1-4"] } else { &["MQTT-2.3.1-1"] };
        t.reject(version, zero, 0x32, &body(b"\0\x01a\0\0"), No::PacketIdZero, 5);
        t.reject(version, zero, 0x34, &body(b"\0\x01a\0\0"), No::PacketIdZero, 5);
        t.reject(version, zero, 0x82, &[b"\0\0", tail, b"\0\x01a\0"].concat(), No::PacketIdZero, 2);
        t.reject(version, zero, 0xa2, &[b"\0\0", tail, b"\0\x01a"].concat(), No::PacketIdZero, 2);
        t.accept(version, zero, 0x32, &body(b"\0\x01a\xff\xff"));
        t.reject(version, &["MQTT-3.3.2-1"], 0x30, b"", No::Truncated, 2);
        t.reject(version, &["MQTT-3.3.2-1"], 0x30, b"\0", No::Truncated, 2);
        t.reject(version, &["MQTT-3.3.2-1"], 0x30, b"\0\x05a", No::Truncated, 4);
        t.accept(version, &["MQTT-3.3.2-1"], 0x30, &body(b"\0\x01a"));
        let names: &[&str] =
            if version == V5_0 { &["MQTT-3.3.2-2", "MQTT-4.7.0-1"] } else { &["MQTT-3.3.2-2", "MQTT-4.7.1-1"] };
        for topic in [&b"\0\x01#"[..], b"\0\x01+", b"\0\x03a/+", b"\0\x0aabcdefgh/#", b"\0\x02a#"] {
            t.reject(version, names, 0x30, &body(topic), No::WildcardInTopicName, 2);
        }
        t.accept(version, &["MQTT-4.7.3-1"], 0x30, &body(b"\0\x01/"));
    }
    t.reject(V3_1_1, &["MQTT-4.7.3-1"], 0x30, b"\0\0", No::TopicEmpty, 2);
    t.reject(V5_0, &["MQTT-4.7.3-1", "MQTT-3.3.2-1"], 0x30, b"\0\0\0", No::TopicMissing, 2);
    t.accept(V5_0, &["MQTT-4.7.3-1", "MQTT-3.3.2-8"], 0x30, b"\0\0\x03\x23\0\x01");
    t.reject(V5_0, &["MQTT-3.3.2-8"], 0x30, b"\0\x01a\x03\x23\0\0", No::TopicAliasZero, 7);
    for topic in [&b"\0\x01#"[..], b"\0\x03a/+"] {
        let property = [b"\x08", topic].concat();
        t.reject(V5_0, &["MQTT-3.3.2-14"], 0x30, &with(b"\0\x01a", &property, b""), No::WildcardInResponseTopic, 7);
    }
    t.reject(V5_0, &["MQTT-4.7.3-1"], 0x30, &with(b"\0\x01a", b"\x08\0\0", b""), No::TopicEmpty, 7);
    t.accept(
        V5_0,
        &["MQTT-3.3.2-13", "MQTT-3.3.2-14", "MQTT-3.3.2-19"],
        0x30,
        &with(b"\0\x01a", b"\x08\0\x01r\x03\0\0", b""),
    );
}

/// The reason codes a packet type has, from table 2-6 of MQTT 5.0.
const CONNACK: &[u8] = &[
    0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
    0x9c, 0x9d, 0x9f,
];
const PUBACK: &[u8] = &[0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const PUBREL: &[u8] = &[0, 0x92];
const SUBACK: &[u8] = &[0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2];
const UNSUBACK: &[u8] = &[0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91];
const DISCONNECT: &[u8] = &[
    0, 4, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
    0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
];
const AUTH: &[u8] = &[0, 0x18, 0x19];

fn acks(t: &mut Table) {
    for first in [0x40, 0x50, 0x62, 0x70] {
        for version in [V3_1_1, V5_0] {
            let zero = if version == V5_0 { "MQTT-2.2.1-3" } else { "MQTT-2.3.1-1" };
            t.accept(version, &[zero], first, b"\0\x01");
            t.reject(version, &[zero], first, b"\0\0", No::PacketIdZero, 2);
            t.reject(version, &[zero], first, b"\x01", No::Truncated, 2);
            t.reject(version, &[zero], first, b"", No::Truncated, 2);
        }
        t.reject(V3_1_1, &["MQTT-2.2.2-1"], first, b"\0\x01\0", No::TrailingBytes, 4);
        let (codes, id) = match first {
            0x40 => (PUBACK, "MQTT-3.4.2-1"),
            0x50 => (PUBACK, "MQTT-3.5.2-1"),
            0x62 => (PUBREL, "MQTT-3.6.2-1"),
            _ => (PUBREL, "MQTT-3.7.2-1"),
        };
        for code in 0..=255_u8 {
            if codes.contains(&code) {
                t.accept(V5_0, &[id], first, &[0, 1, code]);
                t.accept(V5_0, &[id], first, &[0, 1, code, 0]);
                t.accept(V5_0, &[id], first, &[0, 1, code, 4, 0x1f, 0, 1, b'x']);
            } else {
                t.reject(V5_0, &[id], first, &[0, 1, code], No::UnknownReasonCode, 4);
            }
        }
        t.reject(V5_0, &[id], first, &[0, 1, 0, 0, 0], No::TrailingBytes, 6);
        t.reject(V5_0, &[id], first, &[0, 1, 0, 1], No::Truncated, 6);
    }
    for code in 0..=255_u8 {
        if CONNACK.contains(&code) {
            t.accept(V5_0, &["MQTT-3.2.2-7"], 0x20, &[0, code, 0]);
        } else {
            t.reject(V5_0, &["MQTT-3.2.2-7"], 0x20, &[0, code, 0], No::UnknownReasonCode, 3);
        }
        if matches!(code, 0 | 1 | 2 | 0x80) {
            t.accept(V3_1_1, &["MQTT-3.9.3-2"], 0x90, &[0, 1, code]);
        } else {
            t.reject(V3_1_1, &["MQTT-3.9.3-2"], 0x90, &[0, 1, 0, code], No::UnknownReasonCode, 5);
        }
        if SUBACK.contains(&code) {
            t.accept(V5_0, &["MQTT-3.9.3-2"], 0x90, &[0, 1, 0, code]);
        } else {
            t.reject(V5_0, &["MQTT-3.9.3-2"], 0x90, &[0, 1, 0, 0, code], No::UnknownReasonCode, 6);
        }
        if UNSUBACK.contains(&code) {
            t.accept(V5_0, &["MQTT-3.11.3-2"], 0xb0, &[0, 1, 0, code]);
        } else {
            t.reject(V5_0, &["MQTT-3.11.3-2"], 0xb0, &[0, 1, 0, code], No::UnknownReasonCode, 5);
        }
    }
    t.reject(V3_1_1, &["MQTT-3.8.4-5"], 0x90, b"\0\x01", No::SubAckEmpty, 4);
    t.reject(V5_0, &["MQTT-3.8.4-6"], 0x90, b"\0\x01\0", No::SubAckEmpty, 5);
    t.reject(V5_0, &["MQTT-3.11.3-2"], 0xb0, b"\0\x01\0", No::SubAckEmpty, 5);
    t.reject(V3_1_1, &["MQTT-2.2.2-1"], 0xb0, b"\0\x01\0", No::TrailingBytes, 4);
    for (first, version) in [(0x90, V3_1_1), (0xb0, V3_1_1), (0x90, V5_0), (0xb0, V5_0)] {
        let zero = if version == V5_0 { "MQTT-2.2.1-3" } else { "MQTT-2.3.1-1" };
        t.reject(version, &[zero], first, b"\0\0\0\0", No::PacketIdZero, 2);
    }
}

fn lists(t: &mut Table) {
    for (version, block) in [(V3_1_1, &b""[..]), (V5_0, b"\0")] {
        let subscribe = |entries: &[u8]| [b"\0\x01", block, entries].concat();
        let at = 4 + block.len();
        let v5 = version == V5_0;
        let empty = if v5 { "MQTT-3.8.3-2" } else { "MQTT-3.8.3-3" };
        t.reject(version, &[empty], 0x82, &subscribe(b""), No::SubscribeEmpty, at);
        t.accept(version, &[empty], 0x82, &subscribe(b"\0\x01a\x02"));
        t.reject(version, &["MQTT-3.10.3-2"], 0xa2, &subscribe(b""), No::UnsubscribeEmpty, at);
        t.accept(version, &["MQTT-3.10.3-2"], 0xa2, &subscribe(b"\0\x01a"));
        t.reject(version, &[empty], 0x82, &subscribe(b"\0\x01a"), No::Truncated, at + 3);
        t.reject(version, &["MQTT-4.7.3-1"], 0x82, &subscribe(b"\0\0\0"), No::TopicEmpty, at);
        t.reject(version, &["MQTT-4.7.3-1"], 0xa2, &subscribe(b"\0\0"), No::TopicEmpty, at);
        let reserved = if v5 { "MQTT-3.8.3-5" } else { "MQTT-3.8.3-4" };
        for options in 0..=255_u8 {
            let bits = if v5 { 0xc0 } else { 0xfc };
            let verdict = if options & bits != 0 {
                Verdict::Reject(No::ReservedSubscriptionBits, at + 3)
            } else if options & 3 == 3 {
                Verdict::Reject(No::SubscriptionQoS3, at + 3)
            } else if options & 0x30 == 0x30 {
                Verdict::Reject(No::RetainHandling3, at + 3)
            } else {
                Verdict::Accept
            };
            t.push(version, &[reserved], frame(0x82, &subscribe(&[0, 1, b'a', options])), verdict);
        }
        let (hash, plus) = if v5 { ("MQTT-4.7.1-1", "MQTT-4.7.1-2") } else { ("MQTT-4.7.1-2", "MQTT-4.7.1-3") };
        let mut filter = |id: &'static str, filter: &[u8], good: bool| {
            let entry = [&[0, filter.len() as u8][..], filter].concat();
            let verdict = if good { Verdict::Accept } else { Verdict::Reject(No::FilterMalformed, at) };
            t.push(version, &[id], frame(0x82, &subscribe(&[&entry[..], b"\x01"].concat())), verdict);
            t.push(version, &[id], frame(0xa2, &subscribe(&entry)), verdict);
        };
        for good in [&b"#"[..], b"/#", b"a/#", b"a/b/c/d/e/f/#", b"+/#", b"$SYS/#"] {
            filter(hash, good, true);
        }
        for bad in [&b"a#"[..], b"#/", b"#/a", b"a/#/b", b"##", b"/a#", b"a/b#/c", b"+#", b"#+", "ä#".as_bytes()] {
            filter(hash, bad, false);
        }
        for good in [&b"+"[..], b"/+", b"+/", b"+/+", b"a/+/b", b"+/a/+", b"abcdefgh/+/ijklmnop", "ä/+/ö".as_bytes()]
        {
            filter(plus, good, true);
        }
        for bad in [&b"a+"[..], b"+a", b"a/+b", b"a/b+/c", b"++", b"abcdefghijk+", "+ä".as_bytes()] {
            filter(plus, bad, false);
        }
    }
    let mut share = |id: &'static str, filter: &[u8], options: u8, verdict: Verdict| {
        let entry = [&[0, filter.len() as u8][..], filter].concat();
        t.push(V5_0, &[id], frame(0x82, &[b"\0\x01\0", &entry[..], &[options]].concat()), verdict);
        let unsubscribe = if options == 0 { verdict } else { Verdict::Accept };
        t.push(V5_0, &[id], frame(0xa2, &[b"\0\x01\0", &entry[..]].concat()), unsubscribe);
        // An ordinary filter before MQTT 5.0.
        t.push(V3_1_1, &["MQTT-4.7.1-2"], frame(0x82, &[b"\0\x01", &entry[..], b"\0"].concat()), Verdict::Accept);
    };
    let bad = Verdict::Reject(No::ShareMalformed, 5);
    share("MQTT-4.8.2-1", b"$share//a", 0, bad);
    share("MQTT-4.8.2-1", b"$share/", 0, bad);
    share("MQTT-4.8.2-1", b"$share/g/a/+", 0, Verdict::Accept);
    share("MQTT-4.8.2-1", b"$share", 0, Verdict::Accept);
    share("MQTT-4.8.2-2", b"$share/g", 0, bad);
    share("MQTT-4.8.2-2", b"$share/g/", 0, bad);
    share("MQTT-4.8.2-2", b"$share/+/a", 0, bad);
    share("MQTT-4.8.2-2", b"$share/g/#", 0, Verdict::Accept);
    share("MQTT-4.8.2-2", b"$share/g//", 0, Verdict::Accept);
    share("MQTT-3.8.3-4", b"$share/g/a", 4, Verdict::Reject(No::NoLocalOnShared, 5));
    t.accept(V5_0, &["MQTT-3.8.3-4"], 0x82, b"\0\x01\0\0\x01a\x04");
}

fn leaving(t: &mut Table) {
    t.reject(V3_1_1, &["MQTT-3.14.1-1"], 0xe0, b"\0", No::TrailingBytes, 2);
    t.accept(V5_0, &["MQTT-3.14.2-1"], 0xe0, b"");
    for code in 0..=255_u8 {
        if DISCONNECT.contains(&code) {
            t.accept(V5_0, &["MQTT-3.14.2-1"], 0xe0, &[code]);
            t.accept(V5_0, &["MQTT-3.14.2-1"], 0xe0, &[code, 0]);
        } else {
            t.reject(V5_0, &["MQTT-3.14.2-1"], 0xe0, &[code], No::UnknownReasonCode, 2);
        }
        if AUTH.contains(&code) {
            t.accept(V5_0, &["MQTT-3.15.2-1"], 0xf0, &[code, 4, 0x15, 0, 1, b'm']);
            t.reject(V5_0, &["MQTT-3.15.2-1"], 0xf0, &[code, 0], No::AuthMethodMissing, 3);
            t.reject(V5_0, &["MQTT-3.15.2-1"], 0xf0, &[code], No::Truncated, 3);
        } else {
            t.reject(V5_0, &["MQTT-3.15.2-1"], 0xf0, &[code, 4, 0x15, 0, 1, b'm'], No::UnknownReasonCode, 2);
        }
    }
    t.accept(V5_0, &["MQTT-3.15.2-1"], 0xf0, b"");
    t.reject(V5_0, &["MQTT-3.15.2-1"], 0xf0, b"\x18\x04\x16\0\x01d", No::AuthMethodMissing, 4);
    t.reject(V5_0, &["MQTT-3.14.2-1"], 0xe0, &[0, 0, 0], No::TrailingBytes, 4);
    for first in [0xc0, 0xd0] {
        t.reject(V3_1_1, &["MQTT-2.2.2-1"], first, b"\0", No::TrailingBytes, 2);
        t.reject(V5_0, &["MQTT-2.1.3-1"], first, b"\0", No::TrailingBytes, 2);
    }
}

/// One property of every kind, with a legal value, and where it may stand (C connect, W will, A connack, P publish,
/// K the six acknowledgements, S subscribe, U unsubscribe, D disconnect, H auth): table 2-4 of MQTT 5.0.
pub(crate) const PROPERTIES: &[(&[u8], &str)] = &[
    (b"\x01\x01", "PW"),
    (b"\x02\0\0\0\x01", "PW"),
    (b"\x03\0\x01t", "PW"),
    (b"\x08\0\x01r", "PW"),
    (b"\x09\0\x01\xff", "PW"),
    (b"\x0b\x01", "PS"),
    (b"\x11\0\0\0\x01", "CAD"),
    (b"\x12\0\x01i", "A"),
    (b"\x13\0\x01", "A"),
    (b"\x15\0\x01m", "CAH"),
    (b"\x17\x01", "C"),
    (b"\x18\0\0\0\x01", "W"),
    (b"\x19\x01", "C"),
    (b"\x1a\0\x01r", "A"),
    (b"\x1c\0\x01s", "AD"),
    (b"\x1f\0\x01r", "AKDH"),
    (b"\x21\0\x01", "CA"),
    (b"\x22\0\x01", "CA"),
    (b"\x23\0\x01", "P"),
    (b"\x24\x01", "A"),
    (b"\x25\x01", "A"),
    (b"\x26\0\x01k\0\x01v", "CWAPKSUDH"),
    (b"\x27\0\0\0\x01", "CA"),
    (b"\x28\x01", "A"),
    (b"\x29\x01", "A"),
    (b"\x2a\x01", "A"),
];

/// A packet of every place with this block, and where the block begins behind its length.
pub(crate) fn carriers(block: &[u8]) -> Vec<(char, u8, Vec<u8>, usize)> {
    vec![
        ('C', 0x10, with(b"\0\x04MQTT\x05\x02\0\0", block, b"\0\x01a"), 13),
        ('W', 0x10, with(b"\0\x04MQTT\x05\x06\0\0\0\0\x01a", block, b"\0\x01w\0\0"), 17),
        ('A', 0x20, with(b"\0\0", block, b""), 5),
        ('P', 0x30, with(b"\0\x01a", block, b""), 6),
        ('K', 0x40, with(b"\0\x01\0", block, b""), 6),
        ('K', 0x50, with(b"\0\x01\0", block, b""), 6),
        ('K', 0x62, with(b"\0\x01\0", block, b""), 6),
        ('K', 0x70, with(b"\0\x01\0", block, b""), 6),
        ('K', 0x90, with(b"\0\x01", block, b"\0"), 5),
        ('K', 0xb0, with(b"\0\x01", block, b"\0"), 5),
        ('S', 0x82, with(b"\0\x01", block, b"\0\x01a\0"), 5),
        ('U', 0xa2, with(b"\0\x01", block, b"\0\x01a"), 5),
        ('D', 0xe0, with(b"\0", block, b""), 4),
        ('H', 0xf0, with(b"\0", &[b"\x15\0\x01m", block].concat(), b""), 8),
    ]
}

fn properties(t: &mut Table) {
    let id = "section 2.2.2.2";
    for (property, places) in PROPERTIES {
        for (place, first, body, at) in carriers(property) {
            let method_twice = place == 'H' && property[0] == 0x15;
            if method_twice {
                t.reject(V5_0, &[id], first, &body, No::DuplicateProperty, at);
            } else if places.contains(place) {
                t.accept(V5_0, &[id], first, &body);
            } else {
                t.reject(V5_0, &[id], first, &body, No::MisplacedProperty, at);
            }
        }
        let twice = [*property, *property].concat();
        for (place, first, body, at) in carriers(&twice) {
            if !places.contains(place) || place == 'H' && property[0] == 0x15 {
                continue;
            }
            if property[0] == 0x26 || property[0] == 0x0b && place == 'P' {
                t.accept(V5_0, &[id], first, &body);
            } else {
                t.reject(V5_0, &[id], first, &body, No::DuplicateProperty, at + property.len());
            }
        }
    }
    for unknown in (0..=255_u8).filter(|id| !PROPERTIES.iter().any(|(p, _)| p[0] == *id) && *id != 0x16) {
        for (_, first, body, at) in carriers(&[unknown, 0]) {
            t.reject(V5_0, &[id], first, &body, No::UnknownProperty, at);
        }
    }
    let mut value = |place: char, block: &[u8], violation, at: usize| {
        for (_, first, body, start) in carriers(block).into_iter().filter(|(p, ..)| *p == place) {
            t.reject(V5_0, &[id], first, &body, violation, start + at);
        }
    };
    for flag in [0x17, 0x19] {
        value('C', &[flag, 2], No::PropertyValue, 1);
    }
    for flag in [0x24, 0x25, 0x28, 0x29, 0x2a] {
        value('A', &[flag, 2], No::PropertyValue, 1);
    }
    value('P', b"\x01\x02", No::PropertyValue, 1);
    value('C', b"\x21\0\0", No::PropertyValue, 1);
    value('A', b"\x27\0\0\0\0", No::PropertyValue, 1);
    value('S', b"\x0b\0", No::PropertyValue, 1);
    value('P', b"\x0b\0", No::PropertyValue, 1);
    value('C', b"\x16\0\x01d", No::AuthDataWithoutMethod, 0);
    value('A', b"\x16\0\x01d", No::AuthDataWithoutMethod, 0);
    value('P', b"\x02\0\0", No::Truncated, 1);
    value('P', b"\x03\0\x05t", No::Truncated, 3);
    t.accept(V5_0, &[id], 0x20, &with(b"\0\0", b"\x15\0\x01m\x16\0\x01d", b""));
}
