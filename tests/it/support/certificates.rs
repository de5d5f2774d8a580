//! Certificates that are made for a test, the files that a server reads them from, and clients that
//! show them.

use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use conversation_service::config::TlsConfig;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, SanType,
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    },
};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Error, Identity};

/// The name that every server of a test has in its certificate. No address resolves to it.
pub(crate) const SERVER: &str = "conversations.test";

/// How often a server of a test looks at its files.
const RELOAD_INTERVAL: Duration = Duration::from_millis(5);

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate with its key.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

/// The files of a server. They are deleted when this is dropped.
pub(crate) struct Files {
    directory: TempDir,
    is_mutual: bool,
}

/// The TLS settings of a client: the authority that it trusts, and the certificate that it shows.
#[derive(Clone)]
pub(crate) struct Trust {
    authority: CertificateDer<'static>,
    shown: Option<Issued>,
}

impl Authority {
    /// A new one, unlike any other.
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = common_name("an authority");
        let certificate = params.self_signed(&key).expect("it signs itself");
        Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate of a server of a test; it is good for a client, too.
    pub(crate) fn server(&self) -> Issued {
        self.issue(&[SERVER], "a server")
    }

    /// A certificate with these DNS names, or URIs, and this common name.
    pub(crate) fn issue(&self, names: &[&str], common_name: &str) -> Issued {
        let usages = [
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.issue_for(names, common_name, &usages)
    }

    /// The same, good for these usages alone.
    pub(crate) fn issue_for(
        &self,
        names: &[&str],
        name: &str,
        usages: &[ExtendedKeyUsagePurpose],
    ) -> Issued {
        let (uris, dns_names): (Vec<&str>, Vec<&str>) =
            names.iter().partition(|name| name.contains("://"));
        let dns_names: Vec<_> = dns_names.into_iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(dns_names).expect("names of the right form");
        for uri in uris {
            let uri = uri.try_into().expect("plain text");
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.distinguished_name = common_name(name);
        params.extended_key_usages = usages.to_vec();
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("it is signed");
        Issued {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }

    /// In PEM form.
    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// A client that trusts this authority's servers and shows nothing.
    pub(crate) fn trust(&self) -> Trust {
        Trust {
            authority: self.certificate.clone(),
            shown: None,
        }
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = (0..text.len())
        .step_by(64)
        .map(|start| &text[start..text.len().min(start + 64)])
        .collect();
    format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        lines.join("\n")
    )
}

impl Issued {
    /// The certificate in PEM form.
    pub(crate) fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// The key in PEM form.
    pub(crate) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key)
    }
}

impl Files {
    /// Of a server that asks its clients for nothing.
    pub(crate) fn of(server: &Issued) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be created");
        let files = Self {
            directory,
            is_mutual: false,
        };
        files.replace(server);
        files
    }

    /// Of a server whose clients have to show a certificate from one of these authorities.
    pub(crate) fn mutual(server: &Issued, authorities: &[&Authority]) -> Self {
        let mut files = Self::of(server);
        files.is_mutual = true;
        files.replace_authorities(authorities);
        files
    }

    /// Replaces certificate and key, one after the other, as a careless tool does.
    pub(crate) fn replace(&self, server: &Issued) {
        self.write("cert.pem", &server.certificate_pem());
        self.write("key.pem", &server.key_pem());
    }

    /// Replaces the authorities of clients.
    pub(crate) fn replace_authorities(&self, authorities: &[&Authority]) {
        let pem: String = authorities
            .iter()
            .map(|authority| authority.pem())
            .collect();
        self.write("ca.pem", &pem);
    }

    /// Writes any file beside the others, at once: nobody reads half of it.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let (path, new) = (self.path(name), self.path("new"));
        fs::write(&new, content).expect("the directory is writable");
        fs::rename(&new, &path).expect("the directory is writable");
        path
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The settings that name them, for a server in the test's own process.
    pub(crate) fn config(&self) -> TlsConfig {
        TlsConfig {
            client_ca: self.is_mutual.then(|| self.path("ca.pem")),
            reload_interval: RELOAD_INTERVAL,
            ..TlsConfig::new(self.path("cert.pem"), self.path("key.pem"))
        }
    }

    /// The same for the program.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--tls-cert={}", self.path("cert.pem").display()),
            format!("--tls-key={}", self.path("key.pem").display()),
        ];
        if self.is_mutual {
            arguments.push(format!("--tls-client-ca={}", self.path("ca.pem").display()));
        }
        arguments
    }
}

impl Trust {
    /// The same client, which shows this certificate.
    pub(crate) fn showing(mut self, shown: &Issued) -> Self {
        self.shown = Some(shown.clone());
        self
    }

    /// A new connection for calls to the server at `address`.
    pub(crate) async fn channel(&self, address: SocketAddr) -> Result<Channel, Error> {
        let mut config = ClientTlsConfig::new()
            .domain_name(SERVER)
            .ca_certificate(Certificate::from_pem(pem("CERTIFICATE", &self.authority)));
        if let Some(shown) = &self.shown {
            config = config.identity(Identity::from_pem(shown.certificate_pem(), shown.key_pem()));
        }
        Channel::from_shared(format!("https://{address}"))
            .expect("an address makes a valid URI")
            .tls_config(config)?
            .connect()
            .await
    }

    /// A new connection below the client library. It ends when it ends, and never starts over.
    pub(crate) async fn stream(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let mut authorities = RootCertStore::empty();
        authorities
            .add(self.authority.clone())
            .expect("an authority");
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_root_certificates(authorities);
        let mut config = match &self.shown {
            None => config.with_no_client_auth(),
            Some(shown) => {
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.key.clone()));
                let config = config.with_client_auth_cert(vec![shown.certificate.clone()], key);
                config.expect("a certificate and its key")
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from(SERVER).expect("a DNS name");
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// The certificate that the server at `address` shows to a new connection.
    pub(crate) async fn shown_by(&self, address: SocketAddr) -> CertificateDer<'static> {
        let stream = self.stream(address).await.expect("the server is trusted");
        let (_, session) = stream.get_ref();
        let certificates = session.peer_certificates().expect("servers show theirs");
        certificates[0].clone().into_owned()
    }
}
