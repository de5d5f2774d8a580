//! The transport: each handler parses its request, runs the use case of the same name, and renders
//! the answer. Nothing is decided here, and nothing of this module is known further inside.

mod access;
mod boundary;
mod call;
mod come_back;
mod conversation_service;
mod convert;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod group_service;
mod health;
mod intake;
mod lasting;
mod limits;
mod message_service;
mod method;
mod not_grpc;
mod page_token;
mod plan;
mod reflection;
mod refusals;
mod sealed;
mod sending;
mod small_messages;
mod status;
mod violations;
mod watch;
mod watch_users;

use tonic::service::Routes;

use self::limits::Permits;
use crate::{
    app::App,
    config::LimitsConfig,
    lifecycle::Shutdown,
    metrics::WatchMetrics,
    proto::{
        conversation_service_server::ConversationServiceServer,
        group_service_server::GroupServiceServer, message_service_server::MessageServiceServer,
    },
};

pub use access::Access;
pub use boundary::Boundary;
pub use health::{Health, health};
pub use limits::{Limits, Via};
pub use reflection::methods;
pub use refusals::Refusals;

/// The most bytes of a request. The largest valid one has some 60 KiB.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// A service of the API: implements the generated traits.
#[derive(Clone)]
struct Api {
    app: App,
    shutdown: Shutdown,
    watchers: Permits,
    watched_users: Permits,
    /// How many users a caller that is alone may watch over streams of many.
    most_watched_users: usize,
    watches: WatchMetrics,
}

/// All services, with their reflection, as one router, for so many watchers at once. Health is beside
/// them: see [`health()`].
#[must_use]
pub fn routes(
    app: App,
    shutdown: Shutdown,
    limits: &LimitsConfig,
    watches: WatchMetrics,
) -> Routes {
    let api = Api {
        app,
        shutdown,
        watchers: limits::permits(limits.watchers),
        watched_users: limits::permits(limits.watched_users),
        most_watched_users: usize::try_from(limits.watched_users).unwrap_or(usize::MAX),
        watches,
    };
    let (reflection_v1, reflection_v1alpha) = reflection::services();
    Routes::new(reflection_v1)
        .add_service(reflection_v1alpha)
        .add_service(
            ConversationServiceServer::new(api.clone())
                .max_decoding_message_size(MAX_REQUEST_BYTES),
        )
        .add_service(
            MessageServiceServer::new(api.clone()).max_decoding_message_size(MAX_REQUEST_BYTES),
        )
        .add_service(GroupServiceServer::new(api).max_decoding_message_size(MAX_REQUEST_BYTES))
}
