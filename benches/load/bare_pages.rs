//! The least that a service can be that answers with the first page of a list: it reads the page by the SQL of the
//! floor, makes the answer of it, and checks nothing. On SQLite it reads by `rusqlite`, on as many threads as there
//! are cores.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use conversation_service::proto::{
    Conversation, ConversationId, ListConversationsResponse, Membership, Message, MessageBody,
    conversation_id::Id, message_body::Content,
};
use prost_types::Timestamp;
use rusqlite::{Connection, params};
use sqlx::{PgPool, Row as _, postgres::PgRow};
use tokio::sync::Semaphore;

use crate::{
    direct_pages::{self, ROWS, SQLITE_HEAD, SQLITE_MESSAGE},
    direct_postgres, direct_sqlite, process,
    support::Outcome,
};

#[derive(Clone)]
pub enum Pages {
    Postgres(PgPool),
    Sqlite(Arc<Files>),
}

/// Connections to a file that wait to be used.
pub struct Files {
    file: String,
    idle: Mutex<Vec<Connection>>,
    threads: Semaphore,
}

/// An entry of the list, of the tables' columns.
struct Entry {
    canonical_id: String,
    seq: i64,
    seen: i64,
    pinned: bool,
    muted: bool,
    marks: i64,
    custom_data: Vec<u8>,
    sender: Option<String>,
    time: i64,
    text: Vec<u8>,
}

impl Pages {
    pub async fn connect(url: &str) -> Outcome<Self> {
        if url.starts_with("postgres") {
            return Ok(Self::Postgres(direct_postgres::pool(url).await?));
        }
        Ok(Self::Sqlite(Arc::new(Files {
            file: direct_sqlite::file(url)?,
            idle: Mutex::default(),
            threads: Semaphore::new(process::cores()),
        })))
    }

    /// The first page of this user's list.
    pub async fn answer(&self, user: String) -> Outcome<ListConversationsResponse> {
        match self {
            Self::Postgres(pool) => {
                let entries = in_postgres(pool, &user).await?;
                Ok(answer(&user, entries))
            }
            Self::Sqlite(files) => {
                let _thread = files.threads.acquire().await?;
                let files = Arc::clone(files);
                tokio::task::spawn_blocking(move || {
                    let idle = || files.idle.lock().unwrap_or_else(PoisonError::into_inner);
                    let connection = idle().pop();
                    let connection = match connection {
                        Some(connection) => connection,
                        None => direct_sqlite::open(&files.file)?,
                    };
                    let entries = in_sqlite(&connection, &user)?;
                    idle().push(connection);
                    Ok(answer(&user, entries))
                })
                .await?
            }
        }
    }
}

async fn in_postgres(pool: &PgPool, user: &str) -> Outcome<Vec<Entry>> {
    let [rows, messages, heads] = direct_pages::rows_in_postgres(pool, user).await?;
    let (messages, heads) = (by_key(&messages)?, by_key(&heads)?);
    let entries = rows.iter().map(|row| {
        let key: Vec<u8> = row.try_get(0)?;
        let (message, head) = (messages.get(&key), heads.get(&key));
        let (message, head) = message.zip(head).ok_or("a conversation has no message")?;
        Ok(Entry {
            canonical_id: head.try_get(1)?,
            seq: row.try_get(1)?,
            seen: [row.try_get(3)?, row.try_get(4)?, row.try_get(5)?]
                .into_iter()
                .fold(0, i64::max),
            pinned: row.try_get::<Option<i64>, _>(6)?.is_some(),
            muted: row.try_get::<i16, _>(7)? != 0,
            marks: row.try_get(8)?,
            custom_data: row.try_get::<Option<_>, _>(9)?.unwrap_or_default(),
            sender: message.try_get(2)?,
            time: message.try_get(3)?,
            text: message.try_get(5)?,
        })
    });
    entries.collect()
}

fn by_key(rows: &[PgRow]) -> Outcome<HashMap<Vec<u8>, &PgRow>> {
    rows.iter().map(|row| Ok((row.try_get(0)?, row))).collect()
}

fn in_sqlite(connection: &Connection, user: &str) -> Outcome<Vec<Entry>> {
    let mut rows = connection.prepare_cached(ROWS)?;
    let mut message = connection.prepare_cached(SQLITE_MESSAGE)?;
    let mut head = connection.prepare_cached(SQLITE_HEAD)?;
    let mut rows = rows.query([user])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, seq): (Vec<u8>, i64) = (row.get(0)?, row.get(1)?);
        let (sender, time, text) = message.query_row(params![key, seq], |message| {
            Ok((message.get(0)?, message.get(1)?, message.get(3)?))
        })?;
        entries.push(Entry {
            canonical_id: head.query_row([&key], |head| head.get(0))?,
            seq,
            seen: [row.get(3)?, row.get(4)?, row.get(5)?]
                .into_iter()
                .fold(0, i64::max),
            pinned: row.get::<_, Option<i64>>(6)?.is_some(),
            muted: row.get::<_, i64>(7)? != 0,
            marks: row.get(8)?,
            custom_data: row.get::<_, Option<_>>(9)?.unwrap_or_default(),
            sender,
            time,
            text,
        });
    }
    Ok(entries)
}

fn answer(user: &str, mut entries: Vec<Entry>) -> ListConversationsResponse {
    // One more was read than is shown, to know whether there is a next page.
    entries.truncate(50);
    let conversations = entries.into_iter().map(|entry| conversation(user, entry));
    ListConversationsResponse {
        conversations: conversations.collect(),
        next_page_token: "x".repeat(64),
        revision: 1,
        as_of: Some(timestamp(1_800_000_000_000_000)),
    }
}

fn conversation(user: &str, entry: Entry) -> Conversation {
    let mut sides = entry.canonical_id.lines().skip(1);
    let other = sides.find(|side| *side != user).unwrap_or(user);
    let id = ConversationId {
        id: Some(Id::C2cUserId(other.to_owned())),
    };
    let text = String::from_utf8_lossy(&entry.text).into_owned();
    Conversation {
        conversation_id: Some(id.clone()),
        last_message: Some(Message {
            conversation_id: Some(id),
            seq: entry.seq.cast_unsigned(),
            sender_user_id: entry.sender.unwrap_or_default(),
            send_time: Some(timestamp(entry.time)),
            body: Some(MessageBody {
                content: Some(Content::Text(text)),
            }),
        }),
        last_seq: entry.seq.cast_unsigned(),
        unread_count: (entry.seq - entry.seen).max(0).cast_unsigned(),
        pinned: entry.pinned,
        muted: entry.muted,
        marks: entry.marks.cast_unsigned(),
        custom_data: entry.custom_data,
        update_time: Some(timestamp(entry.time)),
        folders: Vec::new(),
        membership: Membership::Member.into(),
    }
}

fn timestamp(micros: i64) -> Timestamp {
    Timestamp {
        seconds: micros / 1_000_000,
        nanos: (micros % 1_000_000 * 1_000) as i32,
    }
}
