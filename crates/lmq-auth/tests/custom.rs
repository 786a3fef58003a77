//! Custom authentication: identities, permissions, the black list.

use lmq_auth::{
    BlackList, CustomIdentity, CustomPermission, Denial, Effect, IdentityType, Permissions, PermitAction, SignMode,
};
use lmq_id::{Access, ClientId};

fn client(number: u8) -> ClientId {
    format!("GID_Test@@@{number:04}").parse().unwrap()
}

#[test]
fn an_identity_of_a_client_is_good_for_that_client_only() {
    let own = CustomIdentity::client("alice", client(1), SignMode::Origin, "s3cret".parse().unwrap()).unwrap();
    assert_eq!(
        (own.identity_type(), own.sign_mode(), own.username()),
        (IdentityType::Client, SignMode::Origin, "alice")
    );
    assert!(own.verify("alice", &client(1), b"s3cret").is_ok());
    assert!(own.verify("alice", &client(2), b"s3cret").is_err());
    assert!(own.verify("bob", &client(1), b"s3cret").is_err());
    assert!(own.verify("alice", &client(1), b"s3cres").is_err());
    let anyone = CustomIdentity::user("alice", SignMode::Origin, "s3cret".parse().unwrap()).unwrap();
    assert_eq!((anyone.identity_type(), anyone.client_id()), (IdentityType::User, None));
    assert!(anyone.verify("alice", &client(2), b"s3cret").is_ok());
    assert_eq!(format!("{anyone:?}").matches("s3cret").count(), 0);
}

#[test]
fn user_names_have_one_to_64_characters_and_no_bar() {
    let named = |name: &str| CustomIdentity::user(name, SignMode::Signed, "k".parse().unwrap()).map(|_| ());
    for name in ["a", &"名".repeat(64), "free text, with blanks"] {
        assert_eq!(named(name), Ok(()), "{name}");
    }
    for name in ["", &"a".repeat(65), "Token|a|b", "a\u{7}"] {
        let said = "user name is not 1 to 64 characters without '|' and control characters";
        assert_eq!(named(name).unwrap_err().to_string(), said, "{name}");
    }
}

fn rule(kind: IdentityType, identity: &str, effect: Effect, action: PermitAction, topic: &str) -> CustomPermission {
    CustomPermission::new(kind, identity, effect, action, topic).unwrap()
}

#[test]
fn rights_of_user_and_client_add_up_and_a_denial_wins() {
    use {Effect::*, IdentityType::*, PermitAction::*};
    let list = [
        rule(User, "alice", Allow, Sub, "room/#"),
        rule(Client, "GID_Test@@@0001", Allow, Pub, "roomSend/notice/"),
        rule(Client, "GID_Test@@@0001", Deny, PubSub, "room/secret"),
        rule(Client, "GID_Test@@@0002", Allow, PubSub, "#"),
        rule(User, "bob", Allow, PubSub, "hall"),
        rule(User, "GID_Test@@@0001", Allow, PubSub, "hall"),
    ];
    let rights = CustomPermission::collect(&list, "alice", "GID_Test@@@0001").unwrap();
    assert_eq!(rights.subscribe("room/open"), Ok(()));
    assert_eq!(rights.subscribe("room/#"), Err(Denial::Resource));
    assert_eq!(rights.subscribe("room/secret"), Err(Denial::Resource));
    assert_eq!(rights.publish("roomSend/notice"), Ok(())); // as the broker routes it
    assert_eq!(rights.publish("hall"), Err(Denial::Resource));
    let stranger = CustomPermission::collect(&list, "carol", "GID_Test@@@0009").unwrap();
    assert_eq!(stranger, Permissions::nothing());
}

#[test]
fn too_many_permissions_are_none() {
    let list: Vec<_> = (0..=Permissions::RESOURCES_MAX)
        .map(|at| rule(IdentityType::User, "alice", Effect::Allow, PermitAction::Sub, &format!("room/{at}")))
        .collect();
    assert!(CustomPermission::collect(&list[1..], "alice", "c").is_ok());
    assert_eq!(CustomPermission::collect(&list, "alice", "c").unwrap_err().to_string(), "more than 300 resources");
}

#[test]
fn words_of_the_management_api() {
    for (word, access) in [("PUB", Access::Write), ("SUB", Access::Read), ("PUB_SUB", Access::ReadWrite)] {
        let action: PermitAction = word.parse().unwrap();
        assert_eq!((action.as_str(), Access::from(action)), (word, access));
    }
    assert_eq!(["USER", "CLIENT"].map(|word| word.parse::<IdentityType>().unwrap().as_str()), ["USER", "CLIENT"]);
    assert_eq!(["ORIGIN", "SIGNED"].map(|word| word.parse::<SignMode>().unwrap().as_str()), ["ORIGIN", "SIGNED"]);
    assert_eq!(["ALLOW", "DENY"].map(|word| word.parse::<Effect>().unwrap().to_string()), ["ALLOW", "DENY"]);
    let error = "pub".parse::<PermitAction>().unwrap_err();
    assert_eq!(error.to_string(), "unknown word; expected PUB, SUB or PUB_SUB in upper case");
}

#[test]
fn a_banned_client_stays_banned_when_the_list_is_full() {
    let mut list = BlackList::new(2);
    assert_eq!(list.insert(client(1)), Ok(true));
    assert_eq!(list.insert(client(1)), Ok(false));
    assert_eq!(list.insert(client(2)), Ok(true));
    assert_eq!(list.insert(client(2)), Ok(false));
    assert_eq!(list.insert(client(3)).unwrap_err().to_string(), "black list is full; at most 2 clients");
    assert_eq!(list.iter().map(ClientId::as_str).collect::<Vec<_>>(), ["GID_Test@@@0001", "GID_Test@@@0002"]);
    assert!(list.remove(&client(1)) && !list.remove(&client(1)));
    assert!(!list.contains(&client(1)) && list.contains(&client(2)));
}
