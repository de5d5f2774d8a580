//! PostgreSQL as people set it up: behind a pooler, with roles of few rights, with defaults of their own,
//! and as a cluster.

mod defaults;
mod distributed;
mod pooler;
mod roles;

use conversation_service::{server::Server, store::StoreError};

use crate::support::{clock::TestClock, databases::TestDatabase, server::config};

/// Why a server does not start on the database at `url`.
async fn refusal(database: &TestDatabase, url: &str) -> String {
    let mut config = config(database);
    config.database.url = url.parse().expect("a valid URL");
    let started = Server::bind(&config, TestClock::new().clock()).await;
    let Err(error) = started else {
        panic!("it starts");
    };
    let source = std::error::Error::source(&error).expect("the database's");
    let error = source.downcast_ref::<StoreError>();
    error.expect("an error of the store").to_string()
}
