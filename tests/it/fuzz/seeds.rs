//! The valid requests that the fuzz targets begin with, too, and the methods that they are for.

use std::{fs, path::Path};

use tonic::transport::Channel;

use crate::access::methods;

/// A method of the server, and a valid request of it.
pub(super) struct Seed {
    pub(super) path: String,
    pub(super) message: Vec<u8>,
    /// Whether its answer goes on for ever.
    pub(super) is_watch: bool,
}

/// One for every method of the server: those that are only the transport's take anything.
pub(super) async fn of_every_method(channel: &Channel) -> Vec<Seed> {
    let services = methods::of_server(channel, "nobody").await;
    let mut seeds = Vec::new();
    for (service, methods) in services {
        for method in methods {
            let message = if service.starts_with("conversation.") {
                valid(&method)
            } else {
                Vec::new()
            };
            seeds.push(Seed {
                path: format!("/{service}/{method}"),
                message,
                is_watch: method.starts_with("Watch"),
            });
        }
    }
    seeds
}

/// The request is what follows the first byte, by which the fuzz target chooses the method.
fn valid(method: &str) -> Vec<u8> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/requests");
    let seed = fs::read(seeds.join(method)).expect("every method has a seed");
    seed[1..].to_vec()
}
