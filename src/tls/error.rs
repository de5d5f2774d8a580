//! Why certificates cannot be used. Every message names the setting and its file.

use std::{error::Error as _, io, path::PathBuf};

use tokio_rustls::rustls;

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting}: {} cannot be read", path.display())]
    Unreadable {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{setting}: {} holds no {expected} in PEM form", path.display())]
    Missing {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The kind of item that it should hold.
        expected: &'static str,
    },
    /// The certificate and the key are no pair, or one of them is of no kind that is supported.
    #[error("tls_cert and tls_key: the certificate cannot be used with the key")]
    Pair(#[source] rustls::Error),
    /// An authority cannot be one.
    #[error("tls_client_ca: {} holds a certificate that cannot be an authority", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// The fault of the certificate.
        source: rustls::Error,
    },
    /// The authorities together cannot be used.
    #[error("tls_client_ca: the authorities cannot be used")]
    Authorities(#[source] rustls::server::VerifierBuilderError),
}

impl TlsError {
    /// The message, and what led to it.
    pub(super) fn with_cause(&self) -> String {
        match self.source() {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }
}
