//! Subscriptions end with the rights they were given for.

use lmq_auth::Permissions;
use lmq_broker::{ClientKey, Command, InstanceIndex, Selector};
use lmq_id::Access;

use crate::{
    common::{Connect, World, lmq, mqtt, publish},
    tokens::{come_in, id, with, world},
};

const A: &str = "GID_Test@@@a";
const B: &str = "GID_Test@@@b";

#[test]
fn a_session_that_is_taken_up_with_fewer_rights_loses_what_they_do_not_cover() {
    for shards in [1, 3] {
        let mut world = world(lmq(shards));
        world.connect_kept(B);
        let kept = |tokens| Connect { clean: false, ..with(A, tokens) };
        come_in(&mut world, &kept("R:1:9999"), A, &[]);
        world.subscribe(A, "T/#", 1);
        world.command_all(&Command::RevokeToken(id(1)));
        world.take_log();
        world.connect_with(A, &kept("W:2:9999"));
        world.expect([format!("status connect {A}"), format!("{A}: CONNACK 0 present")]);
        world.send(B, publish("T/x", "secret", 1, 1));
        world.expect([format!("{B}: PUBACK 1")]);
        // For good: the right alone does not bring it back.
        world.cut(A);
        world.take_log();
        world.connect_with(A, &kept("R:3:9999"));
        world.take_log();
        world.send(B, publish("T/x", "secret", 1, 2));
        world.expect([format!("{B}: PUBACK 2")]);
        assert_eq!(world.stats().subscriptions, 0);
    }
}

#[test]
fn smaller_rights_end_the_subscriptions_they_do_not_cover_and_no_other() {
    let mut world = World::new(mqtt(1));
    world.connect("in");
    world.connect("other");
    for filter in ["room/+", "room/1", "#", "t"] {
        world.subscribe("in", filter, 0);
    }
    let mut permissions = Permissions::nothing();
    permissions.grant(Access::Read, "room/#").unwrap();
    let whom = Selector::Client(ClientKey { instance: InstanceIndex(0), client_id: "in".into() });
    world.command(0, Command::SetPermissions { whom, permissions });
    assert_eq!(world.stats().subscriptions, 2);
    world.send("other", publish("t", "x", 0, 0));
    world.expect_nothing();
    world.send("other", publish("room/1", "y", 0, 0));
    world.expect(["in: q0 room/1 y"]);
}
