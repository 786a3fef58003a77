//! `gateway cert`: a certificate authority for development, and a server certificate signed by it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::{
    cli::CertArgs,
    config::environment,
    demo,
    error::Error,
    files::{self, Readers},
};

const CA_DAYS: i64 = 3650;
/// Apple's clients refuse server certificates that live longer.
const SERVER_DAYS: i64 = 825;

/// Writes the four files; the text says what to do with them.
pub(crate) fn run(args: &CertArgs) -> Result<String, Error> {
    let folder = args.out.clone().or_else(|| environment::path("out"));
    let folder = folder.ok_or_else(|| Error::new("gateway cert needs --out or LMQ_OUT"))?;
    let mut names = args.names.clone();
    if names.is_empty() {
        let text = environment::text("name")?.unwrap_or_default();
        names.extend(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned));
    }
    let made = make(&names, OffsetDateTime::now_utc())?;
    let failed = |path: &Path, e: &std::io::Error| Error::io(format_args!("cannot write {}", path.display()), e);
    files::create_private_folder(&folder).map_err(|e| failed(&folder, &e))?;
    if let Some(path) = made.iter().map(|file| folder.join(file.name)).find(|path| path.exists()) {
        let folder = folder.display();
        return Err(Error::new(format_args!(
            "{} exists; remove it, or write to another folder than {folder}",
            path.display()
        )));
    }
    for file in &made {
        let path = folder.join(file.name);
        files::create(&path, &file.content, file.readers).map_err(|e| failed(&path, &e))?;
    }
    let folder = folder.display();
    Ok(format!(
        "wrote {folder}/ca.pem {folder}/ca.key {folder}/server.pem {folder}/server.key\n\
         serve   gateway --mqtts 127.0.0.1:8883 --tls-cert {folder}/server.pem --tls-key {folder}/server.key\n\
         connect mosquitto_sub --cafile {folder}/ca.pem -h localhost -p 8883 ...\n"
    ))
}

struct NewFile {
    name: &'static str,
    content: String,
    readers: Readers,
}

fn make(names: &[String], now: OffsetDateTime) -> Result<[NewFile; 4], Error> {
    let failed = |e: rcgen::Error| Error::new(format_args!("cannot make a certificate: {e}"));
    let ca_key = KeyPair::generate().map_err(failed)?;
    let ca_key_pem = ca_key.serialize_pem();
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "lmq gateway development CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.not_before = now - Duration::DAY;
    ca.not_after = now + Duration::days(CA_DAYS);
    let ca = CertifiedIssuer::self_signed(ca, ca_key).map_err(failed)?;

    let key = KeyPair::generate().map_err(failed)?;
    let mut server = CertificateParams::new(server_names(names)).map_err(failed)?;
    server.distinguished_name.push(DnType::CommonName, "localhost");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    server.not_before = now - Duration::DAY;
    server.not_after = now + Duration::days(SERVER_DAYS - 1);
    let certificate = server.signed_by(&key, &ca).map_err(failed)?;
    Ok([
        NewFile { name: "ca.pem", content: ca.pem(), readers: Readers::All },
        NewFile { name: "ca.key", content: ca_key_pem, readers: Readers::Owner },
        NewFile { name: "server.pem", content: certificate.pem(), readers: Readers::All },
        NewFile { name: "server.key", content: key.serialize_pem(), readers: Readers::Owner },
    ])
}

/// The demo instance's host name stands there by itself, too: OpenSSL and rustls take no wildcard right under a top-level name.
fn server_names(more: &[String]) -> Vec<String> {
    let fixed = ["localhost".to_owned(), "*.localhost".to_owned(), format!("{}.localhost", demo::instance_id())];
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    let mut names: Vec<_> = fixed.into_iter().chain(loopback.map(|ip| ip.to_string())).collect();
    for name in more {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}
