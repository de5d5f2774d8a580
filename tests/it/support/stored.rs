//! Looks into the database behind the service's back: what is really stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, QueryResult,
    Statement,
};

use super::{
    citus,
    databases::{Backend, TestDatabase},
};

/// A connection to a test's database that is not the service's.
pub(crate) struct Stored {
    connection: DatabaseConnection,
    backend: Backend,
    url: String,
}

impl Stored {
    /// Connects.
    pub(crate) async fn open(database: &TestDatabase) -> Self {
        let mut options = ConnectOptions::new(database.url());
        options.max_connections(1);
        let connection = Database::connect(options).await;
        let connection = connection.expect("the database accepts connections");
        citus::allow_any_join(&connection).await;
        Self {
            connection,
            backend: database.backend(),
            url: database.url().to_owned(),
        }
    }

    /// The sequence numbers of all messages, by the canonical text of their conversation.
    pub(crate) async fn messages(&self) -> BTreeMap<String, BTreeSet<u64>> {
        let rows = self.query(
            "SELECT c.canonical_id AS conversation, m.seq AS seq \
             FROM messages AS m JOIN conversations AS c ON c.conversation_key = m.conversation_key",
        );
        let mut messages: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for row in rows.await {
            let conversation: String = row.try_get("", "conversation").expect("a text");
            let seq: i64 = row.try_get("", "seq").expect("a number");
            let seqs = messages.entry(conversation).or_default();
            seqs.insert(u64::try_from(seq).expect("a position"));
        }
        messages
    }

    /// The one number that a query gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let rows = self.query(sql).await;
        let [row] = rows.as_slice() else {
            panic!("{sql} gives {} rows", rows.len());
        };
        row.try_get_by_index(0).expect("a number")
    }

    /// Runs a statement that changes something; returns how many rows it has changed.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        let done = self.connection.execute_raw(self.statement(sql)).await;
        done.expect("the statement is carried out").rows_affected()
    }

    /// Everything that is stored, as bytes: SQLite's files as they are, or every text and every
    /// sequence of bytes in any row of PostgreSQL.
    pub(crate) async fn everything(&self) -> Vec<u8> {
        match self.backend {
            Backend::Sqlite => {
                let file = self.url.trim_start_matches("sqlite://");
                let parts = ["", "-wal", "-shm", "-journal"].map(|part| format!("{file}{part}"));
                parts
                    .iter()
                    .flat_map(|part| fs::read(part).unwrap_or_default())
                    .collect()
            }
            Backend::Postgres => self.every_value().await,
        }
    }

    async fn every_value(&self) -> Vec<u8> {
        let columns = self.query(
            "SELECT table_name::text AS of, column_name::text AS name, data_type::text AS type \
             FROM information_schema.columns \
             WHERE table_schema = 'public' AND data_type IN ('bytea', 'text', 'character varying')",
        );
        let mut all = Vec::new();
        for column in columns.await {
            let part = |name| column.try_get::<String>("", name).expect("a text");
            let (table, name, kind) = (part("of"), part("name"), part("type"));
            let bytes = if kind == "bytea" {
                format!("\"{name}\"")
            } else {
                format!("convert_to(\"{name}\"::text, 'UTF8')")
            };
            let sql =
                format!("SELECT {bytes} AS value FROM \"{table}\" WHERE \"{name}\" IS NOT NULL");
            for row in self.query(&sql).await {
                let value: Vec<u8> = row.try_get("", "value").expect("bytes");
                all.extend(value);
                all.push(0);
            }
        }
        all
    }

    async fn query(&self, sql: &str) -> Vec<QueryResult> {
        let rows = self.connection.query_all_raw(self.statement(sql)).await;
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn statement(&self, sql: &str) -> Statement {
        let backend = match self.backend {
            Backend::Sqlite => DbBackend::Sqlite,
            Backend::Postgres => DbBackend::Postgres,
        };
        Statement::from_string(backend, sql)
    }
}

/// The beginning of a marker; its number follows.
const MARKER: &str = "~marker~";
/// How many digits a marker's number has.
const DIGITS: usize = 8;

/// A text of about `length` bytes that says nothing but its number, over and over.
pub(crate) fn marked(number: u32, length: usize) -> String {
    let marker = format!("{MARKER}{number:0DIGITS$}");
    marker.repeat(length / marker.len() + 1)
}

/// The numbers of the marked texts of which anything is left in these bytes.
pub(crate) fn markers(bytes: &[u8]) -> BTreeSet<u32> {
    let marker = MARKER.as_bytes();
    let places = (0..bytes.len()).filter(|place| bytes[*place..].starts_with(marker));
    let numbers = places.filter_map(|place| {
        let digits = bytes.get(place + marker.len()..place + marker.len() + DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    });
    numbers.collect()
}
