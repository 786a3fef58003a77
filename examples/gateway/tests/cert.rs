//! `gateway cert`: what it writes is taken by rustls and by OpenSSL.

mod common;

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use common::{Place, skip_without, text};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

fn made(place: &Place, more: &[&str]) -> PathBuf {
    let output = place.run(["cert", "--out", "new/tls"].iter().chain(more));
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    assert_eq!(
        text(&output.stdout),
        "wrote new/tls/ca.pem new/tls/ca.key new/tls/server.pem new/tls/server.key\n\
         serve   gateway --mqtts 127.0.0.1:8883 --tls-cert new/tls/server.pem --tls-key new/tls/server.key\n\
         connect mosquitto_sub --cafile new/tls/ca.pem -h localhost -p 8883 ...\n"
    );
    place.path().join("new/tls")
}

#[test]
fn a_client_that_trusts_the_ca_gets_through() {
    let place = Place::new();
    let folder = made(&place, &["--name", "gateway.example", "--name", "192.0.2.7"]);
    let files = ["--tls-cert", "new/tls/server.pem", "--tls-key", "new/tls/server.key"];
    let base = ["--profile", "mqtt", "--allow-anonymous", "--memory", "--https", "127.0.0.1:0"];
    let gateway = place.start(base.iter().chain(&files));
    for name in ["localhost", "mqtt-cn-demo0001.localhost", "127.0.0.1", "::1", "gateway.example", "192.0.2.7"] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let answer = https_get(gateway.addr("https"), &folder, name, version).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{name}: {answer}");
        }
    }
    let error = https_get(gateway.addr("https"), &folder, "example.com", &rustls::version::TLS13).unwrap_err();
    assert!(error.to_string().contains("not valid for name \"example.com\""), "{error}");
}

fn https_get(
    addr: std::net::SocketAddr,
    folder: &Path,
    name: &str,
    version: &'static rustls::SupportedProtocolVersion,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let session = ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(addr)?);
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        // The server closes without a TLS farewell; the answer has its own length.
        Err(e) if e.kind() != ErrorKind::UnexpectedEof => Err(e),
        _ => Ok(answer),
    }
}

#[test]
fn openssl_verifies_it() {
    let place = Place::new();
    let folder = made(&place, &[]);
    let verify = |name: &str| {
        let args = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.pem"];
        let kind = if name.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
        Command::new("openssl").args(args).args([kind, name, "server.pem"]).current_dir(&folder).output()
    };
    for name in ["localhost", "mqtt-cn-demo0001.localhost", "127.0.0.1", "::1"] {
        let output = match verify(name) {
            Ok(output) => output,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return skip_without("openssl");
            }
            Err(e) => panic!("{e}"),
        };
        assert_eq!(text(&output.stdout), "server.pem: OK\n", "{name}: {}", text(&output.stderr));
    }
    assert!(!verify("example.com").unwrap().status.success());
}

#[cfg(unix)]
#[test]
fn keys_are_for_their_owner() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let folder = made(&place, &[]);
    for key in ["ca.key", "server.key"] {
        let mode = fs::metadata(folder.join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let place = Place::new();
    let folder = made(&place, &[]);
    let ca = fs::read(folder.join("ca.pem")).unwrap();
    place.refused(
        ["cert", "--out", "new/tls"],
        "new/tls/ca.pem exists; remove it, or write to another folder than new/tls",
    );
    assert_eq!(fs::read(folder.join("ca.pem")).unwrap(), ca);
}

#[test]
fn from_variables() {
    let place = Place::new();
    let mut command = place.command(["cert"]);
    command.env("LMQ_OUT", "tls").env("LMQ_NAME", "a.example, b.example");
    assert_eq!(common::output(&mut command).status.code(), Some(0));
    let der = CertificateDer::from_pem_file(place.path().join("tls/server.pem")).unwrap();
    for name in [b"a.example", b"b.example"] {
        assert!(der.windows(name.len()).any(|bytes| bytes == name));
    }
}

#[test]
fn a_name_that_cannot_stand_in_a_certificate() {
    Place::new()
        .refused(["cert", "--out", "tls", "--name", "设备"], "cannot make a certificate: Invalid IA5String: '设备'");
}
