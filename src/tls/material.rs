//! The files and what is made of them.

use std::{fs, path::Path, sync::Arc};

use ring::digest;
use tokio_rustls::rustls::{
    self, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring::default_provider},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
};

use super::TlsError;
use crate::config::TlsConfig;

/// The only protocol that is spoken.
/// The first is chosen where a client has both. Over the other there is no more than the advice to use
/// the first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The contents of the files.
pub(super) struct Material {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// A digest that tells contents apart without keeping them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; digest::SHA256_OUTPUT_LEN]);

/// The one implementation of cryptography, named rather than found: nothing depends on what else is
/// compiled in.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

impl Material {
    pub(super) fn read(files: &TlsConfig) -> Result<Self, TlsError> {
        let client_ca = files.client_ca.as_deref();
        Ok(Self {
            certificate: read("tls_cert", &files.certificate)?,
            key: read("tls_key", &files.key)?,
            client_ca: client_ca
                .map(|path| read("tls_client_ca", path))
                .transpose()?,
        })
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hash = digest::Context::new(&digest::SHA256);
        let none = Vec::new();
        for file in [
            &self.certificate,
            &self.key,
            self.client_ca.as_ref().unwrap_or(&none),
        ] {
            // With their lengths, so that nothing can move from one file to the next unseen.
            hash.update(&file.len().to_be_bytes());
            hash.update(file);
        }
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(hash.finish().as_ref());
        Fingerprint(bytes)
    }

    /// The configuration of a server's connections. `files` are for the messages.
    pub(super) fn server_config(&self, files: &TlsConfig) -> Result<ServerConfig, TlsError> {
        let certificates = certificates("tls_cert", &files.certificate, &self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::Missing {
            setting: "tls_key",
            path: files.key.clone(),
            expected: "private key without a password",
        })?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?;
        let builder = match files.client_ca.as_deref().zip(self.client_ca.as_deref()) {
            Some((path, pem)) => builder.with_client_cert_verifier(client_verifier(path, pem)?),
            None => builder.with_no_client_auth(),
        };
        // This also checks that the key belongs to the certificate.
        let mut config = builder
            .with_single_cert(certificates, key)
            .map_err(TlsError::Pair)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

/// The verifier of clients' certificates. A client has to show one.
fn client_verifier(path: &Path, pem: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut authorities = RootCertStore::empty();
    for certificate in certificates("tls_client_ca", path, pem)? {
        let added = authorities.add(certificate);
        added.map_err(|source: rustls::Error| TlsError::Authority {
            path: path.to_owned(),
            source,
        })?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider())
        .build()
        .map_err(TlsError::Authorities)
}

/// The certificates in `pem`, which is the content of the file at `path`: at least one.
pub(crate) fn certificates(
    setting: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::Missing {
            setting,
            path: path.to_owned(),
            expected: "certificate",
        }),
    }
}

/// The content of the file at `path`, which `setting` names.
pub(crate) fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable {
        setting,
        path: path.to_owned(),
        source,
    })
}
