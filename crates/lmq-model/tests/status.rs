//! Status events as the back ends of the product read them.

use lmq_model::UnixMillis;
use lmq_model::status::{self, ChannelId, EventType, StatusEvent};

fn event() -> StatusEvent {
    StatusEvent {
        client_id: "GID_XXX@@@YYYYY".parse().unwrap(),
        time: UnixMillis::new(1_542_700_000_000),
        event_type: EventType::Connect,
        channel_id: ChannelId::new(0x02b9_b128_1046_046f_afe5_e0b4_58e4_f553),
        client_ip: Some("192.168.1.2:13300".parse().unwrap()),
    }
}

#[test]
fn topic_and_tag() {
    assert_eq!(event().topic(), "GID_XXX_MQTT");
    assert_eq!(status::topic(&"GID_XXX".parse().unwrap()), "GID_XXX_MQTT");
    for (event_type, tag) in
        [(EventType::Connect, "connect"), (EventType::Disconnect, "disconnect"), (EventType::TcpClean, "tcpclean")]
    {
        assert_eq!(StatusEvent { event_type, ..event() }.tag(), tag);
        assert_eq!(event_type.to_string(), tag);
    }
}

#[test]
fn channel_ids_are_32_hexadecimal_digits() {
    assert_eq!(ChannelId::new(0).to_string(), "0".repeat(32));
    assert_eq!(ChannelId::new(u128::MAX).to_string(), "f".repeat(32));
    assert_eq!(format!("{:?}", event().channel_id), "ChannelId(02b9b1281046046fafe5e0b458e4f553)");
    let upper: ChannelId = "02B9B1281046046FAFE5E0B458E4F553".parse().unwrap();
    assert_eq!(upper, event().channel_id);
    for (text, said) in [
        ("", "channel id has 0 characters; expected 32 hexadecimal digits"),
        // The sample of the manual of 2018 lost a digit.
        ("2b9b1281046046fafe5e0b458e4f553", "channel id has 31 characters; expected 32 hexadecimal digits"),
        ("02b9b1281046046fafe5e0b458e4f5530", "channel id has 33 characters; expected 32 hexadecimal digits"),
        // The length is named first, whatever stands behind the 32nd digit.
        ("02b9b1281046046fafe5e0b458e4f5530g", "channel id has 34 characters; expected 32 hexadecimal digits"),
        ("02b9b128-046046fafe5e0b458e4f553", "character 9 of the channel id is '-'; expected a hexadecimal digit"),
        ("+1", "character 1 of the channel id is '+'; expected a hexadecimal digit"),
    ] {
        assert_eq!(text.parse::<ChannelId>().unwrap_err().to_string(), said, "{text}");
    }
}

#[cfg(feature = "json")]
mod json {
    use lmq_id::ClientId;
    use lmq_model::status::EventError;
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = r#"{"clientId":"GID_XXX@@@YYYYY","time":1542700000000,"eventType":"connect","channelId":"02b9b1281046046fafe5e0b458e4f553","clientIp":"192.168.1.2:13300"}"#;

    #[test]
    fn keys_are_exactly_those_of_the_manual() {
        assert_eq!(event().to_json(), BODY);
        assert_eq!(StatusEvent::from_json(BODY.as_bytes()), Ok(event()));
    }

    #[test]
    fn an_ipv6_address_has_brackets() {
        let event = StatusEvent { client_ip: Some("[2001:db8::1]:1883".parse().unwrap()), ..event() };
        assert!(event.to_json().ends_with(r#""clientIp":"[2001:db8::1]:1883"}"#));
        assert_eq!(StatusEvent::from_json(event.to_json().as_bytes()), Ok(event));
    }

    #[test]
    fn other_editions_are_read() {
        let of_2018 = BODY.replace(r#","clientIp":"192.168.1.2:13300""#, "");
        let without = StatusEvent { client_ip: None, ..event() };
        assert_eq!(StatusEvent::from_json(of_2018.as_bytes()), Ok(without.clone()));
        assert_eq!(without.to_json(), of_2018);

        let newer = BODY.replace('}', r#","certificateChainSn":"","remark":{"a":[1]}}"#);
        assert_eq!(StatusEvent::from_json(newer.as_bytes()), Ok(event()));
    }

    #[test]
    fn errors_say_what_and_where() {
        for (from, to, said) in [
            (
                "\"connect\"",
                "\"online\"",
                "status event: unknown variant `online`, expected one of `connect`, `disconnect`, `tcpclean`",
            ),
            ("GID_XXX@@@YYYYY", "YYYYY", "status event: client id has no \"@@@\"; expected <GroupID>@@@<DeviceID>"),
            (
                "02b9b1281046046fafe5e0b458e4f553",
                "2b9",
                "status event: channel id has 3 characters; expected 32 hexadecimal digits",
            ),
            ("1542700000000", "-1", "status event: invalid value: integer `-1`, expected u64"),
            ("\"time\":1542700000000,", "", "status event: missing field `time`"),
        ] {
            let body = BODY.replace(from, to);
            let error: EventError = StatusEvent::from_json(body.as_bytes()).unwrap_err();
            let text = error.to_string();
            let (fault, place) = text.split_once(" at line 1 column ").unwrap();
            assert_eq!(fault, said);
            assert!(place.parse::<usize>().unwrap() <= body.len());
        }
        for body in ["", r#"["GID_XXX@@@YYYYY",1,"connect","02b9b1281046046fafe5e0b458e4f553",null]"#] {
            assert_eq!(
                StatusEvent::from_json(body.as_bytes()).unwrap_err().to_string(),
                "status event: not a JSON object; expected {..}"
            );
        }
    }

    proptest! {
        #[test]
        fn events_survive_the_journey(
            client in "GID_[A-Za-z0-9]{3,9}@@@[A-Za-z0-9_-]{1,20}",
            time in any::<u64>(),
            bits in any::<u128>(),
            ip in any::<std::net::SocketAddr>(),
            at in 0_usize..3,
        ) {
            let event = StatusEvent {
                client_id: client.parse::<ClientId>()?,
                time: UnixMillis::new(time),
                event_type: [EventType::Connect, EventType::Disconnect, EventType::TcpClean][at],
                channel_id: ChannelId::new(bits),
                // Flow label and scope of an IPv6 address have no place in `ip:port`.
                client_ip: Some(std::net::SocketAddr::new(ip.ip(), ip.port())),
            };
            prop_assert_eq!(StatusEvent::from_json(event.to_json().as_bytes()), Ok(event));
        }
    }
}
