//! The standard health service, which follows the database and its clock.
//!
//! A server whose clock is far from the database's is not ready, although no time that it stores is its
//! own: one of the two clocks is wrong, and it is not known which. If it is the database's, each message
//! would be dated wrong for good; if it is this machine's, the server judges certificates by it.

use prometheus_client::metrics::gauge::Gauge;
use tonic::server::NamedService;
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health as HealthApi, HealthServer},
    server::{HealthReporter, health_reporter},
};

use super::Api;
use crate::{
    proto::{
        conversation_service_server::ConversationServiceServer,
        group_service_server::GroupServiceServer, message_service_server::MessageServiceServer,
    },
    store::Store,
};

/// The names that health can be asked for: the server as a whole, and each service.
const SERVICES: [&str; 4] = [
    "",
    ConversationServiceServer::<Api>::NAME,
    MessageServiceServer::<Api>::NAME,
    GroupServiceServer::<Api>::NAME,
];

/// Says of the server as a whole and of each service whether it serves.
pub struct Health {
    reporter: HealthReporter,
    gauge: Gauge,
}

/// The health service, and the handle that turns it; `gauge` turns with it.
pub fn health(gauge: Gauge) -> (Health, HealthServer<impl HealthApi>) {
    let (reporter, service) = health_reporter();
    (Health { reporter, gauge }, service)
}

impl Health {
    /// Says that everything serves, or nothing.
    pub async fn set(&self, serving: bool) {
        self.gauge.set(i64::from(serving));
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for service in SERVICES {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// Follows the state of the database and of the clocks until dropped, beginning with the belief that it answers.
    pub async fn follow(&self, store: &Store) {
        loop {
            store.database().until_ready(false).await;
            self.set(false).await;
            store.database().until_ready(true).await;
            self.set(true).await;
        }
    }

    /// Says that nothing serves any more, and ends the streams of health's watchers: a stream that goes on
    /// would keep its connection open, and so the server from stopping.
    pub async fn leave(&mut self) {
        self.set(false).await;
        for service in SERVICES {
            self.reporter.clear_service_status(service).await;
        }
        // For the callers that ask from now on.
        self.set(false).await;
    }
}
