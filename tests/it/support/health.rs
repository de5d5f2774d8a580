//! Follows what a server says of its health.

use std::net::SocketAddr;

use tokio::{sync::watch, time::timeout};
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::stage::PATIENCE;

/// The health of a server as a whole. Clones follow the same server.
#[derive(Clone)]
pub(crate) struct Health(watch::Receiver<ServingStatus>);

impl Health {
    /// Begins to follow the server at `address`, for as long as it says something.
    pub(crate) async fn follow(address: SocketAddr) -> Self {
        let channel = Channel::from_shared(format!("http://{address}"));
        let channel = channel.expect("an address makes a valid URI");
        let channel = channel.connect().await.expect("the server listens");
        let mut client = HealthClient::new(channel);
        let changes = client.watch(HealthCheckRequest::default()).await;
        let mut changes = changes.expect("health is served").into_inner();
        let (sender, receiver) = watch::channel(ServingStatus::Unknown);
        tokio::spawn(async move {
            while let Ok(Some(change)) = changes.message().await {
                sender.send_replace(change.status());
            }
        });
        Self(receiver)
    }

    /// Waits until the server serves.
    pub(crate) async fn serving(&mut self) {
        self.becomes(ServingStatus::Serving).await;
    }

    /// Waits until the server does not serve.
    pub(crate) async fn not_serving(&mut self) {
        self.becomes(ServingStatus::NotServing).await;
    }

    /// Whether the server serves, as far as it has said.
    pub(crate) fn is_serving(&self) -> bool {
        *self.0.borrow() == ServingStatus::Serving
    }

    async fn becomes(&mut self, expected: ServingStatus) {
        let became = timeout(PATIENCE, self.0.wait_for(|status| *status == expected)).await;
        let became = became.unwrap_or_else(|_| panic!("it never became {expected:?}"));
        drop(became.expect("the server goes on"));
    }
}
