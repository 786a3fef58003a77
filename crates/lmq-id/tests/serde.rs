//! Names as JSON texts: written as they are, checked when read.
#![cfg(feature = "serde")]

use lmq_id::{Access, ClientId, GroupId, InstanceId, P2pTopic, ParentTopic};

#[test]
fn names_are_texts() {
    let id: ClientId = serde_json::from_str("\"GID_Test@@@0001\"").unwrap();
    assert_eq!(id, "GID_Test@@@0001");
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"GID_Test@@@0001\"");

    // An escape makes the reader hand over an owned text.
    let topic: ParentTopic = serde_json::from_str(r#""room\u0031""#).unwrap();
    assert_eq!(topic, "room1");

    let all: (GroupId, InstanceId, P2pTopic, Access) =
        serde_json::from_str(r#"["GID_abc","mqtt-1","t/p2p/GID_abc@@@1/","RW"]"#).unwrap();
    assert_eq!(serde_json::to_string(&all).unwrap(), r#"["GID_abc","mqtt-1","t/p2p/GID_abc@@@1","RW"]"#);
}

#[test]
fn reading_checks() {
    let error = serde_json::from_str::<GroupId>("\"GID_a b\"").unwrap_err();
    assert_eq!(error.to_string(), "character 6 of the group id is ' '; allowed are A-Z a-z 0-9 _ - at line 1 column 9");
    let error = serde_json::from_str::<ClientId>("7").unwrap_err();
    assert_eq!(error.to_string(), "invalid type: integer `7`, expected a client id as text at line 1 column 1");
}
