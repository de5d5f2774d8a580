//! Rounds of the background jobs, whenever a test wants one.

use std::time::Duration;

use conversation_service::{
    jobs::{self, Schedule},
    store::{self, Erased, Store},
};

use sea_orm::Statement;

use super::{clock::TestClock, databases::TestDatabase, server::config};

/// Runs the background jobs as a replica does, with a store and connections of its own.
#[derive(Clone)]
pub(crate) struct Rounds {
    store: Store,
    clock: TestClock,
    schedule: Schedule,
}

impl Rounds {
    /// Connects. The schema has to be there.
    pub(crate) async fn on(
        database: &TestDatabase,
        clock: &TestClock,
        retention: Duration,
    ) -> Self {
        let config = config(database);
        let store = store::connect(&config.database).await;
        Self {
            store: store.expect("the database accepts connections"),
            clock: clock.clone(),
            schedule: Schedule {
                retention,
                ..config.jobs.schedule()
            },
        }
    }

    /// The same, and `observer` is told of each statement.
    pub(crate) fn observed(self, observer: impl Fn(&Statement) + Send + Sync + 'static) -> Self {
        self.store.observe(observer);
        self
    }

    /// One round, at the time that the clock shows.
    pub(crate) async fn run(&self) -> Erased {
        let round = jobs::run_once(&self.store, self.clock.now(), self.schedule).await;
        round.expect("the database does not fail")
    }
}
