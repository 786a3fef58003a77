//! Which instance a client belongs to: its user name says so, else the TLS server name.

use std::{net::SocketAddr, sync::Arc};

use lmq_broker::{
    Front, FrontOutput, Instance, InstanceIndex, Now, Output, Peer, Profile, Settings, Shard, ShardId, TlsInfo,
    Transport,
};

use crate::common::{Connect, mqtt};

fn settings(profile: Profile) -> Settings {
    let named = |name: &str| Instance { name: name.into(), ..Instance::default() };
    Settings { instances: ["first", "inst-B", "inst-c"].map(named).to_vec(), ..Settings::new(profile, 1) }
}

/// The instance that the authenticator is asked about; `None` if the connection is refused before.
fn asked(settings: Settings, server_name: Option<&str>, username: Option<&str>) -> Option<u16> {
    let settings = Arc::new(settings);
    let now = Now::default();
    let mut front = Front::new(settings.clone(), [1; 32]);
    let mut shard = Shard::new(ShardId(0), settings, [2; 32]);
    let mut store = lmq_broker::MemoryStore::new(lmq_broker::Quota::default());
    while !shard.is_ready() {
        let Some(Output::Store { ticket, op }) = shard.poll_output() else { panic!("the shard is not ready") };
        shard.handle_done(now, ticket, store.execute(op).0);
    }
    let addr: SocketAddr = ([192, 0, 2, 1], 1).into();
    let conn = front.accept(now, Peer { addr, transport: Transport::Tcp, local: true, tls: None }).unwrap();
    if let Some(name) = server_name {
        front.handle_tls(conn, TlsInfo { server_name: Some(name.into()), client_certificate: None });
    }
    let connect = Connect::new("GID_Test@@@1");
    let connect = match username {
        Some(username) => connect.credentials(username, "x"),
        None => connect,
    };
    // In two parts: what the handshake said must not be forgotten in between.
    let bytes = connect.bytes();
    let _ = front.handle_bytes(now, conn, &bytes[..5]);
    let _ = front.handle_bytes(now, conn, &bytes[5..]);
    while let Some(output) = front.poll_output() {
        if let FrontOutput::Handoff(handoff) = output {
            shard.adopt(now, *handoff);
        }
    }
    while let Some(output) = shard.poll_output() {
        if let Output::Authenticate { request, .. } = output {
            let InstanceIndex(index) = request.client.instance;
            return Some(index);
        }
    }
    None
}

#[test]
fn the_first_label_of_the_server_name_chooses() {
    let of = |name| asked(settings(Profile::lmq()), name, None);
    assert_eq!(of(Some("inst-c.mqtt.example.com")), Some(2));
    assert_eq!(of(Some("INST-b.localhost")), Some(1), "names of servers have no case");
    // No instance is called so: the default one serves.
    for name in
        [None, Some("inst-c"), Some("mqtt.example.com"), Some("x.inst-c.example.com"), Some(".inst-c"), Some("")]
    {
        assert_eq!(of(name), Some(0), "{name:?}");
    }
}

#[test]
fn the_user_name_wins() {
    let of = |username| asked(settings(Profile::lmq()), Some("inst-c.example.com"), Some(username));
    assert_eq!(of("Signature|AK|inst-B"), Some(1));
    assert_eq!(of("AK"), Some(2), "the legacy user name chooses none");
    assert_eq!(of("Signature|AK|inst-x"), None, "one that is not there is refused, whatever the server is called");
}

#[test]
fn where_it_is_off_the_server_name_says_nothing() {
    let of = |profile| asked(settings(profile), Some("inst-c.example.com"), None);
    assert_eq!(of(mqtt(1).profile), Some(0));
    assert_eq!(of(Profile { instance_in_server_name: false, ..Profile::lmq() }), Some(0));
    assert_eq!(of(Profile { instance_in_server_name: true, ..mqtt(1).profile }), Some(2));
}
