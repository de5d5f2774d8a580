//! The server's certificate, its key, and the authorities of clients' certificates: read when the
//! service starts, and again whenever the files change.
//!
//! Invariants:
//! - A connection keeps the certificates that it began with. New certificates are for new connections, so nothing
//!   is interrupted.
//! - Unusable files change nothing: a warning in the log says why, and the server keeps the certificates that it
//!   has.
//! - Files are compared by content. The modification time is too coarse for files that are replaced in quick
//!   succession, and does not change when Kubernetes points a symbolic link to another directory.
//! - Sessions are not resumed. Every connection shows its certificate again, so that none outlives the
//!   authority that it came from by more than the connection.
//! - No message repeats anything of the key's file.
//!
//! Deliberately absent: lists of revoked certificates (certificates of services are short-lived), and
//! cipher suites to choose from: rustls has none that would have to be turned off.

mod error;
mod material;
mod names;

use std::sync::Arc;

use tokio::{sync::watch, task::spawn_blocking};
use tokio_rustls::rustls::ServerConfig;

use self::material::{Fingerprint, Material};
use crate::config::TlsConfig;

pub use self::error::TlsError;
pub(crate) use self::{
    material::{certificates, provider, read},
    names::of_certificate,
};

/// The configuration that connections are protected with at present.
pub(crate) type Current = watch::Receiver<Arc<ServerConfig>>;

/// Certificates that are in use, and where they come from.
pub(crate) struct Tls {
    files: Arc<TlsConfig>,
    in_use: Fingerprint,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// A [`TlsError`] if one of them cannot be used.
    pub(crate) fn load(files: &TlsConfig) -> Result<Self, TlsError> {
        let material = Material::read(files)?;
        let config = material.server_config(files)?;
        Ok(Self {
            files: Arc::new(files.clone()),
            in_use: material.fingerprint(),
            current: watch::Sender::new(Arc::new(config)),
        })
    }

    /// The configuration that a new connection is to be protected with, now and later.
    pub(crate) fn current(&self) -> Current {
        self.current.subscribe()
    }

    /// Follows the files until dropped.
    pub(crate) async fn follow(mut self) {
        let mut complaint = None;
        loop {
            tokio::time::sleep(self.files.reload_interval).await;
            match self.reload().await {
                Ok(()) => complaint = None,
                Err(error) => {
                    let text = error.with_cause();
                    // Once, not every time that the files are looked at.
                    if complaint.as_ref() != Some(&text) {
                        tracing::warn!(
                            error = text,
                            "the new certificates cannot be used; those in use stay"
                        );
                        complaint = Some(text);
                    }
                }
            }
        }
    }

    async fn reload(&mut self) -> Result<(), TlsError> {
        let (files, in_use) = (Arc::clone(&self.files), self.in_use);
        let read = spawn_blocking(move || {
            let material = Material::read(&files)?;
            let fingerprint = material.fingerprint();
            if fingerprint == in_use {
                return Ok(None);
            }
            let config = material.server_config(&files)?;
            Ok(Some((fingerprint, config)))
        });
        // A task that did not run to its end has read nothing, and the next one will.
        if let Some((fingerprint, config)) = read.await.unwrap_or(Ok(None))? {
            self.in_use = fingerprint;
            self.current.send_replace(Arc::new(config));
            tracing::info!("the certificates have changed; new connections use the new ones");
        }
        Ok(())
    }
}
