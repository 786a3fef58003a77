//! The codec beside mqtt-protocol-core 0.7: the same packets are taken and written, but for the differences listed here.
#![no_main]

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::{Arc, Once};

use libfuzzer_sys::fuzz_target;
use lmq_codec::{Packet, ReasonCode, Split, Version, Violation, split};
use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0};

/// What the peer takes although the norm forbids it.
const PEER_TAKES: &[Violation] = &[
    Violation::AuthDataWithoutMethod,
    Violation::AuthMethodMissing,
    Violation::ClientIdEmpty,
    Violation::DupAtQoS0,
    Violation::FilterMalformed,
    Violation::NoLocalOnShared,
    Violation::NulInText,
    Violation::PacketIdZero,
    Violation::PasswordWithoutUserName,
    Violation::ReservedConnAckFlags,
    Violation::ReservedConnectFlag,
    Violation::ReservedSubscriptionBits,
    Violation::SessionPresentOnFailure,
    Violation::ShareMalformed,
    Violation::TopicEmpty,
    Violation::TopicMissing,
    Violation::TrailingBytes,
    Violation::Truncated,
    Violation::VarIntNotMinimal,
    Violation::WildcardInResponseTopic,
    Violation::WildcardInTopicName,
    Violation::WillQoS3,
    Violation::WillQoSWithoutWill,
    Violation::WillRetainWithoutWill,
];

/// What the peer makes of a body: its own bytes for the packet if it takes it.
fn peer(version: Version, first: u8, body: &[u8]) -> Option<Vec<u8>> {
    macro_rules! parse {
        ($($module:ident)::+) => {
            $($module)::+::parse(body).ok().filter(|(_, used)| *used == body.len()).map(|(p, _)| p.to_continuous_buffer())
        };
    }
    if let 0x30..=0x3f = first {
        return if version == Version::V5_0 {
            v5_0::Publish::parse(first & 0x0f, Arc::from(body)).ok().map(|(p, _)| p.to_continuous_buffer())
        } else {
            v3_1_1::Publish::parse(first & 0x0f, Arc::from(body)).ok().map(|(p, _)| p.to_continuous_buffer())
        };
    }
    match (version, first) {
        (Version::V5_0, 0x10) => parse!(v5_0::Connect),
        (Version::V5_0, 0x20) => parse!(v5_0::Connack),
        (Version::V5_0, 0x40) => parse!(v5_0::Puback),
        (Version::V5_0, 0x50) => parse!(v5_0::Pubrec),
        (Version::V5_0, 0x62) => parse!(v5_0::Pubrel),
        (Version::V5_0, 0x70) => parse!(v5_0::Pubcomp),
        (Version::V5_0, 0x82) => parse!(v5_0::Subscribe),
        (Version::V5_0, 0x90) => parse!(v5_0::Suback),
        (Version::V5_0, 0xa2) => parse!(v5_0::Unsubscribe),
        (Version::V5_0, 0xb0) => parse!(v5_0::Unsuback),
        (Version::V5_0, 0xe0) => parse!(v5_0::Disconnect),
        (Version::V5_0, 0xf0) => parse!(v5_0::Auth),
        (Version::V3_1_1, 0x10) => parse!(v3_1_1::Connect),
        (Version::V3_1_1, 0x20) => parse!(v3_1_1::Connack),
        (Version::V3_1_1, 0x40) => parse!(v3_1_1::Puback),
        (Version::V3_1_1, 0x50) => parse!(v3_1_1::Pubrec),
        (Version::V3_1_1, 0x62) => parse!(v3_1_1::Pubrel),
        (Version::V3_1_1, 0x70) => parse!(v3_1_1::Pubcomp),
        (Version::V3_1_1, 0x82) => parse!(v3_1_1::Subscribe),
        (Version::V3_1_1, 0x90) => parse!(v3_1_1::Suback),
        (Version::V3_1_1, 0xa2) => parse!(v3_1_1::Unsubscribe),
        (Version::V3_1_1, 0xb0) => parse!(v3_1_1::Unsuback),
        _ => None,
    }
}

fn fail(text: &str) -> ! {
    eprintln!("{text}");
    std::process::abort();
}

fuzz_target!(|data: &[u8]| {
    static HOOK: Once = Once::new();
    // A panic of the peer is a difference, not a finding of ours.
    HOOK.call_once(|| set_hook(Box::new(|_| {})));
    let Some((choice, src)) = data.split_first() else { return };
    let version = if choice % 2 == 0 { Version::V5_0 } else { Version::V3_1_1 };
    let Ok(Split::Frame { frame, .. }) = split(src, 1 << 16) else { return };
    let (first, body) = (frame.first_byte(), frame.body());
    // The peer has no parser for bodies that are always empty.
    if matches!(first >> 4, 12 | 13) || first >> 4 == 14 && version == Version::V3_1_1 {
        return;
    }
    let ours = Packet::decode(frame, version);
    if let (Ok(Packet::Connect(connect)), true) = (&ours, first == 0x10) {
        if connect.version != version {
            return;
        }
    }
    let Ok(theirs) = catch_unwind(AssertUnwindSafe(|| peer(version, first, body))) else { return };
    match (ours, theirs) {
        (Ok(packet), Some(theirs)) => {
            let mut bytes = Vec::new();
            packet.encoder(version).unwrap_or_else(|e| fail(&format!("{e}"))).write(&mut bytes);
            if bytes != theirs && !written_otherwise(&packet, version) {
                fail(&format!("{packet:?} is written {bytes:02x?} and {theirs:02x?}"));
            }
        }
        (Ok(packet), None) if !peer_refuses(&packet, version) => {
            fail(&format!("only ours takes {packet:?} {src:02x?}"))
        }
        (Err(error), Some(_)) if !PEER_TAKES.contains(&error.violation()) => {
            fail(&format!("only the peer takes {src:02x?}: {error}"));
        }
        _ => {}
    }
});

/// Legal packets that the peer refuses.
fn peer_refuses(packet: &Packet<'_>, version: Version) -> bool {
    match packet {
        // Legal from MQTT 5.0 on.
        Packet::Connect(p) => version == Version::V5_0 && p.password.is_some() && p.username.is_none(),
        // Table 2-6 of MQTT 5.0 gives DISCONNECT this reason, the table of DISCONNECT does not.
        Packet::Disconnect(p) => p.reason == ReasonCode::BadAuthenticationMethod,
        _ => false,
    }
}

/// Packets that have two right forms, of which this codec takes the shorter one.
fn written_otherwise(packet: &Packet<'_>, version: Version) -> bool {
    let short = match packet {
        Packet::PubAck(p) | Packet::PubRec(p) | Packet::PubRel(p) | Packet::PubComp(p) => p.properties.is_empty(),
        Packet::Disconnect(p) => p.properties.is_empty(),
        _ => false,
    };
    short && version == Version::V5_0
}
