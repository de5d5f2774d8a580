//! Connections that are kept from one use to the next.
//!
//! The driver's pool asks each connection that is given back for a sign of life: a round trip for every statement and
//! for every transaction. So one that has just done its work does not go back. It is [`KEPT`] for whoever comes
//! next. Then it goes back, is asked, and is closed if it is old: so what the pool promises holds, some seconds later.
//!
//! A connection of which a statement failed, or was given up before its answer, goes back at once. Whatever is wrong
//! with it, the pool finds out. One that broke while it was kept fails its next user, as one that broke in the pool
//! does: the pool, too, trusts what has been idle for a moment.
//!
//! No more connections are in use than the pool may have, and those who wait are served in their order: here, since
//! the pool does not see the connections that are kept.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sea_orm::{ConnAcquireErr, DatabaseConnection, DbBackend, DbErr, RuntimeErr};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{connect::ACQUIRE_TIMEOUT, driver::Connection};
use crate::metrics::Stopwatch;

/// How long a connection stays out of the pool, in use or kept, before it goes back.
const KEPT: Duration = Duration::from_secs(5);

/// The proof that a connection in use is there.
const NOT_ENDED: &str = "it is taken away at the end, which nothing outlives";

/// A pool, and the connections that are kept out of it.
#[derive(Debug)]
pub(in crate::store) struct Kept {
    pool: DatabaseConnection,
    /// How a transaction begins in a session that is lent for it; `None` where sessions last.
    lent: Option<Arc<str>>,
    /// How long a connection stays out of the pool at most.
    longest: Duration,
    /// One for each connection that the pool may have.
    permits: Arc<Semaphore>,
    /// Those that nobody uses, the one that was used last at the end; `None` when the pool is closed.
    idle: Mutex<Option<Vec<Taken>>>,
}

/// A connection out of the pool.
#[derive(Debug)]
struct Taken {
    connection: Connection,
    since: Stopwatch,
}

/// A connection in use. Unless the use comes to its [end](Borrowed::end), what has begun on it is rolled back, and it
/// goes back to the pool.
#[derive(Debug)]
pub(in crate::store) struct Borrowed {
    // Before the permit: who gets that finds the connection.
    taken: Option<Taken>,
    kept: Arc<Kept>,
    _permit: OwnedSemaphorePermit,
}

impl Kept {
    /// Nothing is kept out of this pool yet. `lent`: how a transaction begins if its sessions are lent for one each.
    pub(in crate::store) fn of(pool: DatabaseConnection, lent: Option<Arc<str>>) -> Self {
        let (_, _, max) = count(&pool);
        let max = usize::try_from(max).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            pool,
            lent,
            longest: KEPT,
            permits: Arc::new(Semaphore::new(max)),
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// The pool itself.
    pub(in crate::store) const fn pool(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// How a transaction begins in a session that is lent for it; `None` where sessions last.
    pub(in crate::store) const fn lent(&self) -> Option<&Arc<str>> {
        self.lent.as_ref()
    }

    /// How many connections are open, how many of them nobody uses, and how many there may be.
    pub(in crate::store) fn count(&self) -> (u32, u32, u32) {
        let kept = self.idle().as_ref().map_or(0, Vec::len);
        let (open, idle, max) = count(&self.pool);
        // They are not counted in the same instant.
        let idle = u32::try_from(idle + kept).unwrap_or(u32::MAX).min(open);
        (open, idle, max)
    }

    /// Waits for a connection for as long as requests do.
    pub(in crate::store) async fn borrow(self: &Arc<Self>) -> Result<Borrowed, DbErr> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = match timeout(ACQUIRE_TIMEOUT, permit).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(not_acquired(sqlx::Error::PoolClosed)),
            Err(_) => return Err(not_acquired(sqlx::Error::PoolTimedOut)),
        };
        self.give_back_old();
        let kept = self.idle().as_mut().and_then(Vec::pop);
        let taken = match kept {
            Some(kept) => kept,
            None => Taken {
                connection: self.acquire().await?,
                since: Stopwatch::start(),
            },
        };
        Ok(Borrowed {
            taken: Some(taken),
            kept: Arc::clone(self),
            _permit: permit,
        })
    }

    async fn acquire(&self) -> Result<Connection, DbErr> {
        let acquired = if self.pool.get_database_backend() == DbBackend::Sqlite {
            let pool = self.pool.get_sqlite_connection_pool();
            pool.acquire().await.map(Connection::Sqlite)
        } else {
            let pool = self.pool.get_postgres_connection_pool();
            let acquired = pool.acquire().await;
            acquired.map(|connection| Connection::Postgres(connection, self.lent.is_none()))
        };
        acquired.map_err(not_acquired)
    }

    /// Gives those back to the pool that have been out of it for so long.
    pub(in crate::store) fn give_back_old(&self) {
        self.give_back_if(|taken| taken.since.elapsed() >= self.longest);
    }

    /// Gives all back to the pool that nobody uses.
    pub(in crate::store) fn give_back(&self) {
        self.give_back_if(|_| true);
    }

    fn give_back_if(&self, due: impl Fn(&Taken) -> bool) {
        let mut back = Vec::new();
        if let Some(idle) = self.idle().as_mut() {
            back.extend(idle.extract_if(.., |taken| due(taken)));
        }
        // Without the lock.
        drop(back);
    }

    /// Gives all back to the pool, and keeps none from now on.
    pub(in crate::store) fn keep_no_more(&self) {
        let kept = self.idle().take();
        drop(kept);
    }

    /// Closes all at once, without a word to a database that may be away, and keeps none from now on.
    pub(in crate::store) fn abandon_all(&self) {
        let kept = self.idle().take();
        for taken in kept.into_iter().flatten() {
            taken.connection.abandon();
        }
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Taken>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Borrowed {
    /// Commits what has begun, and keeps the connection: all that it was told is answered.
    pub(in crate::store) async fn end(mut self) -> Result<(), sqlx::Error> {
        if self.is_in_transaction() {
            self.commit().await?;
        }
        let longest = self.kept.longest;
        if let Some(taken) = self.taken.take_if(|taken| taken.since.elapsed() < longest)
            && let Some(idle) = self.kept.idle().as_mut()
        {
            idle.push(taken);
        }
        Ok(())
    }
}

impl Deref for Borrowed {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.taken.as_ref().expect(NOT_ENDED).connection
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.taken.as_mut().expect(NOT_ENDED).connection
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(taken) = &mut self.taken
            && taken.connection.is_in_transaction()
        {
            taken.connection.start_rollback();
        }
    }
}

/// How many connections of a pool are open, how many of them are in it, and how many there may be.
fn count(pool: &DatabaseConnection) -> (u32, usize, u32) {
    if pool.get_database_backend() == DbBackend::Sqlite {
        let pool = pool.get_sqlite_connection_pool();
        let max = pool.options().get_max_connections();
        (pool.size(), pool.num_idle(), max)
    } else {
        let pool = pool.get_postgres_connection_pool();
        let max = pool.options().get_max_connections();
        (pool.size(), pool.num_idle(), max)
    }
}

fn not_acquired(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectOptions, Database, Statement};
    use tempfile::TempDir;

    use super::*;

    /// A pool of two connections to a database that has a table `numbers`. It keeps them for so long.
    async fn kept_for(longest: Duration) -> (TempDir, Arc<Kept>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", path.display()));
        options
            .max_connections(2)
            .min_connections(0)
            .connect_lazy(true);
        let pool = Database::connect(options).await.unwrap();
        let kept = Kept {
            longest,
            ..Kept::of(pool, None)
        };
        let kept = Arc::new(kept);
        let mut connection = kept.borrow().await.unwrap();
        let sql = "CREATE TABLE numbers (n INTEGER)";
        connection.execute_text(sql).await.unwrap();
        connection.end().await.unwrap();
        (directory, kept)
    }

    async fn kept() -> (TempDir, Arc<Kept>) {
        kept_for(KEPT).await
    }

    async fn numbers(connection: &mut Connection) -> i64 {
        let count = Statement::from_string(DbBackend::Sqlite, "SELECT count(*) FROM numbers");
        let row = connection.query_one(count).await.unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    }

    fn are_kept(kept: &Kept) -> usize {
        kept.idle().as_ref().map_or(0, Vec::len)
    }

    fn in_use(kept: &Kept) -> u32 {
        let (open, idle, _) = kept.count();
        open - idle
    }

    #[tokio::test]
    async fn the_next_user_has_the_connection_of_the_last_one() {
        let (_directory, kept) = kept().await;
        assert_eq!((are_kept(&kept), in_use(&kept)), (1, 0));
        let mut connection = kept.borrow().await.unwrap();
        assert_eq!((are_kept(&kept), in_use(&kept)), (0, 1));
        let marked = connection.execute_text("CREATE TEMP TABLE mark (n)").await;
        marked.unwrap();
        connection.end().await.unwrap();
        let mut same = kept.borrow().await.unwrap();
        same.execute_text("SELECT * FROM mark").await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_whose_use_does_not_end_is_not_kept_and_what_it_began_is_rolled_back() {
        let (_directory, kept) = kept().await;
        let mut connection = kept.borrow().await.unwrap();
        connection.begin(None).await.unwrap();
        let insert = "INSERT INTO numbers VALUES (1)";
        connection.execute_text(insert).await.unwrap();
        drop(connection);
        assert_eq!(are_kept(&kept), 0);

        let mut next = kept.borrow().await.unwrap();
        assert_eq!(numbers(&mut next).await, 0);
        next.begin(None).await.unwrap();
        next.execute_text(insert).await.unwrap();
        next.end().await.unwrap();
        assert_eq!(are_kept(&kept), 1);
        let mut last = kept.borrow().await.unwrap();
        assert!(!last.is_in_transaction());
        assert_eq!(numbers(&mut last).await, 1);
    }

    #[tokio::test]
    async fn no_more_are_in_use_than_the_pool_may_have() {
        let (_directory, kept) = kept().await;
        let (one, other) = (kept.borrow().await.unwrap(), kept.borrow().await.unwrap());
        let mut waiting = std::pin::pin!(kept.borrow());
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("there are two"),
            () = std::future::ready(()) => {}
        }
        one.end().await.unwrap();
        waiting.await.unwrap();
        other.end().await.unwrap();
    }

    #[tokio::test]
    async fn what_has_been_out_of_the_pool_for_long_goes_back() {
        let (_directory, kept) = kept_for(Duration::ZERO).await;
        assert_eq!(are_kept(&kept), 0, "after its use");
        let (_directory, kept) = self::kept().await;
        kept.give_back_old();
        assert_eq!(are_kept(&kept), 1, "it is not old yet");
        kept.give_back();
        assert_eq!(are_kept(&kept), 0);
    }

    #[tokio::test]
    async fn a_pool_that_is_closed_keeps_nothing_and_waits_for_nothing() {
        let (_directory, kept) = kept().await;
        let in_use = kept.borrow().await.unwrap();
        kept.keep_no_more();
        in_use.end().await.unwrap();
        assert_eq!(are_kept(&kept), 0);
        kept.pool().clone().close().await.unwrap();
        kept.borrow().await.unwrap_err();
    }
}
