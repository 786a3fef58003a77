use std::{
    fs,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use lmq_broker::{Allowance, InstanceIndex, InstanceQuota};
use tempfile::TempDir;

use super::{
    object::custom::{Effect, IdentityType, PermitAction, SignMode},
    spec::Mode,
    *,
};
use crate::config;

fn file_instances() -> Vec<config::Instance> {
    let account = config::Account {
        name: "FILE".to_owned(),
        parent: None,
        keys: vec![("FILE".to_owned(), "secret-of-file".parse().unwrap())],
        groups: vec![("GID_file".parse().unwrap(), GroupStatus::Serving)],
    };
    vec![config::Instance {
        id: "file".parse().unwrap(),
        topics: vec![("TopicF".parse().unwrap(), TopicKind::Normal)],
        event_topics: Vec::new(),
        accounts: vec![account],
        rules: Vec::new(),
        quota: InstanceQuota {
            connections: Allowance::enforce(NonZeroU32::new(9).expect("not zero")),
            ..InstanceQuota::default()
        },
        thresholds: Thresholds::default(),
        awaits_tokens: false,
    }]
}

/// A registry with the instance `a` and the account `acc`, and the orders given since then.
fn registry() -> (Arc<Registry>, Arc<Mutex<Vec<Order>>>) {
    let registry = Arc::new(Registry::open(&file_instances(), false, None).unwrap());
    registry.create_instance("a", Spec::default()).unwrap();
    registry.create("a", "acc", account(None)).unwrap();
    let orders = Arc::new(Mutex::new(Vec::new()));
    let given = orders.clone();
    registry.listen(move |orders| given.lock().unwrap().extend(orders));
    (registry, orders)
}

fn account(parent: Option<&str>) -> Account {
    Account { parent: parent.map(Into::into), enabled: true }
}

fn key(account: &str) -> Key {
    Key { account: account.into(), secret_key: secret(), enabled: true }
}

fn secret() -> Secret {
    Secret::new("hunter2".parse().unwrap())
}

fn group() -> Group {
    Group { account: "acc".into(), status: GroupStatus::Serving }
}

fn device() -> Device {
    Device { access_key: "DC.x".into(), secret_key: secret() }
}

fn text<T>(result: Result<T, Fault>) -> String {
    result.map(drop).unwrap_err().to_string()
}

fn taken(orders: &Mutex<Vec<Order>>) -> Vec<Order> {
    std::mem::take(&mut orders.lock().unwrap())
}

#[test]
fn names_are_of_one_instance() {
    let (registry, _) = registry();
    registry.create_instance("b", Spec::default()).unwrap();
    registry.create("a", "GID_one", group()).unwrap();
    assert_eq!(text(registry.create("a", "GID_one", group())), "there is already the group \"GID_one\"");
    assert_eq!(text(registry.create("b", "GID_one", group())), "account: there is no account \"acc\"");
    assert!(registry.snapshot().instance("b").unwrap().groups.get("GID_one").is_none());
    assert_eq!(text(registry.create("c", "GID_one", group())), "there is no instance \"c\"");
    assert_eq!(text(registry.create_instance("a", Spec::default())), "there is already the instance \"a\"");
    assert!(text(registry.create_instance("a b", Spec::default())).starts_with("instance: "));
    assert!(text(registry.create("a", "group", group())).starts_with("group: "));
}

#[test]
fn an_account_goes_with_its_keys_groups_and_devices_but_not_before_its_children() {
    let (registry, orders) = registry();
    registry.create("a", "child", account(Some("acc"))).unwrap();
    assert_eq!(text(registry.create("a", "x", account(Some("x")))), "parent: there is no other account \"x\"");
    let principal = registry.create("a", "AK", key("acc")).unwrap().principal;
    registry.create("a", "OTHER", key("child")).unwrap();
    registry.create("a", "GID_one", group()).unwrap();
    let device_principal = registry.create("a", "GID_one@@@1", device()).unwrap().principal;
    assert_eq!(text(registry.create("a", "GID_two@@@1", device())), "client_id: there is no group \"GID_two\"");
    assert_eq!(
        text(registry.delete::<Account>("a", "acc")),
        "the account \"acc\" is needed by the account \"child\", whose parent it is"
    );
    registry.delete::<Account>("a", "child").unwrap();
    taken(&orders);
    registry.delete::<Account>("a", "acc").unwrap();
    let closed = [
        Whom::Principal(principal),
        Whom::Principal(device_principal),
        Whom::Group { instance: InstanceIndex(1), group: "GID_one".into() },
    ];
    assert_eq!(taken(&orders), closed.map(Order::Close));
    let snapshot = registry.snapshot();
    let a = snapshot.instance("a").unwrap();
    assert_eq!([a.accounts.len(), a.keys.len(), a.groups.len(), a.devices.len()], [0; 4]);
}

#[test]
fn what_is_disabled_closes_and_serves_nobody() {
    let (registry, orders) = registry();
    let principal = registry.create("a", "AK", key("acc")).unwrap().principal;
    registry.create("a", "GID_one", group()).unwrap();
    assert_eq!(taken(&orders), []);
    let usable = || registry.snapshot().instance("a").unwrap().usable_key("AK").is_some();
    let set_key = |enabled| registry.change::<Key>("a", "AK", |key| Ok(Key { enabled, ..key.clone() })).unwrap();
    assert_eq!(set_key(false).principal, principal);
    assert_eq!(taken(&orders), [Order::Close(Whom::Principal(principal))]);
    assert!(!usable());
    set_key(true);
    assert_eq!((usable(), taken(&orders)), (true, vec![]));
    registry.change::<Account>("a", "acc", |account| Ok(Account { enabled: false, ..account.clone() })).unwrap();
    let group = Whom::Group { instance: InstanceIndex(1), group: "GID_one".into() };
    assert_eq!(taken(&orders), [Whom::Principal(principal), group].map(Order::Close));
    assert!(!usable());
    let a = registry.snapshot().instance("a").unwrap().clone();
    assert!(!a.serves(&a.groups.get("GID_one").unwrap().value));
}

#[test]
fn a_group_that_stops_serving_closes_once() {
    let (registry, orders) = registry();
    registry.create("a", "GID_one", group()).unwrap();
    let set = |status| registry.change::<Group>("a", "GID_one", |group| Ok(Group { status, ..group.clone() })).unwrap();
    let close = Order::Close(Whom::Group { instance: InstanceIndex(1), group: "GID_one".into() });
    set(GroupStatus::Frozen);
    assert_eq!(taken(&orders), std::slice::from_ref(&close));
    set(GroupStatus::Paused);
    set(GroupStatus::Serving);
    assert_eq!(taken(&orders), []);
    set(GroupStatus::Paused);
    assert_eq!(taken(&orders), [close]);
}

#[test]
fn parent_topics_reach_the_broker_in_order() {
    let (registry, orders) = registry();
    for name in ["TopicB", "TopicA", "TopicC"] {
        registry.create("a", name, Topic { kind: TopicKind::Normal }).unwrap();
    }
    registry.delete::<Topic>("a", "TopicC").unwrap();
    let orders = taken(&orders);
    let Some(Order::Instance { index, instance }) = orders.last() else { panic!("{orders:?}") };
    assert_eq!((*index, orders.len()), (InstanceIndex(1), 4));
    assert_eq!(instance.parent_topics, ["TopicA".into(), "TopicB".into()]);
    assert_eq!(registry.snapshot().for_broker()[1], *instance);
}

#[test]
fn a_rule_needs_its_resource_and_has_it_alone() {
    let (registry, _) = registry();
    registry.create("a", "TopicA", Topic { kind: TopicKind::Normal }).unwrap();
    registry.create("a", "GID_one", group()).unwrap();
    let rule =
        |kind, resource: &str, mq_topic: &str| Rule { kind, resource: resource.into(), mq_topic: mq_topic.into() };
    let create = |name: &str, rule| registry.create("a", name, rule).map(drop);
    let missing = create("r", rule(RuleKind::Inflow, "GID_one", "MQ"));
    assert_eq!(text(missing), "resource: there is no topic \"GID_one\"");
    assert_eq!(text(create("r", rule(RuleKind::Status, "TopicA", "MQ"))), "resource: there is no group \"TopicA\"");
    create("in", rule(RuleKind::Inflow, "TopicA", "MQ")).unwrap();
    create("out", rule(RuleKind::Outflow, "TopicA", "MQ")).unwrap();
    create("status", rule(RuleKind::Status, "GID_one", "MQ")).unwrap();
    let twice = create("r", rule(RuleKind::Inflow, "TopicA", "MQ2"));
    assert_eq!(text(twice), "resource: \"TopicA\" is in the rule \"in\"");
    registry.create("a", "TopicB", Topic { kind: TopicKind::Normal }).unwrap();
    assert_eq!(text(create("r", rule(RuleKind::Inflow, "TopicB", "MQ"))), "mq_topic: \"MQ\" is in the rule \"in\"");
    assert_eq!(text(registry.delete::<Topic>("a", "TopicA")), "the topic \"TopicA\" is needed by the rule \"in\"");
    assert_eq!(
        text(registry.delete::<Group>("a", "GID_one")),
        "the group \"GID_one\" is needed by the rule \"status\""
    );
    assert_eq!(
        text(registry.delete::<Account>("a", "acc")),
        "the group \"GID_one\" is needed by the rule \"status\"",
        "nothing of the account is deleted"
    );
    assert_eq!(registry.snapshot().instance("a").unwrap().accounts.len(), 1);
}

#[test]
fn tables_are_bounded() {
    let (registry, _) = registry();
    for at in 0..Rule::MAX {
        registry.create("a", &format!("T{at}"), Topic { kind: TopicKind::Normal }).unwrap();
        let value =
            Rule { kind: RuleKind::Inflow, resource: format!("T{at}").into(), mq_topic: format!("M{at}").into() };
        registry.create("a", &format!("r{at}"), value).unwrap();
    }
    registry.create("a", "T", Topic { kind: TopicKind::Normal }).unwrap();
    let more = Rule { kind: RuleKind::Outflow, resource: "T".into(), mq_topic: "M".into() };
    assert_eq!(text(registry.create("a", "r", more)), "there are 100 of the kind rule, and no more may be");
}

#[test]
fn what_custom_authentication_has_is_named_by_what_it_is_about() {
    let (registry, orders) = registry();
    let identity = |identity_type, client_id: Option<&str>| Identity {
        identity_type,
        username: "alice".into(),
        client_id: client_id.map(Into::into),
        sign_mode: SignMode::Origin,
        secret: secret(),
    };
    let user = identity(IdentityType::User, None);
    let client = identity(IdentityType::Client, Some("c1"));
    assert_eq!((user.name(), client.name()), ("user|alice".to_owned(), "client|c1|alice".to_owned()));
    let user_principal = registry.create("a", "user|alice", user.clone()).unwrap().principal;
    registry.create("a", "client|c1|alice", client).unwrap();
    assert_eq!(text(registry.create("a", "user|bob", user)), "name: must be \"user|alice\"");
    let odd = identity(IdentityType::User, Some("c1"));
    assert_eq!(text(registry.create("a", &odd.name(), odd)), "client_id: a USER has none");
    let permission = Permission {
        identity_type: IdentityType::Client,
        identity: "c1".into(),
        topic: "TopicA/#".into(),
        effect: Effect::Deny,
        permit_action: PermitAction::Both,
    };
    let wrong = Permission { topic: "a/#/b".into(), ..permission.clone() };
    assert!(text(registry.create("a", &wrong.name(), wrong)).starts_with("topic: "));
    taken(&orders);
    registry.create("a", "client|c1|TopicA/#", permission).unwrap();
    let closed = taken(&orders);
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert_ne!(closed, [Order::Close(Whom::Principal(user_principal))]);
    registry.create("a", "c9", Banned {}).unwrap();
    let client = Whom::Client { instance: InstanceIndex(1), client_id: "c9".into() };
    assert_eq!(taken(&orders), [Order::Close(client)]);
}

#[test]
fn a_deleted_instance_serves_nobody_and_leaves_its_index_to_its_id() {
    let (registry, orders) = registry();
    registry.create("a", "TopicA", Topic { kind: TopicKind::Normal }).unwrap();
    taken(&orders);
    registry.delete_instance("a").unwrap();
    let empty = lmq_broker::Instance { name: "a".into(), ..lmq_broker::Instance::default() };
    let gone = Order::Instance { index: InstanceIndex(1), instance: empty };
    assert_eq!(taken(&orders), [gone, Order::Close(Whom::Instance(InstanceIndex(1)))]);
    let snapshot = registry.snapshot();
    assert!(snapshot.at(InstanceIndex(1)).is_none() && snapshot.instance("a").is_none());
    assert_eq!((snapshot.len(), snapshot.iter().count()), (1, 1));
    assert_eq!(text(registry.delete_instance("a")), "there is no instance \"a\"");
    assert_eq!(registry.create_instance("b", Spec::default()).unwrap().index, InstanceIndex(2));
    let again = registry.create_instance("a", Spec::default()).unwrap();
    assert_eq!((again.index, again.accounts.len(), again.topics.len()), (InstanceIndex(1), 0, 0));
    let names: Vec<_> = registry.snapshot().for_broker().into_iter().map(|instance| instance.name).collect();
    assert_eq!(names, ["file".into(), "a".into(), "b".into()]);
}

#[test]
fn a_specification_has_bounds_and_reaches_the_broker() {
    let (registry, orders) = registry();
    let mut spec = Spec::default();
    assert_eq!(spec.thresholds.connections, 70);
    spec.thresholds.subscriptions = 101;
    assert_eq!(text(registry.change_instance("a", |_| Ok(spec))), "thresholds: 101 is not a percentage from 1 to 100");
    let mut spec = Spec::default();
    spec.limits.connections.max = NonZeroU32::new(3);
    spec.limits.connections.mode = Mode::AlarmOnly;
    registry.change_instance("a", |_| Ok(spec)).unwrap();
    let orders = taken(&orders);
    let [Order::Instance { instance, .. }] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!(
        instance.quota.connections,
        Allowance {
            mode: lmq_broker::QuotaMode::AlarmOnly,
            ..Allowance::enforce(NonZeroU32::new(3).expect("not zero"))
        }
    );
}

#[test]
fn what_the_file_has_is_read_only_and_may_be_added_to() {
    let (registry, _) = registry();
    let end = "comes from the configuration file, or is the demo's; it cannot be changed here";
    let freeze = |group: &Group| Ok(Group { status: GroupStatus::Frozen, ..group.clone() });
    assert_eq!(text(registry.change("file", "GID_file", freeze)), format!("the group \"GID_file\" {end}"));
    assert_eq!(text(registry.delete::<Key>("file", "FILE")), format!("the key \"FILE\" {end}"));
    assert_eq!(text(registry.delete_instance("file")), format!("the instance \"file\" {end}"));
    assert_eq!(text(registry.change_instance("file", |spec| Ok(*spec))), format!("the instance \"file\" {end}"));
    registry.create("file", "GID_more", Group { account: "FILE".into(), status: GroupStatus::Serving }).unwrap();
    registry.delete::<Group>("file", "GID_more").unwrap();
}

#[test]
fn what_was_stored_comes_back() {
    let folder = TempDir::new().unwrap();
    let open = |instances: &[config::Instance]| {
        Registry::open(instances, false, Some(Store::open(folder.path()).unwrap())).unwrap()
    };
    let registry = open(&file_instances());
    registry.create_instance("a", Spec::default()).unwrap();
    registry.create("a", "acc", account(None)).unwrap();
    registry.create("a", "AK", key("acc")).unwrap();
    registry.create("a", "GID_one", Group { status: GroupStatus::Paused, ..group() }).unwrap();
    registry.create("a", "GID_one@@@1", device()).unwrap();
    registry.create("a", "MQ_TOPIC", EventTopic {}).unwrap();
    registry.create("file", "TopicX", Topic { kind: TopicKind::GloballyOrdered }).unwrap();
    registry.create("a", "gone", account(None)).unwrap();
    registry.delete::<Account>("a", "gone").unwrap();
    let created_ms = registry.snapshot().instance("a").unwrap().keys.get("AK").unwrap().created_ms;
    let error = Store::open(folder.path()).map(drop).unwrap_err().to_string();
    assert_eq!(error, format!("{} is in use by another gateway; give each its own --data", folder.path().display()));
    drop(registry);

    let registry = open(&file_instances());
    let snapshot = registry.snapshot();
    let (a, file) = (snapshot.instance("a").unwrap(), snapshot.instance("file").unwrap());
    assert_eq!((a.accounts.len(), a.keys.len(), a.event_topics.len(), a.devices.len()), (1, 1, 1, 1));
    let stored = a.keys.get("AK").unwrap();
    assert_eq!((stored.created_ms, stored.value.secret_key.key().expose()), (created_ms, "hunter2"));
    assert_eq!(stored.origin, Origin::Api);
    assert_eq!(a.groups.get("GID_one").unwrap().value.status, GroupStatus::Paused);
    assert_eq!(file.topics.get("TopicX").unwrap().value.kind, TopicKind::GloballyOrdered);
    assert_eq!((file.index, a.index), (InstanceIndex(0), InstanceIndex(1)));
    drop(registry);

    // The file no longer has its instance: what belonged to it waits, and is gone once somebody else takes the name.
    let registry = open(&[]);
    assert!(registry.snapshot().instance("file").is_none());
    registry.create_instance("file", Spec::default()).unwrap();
    drop(registry);
    assert_eq!(open(&[]).snapshot().instance("file").unwrap().topics.len(), 0);
}

#[cfg(unix)]
#[test]
fn the_stored_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let path = folder.path().join("registry.redb");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = Store::open(folder.path()).map(drop).unwrap_err().to_string();
    assert_eq!(error, format!("{} has mode 0640 and must have 0600", path.display()));
}

#[test]
fn a_secret_is_not_shown() {
    let (registry, _) = registry();
    registry.create("a", "AK", key("acc")).unwrap();
    let shown = format!("{:?}", registry.snapshot());
    assert!(shown.contains("Secret(..)") && !shown.contains("hunter2") && !shown.contains("secret-of-file"));
}

#[test]
fn changes_at_the_same_time_come_one_after_the_other() {
    let (registry, orders) = registry();
    let make = |thread: usize| {
        let registry = registry.clone();
        std::thread::spawn(move || {
            for at in 0..50 {
                registry.create("a", &format!("T{thread}-{at}"), Topic { kind: TopicKind::Normal }).unwrap();
            }
        })
    };
    let threads: Vec<_> = (0..4).map(make).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(registry.snapshot().instance("a").unwrap().topics.len(), 200);
    let topics = |order: &Order| match order {
        Order::Instance { instance, .. } => instance.parent_topics.len(),
        Order::Close(_) | Order::RevokeToken(_) => 0,
    };
    // Whoever listens sees every step, and none out of turn.
    assert_eq!(taken(&orders).iter().map(topics).collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>());
}

#[test]
fn a_file_that_is_no_registry() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("registry.redb");
    crate::files::create(&path, "this is not a registry", crate::files::Readers::Owner).unwrap();
    let error = Store::open(folder.path()).map(drop).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot open {}: ", path.display())), "{error}");
}
