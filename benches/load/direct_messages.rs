//! The floor of the database for messages: the best SQL by hand for one that goes to two users and can be
//! retried. It does not look for an earlier try: the unique index refuses one.
//!
//! On PostgreSQL that is one statement, with as many connections as the service has; or, to compare with, a
//! transaction of two. On SQLite it is one transaction on one connection and one thread, as SQLite has one writer
//! at a time; by `rusqlite`, for the reason that [`super::direct_sqlite`] gives.

use std::{sync::Arc, time::Instant};

use conversation_service::machine;
use rusqlite::params;
use sqlx::PgPool;

use crate::{
    direct::Direct,
    direct_sqlite,
    drive::{self, Caller, Times},
    support::Outcome,
};

/// A message as it is stored.
#[derive(Debug)]
pub struct Stored {
    pub sender: String,
    pub recipient: String,
    pub canonical_id: String,
    pub key: Vec<u8>,
    pub client_message_id: String,
}

const CONTENT: &[u8] = b"hi";

const POSTGRES: &str = r#"
WITH head AS (
    INSERT INTO conversations AS c (conversation_key, canonical_id, last_seq, last_time)
    VALUES ($1, $2, 1, $3)
    ON CONFLICT (conversation_key) DO UPDATE SET
        last_seq = c.last_seq + 1, last_time = excluded.last_time
    RETURNING last_seq
),
stored AS (
    INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, send_time, content)
    SELECT $1, last_seq, $4, $6, $3, $7 FROM head
),
arrived AS (
    INSERT INTO members AS m (user_id, conversation_key, kind, read_through, last_seq, last_time)
    SELECT u.user_id, $1, 1, CASE WHEN u.user_id = $4 THEN h.last_seq ELSE 0 END, h.last_seq, $3
    FROM head AS h CROSS JOIN unnest(ARRAY[$4, $5]::text[] COLLATE "C") AS u(user_id)
    ORDER BY u.user_id
    ON CONFLICT (user_id, conversation_key) DO UPDATE SET
        read_through = GREATEST(m.read_through, excluded.read_through),
        last_seq = excluded.last_seq, last_time = excluded.last_time
)
SELECT last_seq FROM head"#;

/// The conversation's side of the same.
const POSTGRES_HEAD: &str = "\
WITH head AS (
    INSERT INTO conversations AS c (conversation_key, canonical_id, last_seq, last_time)
    VALUES ($1, $2, 1, $3)
    ON CONFLICT (conversation_key) DO UPDATE SET
        last_seq = c.last_seq + 1, last_time = excluded.last_time
    RETURNING last_seq
)
INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, send_time, content)
SELECT $1, last_seq, $4, $5, $3, $6 FROM head
RETURNING seq";

/// The users' side.
const POSTGRES_MEMBERS: &str = r#"
INSERT INTO members AS m (user_id, conversation_key, kind, read_through, last_seq, last_time)
SELECT u.user_id, $1, 1, CASE WHEN u.user_id = $2 THEN $4 ELSE 0 END, $4, $5
FROM unnest(ARRAY[$2, $3]::text[] COLLATE "C") AS u(user_id)
ORDER BY u.user_id
ON CONFLICT (user_id, conversation_key) DO UPDATE SET
    read_through = GREATEST(m.read_through, excluded.read_through),
    last_seq = excluded.last_seq, last_time = excluded.last_time"#;

const SQLITE_HEAD: &str = "INSERT INTO conversations AS c (conversation_key, canonical_id, last_seq, last_time) \
     VALUES (?1, ?2, 1, ?3) \
     ON CONFLICT (conversation_key) DO UPDATE SET \
         last_seq = c.last_seq + 1, last_time = excluded.last_time \
     RETURNING last_seq";

const SQLITE_MESSAGE: &str = "INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, send_time, content) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const SQLITE_MEMBERS: &str = "INSERT INTO members AS m (user_id, conversation_key, kind, read_through, last_seq, last_time) \
     VALUES (?1, ?3, 1, ?4, ?4, ?5), (?2, ?3, 1, 0, ?4, ?5) \
     ON CONFLICT (user_id, conversation_key) DO UPDATE SET \
         read_through = MAX(m.read_through, excluded.read_through), \
         last_seq = excluded.last_seq, last_time = excluded.last_time";

/// How direct SQL stores a message.
#[derive(Debug, Clone, Copy)]
pub enum Storing {
    Fastest,
    /// In a transaction of two statements. The same on SQLite.
    InTransaction,
}

impl Direct {
    /// Stores the messages, from so many callers.
    pub async fn store(
        &self,
        messages: Vec<Stored>,
        callers: usize,
        by: Storing,
    ) -> Outcome<Times> {
        match self {
            Self::Postgres(pool) => {
                let (pool, count) = (pool.clone(), messages.len());
                let messages = Arc::new(messages);
                let call: Caller = Arc::new(move |_, number| {
                    let (pool, messages) = (pool.clone(), Arc::clone(&messages));
                    Box::pin(async move {
                        let message = &messages[number];
                        match by {
                            Storing::Fastest => in_one_statement(&pool, message).await,
                            Storing::InTransaction => in_transaction(&pool, message).await,
                        }
                    })
                });
                drive::closed(callers, count, &call).await
            }
            Self::Sqlite(file) => {
                let file = file.clone();
                tokio::task::spawn_blocking(move || in_sqlite(&file, &messages)).await?
            }
        }
    }
}

fn now() -> i64 {
    machine::clock().now().as_micros()
}

async fn in_one_statement(pool: &PgPool, message: &Stored) -> Outcome<()> {
    let stored = sqlx::query(POSTGRES)
        .bind(&message.key)
        .bind(&message.canonical_id)
        .bind(now())
        .bind(&message.sender)
        .bind(&message.recipient)
        .bind(&message.client_message_id)
        .bind(CONTENT);
    stored.fetch_one(pool).await?;
    Ok(())
}

async fn in_transaction(pool: &PgPool, message: &Stored) -> Outcome<()> {
    let time = now();
    let mut transaction = pool.begin().await?;
    let seq: i64 = sqlx::query_scalar(POSTGRES_HEAD)
        .bind(&message.key)
        .bind(&message.canonical_id)
        .bind(time)
        .bind(&message.sender)
        .bind(&message.client_message_id)
        .bind(CONTENT)
        .fetch_one(&mut *transaction)
        .await?;
    let members = sqlx::query(POSTGRES_MEMBERS)
        .bind(&message.key)
        .bind(&message.sender)
        .bind(&message.recipient)
        .bind(seq)
        .bind(time);
    members.execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

fn in_sqlite(file: &str, messages: &[Stored]) -> Outcome<Times> {
    let connection = direct_sqlite::open(file)?;
    let mut start = connection.prepare("BEGIN IMMEDIATE")?;
    let mut head = connection.prepare(SQLITE_HEAD)?;
    let mut store = connection.prepare(SQLITE_MESSAGE)?;
    let mut arrive = connection.prepare(SQLITE_MEMBERS)?;
    let mut commit = connection.prepare("COMMIT")?;
    let mut times = Times::default();
    let begun = Instant::now();
    for (number, message) in messages.iter().enumerate() {
        let (key, time) = (&message.key, now());
        let begun = Instant::now();
        start.execute([])?;
        let seq: i64 =
            head.query_row(params![key, message.canonical_id, time], |row| row.get(0))?;
        let name = &message.client_message_id;
        store.execute(params![key, seq, message.sender, name, time, CONTENT])?;
        arrive.execute(params![message.sender, message.recipient, key, seq, time])?;
        commit.execute([])?;
        times.calls.push((number, begun.elapsed()));
    }
    times.elapsed = begun.elapsed();
    Ok(times)
}
