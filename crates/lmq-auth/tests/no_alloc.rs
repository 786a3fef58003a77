//! What runs per CONNECT, per PUBLISH and per SUBSCRIBE allocates nothing. A program of its own: the counter is the process's.

use std::alloc::System;
use std::hint::black_box;

use lmq_auth::{Credentials, Holder, Permissions, Scheme, SecretKey, Signature, TokenPassword, Username};
use lmq_id::{Access, ClientId, Filter, P2pTopic, Topic};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let key: SecretKey = "DummyAccessKeySecret0123456789".parse().unwrap();
    let mut permissions = Permissions::nothing();
    for resource in ["roomSend/#", "room/#", "TopicA/+/x"] {
        permissions.grant(Access::ReadWrite, resource).unwrap();
    }
    for number in 0..250 {
        permissions.grant(Access::ReadWrite, &format!("hall/{number}/+")).unwrap();
    }
    permissions.deny(Access::Write, "hall/1/admin").unwrap();
    let password = Signature::sign(&key, ClientId::check("GID_Test@@@0001").unwrap()).to_base64();

    let region = Region::new(ALLOCATOR);
    for _ in 0..100 {
        let client = ClientId::check(black_box("GID_Test@@@0001")).unwrap();
        let username = Username::parse(black_box("Signature|LTAI4|mqtt-cn-test0001")).unwrap();
        assert_eq!(username.scheme(), Scheme::Signature);
        assert!(username.verify(&key, client, password.as_bytes()).is_ok());
        assert!(Scheme::Legacy.verify(&key, client, b"wrong").is_err());
        let credentials = Credentials::parse(Some(black_box("LTAI4")), Some(password.as_bytes())).unwrap();
        assert!(matches!(credentials, Credentials::Bare(bare) if bare.verify(Holder::Account(&key), client).is_ok()));
        assert!(ClientId::check(black_box("GID_Test@@@0001/")).is_err());
        assert!(TokenPassword::parse(black_box(b"R|123|W|abcd")).is_ok());
        assert!(P2pTopic::split(black_box("room/p2p/GID_Test@@@0001")).is_ok());
        assert!(Topic::parse(black_box("room/message/1")).is_ok());
        assert!(Filter::parse(black_box("room/+/#")).is_ok());
        assert!(permissions.allows_publish(black_box("TopicA/b/x")));
        assert!(!permissions.allows_subscribe(black_box("TopicA/#")));
        assert!(permissions.allows_publish(black_box("hall/249/x")));
        assert!(!permissions.allows_publish(black_box("hall/1/admin")));
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0));
    // The counter counts.
    let text = black_box(String::from("x"));
    assert_eq!(region.change().allocations, 1, "{text}");
}
