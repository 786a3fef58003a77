//! The server side of TLS: 1.2 and 1.3, cryptography by `ring`, one certificate for all listeners.

use std::{path::Path, sync::Arc};

use rustls::{
    InconsistentKeys, ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

use crate::{config::TlsFiles, error::Error, files};

/// Reads certificate and key and checks that they belong together.
pub(crate) fn load(from: &TlsFiles) -> Result<Arc<ServerConfig>, Error> {
    let chain = certificates(&from.cert)?;
    let key = private_key(&from.key)?;
    let failed = |e: rustls::Error| match e {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Error::new(format_args!(
            "the key in {} does not belong to the certificate in {}",
            from.key.display(),
            from.cert.display()
        )),
        rustls::Error::InvalidCertificate(e) => {
            Error::new(format_args!("the certificate in {} is of no use: {e:?}", from.cert.display()))
        }
        rustls::Error::General(text) => {
            Error::new(format_args!("the key in {} is of no use: {text}", from.key.display()))
        }
        other => Error::new(format_args!("the key in {} is of no use: {other}", from.key.display())),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(failed)?;
    // A device that reconnects resumes by ticket: no key exchange with the certificate, nothing kept here.
    config.ticketer = ring::Ticketer::new().map_err(failed)?;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = files::read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(no_use(path, "certificate", &pem::Error::NoItemsFound)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(no_use(path, "certificate", &error)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let bytes = files::read(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| no_use(path, "private key", &error))
}

/// The texts of `pem::Error` quote the file, which may be a key.
fn no_use(path: &Path, what: &str, error: &pem::Error) -> Error {
    let path = path.display();
    match error {
        pem::Error::NoItemsFound => Error::new(format_args!("{path} holds no {what} in PEM form")),
        _ => Error::new(format_args!("{path} is not whole: the PEM form of its {what} is damaged")),
    }
}
