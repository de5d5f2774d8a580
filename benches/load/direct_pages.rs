//! The floor of the database for a page of a list: the best SQL by hand for the newest 50 entries, each with its
//! newest message and its conversation's name.
//!
//! On PostgreSQL these are three statements, with as many connections as the service has. On SQLite the rows are
//! one statement, and each message and each name is found by its key; there are as many connections and
//! threads as cores. Nobody makes an answer of what was read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use rusqlite::params;
use sqlx::{PgPool, Row as _, postgres::PgRow};

use crate::{
    direct::Direct,
    direct_sqlite,
    drive::{self, Caller, Times},
    process,
    support::Outcome,
};

/// Both databases take it.
pub const ROWS: &str = "\
    SELECT conversation_key, last_seq, last_time, hidden_through, cleared_through, read_through, pinned_at, muted, \
        marks, custom_data \
    FROM members WHERE user_id = $1 AND (last_seq IS NULL OR last_seq > unlisted_through) \
    ORDER BY last_time DESC, conversation_key LIMIT 51";

const POSTGRES_MESSAGES: &str = "\
    SELECT m.conversation_key, m.seq, m.sender_user_id, m.send_time, m.payload_type, m.content \
    FROM unnest($1::bytea[], $2::bigint[]) AS i(conversation_key, seq) CROSS JOIN messages AS m \
    WHERE m.conversation_key = i.conversation_key AND m.seq = i.seq";

const POSTGRES_HEADS: &str = "\
    SELECT c.conversation_key, c.canonical_id \
    FROM unnest($1::bytea[]) AS i(conversation_key) CROSS JOIN conversations AS c \
    WHERE c.conversation_key = i.conversation_key";

pub const SQLITE_MESSAGE: &str = "\
    SELECT sender_user_id, send_time, payload_type, content FROM messages WHERE conversation_key = ?1 AND seq = ?2";

pub const SQLITE_HEAD: &str = "SELECT canonical_id FROM conversations WHERE conversation_key = ?1";

impl Direct {
    /// Reads the first page of each of these users, for so many callers.
    pub async fn read_pages(&self, users: Vec<String>, callers: usize) -> Outcome<Times> {
        let (count, users) = (users.len(), Arc::new(users));
        match self {
            Self::Postgres(pool) => {
                let pool = pool.clone();
                let call: Caller = Arc::new(move |_, number| {
                    let (pool, users) = (pool.clone(), Arc::clone(&users));
                    Box::pin(async move { in_postgres(&pool, &users[number]).await })
                });
                drive::closed(callers, count, &call).await
            }
            Self::Sqlite(file) => {
                let next = Arc::new(AtomicUsize::new(0));
                let begun = Instant::now();
                let threads: Vec<_> = (0..callers.min(process::cores()))
                    .map(|_| {
                        let (file, users, next) =
                            (file.clone(), Arc::clone(&users), Arc::clone(&next));
                        tokio::task::spawn_blocking(move || in_sqlite(&file, &users, &next))
                    })
                    .collect();
                let mut times = Times::default();
                for thread in threads {
                    times.calls.extend(thread.await??.calls);
                }
                times.elapsed = begun.elapsed();
                Ok(times)
            }
        }
    }
}

async fn in_postgres(pool: &PgPool, user: &str) -> Outcome<()> {
    rows_in_postgres(pool, user).await?;
    Ok(())
}

/// The rows of a page, its messages and its heads.
pub async fn rows_in_postgres(pool: &PgPool, user: &str) -> Outcome<[Vec<PgRow>; 3]> {
    let rows = sqlx::query(ROWS).bind(user).fetch_all(pool).await?;
    let (mut keys, mut seqs) = (Vec::new(), Vec::new());
    for row in &rows {
        keys.push(row.try_get::<Vec<u8>, _>(0)?);
        seqs.push(row.try_get::<i64, _>(1)?);
    }
    let messages = sqlx::query(POSTGRES_MESSAGES).bind(&keys).bind(&seqs);
    let messages = messages.fetch_all(pool).await?;
    let heads = sqlx::query(POSTGRES_HEADS).bind(&keys);
    let heads = heads.fetch_all(pool).await?;
    Ok([rows, messages, heads])
}

/// Reads pages until there are no more users.
fn in_sqlite(file: &str, users: &[String], next: &AtomicUsize) -> Outcome<Times> {
    let connection = direct_sqlite::open(file)?;
    let mut rows = connection.prepare(ROWS)?;
    let mut message = connection.prepare(SQLITE_MESSAGE)?;
    let mut head = connection.prepare(SQLITE_HEAD)?;
    let mut times = Times::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(user) = users.get(number) else {
            return Ok(times);
        };
        let begun = Instant::now();
        let mut rows = rows.query([user])?;
        while let Some(row) = rows.next()? {
            let (key, seq): (Vec<u8>, i64) = (row.get(0)?, row.get(1)?);
            message.query_row(params![key, seq], |row| row.get::<_, Vec<u8>>(3))?;
            head.query_row([&key], |row| row.get::<_, String>(0))?;
        }
        times.calls.push((number, begun.elapsed()));
    }
}
