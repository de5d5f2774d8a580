//! Asks a running server whether it serves, as the probes of an orchestrator do: one connection, one
//! call of `grpc.health.v1.Health/Check` for the server as a whole, one answer within five seconds.
//!
//! Deliberately absent: retries, since an orchestrator repeats the probe; and credentials of a caller,
//! since this question needs none.

mod address;
mod protection;

use std::{error::Error as _, time::Duration};

use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

pub use self::{
    address::{ProbeAddress, ProbeAddressError},
    protection::{ProbeFiles, Protection, ProtectionError},
};

/// How long connecting and asking may take together.
pub const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Why the server cannot be said to serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The certificates that were given for the probe cannot be used.
    #[error("the probe cannot use its certificates")]
    Certificates(#[source] tonic::transport::Error),
    /// Nothing accepts connections there.
    #[error("no connection to {address}")]
    Unreachable {
        /// Where it was tried.
        address: ProbeAddress,
        /// The error of the transport.
        source: tonic::transport::Error,
    },
    /// Something accepts connections there and hangs up on what is not encrypted, it seems.
    #[error(
        "{address} hung up without an answer; if it speaks TLS, ask for https://…, or run this with the \
         server's settings"
    )]
    HungUp {
        /// Where it was asked.
        address: ProbeAddress,
        /// The transport's own error.
        source: Box<tonic::Status>,
    },
    /// Something accepts connections there, and does not answer the question.
    #[error("{address} did not answer the health check: {}", status.message())]
    NoAnswer {
        /// Where it was asked.
        address: ProbeAddress,
        /// The status that it answered with.
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

/// Asks the server at `address` whether it serves, over a connection that is protected as `protection`
/// says, or not at all.
///
/// # Errors
///
/// When it does not, or when that cannot be found out within [`TIME_LIMIT`].
pub async fn probe(
    address: &ProbeAddress,
    protection: Option<Protection>,
) -> Result<(), ProbeError> {
    tokio::time::timeout(TIME_LIMIT, ask(address, protection))
        .await
        .unwrap_or_else(|_| {
            Err(ProbeError::TimedOut {
                address: address.clone(),
            })
        })
}

async fn ask(address: &ProbeAddress, protection: Option<Protection>) -> Result<(), ProbeError> {
    let in_clear = protection.is_none();
    let endpoint = Endpoint::from(address.uri(protection.is_some()));
    let endpoint = match protection {
        Some(protection) => protection.of(endpoint).map_err(ProbeError::Certificates)?,
        None => endpoint,
    };
    let channel = endpoint
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
        .map_err(|status| {
            let (address, status) = (address.clone(), Box::new(status));
            // A status that a server has sent has no cause here.
            if in_clear && status.source().is_some() {
                ProbeError::HungUp {
                    address,
                    source: status,
                }
            } else {
                ProbeError::NoAnswer { address, status }
            }
        })?;
    match answer.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        other => Err(ProbeError::NotServing {
            address: address.clone(),
            status: other.as_str_name(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

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
            answer = probe(address, None) => answer,
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
        let error = probe(&address, None).await.unwrap_err();
        assert!(matches!(error, ProbeError::Unreachable { .. }), "{error}");
    }
}
