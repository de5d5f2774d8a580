//! The protection of a probe's connection: which server certificate it accepts, and which client certificate it
//! presents.
//!
//! A probe that runs beside the server, with the server's settings, needs no other files. It accepts exactly the
//! certificate in `tls_cert`, whatever its names: the probe connects to `127.0.0.1`, which is in no
//! certificate. If clients need a certificate, it presents the same one.
//!
//! Any other probe names the authorities. Then the server needs a certificate from one of them for the name in
//! the address, as for any client.

use std::{path::PathBuf, sync::Arc};

use tokio_rustls::rustls::{
    self, CertificateError, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{self, CryptoProvider},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::ProbeAddress;
use crate::{
    config::TlsConfig,
    tls::{self, TlsError},
};

/// The files that a probe is given in place of those in the settings.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ProbeFiles {
    /// The authorities of the server's certificate, in PEM form [default: that of --tls-cert alone]
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The certificate to show to the server [default: with --tls-client-ca, that of --tls-cert]
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
}

/// Why it is not known how to protect a probe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectionError {
    /// Nothing says which server to trust.
    #[error(
        "to ask over https, give --ca with the authorities of the server's certificate, \
         or the server's settings"
    )]
    NobodyToTrust,
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] TlsError),
}

/// How a probe's connection is protected.
pub struct Protection {
    trust: Trust,
    identity: Option<Identity>,
}

enum Trust {
    /// A certificate from these authorities, in PEM form, for the name in the address.
    Authorities(Vec<u8>),
    /// This certificate.
    Exactly(CertificateDer<'static>),
}

impl Protection {
    /// How to protect a probe of `address`, with `files` or else with those of `settings`; `None` for
    /// a probe that is not protected.
    ///
    /// An address without `http://` or `https://` is asked over TLS if there are files for it.
    ///
    /// # Errors
    ///
    /// A [`ProtectionError`] if there is nothing to protect it with, or a file cannot be used.
    pub fn choose(
        address: &ProbeAddress,
        files: &ProbeFiles,
        settings: Option<&TlsConfig>,
    ) -> Result<Option<Self>, ProtectionError> {
        let has_files = files.ca.is_some() || files.cert.is_some() || settings.is_some();
        if !address.is_protected().unwrap_or(has_files) {
            return Ok(None);
        }
        let trust = match (&files.ca, settings) {
            (Some(path), _) => {
                let pem = tls::read("--ca", path)?;
                tls::certificates("--ca", path, &pem)?;
                Trust::Authorities(pem)
            }
            (None, Some(settings)) => {
                let path = &settings.certificate;
                let pem = tls::read("tls_cert", path)?;
                // The server's own comes first, and those that lead to its authority follow.
                let mut certificates = tls::certificates("tls_cert", path, &pem)?;
                Trust::Exactly(certificates.swap_remove(0))
            }
            (None, None) => return Err(ProtectionError::NobodyToTrust),
        };
        let mutual = settings.filter(|settings| settings.client_ca.is_some());
        let identity = match (&files.cert, &files.key, mutual) {
            (Some(certificate), Some(key), _) => Some(Identity::from_pem(
                tls::read("--cert", certificate)?,
                tls::read("--key", key)?,
            )),
            (_, _, Some(settings)) => Some(Identity::from_pem(
                tls::read("tls_cert", &settings.certificate)?,
                tls::read("tls_key", &settings.key)?,
            )),
            _ => None,
        };
        Ok(Some(Self { trust, identity }))
    }

    /// The endpoint, protected.
    pub(super) fn of(self, endpoint: Endpoint) -> Result<Endpoint, tonic::transport::Error> {
        let mut config = ClientTlsConfig::new();
        if let Some(identity) = self.identity {
            config = config.identity(identity);
        }
        match self.trust {
            Trust::Authorities(pem) => {
                endpoint.tls_config(config.ca_certificate(Certificate::from_pem(pem)))
            }
            Trust::Exactly(certificate) => {
                let verifier = Exactly {
                    certificate,
                    provider: tls::provider(),
                };
                endpoint.tls_config_with_verifier(config, Arc::new(verifier))
            }
        }
    }
}

/// Accepts as the server the peer that proves to hold the key of one certificate.
#[derive(Debug)]
struct Exactly {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exactly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
