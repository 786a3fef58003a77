//! What operators want of many connections, and of instances, while the broker runs.

use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
    time::Duration,
};

use lmq_auth::Permissions;
use lmq_broker::{
    Allowance, AuthRequest, ClientKey, CloseReason, Command, Grant, Instance, InstanceIndex, InstanceQuota, Message,
    MessageId, Selector, Settings, Verdict,
};
use lmq_codec::QoS;
use lmq_id::Access;

use crate::common::{Connect, Will, World, lmq, mqtt, publish, publish5, subscribe, unsubscribe};

const A: &str = "GID_Test@@@a";
const B: &str = "GID_Test@@@b";
const C: &str = "GID_Test2@@@c";

fn close(whom: Selector) -> Command {
    Command::Close { whom, reason: CloseReason::NotAuthorized }
}

fn client(client_id: &str) -> Selector {
    Selector::Client(ClientKey { instance: InstanceIndex(0), client_id: client_id.into() })
}

fn principal(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap()
}

fn only(resource: &str) -> Permissions {
    let mut permissions = Permissions::nothing();
    permissions.grant(Access::ReadWrite, resource).unwrap();
    permissions
}

/// The user name is the number of the principal.
fn by_number(request: &AuthRequest) -> Verdict {
    let number = request.username.as_deref().and_then(|name| name.parse().ok());
    let grant = Grant::new(Permissions::everything());
    Verdict::Allow(number.map_or(grant.clone(), |number| grant.of_principal(number)))
}

fn numbered(settings: Settings) -> World {
    let mut world = World::new(settings);
    world.authenticate_by(by_number);
    world
}

fn connect_as(world: &mut World, name: &'static str, number: u64) {
    world.connect_with(name, &Connect::new(name).credentials(&number.to_string(), "x"));
    world.expect([format!("{name}: CONNACK 0")]);
}

fn named(name: &str, parents: &[&str]) -> Instance {
    let parent_topics = parents.iter().map(|parent| (*parent).into()).collect();
    Instance { name: name.into(), parent_topics, ..Instance::default() }
}

#[test]
fn a_group_is_closed_and_no_other_whose_name_begins_alike() {
    let mut world = World::new(lmq(1));
    for name in [A, B, C] {
        world.connect(name);
    }
    let group = |instance| Selector::Group { instance: InstanceIndex(instance), group: "GID_Test".into() };
    world.command(0, close(group(1)));
    world.expect_nothing();
    world.command(0, close(group(0)));
    world.expect([
        format!("status tcpclean {A}"),
        format!("{A}: closed not_authorized"),
        format!("status tcpclean {B}"),
        format!("{B}: closed not_authorized"),
    ]);
    assert!(!world.is_gone(C));
}

#[test]
fn a_client_of_mqtt_5_is_told_why() {
    for (reason, code, name) in [
        (CloseReason::Kicked, "0x98", "kicked"),
        (CloseReason::NotAuthorized, "0x87", "not_authorized"),
        (CloseReason::Draining, "0x8b", "draining"),
        // No operator can say that the client has left: its will would be lost.
        (CloseReason::Disconnected, "0x98", "kicked"),
    ] {
        let mut world = World::new(mqtt(1));
        world.connect5("c", &[]);
        world.command(0, Command::Close { whom: client("c"), reason });
        world.expect([format!("c: DISCONNECT {code}"), format!("c: closed {name}")]);
    }
}

#[test]
fn an_order_takes_as_many_calls_as_it_needs_and_spares_who_came_since() {
    let mut settings = mqtt(1);
    settings.limits.work_per_call_max = 2;
    let mut world = World::new(settings);
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        world.connect(name);
    }
    world.hold_timeouts();
    world.command(0, close(Selector::Instance(InstanceIndex(0))));
    world.expect(["a: closed not_authorized", "b: closed not_authorized"]);
    // In a slot that the order has yet to come to.
    world.cut("d");
    world.connect("new");
    world.call();
    world.expect(["c: closed not_authorized"]);
    world.call();
    world.expect(["e: closed not_authorized"]);
    assert!(!world.is_gone("new"));
    assert!(world.shard(0).poll_timeout().is_none_or(|at| at > world.now.monotonic));
}

#[test]
fn the_connections_of_one_principal_are_closed() {
    let mut world = numbered(mqtt(1));
    connect_as(&mut world, "a", 7);
    connect_as(&mut world, "b", 8);
    world.connect("c");
    world.command(0, close(Selector::Principal(principal(7))));
    world.expect(["a: closed not_authorized"]);
}

#[test]
fn a_verdict_from_before_the_order_lets_nobody_in() {
    for whom in [Selector::Principal(principal(7)), client("a"), Selector::Instance(InstanceIndex(0)), client("nobody")]
    {
        let mut world = numbered(mqtt(1));
        world.hold_verdicts();
        let connect = Connect::new("a").credentials("7", "x");
        world.connect_with("a", &connect);
        world.command(0, close(whom.clone()));
        world.expect_nothing();
        world.release_verdicts();
        match whom == client("nobody") {
            true => world.expect(["a: CONNACK 0"]),
            false => {
                world.expect(["a: CONNACK 5", "a: closed refused"]);
                // The order is about those who were there.
                world.connect_with("a", &connect);
                world.expect(["a: CONNACK 0"]);
            }
        }
    }
}

#[test]
fn a_kick_refuses_who_is_not_in_yet_for_now() {
    let mut world = World::new(mqtt(1));
    world.connect_kept("a");
    world.cut("a");
    world.hold_store();
    world.connect_with("a", &Connect::kept("a"));
    world.command(0, Command::Kick(world.key("a")));
    world.expect(["a: CONNACK 3", "a: closed refused"]);
    world.release_store();
    world.expect_nothing();
    world.reconnect_kept("a");
}

#[test]
fn an_order_is_forgotten_when_no_verdict_can_be_older() {
    let mut world = numbered(mqtt(1));
    world.hold_verdicts();
    world.connect_with("a", &Connect::new("a").credentials("7", "x"));
    world.command(0, close(Selector::Principal(principal(7))));
    world.advance(Duration::from_secs(30));
    world.expect(["a: CONNACK 3", "a: closed refused"]);
    world.release_verdicts();
    connect_as(&mut world, "a", 7);
}

#[test]
fn rights_are_replaced_for_who_is_in_and_for_who_is_asked() {
    let mut world = numbered(mqtt(1));
    world.connect5("in", &[]);
    world.connect5("other", &[]);
    world.hold_verdicts();
    world.connect_with("late", &Connect::v5("late", &[]));
    for whom in [client("in"), client("late")] {
        world.command(0, Command::SetPermissions { whom, permissions: only("room/#") });
    }
    world.release_verdicts();
    world.expect(["late: CONNACK 0"]);
    for name in ["in", "late"] {
        world.send(name, publish5(2, "t", &[], "x", 1));
        world.send(name, publish5(2, "room/1", &[], "x", 2));
        world.expect([format!("{name}: PUBACK 1 0x87"), format!("{name}: PUBACK 2 16")]);
    }
    world.send("other", publish5(2, "t", &[], "x", 1));
    world.expect(["other: PUBACK 1 16"]);
}

#[test]
fn of_two_orders_the_later_holds_whatever_call_carries_them_out() {
    let mut settings = mqtt(1);
    settings.limits.work_per_call_max = 1;
    let mut world = numbered(settings);
    for name in ["a", "b", "c"] {
        world.connect5(name, &[]);
    }
    world.hold_timeouts();
    let all = || Selector::Instance(InstanceIndex(0));
    world.command(0, Command::SetPermissions { whom: all(), permissions: only("first") });
    world.command(0, Command::SetPermissions { whom: client("c"), permissions: only("second") });
    (0..5).for_each(|_| world.call());
    world.send("a", publish5(2, "first", &[], "x", 1));
    world.send("c", publish5(2, "first", &[], "x", 1));
    world.send("c", publish5(2, "second", &[], "x", 2));
    world.expect(["a: PUBACK 1 16", "c: PUBACK 1 0x87", "c: PUBACK 2 16"]);
}

#[test]
fn an_instance_that_is_added_serves_its_clients_on_every_shard() {
    for shards in [1, 3] {
        let mut world = World::new(lmq(shards));
        let connect = |name: &str| Connect::new(name).credentials("Signature|ak|mqtt-new", "x");
        world.connect_with("early", &connect(A));
        world.expect(["early: CONNACK 5", "early: closed refused"]);
        let quota =
            InstanceQuota { connections: Allowance::enforce(NonZeroU32::new(2).unwrap()), ..Default::default() };
        let instance = Instance { quota, ..named("mqtt-new", &["z", "news"]) };
        // Not next to the last, or with a name that is there.
        world.command_all(&Command::SetInstance { index: InstanceIndex(2), instance: instance.clone() });
        world.command_all(&Command::SetInstance { index: InstanceIndex(1), instance: named("mqtt-cn-test0001", &[]) });
        assert_eq!(world.shard(0).settings().instances.len(), 1);
        world.command_all(&Command::SetInstance { index: InstanceIndex(1), instance });
        // The same client id as in the first instance: they never meet.
        world.connect(A);
        world.subscribe(A, "T/#", 0);
        for (name, client_id) in [("a2", A), ("b2", B)] {
            world.connect_with(name, &connect(client_id));
            world.expect([format!("status connect {client_id}"), format!("{name}: CONNACK 0")]);
        }
        world.subscribe("b2", "news/#", 1);
        world.send("a2", publish("news/1", "x", 1, 1));
        let mut lines = world.take_log();
        lines.sort();
        assert_eq!(lines, ["a2: PUBACK 1", "b2: q1 #1 news/1 x"]);
        world.connect_with("c2", &connect(C));
        world.expect(["exceeded Connections 3/2", "c2: CONNACK 3", "c2: closed refused"]);
        world.send("a2", publish("T/1", "x", 1, 2));
        world.expect([format!("status tcpclean {A}"), "a2: closed not_authorized".into()]);
    }
}

#[test]
fn a_shard_that_hears_of_an_instance_from_a_sibling_first_misses_nothing() {
    let mut world = World::new(lmq(2));
    let instance = named("mqtt-new", &["news"]);
    let add = Command::SetInstance { index: InstanceIndex(1), instance };
    let names = ["GID_Test@@@0001", "GID_Test@@@0002", "GID_Test@@@0003", "GID_Test@@@0004", "GID_Test@@@0005"];
    world.command(0, add.clone());
    world.front(0).handle_command(add.clone());
    let home = |world: &World, id: &str| usize::from(world.shard(0).settings().shard_of(InstanceIndex(1), id).0);
    let there = names.into_iter().find(|id| home(&world, id) == 0).unwrap();
    let here = names.into_iter().find(|id| home(&world, id) == 1).unwrap();
    world.connect_with("s", &Connect::new(there).credentials("Signature|ak|mqtt-new", "x"));
    world.expect([format!("status connect {there}"), "s: CONNACK 0".into()]);
    world.subscribe("s", "news/1", 0);
    world.command(1, add);
    world.connect_with("p", &Connect::new(here).credentials("Signature|ak|mqtt-new", "x"));
    world.expect([format!("status connect {here}"), "p: CONNACK 0".into()]);
    world.send("p", publish("news/1", "x", 0, 0));
    world.expect(["s: q0 news/1 x"]);
}

#[test]
fn nothing_more_goes_to_a_parent_topic_that_is_gone() {
    let mut world = World::new(lmq(1));
    for name in [A, B, C] {
        world.connect(name);
    }
    world.subscribe(A, "T/#", 1);
    world.subscribe(A, "room/#", 0);
    let change = |parents: &[&str]| Command::SetInstance { index: InstanceIndex(0), instance: named("", parents) };
    world.command_all(&change(&["room", "new", "a"]));
    // Neither by clients nor by the MQ side.
    world.send(B, publish("T/1", "x", 1, 1));
    world.expect([format!("status tcpclean {B}"), format!("{B}: closed not_authorized")]);
    let message = |topic: &str| {
        let message = Message::new(MessageId(7), topic, "x");
        Arc::new(Message { qos: QoS::AtMostOnce, ..message })
    };
    world.downlink(0, 1, 1, &message("T/1"));
    world.downlink(0, 1, 2, &message("room/1"));
    world.expect(["consumed 1@1".into(), "consumed 1@2".into(), format!("{A}: q0 room/1 x")]);
    world.send(C, subscribe(1, &[("T/2", 0)]));
    world.expect([format!("status tcpclean {C}"), format!("{C}: closed not_authorized")]);
    // The subscription is there, and can be ended.
    world.send(A, publish("new/1", "x", 1, 2));
    world.send(A, unsubscribe(3, &["T/#"]));
    world.expect([format!("{A}: PUBACK 2"), format!("{A}: UNSUBACK 3")]);
    // The name is what owns the sessions: it stays.
    assert_eq!(&*world.shard(0).settings().instances[0].name, "mqtt-cn-test0001");
}

#[test]
fn a_will_to_a_parent_topic_that_is_gone_is_not_published() {
    let mut settings = lmq(1);
    settings.profile.wills = true;
    let mut world = World::new(settings);
    world.connect(A);
    world.subscribe(A, "T/#", 0);
    let will = Will { topic: "T/will", payload: "gone", ..Will::default() };
    for (name, parents, lines) in [
        (B, &["T", "room"][..], &[format!("status tcpclean {B}"), format!("{A}: q0 T/will gone")][..]),
        (B, &["room"], &[format!("status tcpclean {B}")]),
    ] {
        world.connect_with(name, &Connect::new(name).will(will.clone()));
        world.expect([format!("status connect {name}"), format!("{name}: CONNACK 0")]);
        world.command_all(&Command::SetInstance { index: InstanceIndex(0), instance: named("", parents) });
        world.cut(name);
        assert_eq!(world.take_log(), lines);
    }
}
