//! The subjects that are compared: each takes the same calls.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::{
    captured::Captured,
    database::Database,
    direct_postgres::DirectPostgres,
    direct_sqlite::DirectSqlite,
    drive::{self, Caller},
    people::{Call, DELETE},
    sample::{Before, Sample},
    support::{Outcome, Service},
    wire::{self, Connections},
};

/// How often the floor of the transport, which is so much faster, makes the calls that the others make.
const NOOP_ROUNDS: usize = 10;

/// One of those that are compared.
pub struct Subject {
    pub name: String,
    kind: Kind,
    /// Whether its calls change the database.
    pub changes: bool,
}

enum Kind {
    /// A server, or several that share the calls.
    Services(Vec<Service>),
    Postgres(DirectPostgres),
    Sqlite(DirectSqlite),
}

impl Subject {
    pub fn services(name: &str, services: Vec<Service>) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Services(services),
            changes: true,
        }
    }

    /// The floor of the transport.
    pub fn noop(service: Service) -> Self {
        Self {
            changes: false,
            ..Self::services("no-op RPC", vec![service])
        }
    }

    /// The floor of the database.
    pub async fn direct(database: &Database, captured: &Captured) -> Outcome<Self> {
        let url = &database.place.url;
        Ok(Self {
            name: "direct SQL".to_owned(),
            kind: if database.is_postgres() {
                Kind::Postgres(DirectPostgres::connect(url, captured).await?)
            } else {
                Kind::Sqlite(DirectSqlite::new(url, captured)?)
            },
            changes: true,
        })
    }

    /// Whether it makes one call after the other, however many callers there are.
    pub fn takes_turns(&self) -> bool {
        matches!(self.kind, Kind::Sqlite(_))
    }

    /// The processes that are called.
    pub fn processes(&self) -> Vec<u32> {
        match &self.kind {
            Kind::Services(services) => services.iter().map(Service::process).collect(),
            Kind::Postgres(_) | Kind::Sqlite(_) => Vec::new(),
        }
    }

    /// The resident memory of these processes, in KiB.
    pub fn resident(&self) -> Outcome<i64> {
        match &self.kind {
            Kind::Services(services) => services.iter().map(Service::resident).sum(),
            Kind::Postgres(_) | Kind::Sqlite(_) => Ok(0),
        }
    }

    /// Makes the calls, from so many callers. A subject that changes nothing makes them several times over,
    /// as it would be done too soon to be measured.
    pub async fn run(
        &self,
        database: &Database,
        calls: Vec<Call>,
        callers: usize,
    ) -> Outcome<Sample> {
        let count = if self.changes {
            calls.len()
        } else {
            NOOP_ROUNDS * calls.len()
        };
        let calls = Arc::new(calls);
        let (before, times) = match &self.kind {
            Kind::Services(services) => {
                let services: Vec<_> = services.iter().collect();
                let call = rpc(Connections::open(&services, callers).await?, calls);
                let before = Before::look(database, self.processes()).await?;
                (before, drive::closed(callers, count, &call).await?)
            }
            Kind::Postgres(direct) => {
                let direct = direct.clone();
                let call: Caller = Arc::new(move |_, number| {
                    let (direct, calls) = (direct.clone(), Arc::clone(&calls));
                    Box::pin(async move { direct.delete(&calls[number]).await })
                });
                let before = Before::look(database, Vec::new()).await?;
                (before, drive::closed(callers, count, &call).await?)
            }
            Kind::Sqlite(direct) => {
                let direct = direct.clone();
                let before = Before::look(database, Vec::new()).await?;
                let deleting = tokio::task::spawn_blocking(move || direct.delete_all(&calls));
                (before, deleting.await??)
            }
        };
        before.sample(database, times).await
    }
}

/// Makes calls over these connections, again from the first one after the last. Of the deletions among them every hundredth is looked at: it
/// must have deleted all that it was asked to.
pub fn rpc(connections: Connections, calls: Arc<Vec<Call>>) -> Caller {
    let looked = Arc::new(AtomicUsize::new(0));
    Arc::new(move |caller, number| {
        let (channel, calls) = (connections.of(caller), Arc::clone(&calls));
        let looks = looked.fetch_add(1, Ordering::Relaxed).is_multiple_of(100);
        Box::pin(async move {
            let call = &calls[number % calls.len()];
            let response = wire::call(channel, call).await?;
            if looks && call.path == DELETE && wire::deleted(&response)? < call.keys.len() {
                return Err("a deletion was in vain".into());
            }
            Ok(())
        })
    })
}
