//! The name that a TLS client asks for chooses its instance.

mod common;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
};

use common::{
    Place,
    admin::{Admin, PORTS},
    mqtt_connect_packet,
};
use lmq_auth::{SecretKey, Signature};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::json;

const CLIENT: &str = "GID_one@@@1";

/// The return code for a client that connects to `server`.
fn code(addr: SocketAddr, ca: &Path, server: &'static str, credentials: Option<(&str, &str)>) -> u8 {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fs::read(ca).unwrap()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(server).unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(addr).unwrap());
    stream.write_all(&mqtt_connect_packet(CLIENT, credentials)).unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    answer[3]
}

#[test]
fn the_default_is_for_those_who_name_none() {
    let place = Place::new();
    let names = ["--name", "inst-a.localhost", "--name", "inst-b.localhost", "--name", "other.localhost"];
    assert!(place.run(["cert", "--out", "tls"].iter().chain(&names)).status.success());
    let instance = |id: &str, key: &str, secret: &str| {
        format!(
            "[[instance]]\nid = \"{id}\"\n[[instance.account]]\naccess-key = \"{key}\"\nsecret-key = \"{secret}\"\n\
             groups = [\"GID_one\"]\n"
        )
    };
    let instances = instance("inst-a", "AKA", "secret-of-a") + &instance("inst-b", "AKB", "secret-of-b");
    place.file("gateway.toml", &instances);
    let tls = ["--mqtts", "127.0.0.1:0", "--tls-cert", "tls/server.pem", "--tls-key", "tls/server.key", "--memory"];
    let gateway = place.start(["--config", "gateway.toml"].iter().chain(&tls));
    let ca = place.path().join("tls/ca.pem");
    let sign = |secret: &str| {
        let secret: SecretKey = secret.parse().unwrap();
        Signature::of_text(&secret, CLIENT).to_base64()
    };
    let (a, b) = (sign("secret-of-a"), sign("secret-of-b"));
    let of = |server, username, password: &str| code(gateway.addr("mqtts"), &ca, server, Some((username, password)));
    // The legacy user name names no instance: the key has to be one of the instance that the server is called by.
    assert_eq!([of("inst-b.localhost", "AKB", &b), of("inst-a.localhost", "AKA", &a)], [0, 0]);
    assert_eq!([of("inst-a.localhost", "AKB", &b), of("inst-b.localhost", "AKA", &a)], [5, 5]);
    assert_eq!([of("other.localhost", "AKA", &a), of("localhost", "AKA", &a), of("localhost", "AKB", &b)], [0, 0, 5]);
    assert_eq!(of("inst-a.localhost", "Signature|AKB|inst-b", &b), 0, "the user name wins");
}

/// Without credentials the name is all that says where a client belongs.
#[test]
fn uploads_are_switched_on_and_off_in_the_instance_that_is_called() {
    let place = Place::new();
    let names = ["--name", "inst-a.localhost", "--name", "inst-b.localhost"];
    assert!(place.run(["cert", "--out", "tls"].iter().chain(&names)).status.success());
    place.file("gateway.toml", "[[instance]]\nid = \"first\"\n");
    let tls = ["--mqtts", "127.0.0.1:0", "--tls-cert", "tls/server.pem", "--tls-key", "tls/server.key"];
    let gateway = place.start(["--config", "gateway.toml", "--threads", "2"].iter().chain(&PORTS).chain(&tls));
    let admin = Admin::of(&place, &gateway);
    admin.tenant("inst-a", "AKA");
    admin.tenant("inst-b", "AKB");
    let ca = place.path().join("tls/ca.pem");
    let of = |server| code(gateway.addr("mqtts"), &ca, server, None);
    let both = || [of("inst-a.localhost"), of("inst-b.localhost")];
    assert_eq!(both(), [4, 4]);
    for round in 0..3 {
        let shown = admin.patch("/instances/inst-b", json!({ "awaits_tokens": true }));
        assert_eq!((&shown["awaits_tokens"], both()), (&json!(true), [4, 0]), "round {round}");
        admin.patch("/instances/inst-b", json!({ "awaits_tokens": false }));
        assert_eq!(both(), [4, 4], "round {round}");
    }
}
