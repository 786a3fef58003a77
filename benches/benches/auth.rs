//! What authentication and authorisation cost: `cargo bench --bench auth`. Decisions are warm: one topic all the time.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lmq_auth::{
    Credentials, Permissions, Revocations, SecretKey, Signature, TokenAuthority, TokenId, TokenKey, TokenRequest,
};
use lmq_id::{Access, ClientId};

const NOW: u64 = 1_542_700_000_000;

fn granted(resources: impl IntoIterator<Item = String>) -> Permissions {
    let mut permissions = Permissions::nothing();
    resources.into_iter().for_each(|resource| permissions.grant(Access::ReadWrite, &resource).expect("a filter"));
    permissions
}

fn decisions(criterion: &mut Criterion) {
    let mut denied = granted(["room/#".to_owned()]);
    (0..299).for_each(|at| denied.deny(Access::Write, &format!("room/secret/{at}")).expect("a filter"));
    let mixed = |at: usize| match at % 4 {
        0 => format!("room/message/{at}"),
        1 => format!("room/{at}/#"),
        2 => format!("hall/+/{at}"),
        _ => format!("parent{at}/#"),
    };
    for (name, permissions, topic) in [
        ("3 below", granted((0..3).map(|at| format!("room/message/class-{at}/#"))), "room/message/class-2/student"),
        ("300 below", granted((0..300).map(|at| format!("room/message/class-{at}/#"))), "room/message/class-2/student"),
        ("300 literal", granted((0..300).map(|at| format!("room/message/{at}"))), "room/message/2"),
        ("300 patterns", granted((0..300).map(|at| format!("room/+/class-{at}"))), "room/message/class-2"),
        ("300 mixed", granted((0..300).map(mixed)), "hall/a/2"),
        ("299 denied", denied, "room/message/12345"),
    ] {
        assert!(permissions.allows_publish(topic));
        criterion.bench_function(&format!("publish/{name}"), |bench| {
            bench.iter(|| black_box(&permissions).allows_publish(black_box(topic)));
        });
    }
}

fn connects(criterion: &mut Criterion) {
    let key: SecretKey = "DummyAccessKeySecret0123456789".parse().expect("a key");
    let client: ClientId = "GID_Test@@@0001".parse().expect("a client id");
    let password = Signature::sign(&key, &client).to_base64();
    criterion.bench_function("connect/signature", |bench| {
        bench.iter(|| match Credentials::parse(Some("Signature|LTAI4|mqtt-cn-test0001"), Some(password.as_bytes())) {
            Ok(Credentials::Signature(signed)) => signed.verify(Some(&key), &client).is_ok(),
            _ => false,
        });
    });
    let authority = TokenAuthority::new(TokenKey::new(1, &[7; 32]).expect("32 bytes"));
    let resources = ["room/#", "roomSend/#"];
    let (account, instance, actions) = ("LTAI4", "mqtt-cn-test0001", Access::ReadWrite);
    let request = TokenRequest { account, instance, actions, resources: &resources, expires: NOW + 3_600_000 };
    let token = authority.mint(&request, TokenId::new([9; 16]), NOW).expect("a token");
    let revocations = Revocations::new(1);
    criterion.bench_function("connect/token", |bench| {
        bench.iter(|| authority.check(black_box(token.expose()), actions, NOW, account, instance, &revocations));
    });
}

criterion_group!(benches, decisions, connects);
criterion_main!(benches);
