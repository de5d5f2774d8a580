//! The statements that the service runs for a deletion, caught in the act, so that what is measured
//! without the service is the same SQL.

use std::sync::{Arc, Mutex, PoisonError};

use conversation_service::{
    config::{Config, DatabaseConfig},
    lifecycle::Shutdown,
    machine,
    server::Server,
    store,
};
use tonic::transport::Endpoint;

use crate::{people::Call, support::Outcome, wire};

/// The texts of the statements, in their order.
#[derive(Debug, Clone)]
pub struct Captured(pub Vec<&'static str>);

/// Runs the service within this process for one deletion of a conversation that does not exist.
pub async fn capture(url: &str) -> Outcome<Captured> {
    let config = Config {
        listen: "127.0.0.1:0".parse()?,
        database: DatabaseConfig {
            url: url.parse()?,
            ..DatabaseConfig::default()
        },
        ..Config::default()
    };
    let statements = Arc::new(Mutex::new(Vec::new()));
    let store = store::connect(&config.database).await?;
    let seen = Arc::clone(&statements);
    store.database().observe(move |statement| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(statement.sql.clone());
    });
    let server = Server::bind_to(&config, machine::clock(), store.clone()).await?;
    let address = server.local_addr();
    let shutdown = Shutdown::new();
    let serving = tokio::spawn(server.serve(shutdown.clone()));
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .connect()
        .await?;
    let deletion = Call::deletion("nobody".to_owned(), &["nobody else".to_owned()])?;
    let taken = || std::mem::take(&mut *statements.lock().unwrap_or_else(PoisonError::into_inner));
    // Starting has run some of its own.
    taken();
    wire::call(channel, &deletion).await?;
    let statements = taken();
    shutdown.begin();
    serving.await?;
    let of_request = statements
        .into_iter()
        .filter(|sql| !sql.starts_with("SELECT pg_notify"));
    // They live as long as the program.
    Ok(Captured(
        of_request.map(|sql| &*String::leak(sql)).collect(),
    ))
}
