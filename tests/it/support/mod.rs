//! The foundation of the tests: databases, servers, the real program, and clients that are short to use.
//!
//! Nothing in here sleeps or tries again: it waits for a condition, and a bound on the wait makes a
//! hang a failure.

#![allow(
    dead_code,
    reason = "the vocabulary of the tests is wider than what any one of them says"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are set up by their environment, and what they start may end with them"
)]

pub(crate) mod certificates;
pub(crate) mod citus;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod cluster;
pub(crate) mod concurrently;
pub(crate) mod databases;
pub(crate) mod dice;
pub(crate) mod errors;
pub(crate) mod frames;
pub(crate) mod health;
pub(crate) mod ids;
pub(crate) mod logged;
pub(crate) mod overload;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod rounds;
pub(crate) mod rows;
pub(crate) mod seed;
pub(crate) mod server;
pub(crate) mod stage;
pub(crate) mod stored;
pub(crate) mod tools;
pub(crate) mod traffic;
pub(crate) mod users;
pub(crate) mod watcher;
pub(crate) mod wire;

/// That the support itself works, where a mistake in it would make other tests pass for nothing.
mod tests {
    use super::{
        clock::TestClock, databases::TestDatabase, databases::on_every_database, ids::c2c,
        process::Process, server::TestServer,
    };

    async fn replicas_share_a_database_and_a_restart_keeps_it(database: TestDatabase) {
        let clock = TestClock::new();
        let one = TestServer::start(&database, &clock).await;
        let other = TestServer::start(&database, &clock).await;
        let client = one.client().await;
        let sent = client.send("bob", c2c("alice"), "hi").await;
        let history = other.client().await.history("bob", c2c("alice")).await;
        assert_eq!(history.as_slice(), std::slice::from_ref(&sent));
        drop(client);
        let one = one.restart().await;
        assert_eq!(
            one.client().await.history("bob", c2c("alice")).await,
            [sent]
        );
        other.stop().await;
        one.stop().await;
    }

    async fn what_was_answered_survives_a_killed_process(database: TestDatabase) {
        let process = Process::start(&database).await;
        let sent = process.client().await.send("bob", c2c("alice"), "hi").await;
        let process = process.kill_and_restart().await;
        assert_eq!(
            process.client().await.history("bob", c2c("alice")).await,
            [sent]
        );
        assert!(
            process.terminate().success(),
            "an orderly stop is a success"
        );
    }

    on_every_database!(
        replicas_share_a_database_and_a_restart_keeps_it,
        what_was_answered_survives_a_killed_process,
    );
}
