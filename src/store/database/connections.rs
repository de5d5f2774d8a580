//! The connections to the database, and whether it is at their other end.
//!
//! On PostgreSQL a connection beside the pool asks, again and again, whether the database is there and
//! can be written to. Everything else goes by the answer:
//!
//! - While the database is *away*, nothing waits for it. Work that is under way is given up, and new work
//!   is refused at once. A call that gave up in the midst of a commit does not know what became of it: a
//!   retry with the same ID tells.
//! - When it is back, the pool is a new one. The old connections may lead to a machine that is gone or
//!   that is a standby now, and TCP takes minutes to notice.
//!
//! The same question asks for the database's time: see [`crate::domain::Clock`].
//!
//! The connection is not part of the pool, because the connections of the pool may all be in use or wait for a
//! lock. That is load and not an outage.
//!
//! No state is final: the question is asked for as long as the server runs, beginning at its start. The commands
//! that migrate and purge do not ask; for them the database never counts as away.
//!
//! SQLite has one writer at a time, and it is always the same connection: each of them keeps pages in
//! memory, and has to forget them all when another has written.
//!
//! SQLite works in this process. It is asked too, for the health service, but a statement of it cannot be
//! given up, so everything waits for its answer. Only its file can go away: see [`super::sqlite_file`].

mod clocks;
mod lasting;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sea_orm::{ConnectOptions, Database, DbErr, RuntimeErr, Statement};
use sqlx::{
    Connection as _,
    postgres::{PgConnectOptions, PgConnection},
};
use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};

use super::{
    connect,
    dialect::Dialect,
    durability,
    kept::Kept,
    session::{self, Session, Sessions},
    sqlite_file::SqliteFile,
};
use crate::{config::DatabaseUrl, domain::Clock, store::database::error::StoreError};

/// How long the first connection may take.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// How often the database is asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take to answer, a new connection included. Even a very busy one is quicker.
pub(in crate::store) const PATIENCE: Duration = Duration::from_secs(3);
/// How long one run of a use case may take. The database ends each statement sooner, so this is for
/// answers that do not arrive.
pub(in crate::store) const LONGEST_RUN: Duration = Duration::from_secs(15);
/// How long the last pool may take to close at the end.
const CLOSING: Duration = Duration::from_secs(5);
/// How long an old pool may take to close what nobody uses any more.
const RETIREMENT: Duration = Duration::from_millis(100);

/// PostgreSQL has no room for another connection. So it is there.
const TOO_MANY_CONNECTIONS: &str = "53300";

/// Notified of each statement that is run.
pub(in crate::store) type Observer = Arc<dyn Fn(&Statement) + Send + Sync>;

/// The pool, and what is known of the database.
pub(in crate::store) struct Connections {
    options: ConnectOptions,
    dialect: Dialect,
    state: watch::Sender<State>,
    /// How sessions of PostgreSQL are set up.
    session: Option<Arc<Session>>,
    /// PostgreSQL itself, where something in front of it lends its sessions.
    direct: Option<DatabaseUrl>,
    /// The connection that asks PostgreSQL, unless it has to be made anew.
    probe: Mutex<Option<PgConnection>>,
    /// Whether the log has been told that the clocks differ.
    notable: AtomicBool,
    /// Where the database is in this process.
    file: Option<SqliteFile>,
    /// Whether the database keeps what it has acknowledged.
    durable: AtomicBool,
}

struct State {
    pool: Arc<Kept>,
    /// Those that transactions begin on.
    writers: Arc<Kept>,
    away: bool,
    /// Whether this machine's clock and the database's are too far apart.
    is_skewed: bool,
    observer: Option<Observer>,
}

/// Over which connection the database has answered.
#[derive(PartialEq, Eq)]
enum Over {
    /// The one that was asked before, if there are any.
    Known,
    /// A new one: the one before has failed.
    New,
}

impl Connections {
    /// A pool of SQLite's with these options, and one of a single connection for transactions.
    pub(in crate::store) async fn open_sqlite(
        options: ConnectOptions,
        writer: ConnectOptions,
        file: SqliteFile,
    ) -> Result<Self, StoreError> {
        let file = Some(file);
        Self::open(options, Some(writer), Dialect::Sqlite, file, None).await
    }

    async fn open(
        options: ConnectOptions,
        writer: Option<ConnectOptions>,
        dialect: Dialect,
        file: Option<SqliteFile>,
        session: Option<Arc<Session>>,
    ) -> Result<Self, StoreError> {
        let lent = session
            .as_ref()
            .filter(|session| session.sessions == Sessions::Lent);
        let lent = lent.map(|session| session.begin());
        let kept = |pool| Arc::new(Kept::of(pool, lent.clone()));
        let pool = kept(Database::connect(options.clone()).await?);
        let writers = match writer {
            Some(options) => kept(Database::connect(options).await?),
            None => Arc::clone(&pool),
        };
        Ok(Self {
            options,
            dialect,
            state: watch::Sender::new(State {
                pool,
                writers,
                away: false,
                is_skewed: false,
                observer: None,
            }),
            session,
            direct: None,
            probe: Mutex::new(None),
            notable: AtomicBool::new(false),
            file,
            durable: AtomicBool::new(true),
        })
    }

    /// A pool of PostgreSQL's with these options. The first connection is made beside it, so that a
    /// failure is told in the database's own words and without delay.
    pub(in crate::store) async fn open_postgres(
        mut options: ConnectOptions,
        mut session: Session,
        url: &DatabaseUrl,
        direct: Option<&DatabaseUrl>,
    ) -> Result<Self, StoreError> {
        let beside = lasting::of_url(url)?;
        let mut probe = within(FIRST_ANSWER, session.find(&beside)).await?;
        let durable = within(FIRST_ANSWER, durability::find(&mut probe)).await?;
        if let Some(direct) = direct {
            let direct = lasting::of_url(direct)?;
            let same = async {
                let mut session = Session::new(false);
                let mut connection = session.find(&direct).await?;
                if session.sessions == Sessions::Lent {
                    return Err(StoreError::Setup(
                        "database_direct_url leads to a pooler that lends its sessions, too"
                            .to_owned(),
                    ));
                }
                session::require_same_database(&mut probe, &mut connection).await
            };
            within(FIRST_ANSWER, same).await?;
        }
        let session = Arc::new(session);
        connect::with_sessions(&mut options, Arc::clone(&session));
        let opened = Self::open(options, None, Dialect::Postgres, None, Some(session)).await;
        let mut connections = opened?;
        connections.direct = direct.cloned();
        connections.durable = AtomicBool::new(durable);
        connections.probe = Mutex::new(Some(probe));
        Ok(connections)
    }

    /// The pool as it is now.
    pub(in crate::store) fn pool(&self) -> Arc<Kept> {
        Arc::clone(&self.state.borrow().pool)
    }

    /// Whether the database keeps what it has acknowledged, as far as its settings say.
    pub(in crate::store) fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Relaxed)
    }

    /// How a connection beside the pool is made.
    fn postgres_options(&self) -> Arc<PgConnectOptions> {
        let pool = self.pool();
        pool.pool().get_postgres_connection_pool().connect_options()
    }

    /// Tells `observer` of each statement from now on.
    pub(in crate::store) fn observe(&self, observer: Observer) {
        self.state
            .send_modify(|state| state.observer = Some(observer));
    }

    /// The result of `work`, unless the database is away or goes away meanwhile.
    pub(in crate::store) async fn while_there<T, E: From<StoreError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if self.dialect == Dialect::Sqlite {
            return work.await;
        }
        tokio::select! {
            biased;
            () = self.until(false) => Err(unavailable("the database is away").into()),
            result = work => result,
        }
    }

    /// As [`Connections::while_there`], for one run of a use case.
    pub(in crate::store) async fn bounded<T, E: From<StoreError>>(
        &self,
        run: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self.dialect {
            Dialect::Sqlite => {
                self.check_file()?;
                run.await
            }
            Dialect::Postgres | Dialect::Citus => within(LONGEST_RUN, self.while_there(run)).await,
        }
    }

    /// Closes the pool. On PostgreSQL some connection may wait for an answer that will never arrive.
    pub(in crate::store) async fn close(&self) -> Result<(), StoreError> {
        let closing = async {
            let writers = Arc::clone(&self.state.borrow().writers);
            for kept in [writers, self.pool()] {
                kept.keep_no_more();
                kept.pool().clone().close().await?;
            }
            Ok(())
        };
        match self.dialect {
            Dialect::Sqlite => closing.await,
            Dialect::Postgres | Dialect::Citus => within(CLOSING, closing).await,
        }
    }

    /// Resolves when the database is there, or away.
    pub(in crate::store) async fn until(&self, there: bool) {
        let mut state = self.state.subscribe();
        // The sender lives as long as this does.
        let _ = state.wait_for(|state| state.away != there).await;
    }

    /// Asks the database again and again, and turns what is known of it and its clock. Never ends by
    /// itself.
    pub(in crate::store) async fn watch_over(&self, clock: &Clock) {
        let _claim = self.file.as_ref().and_then(SqliteFile::claim);
        let mut probe = self.probe.lock().await;
        loop {
            let answer = within(PATIENCE, self.ask(&mut probe, clock)).await;
            let was_away = self.state.borrow().away;
            match answer {
                Ok(over) => {
                    if was_away {
                        tracing::info!("the database answers again: serving");
                    }
                    if was_away || over == Over::New {
                        self.renew().await;
                    }
                }
                Err(error) if !was_away => {
                    tracing::warn!(%error, "the database does not answer: not serving");
                    self.state.send_modify(|state| state.away = true);
                }
                Err(_) => {}
            }
            self.give_back_old();
            tokio::time::sleep(INTERVAL).await;
        }
    }

    fn give_back_old(&self) {
        let state = self.state.borrow();
        state.pool.give_back_old();
        state.writers.give_back_old();
    }

    /// Whether the database is there and can be written to. A connection that fails, or that is not
    /// answered in time, is not asked again.
    async fn ask(
        &self,
        probe: &mut Option<PgConnection>,
        clock: &Clock,
    ) -> Result<Over, StoreError> {
        if self.dialect == Dialect::Sqlite {
            self.check_file()?;
            let mut connection = self.pool().borrow().await?;
            connection
                .ping()
                .await
                .map_err(StoreError::beside_the_pool)?;
            connection
                .end()
                .await
                .map_err(StoreError::beside_the_pool)?;
            let asked = clock.ask();
            self.tell(clock, asked, clock.wall());
            return Ok(Over::Known);
        }
        if let Some(mut known) = probe.take()
            && self.ask_primary(&mut known, clock).await.is_ok()
        {
            *probe = Some(known);
            return Ok(Over::Known);
        }
        let connecting = PgConnection::connect_with(&self.postgres_options()).await;
        let mut new = match connecting.map_err(StoreError::beside_the_pool) {
            Err(error) if is_full(&error) => return Ok(Over::Known),
            new => new?,
        };
        self.ask_primary(&mut new, clock).await?;
        let durable = durability::find(&mut new).await?;
        self.durable.store(durable, Ordering::Relaxed);
        *probe = Some(new);
        Ok(Over::New)
    }

    /// Asks a primary for its time. Fails if it cannot be written to.
    async fn ask_primary(
        &self,
        connection: &mut PgConnection,
        clock: &Clock,
    ) -> Result<(), StoreError> {
        let asked = clock.ask();
        let now = session::require_writable(connection).await?;
        self.tell(clock, asked, now);
        Ok(())
    }

    fn check_file(&self) -> Result<(), StoreError> {
        self.file.as_ref().map_or(Ok(()), SqliteFile::check)
    }

    /// Says that the database is there, and on PostgreSQL leaves all connections of before behind.
    async fn renew(&self) {
        let pool = match self.dialect {
            Dialect::Sqlite => {
                return self.state.send_modify(|state| state.away = false);
            }
            Dialect::Postgres | Dialect::Citus => {
                match Database::connect(self.options.clone()).await {
                    Ok(pool) => Arc::new(Kept::of(pool, self.pool().lent().cloned())),
                    // Cannot be: the options were good before, and nothing is connected yet. Asked again
                    // in a moment.
                    Err(error) => return tracing::error!(%error, "no new connections"),
                }
            }
        };
        let (mut old, mut was_away) = (None, false);
        self.state.send_modify(|state| {
            state.writers = Arc::clone(&pool);
            old = Some(std::mem::replace(&mut state.pool, pool));
            was_away = std::mem::replace(&mut state.away, false);
        });
        if let Some(old) = old {
            retire(&old, was_away).await;
        }
    }
}

/// Closes the connections of a pool that will not be used again. Those in use close with their last
/// user; if the database was `away`, when they come back, since all users have been sent away. Nobody
/// waits for that: some may wait for an answer that will never arrive.
async fn retire(old: &Kept, away: bool) {
    old.abandon_all();
    let pool = old.pool().get_postgres_connection_pool();
    while let Some(idle) = pool.try_acquire() {
        drop(idle.detach());
    }
    if away {
        let _ = timeout(RETIREMENT, pool.close()).await;
    }
}

fn is_full(error: &StoreError) -> bool {
    let StoreError::Unavailable(DbErr::Conn(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == TOO_MANY_CONNECTIONS)
}

async fn within<T, E: From<StoreError>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(unavailable(&format!("no answer within {limit:?}")).into()))
}

pub(in crate::store) fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(DbErr::Conn(RuntimeErr::Internal(why.to_owned())))
}
