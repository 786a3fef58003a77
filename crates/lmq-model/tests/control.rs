//! Control topics and payloads: captured packets, the manual's rules, and whatever a peer may send instead.
#![cfg(feature = "json")]

use lmq_id::Access;
use lmq_model::control::{
    ControlTopic, EnableOrderMsg, GetOfflineMsg, PAYLOAD_BYTES_MAX, PayloadError, PushOrder, UploadToken, is_reserved,
};
use proptest::prelude::*;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Topic and payload of a PUBLISH with a remaining length of one byte.
fn publish(hex: &str) -> (String, Vec<u8>) {
    let packet = unhex(hex);
    assert_eq!(usize::from(packet[1]), packet.len() - 2);
    let qos = packet[0] >> 1 & 3;
    let end = 4 + usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let topic = String::from_utf8(packet[4..end].to_vec()).unwrap();
    let payload = if qos == 0 { end } else { end + 2 };
    (topic, packet[payload..].to_vec())
}

fn offline(json: &str) -> Result<(u8, PushOrder), PayloadError> {
    GetOfflineMsg::parse(json.as_bytes()).map(|ask| (ask.batch(), ask.order()))
}

#[test]
fn captured_packets() {
    let (topic, payload) = publish(
        "32400010245359532f75706c6f6164546f6b656e00017b22746f6b656e223a22644739725a57347459574a6a4c57526c5a673d3d222c2274797065223a225257227d",
    );
    assert_eq!(ControlTopic::from_topic(&topic), Some(ControlTopic::UploadToken));
    let upload = UploadToken::parse(&payload).unwrap();
    assert_eq!(upload.token(), "dG9rZW4tYWJjLWRlZg==");
    assert_eq!(upload.access(), Access::ReadWrite);

    let (topic, payload) =
        publish("32270013245359532f656e61626c654f726465724d736700017b226f72646572223a2274727565227d");
    assert_eq!(ControlTopic::from_topic(&topic), Some(ControlTopic::EnableOrderMsg));
    assert_eq!(EnableOrderMsg::parse(&payload), Ok(EnableOrderMsg { order: true }));

    for hex in [
        "323a0012245359532f6765744f66666c696e654d736700017b226d6178507573684e756d223a33302c22707573684f72646572223a2244455343227d",
        "30390012245359532f6765744f66666c696e654d73677b226d6178507573684e756d223a3130302c22707573684f72646572223a2244455343227d",
    ] {
        let (topic, payload) = publish(hex);
        assert_eq!(ControlTopic::from_topic(&topic), Some(ControlTopic::GetOfflineMsg));
        let ask = GetOfflineMsg::parse(&payload).unwrap();
        assert_eq!((ask.batch(), ask.order()), (30, PushOrder::NewestFirst));
    }
}

#[test]
fn topics_are_compared_exactly() {
    for control in ControlTopic::ALL {
        assert_eq!(ControlTopic::from_topic(control.as_str()), Some(control));
        assert_eq!(control.to_string(), control.as_str());
    }
    for topic in [
        "$SYS/uploadtoken",
        "$SYS/uploadToken/",
        "$SYS/",
        "$SYS",
        "$sys/uploadToken",
        "/$SYS/uploadToken",
        "uploadToken",
        "",
    ] {
        assert_eq!(ControlTopic::from_topic(topic), None, "{topic}");
    }
    let requests = ControlTopic::ALL.map(ControlTopic::is_request);
    assert_eq!(requests, [true, true, true, false, false]);
}

#[test]
fn the_gateways_own_space() {
    for (topic, reserved) in [
        ("$SYS/uploadToken", true),
        ("$SYS/x", true),
        ("$SYS/#", true),
        ("$SYS", true),
        ("$SYSTEM/x", false),
        ("$sys/x", false),
        ("room/$SYS/x", false),
        ("", false),
    ] {
        assert_eq!(is_reserved(topic), reserved, "{topic}");
    }
}

#[test]
fn offline_requests_are_clamped_and_have_defaults() {
    use PushOrder::{NewestFirst, OldestFirst};
    for (json, batch, order) in [
        ("{}", 30, OldestFirst),
        (r#"{"maxPushNum":1}"#, 1, OldestFirst),
        (r#"{"maxPushNum":30}"#, 30, OldestFirst),
        (r#"{"maxPushNum":31}"#, 30, OldestFirst),
        (r#"{"maxPushNum":256}"#, 30, OldestFirst),
        (r#"{"maxPushNum":0}"#, 1, OldestFirst),
        (r#"{"maxPushNum":-7}"#, 1, OldestFirst),
        (r#"{"maxPushNum":18446744073709551615}"#, 30, OldestFirst),
        (r#"{"maxPushNum":99999999999999999999999}"#, 30, OldestFirst),
        (r#"{"maxPushNum":"12"}"#, 12, OldestFirst),
        (r#"{"maxPushNum":"0"}"#, 1, OldestFirst),
        (r#"{"maxPushNum":"99999999999999999999999"}"#, 30, OldestFirst),
        (r#"{"maxPushNum":null,"pushOrder":null}"#, 30, OldestFirst),
        (r#"{"pushOrder":"DESC"}"#, 30, NewestFirst),
        (r#"{"pushOrder":"desc"}"#, 30, NewestFirst),
        (r#"{"pushOrder":"Asc"}"#, 30, OldestFirst),
        (" \n{\"pushOrder\" : \"D\\u0045SC\"} ", 30, NewestFirst),
        (r#"{"x":[{"maxPushNum":3}],"maxPushNum":5,"y":{}}"#, 5, OldestFirst),
    ] {
        assert_eq!(offline(json), Ok((batch, order)), "{json}");
    }
    assert_eq!(GetOfflineMsg::new(0, OldestFirst).batch(), 1);
    assert_eq!(GetOfflineMsg::new(255, NewestFirst), { GetOfflineMsg::parse(br#"{"pushOrder":"DESC"}"#).unwrap() });
}

#[test]
fn offline_errors_say_what_where_and_what_would_be_right() {
    const NUMBER: &str =
        "payload of $SYS/getOfflineMsg: \"maxPushNum\" has a wrong value; expected a whole number, 1 to 30";
    const ORDER: &str = "payload of $SYS/getOfflineMsg: \"pushOrder\" has a wrong value; expected \"ASC\" or \"DESC\"";
    const OBJECT: &str = "payload of $SYS/getOfflineMsg: not a JSON object; expected {..}";
    for (json, said, key) in [
        (r#"{"maxPushNum":2.5}"#, NUMBER, Some("maxPushNum")),
        (r#"{"maxPushNum":true}"#, NUMBER, Some("maxPushNum")),
        (r#"{"maxPushNum":""}"#, NUMBER, Some("maxPushNum")),
        (r#"{"maxPushNum":"+5"}"#, NUMBER, Some("maxPushNum")),
        (r#"{"maxPushNum":[5]}"#, NUMBER, Some("maxPushNum")),
        (r#"{"maxPushNum":{"a":1}}"#, NUMBER, Some("maxPushNum")),
        (r#"{"pushOrder":"UP"}"#, ORDER, Some("pushOrder")),
        (r#"{"pushOrder":1}"#, ORDER, Some("pushOrder")),
        (
            r#"{"maxPushNum":1,"maxPushNum":1}"#,
            "payload of $SYS/getOfflineMsg: \"maxPushNum\" stands there twice; expected once",
            Some("maxPushNum"),
        ),
        ("", OBJECT, None),
        ("[30,\"DESC\"]", OBJECT, None),
        ("30", OBJECT, None),
        ("{\n\"maxPushNum\":}", "payload of $SYS/getOfflineMsg: not valid JSON at line 2 column 14", None),
        ("{} x", "payload of $SYS/getOfflineMsg: not valid JSON at line 1 column 4", None),
    ] {
        let error = offline(json).unwrap_err();
        assert_eq!(error.to_string(), said, "{json}");
        assert_eq!(error.key(), key);
        assert_eq!(error.topic(), ControlTopic::GetOfflineMsg);
    }
}

#[test]
fn upload_takes_both_spellings_but_one_token() {
    for (json, token, access) in [
        (r#"{"token":"t","type":"R"}"#, "t", Access::Read),
        (r#"{"Token":"t","type":"W"}"#, "t", Access::Write),
        (r#"{"type":"RW","token":"a\u0062"}"#, "ab", Access::ReadWrite),
    ] {
        let upload = UploadToken::parse(json.as_bytes()).unwrap();
        assert_eq!((upload.token(), upload.access()), (token, access), "{json}");
    }
    const TOKEN: &str = "\"token\" has a wrong value; expected a text that is not empty";
    const TYPE: &str = "\"type\" has a wrong value; expected \"R\", \"W\" or \"RW\"";
    for (json, said) in [
        (r#"{"token":"","type":"R"}"#, TOKEN),
        (r#"{"token":7,"type":"R"}"#, TOKEN),
        (r#"{"type":"R"}"#, "\"token\" is missing; expected a text that is not empty"),
        (r#"{"token":null,"type":"R"}"#, "\"token\" is missing; expected a text that is not empty"),
        (r#"{"token":"t"}"#, "\"type\" is missing; expected \"R\", \"W\" or \"RW\""),
        (r#"{"token":"t","type":"rw"}"#, TYPE),
        (r#"{"token":"t","type":"X"}"#, TYPE),
        (r#"{"token":"t","type":true}"#, TYPE),
        (r#"{"token":"t","Token":"t","type":"R"}"#, "\"token\" stands there twice; expected once"),
        (r#"{"token":null,"Token":"t","type":"R"}"#, "\"token\" stands there twice; expected once"),
        (r#"["t","RW"]"#, "not a JSON object; expected {..}"),
    ] {
        let error = UploadToken::parse(json.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), format!("payload of $SYS/uploadToken: {said}"), "{json}");
    }
}

#[test]
fn a_token_is_never_shown() {
    let upload = UploadToken::parse(br#"{"token":"hunter2","type":"RW"}"#).unwrap();
    assert_eq!(format!("{upload:?}"), "UploadToken { token: .., access: ReadWrite }");
    for json in [
        r#"{"token":"hunter2","type":"hunter2"}"#,
        r#"{"token":"hunter2","token":"hunter2"}"#,
        r#"{"token":"hunter2"hunter2"#,
    ] {
        let error = UploadToken::parse(json.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{json}");
    }
}

#[test]
fn order_is_a_boolean_or_its_name() {
    for (json, order) in [
        (r#"{"order":"true"}"#, true),
        (r#"{"order":true}"#, true),
        (r#"{"order":"TRUE"}"#, true),
        (r#"{"order":"False"}"#, false),
        (r#"{"order":false}"#, false),
    ] {
        assert_eq!(EnableOrderMsg::parse(json.as_bytes()), Ok(EnableOrderMsg { order }), "{json}");
    }
    for (json, said) in [
        ("{}", "\"order\" is missing; expected true or false"),
        (r#"{"order":1}"#, "\"order\" has a wrong value; expected true or false"),
        (r#"{"order":"yes"}"#, "\"order\" has a wrong value; expected true or false"),
        (r#"{"order":[]}"#, "\"order\" has a wrong value; expected true or false"),
    ] {
        let error = EnableOrderMsg::parse(json.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), format!("payload of $SYS/enableOrderMsg: {said}"), "{json}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let fits = format!("{{{}}}", " ".repeat(PAYLOAD_BYTES_MAX - 2));
    assert!(offline(&fits).is_ok());
    assert_eq!(
        offline(&format!("{fits} ")).unwrap_err().to_string(),
        "payload of $SYS/getOfflineMsg: 65537 bytes; at most 65536 are allowed"
    );
    // 32,000 levels deep, as a skipped value, as a wanted value, and never closed.
    let deep = "[".repeat(32_000) + &"]".repeat(32_000);
    for key in ["x", "maxPushNum"] {
        let _ = offline(&format!("{{\"{key}\":{deep}}}"));
        let _ = offline(&format!("{{\"{key}\":{}", "[".repeat(60_000)));
        let _ = offline(&format!("{{\"{key}\":{}", "{\"a\":".repeat(12_000)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
        let _ = GetOfflineMsg::parse(&bytes);
        let _ = UploadToken::parse(&bytes);
        let _ = EnableOrderMsg::parse(&bytes);
    }

    #[test]
    fn any_cut_or_changed_payload_is_answered(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let whole = br#"{"maxPushNum":12,"pushOrder":"DESC","token":"t","type":"RW","order":"true"}"#;
        let at = at.index(whole.len());
        prop_assert!(GetOfflineMsg::parse(&whole[..at]).is_err());
        let mut changed = whole.to_vec();
        changed[at] = byte;
        for payload in [&whole[..at], &changed] {
            let _ = GetOfflineMsg::parse(payload);
            let _ = UploadToken::parse(payload);
            let _ = EnableOrderMsg::parse(payload);
        }
    }

    #[test]
    fn every_number_is_brought_into_range(number in any::<i128>()) {
        let clamped = u8::try_from(number.clamp(1, 30)).unwrap();
        // Below i64 a number is a float for the reader: refused rather than guessed.
        let json = format!("{{\"maxPushNum\":{number}}}");
        match offline(&json) {
            Ok((batch, _)) => prop_assert_eq!(batch, clamped),
            Err(_) => prop_assert!(number < i128::from(i64::MIN)),
        }
    }
}
