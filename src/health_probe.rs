//! Asks a running server whether it serves, as the probes of an orchestrator do: one connection, one
//! call of `grpc.health.v1.Health/Check` for the server as a whole, one answer within five seconds.
//!
//! Deliberately absent: retries. Whoever probes repeats the probe.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use http::Uri;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// How long connecting and asking may take together.
pub const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Where to ask: `host:port` or `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAddress(Uri);

/// A text that is not an address to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `host:port` or `http://host:port`")]
pub struct ProbeAddressError;

/// Why the server cannot be said to serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Nothing accepts connections there.
    #[error("no connection to {address}")]
    Unreachable {
        /// Where it was tried.
        address: ProbeAddress,
        /// What the network said.
        source: tonic::transport::Error,
    },
    /// Something accepts connections there, and does not answer the question.
    #[error("{address} did not answer the health check: {}", status.message())]
    NoAnswer {
        /// Where it was asked.
        address: ProbeAddress,
        /// What it said instead.
        status: Box<tonic::Status>,
    },
    /// The server says that it does not serve.
    #[error("{address} is {status}")]
    NotServing {
        /// Where it was asked.
        address: ProbeAddress,
        /// The status by the name it has in the protocol.
        status: &'static str,
    },
    /// There was no answer within [`TIME_LIMIT`].
    #[error("{address} did not answer within {} s", TIME_LIMIT.as_secs())]
    TimedOut {
        /// Where it was asked.
        address: ProbeAddress,
    },
}

/// Asks the server at `address` whether it serves.
///
/// # Errors
///
/// When it does not, or when that cannot be found out within [`TIME_LIMIT`].
pub async fn probe(address: &ProbeAddress) -> Result<(), ProbeError> {
    tokio::time::timeout(TIME_LIMIT, ask(address))
        .await
        .unwrap_or_else(|_| {
            Err(ProbeError::TimedOut {
                address: address.clone(),
            })
        })
}

async fn ask(address: &ProbeAddress) -> Result<(), ProbeError> {
    let channel: Channel = Endpoint::from(address.0.clone())
        .connect()
        .await
        .map_err(|source| ProbeError::Unreachable {
            address: address.clone(),
            source,
        })?;
    // The empty name stands for the server as a whole.
    let question = HealthCheckRequest {
        service: String::new(),
    };
    let answer = HealthClient::new(channel)
        .check(question)
        .await
        .map_err(|status| ProbeError::NoAnswer {
            address: address.clone(),
            status: Box::new(status),
        })?;
    match answer.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        other => Err(ProbeError::NotServing {
            address: address.clone(),
            status: other.as_str_name(),
        }),
    }
}

impl FromStr for ProbeAddress {
    type Err = ProbeAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let uri: Uri = text.parse().map_err(|_| ProbeAddressError)?;
        let complete = uri.scheme_str() == Some("http")
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.port_u16().is_some();
        let has_user = uri.authority().is_some_and(|it| it.as_str().contains('@'));
        let has_more = uri.path() != "/" || uri.query().is_some();
        if complete && !has_user && !has_more {
            Ok(Self(uri))
        } else {
            Err(ProbeAddressError)
        }
    }
}

/// Where a server that listens on `listen` can be reached from the same machine.
impl TryFrom<SocketAddr> for ProbeAddress {
    type Error = ProbeAddressError;

    fn try_from(listen: SocketAddr) -> Result<Self, Self::Error> {
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, listen.port()).to_string().parse()
    }
}

impl fmt::Display for ProbeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            self.0
                .authority()
                .map_or("", |authority| authority.as_str()),
        )
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::transport::Server;
    use tonic_health::server::{HealthReporter, health_reporter};

    use super::*;

    /// A server with nothing but the health service, and how to set its status.
    async fn server() -> (ProbeAddress, HealthReporter, impl Future) {
        let (reporter, service) = health_reporter();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap().try_into().unwrap();
        let serve = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        (address, reporter, serve)
    }

    async fn probe_while(serve: impl Future, address: &ProbeAddress) -> Result<(), ProbeError> {
        tokio::select! {
            answer = probe(address) => answer,
            _ = serve => panic!("the server ended"),
        }
    }

    #[tokio::test]
    async fn a_server_that_serves_passes() {
        let (address, _reporter, serve) = server().await;
        probe_while(serve, &address).await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_does_not_serve_fails_with_its_status() {
        let (address, reporter, serve) = server().await;
        reporter
            .set_service_status("", tonic_health::ServingStatus::NotServing)
            .await;
        let error = probe_while(serve, &address).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{address} is NOT_SERVING"));
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_fails() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap().try_into().unwrap();
        drop(listener);
        let error = probe(&address).await.unwrap_err();
        assert!(matches!(error, ProbeError::Unreachable { .. }), "{error}");
    }

    #[test]
    fn an_address_is_a_host_and_a_port_with_or_without_the_scheme() {
        for text in [
            "localhost:50051",
            "http://localhost:50051",
            "http://[::1]:50051/",
            "10.0.0.1:1",
        ] {
            assert!(text.parse::<ProbeAddress>().is_ok(), "{text}");
        }
        for text in [
            "",
            "localhost",
            ":50051",
            "https://localhost:50051",
            "http://localhost:50051/path",
            "http://me@localhost:50051",
            "unix:///socket",
        ] {
            assert_eq!(
                text.parse::<ProbeAddress>(),
                Err(ProbeAddressError),
                "{text}"
            );
        }
    }

    #[test]
    fn a_server_on_every_interface_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:50051", "127.0.0.1:50051"),
            ("[::]:50051", "[::1]:50051"),
            ("10.0.0.1:50051", "10.0.0.1:50051"),
        ] {
            let listen: SocketAddr = listen.parse().unwrap();
            assert_eq!(ProbeAddress::try_from(listen).unwrap().to_string(), asked);
        }
    }
}
