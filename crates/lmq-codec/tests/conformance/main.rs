//! Every normative statement of MQTT 3.1.1 and 5.0: what it asks of the wire, and the test that proves it.

mod behaviour;
mod cases;
mod manifest;
mod statements;
mod violations;

use bytes::BytesMut;
use cases::Verdict;
use lmq_codec::{
    Ack, Auth, ConnAck, Connect, DecodeError, Decoded, Decoder, Delivery, Disconnect, OwnedPacket, Packet, PacketId,
    Properties, Property, Publish, ReasonCode, Split, Step, Subscribe, SubscribeFilters, SubscribeOptions, TopicFilter,
    TopicName, Unsubscribe, UnsubscribeFilters, Version, Will, split,
};

fn judge(bytes: &[u8], version: Version) -> Result<Packet<'_>, DecodeError> {
    match split(bytes, 1 << 20)? {
        Split::Frame { frame, rest } => {
            assert!(rest.is_empty(), "one packet per case");
            Packet::decode(frame, version)
        }
        Split::Need(more) => panic!("{more} bytes are missing in {bytes:02x?}"),
    }
}

#[test]
fn every_case_is_judged_as_written() {
    let cases = cases::all();
    assert!(cases.len() > 4_000, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let found = match judge(&case.bytes, case.version) {
            Ok(_) => Verdict::Accept,
            Err(error) => Verdict::Reject(error.violation(), error.offset()),
        };
        if found != case.verdict {
            wrong.push(format!(
                "{} {}: {:02x?} is {:?}, not {found:?}",
                case.version, case.statement, case.bytes, case.verdict
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

#[test]
fn what_is_accepted_is_written_again_and_means_the_same() {
    for case in cases::all() {
        let Ok(packet) = judge(&case.bytes, case.version) else {
            continue;
        };
        let version = if let Packet::Connect(connect) = &packet { connect.version } else { case.version };
        let mut again = Vec::new();
        packet.encoder(version).unwrap_or_else(|e| panic!("{e}: {:02x?}", case.bytes)).write(&mut again);
        assert_eq!(judge(&again, case.version).as_ref(), Ok(&packet), "{:02x?}", case.bytes);
    }
}

#[test]
fn every_cut_of_a_case_waits_or_is_refused_but_never_accepted() {
    for case in cases::all() {
        for end in 0..case.bytes.len() {
            match split(&case.bytes[..end], 1 << 20) {
                Ok(Split::Need(more)) => {
                    assert!(more > 0 && end + more <= case.bytes.len(), "{more} more of {:02x?}", &case.bytes[..end])
                }
                Ok(Split::Frame { .. }) => {
                    panic!("half a packet passed: {:02x?}", &case.bytes[..end])
                }
                Err(error) => assert_eq!(Verdict::Reject(error.violation(), error.offset()), case.verdict),
            }
        }
    }
}

#[test]
fn a_decoder_judges_as_one_packet_alone_is_judged() {
    for case in cases::all() {
        let (bytes, alone) = (&case.bytes[..], judge(&case.bytes, case.version));
        let found = Decoder::any(case.version, 1 << 20).step(bytes);
        assert_eq!(found, alone.map(|packet| Step::Packet { packet, rest: &[] }), "{bytes:02x?}");
        let mut src = BytesMut::from(bytes);
        match Decoder::any(case.version, 1 << 20).decode(&mut src) {
            Ok(Some(Decoded::Packet(packet))) => assert_eq!(Ok(packet.packet()), alone),
            Ok(other) => panic!("{other:?} in {bytes:02x?}"),
            Err(error) => assert_eq!(Err(error), alone),
        }
    }
}

/// A PUBLISH in chunks is judged by its head, as soon as that is there and never later than the packet ends.
#[test]
fn chunks_judge_as_the_whole_is_judged() {
    for case in cases::all().iter().filter(|case| case.bytes[0] >> 4 == 3) {
        let (bytes, alone) = (&case.bytes[..], judge(&case.bytes, case.version));
        for end in 0..=bytes.len() {
            match Decoder::any(case.version, 1 << 20).chunks_over(0).step(&bytes[..end]) {
                Ok(Step::Need(more)) => {
                    assert!(more > 0 && end < bytes.len(), "{more} more of {bytes:02x?}");
                    assert!(end + more <= bytes.len(), "{more} more than {end} of {bytes:02x?}");
                }
                Ok(Step::Head { publish, payload_len, rest }) => {
                    let Ok(Packet::Publish(whole)) = alone else { panic!("{bytes:02x?} passed: {alone:?}") };
                    assert_eq!((payload_len as usize, publish.payload), (whole.payload.len(), &[][..]));
                    assert!(whole.payload.starts_with(rest));
                    assert_eq!(Publish { payload: whole.payload, ..publish }, whole);
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    let alone = alone.expect_err("a head that is wrong is wrong in the whole");
                    let (found, expected) = ((error.violation(), error.offset()), (alone.violation(), alone.offset()));
                    // A head that claims more than there is: at the end of the packet, wherever it was to begin.
                    let cut = error.violation() == alone.violation() && error.offset() == bytes.len();
                    assert!(found == expected || cut, "{found:?}, not {expected:?}, in {end} bytes of {bytes:02x?}");
                }
            }
        }
    }
}

#[test]
fn all_ways_to_write_a_packet_write_the_same() {
    for case in cases::all() {
        let Ok(packet) = judge(&case.bytes, case.version) else { continue };
        let version = if let Packet::Connect(connect) = &packet { connect.version } else { case.version };
        let (mut written, mut encoded, mut in_parts) = (Vec::new(), Vec::new(), Vec::new());
        let encoder = packet.encoder(version).unwrap();
        encoder.write(&mut written);
        packet.encode(version, &mut encoded).unwrap();
        let payload = encoder.write_head(&mut in_parts);
        assert_eq!(payload, if let Packet::Publish(p) = &packet { p.payload } else { &[] });
        in_parts.extend_from_slice(payload);
        let mut room = vec![0; written.len()];
        assert_eq!(encoder.write_to_slice(&mut room).as_deref(), Some(&written[..]));
        assert_eq!((&encoded, &in_parts), (&written, &written), "{packet:?}");
    }
}

fn properties_of<'a>(packet: &Packet<'a>) -> Vec<Properties<'a>> {
    match packet {
        Packet::Connect(p) => p.will.map(|will| will.properties).into_iter().chain([p.properties]).collect(),
        Packet::ConnAck(p) => vec![p.properties],
        Packet::Publish(p) => vec![p.properties],
        Packet::PubAck(p) | Packet::PubRec(p) | Packet::PubRel(p) | Packet::PubComp(p) => vec![p.properties],
        Packet::Subscribe(p) => vec![p.properties],
        Packet::SubAck(p) => vec![p.properties],
        Packet::Unsubscribe(p) => vec![p.properties],
        Packet::UnsubAck(p) => vec![p.properties],
        Packet::Disconnect(p) => vec![p.properties],
        Packet::Auth(p) => vec![p.properties],
        _ => vec![],
    }
}

/// What every kind of packet says about these properties: its bytes, or why not.
fn written_everywhere(properties: Properties<'_>) -> Vec<Result<Vec<u8>, String>> {
    let (id, topic) = (PacketId::new(1).unwrap(), TopicName::new("t").unwrap());
    let (qos, reason) = (lmq_codec::QoS::AtMostOnce, ReasonCode::Success);
    let filter = TopicFilter::new("f").unwrap();
    let (entries, filters) = ([(filter, SubscribeOptions::new(qos))], [filter]);
    let (version, will, username, password) = (Version::V5_0, None, None, None);
    let plain = Connect {
        version,
        clean_start: true,
        keep_alive: 0,
        client_id: "c",
        will,
        username,
        password,
        properties: Properties::EMPTY,
    };
    let will = Some(Will { topic, payload: b"", qos, retain: false, properties });
    let (delivery, topic) = (Delivery::AtMostOnce, Some(topic));
    let packets = [
        Packet::Connect(Connect { properties, ..plain }),
        Packet::Connect(Connect { will, ..plain }),
        Packet::ConnAck(ConnAck { session_present: false, reason, properties }),
        Packet::Publish(Publish { delivery, retain: false, topic, properties, payload: b"" }),
        Packet::PubAck(Ack { id, reason, properties }),
        Packet::Subscribe(Subscribe { id, properties, filters: SubscribeFilters::new(&entries) }),
        Packet::Unsubscribe(Unsubscribe { id, properties, filters: UnsubscribeFilters::new(&filters) }),
        Packet::Disconnect(Disconnect { reason, properties }),
        Packet::Auth(Auth { reason, properties }),
    ];
    let write = |packet: &Packet<'_>| {
        let mut out = Vec::new();
        packet.encode(version, &mut out).map(|()| out).map_err(|error| error.to_string())
    };
    packets.iter().map(write).collect()
}

/// Where a block came from does not decide where it may go.
#[test]
fn properties_that_were_read_may_go_where_a_list_of_them_may() {
    let mut blocks = 0;
    for case in cases::all() {
        let Ok(packet) = judge(&case.bytes, case.version) else { continue };
        let version = if let Packet::Connect(connect) = &packet { connect.version } else { case.version };
        let owned = OwnedPacket::new(&packet, version).unwrap();
        for properties in properties_of(&packet).into_iter().chain(properties_of(&owned.packet())) {
            let list: Vec<Property<'_>> = properties.iter().collect();
            let rebuilt = Properties::new(&list).unwrap();
            assert_eq!(written_everywhere(properties), written_everywhere(rebuilt), "{:02x?}", case.bytes);
            blocks += usize::from(!list.is_empty());
        }
    }
    assert!(blocks > 100, "{blocks} blocks");
}
