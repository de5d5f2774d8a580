//! The database: one [`Store`] for SQLite and PostgreSQL.
//!
//! The tables form two families that no statement joins: those of a user (`users`, `members`,
//! `changes`, `folders`, `folder_conversations`) lead with `user_id`, those of a conversation
//! (`conversations`, `messages`, `erased_messages`, `group_requests`) with `conversation_key`. That is what lets the data be
//! spread over machines.
//!
//! Order of locks: the head of a conversation, then rows of `users`, then rows of `members`; several rows
//! of one table in the order of their keys, by their bytes, as the tables sort text and the lists of the
//! statements do.
//!
//! | use case | heads | `users` | `members` |
//! |---|---|---|---|
//! | a change of a user | | its user's | that user's |
//! | changes that run together | | those of their users | those of their users, in the order of the users |
//! | ending the undo of a deletion | | its user's | that user's |
//! | unlisting what was deleted | | its user's | that user's |
//! | erasing | its conversation's | | |
//! | messages that run together | their conversations' | | the conversations', in the order of the users, one of each user |
//! | joining and leaving | the group's | those whose membership changes | the group's, in the order of the users |
//!
//! No use cases can wait for each other in a circle. A use case that waits for a row of a table holds no
//! row of a later table, so a circle would lie within one table. Heads and rows of `users` are taken in the
//! order of their keys. A use case that holds the row of one user in `members` waits only for rows of the
//! same or of later users; for one of the same user only as a change of that user, of which there is one at
//! a time, for it holds the user's lock. Between finding the members of a group and changing them no lock
//! on `members` is needed: nobody's membership changes without the head's lock.
//!
//! A small table is an exception: PostgreSQL may read it as it lies, whatever the order of a change's rows.
//! Changes that run together may come to wait there for a message in a circle, which PostgreSQL ends after a
//! second, and the service tries again.
//!
//! Deliberately absent: caches, and any reading of a row to decide in the service what a statement could
//! decide while it holds the row.

mod append;
mod backlog;
mod backup;
mod change;
mod coalesce;
mod connect;
mod connections;
mod conversations;
mod deletions;
mod dialect;
mod durability;
mod erasure;
mod error;
mod event;
mod folders;
mod groups;
mod hidden;
mod incarnation;
mod input;
mod key;
mod kind;
mod list;
mod log;
mod members;
mod messages;
mod migrate;
mod migration;
mod notify;
mod observed;
mod pooled;
mod remembered;
mod row;
mod schema;
mod selection;
mod session;
mod settings;
mod showing;
mod sqlite_file;
mod statements;
mod time;
mod transaction;
mod trim;
mod under_way;
mod unlisting;
mod vacuums;

use std::{sync::Arc, time::Duration};

use sea_orm::{Statement, Value};
use tokio::sync::Semaphore;

use self::{
    connections::Connections, dialect::Dialect, kind::StoredKind, session::Sessions,
    statements::Statements,
};
use crate::{
    config::JobsConfig,
    domain::Clock,
    metrics::{self, DatabaseMetrics},
};

pub use backup::{Backup, BackupError, backup};
pub use connect::connect;
pub use erasure::Erased;
pub use error::StoreError;
pub use migrate::{Migrated, migrate};
pub use vacuums::Vacuum;
pub(crate) use {
    append::{Append, AppendError, Audience},
    change::ChangeError,
    conversations::{Head, Positions},
    deletions::{
        DeletionTarget, Deletions, DeletionsBefore, Matching, MatchingError, Take, TakeMatching,
        Terms,
    },
    erasure::{DueChange, DueConversation},
    folders::FolderError,
    hidden::Hidden,
    incarnation::Revisions,
    key::ConversationKey,
    list::Part,
    log::Recorded,
    members::{Latest, Member, listed_ids},
    selection::Selected,
    settings::{Positioned, Reading},
    under_way::settled,
};

/// The database, shared by all requests. Cloning is cheap.
#[derive(Clone)]
pub struct Store {
    connections: Arc<Connections>,
    dialect: Dialect,
    statements: Arc<Statements>,
    /// The permits to begin a transaction, first come, first served. SQLite has one writer at a time and
    /// lets others in by chance; PostgreSQL has [`writers_of`] a pool.
    turns: Arc<Semaphore>,
    /// The messages that wait to be stored together.
    appends: Arc<append::Waiting>,
    metrics: DatabaseMetrics,
    /// For how long changes and the names of messages are kept.
    retention: Duration,
}

impl Store {
    fn new(connections: Connections, dialect: Dialect, pool_size: u32) -> Self {
        let turns = match dialect {
            Dialect::Sqlite => 1,
            Dialect::Postgres => writers_of(pool_size),
        };
        let system = dialect.system_name();
        let kinds = StoredKind::ALL.map(StoredKind::name);
        Self {
            connections: Arc::new(connections),
            dialect,
            statements: Arc::new(Statements::new(dialect)),
            turns: Arc::new(Semaphore::new(turns)),
            appends: Arc::new(append::Waiting::new(dialect.appended_together())),
            metrics: DatabaseMetrics::new(system, kinds),
            retention: JobsConfig::default().change_retention,
        }
    }

    /// The same store, with the promise that what is changed or sent from now on is kept for so long.
    #[must_use]
    pub fn keeping(self, retention: Duration) -> Self {
        Self { retention, ..self }
    }

    fn retention_micros(&self) -> i64 {
        i64::try_from(self.retention.as_micros()).unwrap_or(i64::MAX)
    }

    /// Asks, again and again, whether the database is there, so that nothing waits for one that is
    /// not, and what its time is, which it tells the clock. Never ends by itself.
    pub async fn watch_over(&self, clock: &Clock) {
        self.connections.watch_over(clock).await;
    }

    /// Resolves when the database is there and can be written to, or is away, as far as
    /// [`Store::watch_over`] knows.
    pub async fn until(&self, there: bool) {
        self.connections.until(there).await;
    }

    /// Resolves when the server can be relied on, or cannot, as far as is known: the database is there,
    /// and its clock and this machine's agree.
    pub async fn until_ready(&self, ready: bool) {
        self.connections.until_ready(ready).await;
    }

    /// Calls `observer` with each statement that this store and its clones run from now on: for tests
    /// and benchmarks that count and explain statements.
    pub fn observe(&self, observer: impl Fn(&Statement) + Send + Sync + 'static) {
        self.connections.observe(Arc::new(observer));
    }

    /// The metrics of the store and its clones. They go on changing.
    #[must_use]
    pub const fn metrics(&self) -> &DatabaseMetrics {
        &self.metrics
    }

    /// Whether connections to PostgreSQL keep their sessions: `lasting`, or `lent` by a pooler for one
    /// transaction at a time. SQLite has no sessions.
    #[must_use]
    pub fn sessions(&self) -> Option<&'static str> {
        match (self.dialect, self.connections.sessions()) {
            (Dialect::Sqlite, _) => None,
            (Dialect::Postgres, Sessions::Lasting) => Some("lasting"),
            (Dialect::Postgres, Sessions::Lent) => Some("lent"),
        }
    }

    /// Whether other replicas' changes are found by polling alone.
    #[must_use]
    pub fn only_polls(&self) -> bool {
        self.dialect == Dialect::Postgres && self.connections.lasting_session().is_none()
    }

    /// The state of the pool. The one connection that writes to SQLite is beside it.
    #[must_use]
    pub fn connections(&self) -> metrics::Connections {
        let pool = self.connections.pool();
        let (open, idle, max) = match self.dialect {
            Dialect::Sqlite => {
                let pool = pool.get_sqlite_connection_pool();
                let max = pool.options().get_max_connections();
                (pool.size(), pool.num_idle(), max)
            }
            Dialect::Postgres => {
                let pool = pool.get_postgres_connection_pool();
                let max = pool.options().get_max_connections();
                (pool.size(), pool.num_idle(), max)
            }
        };
        // The two are not read in the same instant.
        let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(open);
        metrics::Connections {
            used: open - idle,
            idle,
            max,
            durable: self.connections.is_durable(),
        }
    }

    /// Closes all connections, having let their statements finish, or what is left of them once a
    /// PostgreSQL that answers would have.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if a connection cannot be closed in an orderly way.
    pub async fn close(self) -> Result<(), StoreError> {
        self.connections.close().await
    }

    fn statement(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.dialect.backend(), sql, values)
    }
}

/// How many connections of a pool transactions may have at once. They wait for locks; the others are kept
/// for reads, which wait for no lock, and for changes that run together.
fn writers_of(pool_size: u32) -> usize {
    let kept = pool_size / 4;
    usize::try_from(pool_size - kept).unwrap_or(Semaphore::MAX_PERMITS)
}
