//! Rounds of the background jobs, whenever a test wants one.

use std::time::Duration;

use conversation_service::{
    jobs::{self, Schedule},
    store::{self, Erased, Store, Vacuum},
};

use sea_orm::Statement;

use super::{clock::TestClock, databases::TestDatabase, server::config};

/// Runs the background jobs as a replica does, with a store and connections of its own.
#[derive(Clone)]
pub(crate) struct Rounds {
    store: Store,
    clock: TestClock,
    vacuum: Vacuum,
}

impl Rounds {
    /// Connects. The schema has to be there.
    pub(crate) async fn on(
        database: &TestDatabase,
        clock: &TestClock,
        retention: Duration,
    ) -> Self {
        let store = store::connect(&config(database).database).await;
        let store = store.expect("the database accepts connections");
        Self {
            store: store.keeping(retention),
            clock: clock.clone(),
            vacuum: Vacuum::AtOnce,
        }
    }

    /// The same, and `observer` is notified of each statement.
    pub(crate) fn observed(self, observer: impl Fn(&Statement) + Send + Sync + 'static) -> Self {
        self.store.database().observe(observer);
        self
    }

    /// The same as a server runs them by itself: SQLite's files are not rewritten all the time.
    pub(crate) fn by_themselves(self) -> Self {
        Self {
            vacuum: Vacuum::InItsTime,
            ..self
        }
    }

    /// One round, at the time that the clock shows.
    pub(crate) async fn run(&self) -> Erased {
        let schedule = Schedule {
            interval: Duration::ZERO,
            vacuum: self.vacuum,
        };
        let round = jobs::run_once(&self.store, self.clock.now(), schedule).await;
        round.expect("the database does not fail")
    }
}
