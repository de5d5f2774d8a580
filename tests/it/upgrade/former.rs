//! A database as a former version has left it.

use std::{fmt::Write as _, fs::File};

use ring::digest::{SHA256, digest};

use crate::support::{
    clock::TestClock,
    databases::{Backend, TestDatabase},
    rows::Rows,
    server::{TestServer, config},
};

/// The migrations that the former version had.
const MIGRATIONS: [&str; 4] = [
    "m20261124_000001_conversations",
    "m20261124_000002_undo_and_erasure",
    "m20261124_000003_settings_and_folders",
    "m20261124_000004_callers",
];

/// The tables of the former version, to be filled.
pub(super) struct Former<'a> {
    database: &'a TestDatabase,
    clock: TestClock,
    rows: Rows,
}

/// A value of a column, as SQL.
pub(super) struct Sql(String);

impl From<i64> for Sql {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<&str> for Sql {
    fn from(text: &str) -> Self {
        Self(format!("'{}'", text.replace('\'', "''")))
    }
}

impl<'a> Former<'a> {
    /// Makes the tables.
    pub(super) async fn on(database: &'a TestDatabase) -> Self {
        if let Some(file) = database.url().strip_prefix("sqlite://") {
            File::create(file).expect("the file can be made");
        }
        let rows = Rows::of(database).await;
        rows.run(match database.backend() {
            Backend::Sqlite => include_str!("000004.sqlite.sql"),
            Backend::Postgres => include_str!("000004.postgres.sql"),
        })
        .await;
        let former = Self {
            database,
            clock: TestClock::new(),
            rows,
        };
        for migration in MIGRATIONS {
            let row = [("version", migration.into()), ("applied_at", 1.into())];
            former.insert("conversation_schema", row).await;
        }
        former
    }

    /// The time, in microseconds, at which the rows are written.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_micros()
    }

    /// Puts a row into a table; columns that are not named are as if they were never written.
    pub(super) async fn insert<const N: usize>(&self, table: &str, row: [(&str, Sql); N]) {
        let (mut columns, mut values) = (String::new(), String::new());
        for (place, (column, Sql(value))) in row.into_iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(columns, "{comma}{column}").expect("a text can be written to");
            write!(values, "{comma}{value}").expect("a text can be written to");
        }
        let sql = format!("INSERT INTO {table} ({columns}) VALUES ({values})");
        self.rows.run(&sql).await;
    }

    /// Sets a column of all rows of a table.
    pub(super) async fn set_all(&self, table: &str, column: &str, Sql(value): Sql) {
        let sql = format!("UPDATE {table} SET {column} = {value}");
        self.rows.run(&sql).await;
    }

    /// Sets columns of a user's row of a chat with a friend.
    pub(super) async fn set(&self, user: &str, friend: &str, assignments: &str) {
        let Sql(key) = self.key(&canonical(user, friend));
        let sql = format!(
            "UPDATE members SET {assignments} WHERE user_id = '{user}' AND conversation_key = {key}"
        );
        self.rows.run(&sql).await;
    }

    /// A one-to-one chat in which `friend` has sent this many messages.
    pub(super) async fn chat(&self, user: &str, friend: &str, messages: i64) {
        let canonical = canonical(user, friend);
        let head = [
            ("conversation_key", self.key(&canonical)),
            ("canonical_id", canonical.as_str().into()),
            ("last_seq", messages.into()),
            ("last_time", self.now().into()),
        ];
        self.insert("conversations", head).await;
        for seq in 1..=messages {
            let message = [
                ("conversation_key", self.key(&canonical)),
                ("seq", seq.into()),
                ("sender_user_id", friend.into()),
                ("send_time", self.now().into()),
                ("content", self.bytes(format!("{friend} {seq}").as_bytes())),
            ];
            self.insert("messages", message).await;
        }
        for (member, read) in [(user, 0), (friend, messages)] {
            let member = [
                ("user_id", member.into()),
                ("conversation_key", self.key(&canonical)),
                ("kind", 1.into()),
                ("read_through", read.into()),
                ("last_seq", messages.into()),
                ("last_time", self.now().into()),
            ];
            self.insert("members", member).await;
        }
    }

    /// A change that was recorded, of chats with these friends; `more` are columns beside those that
    /// every change has.
    pub(super) async fn change<const N: usize>(
        &self,
        (user, revision): (&str, i64),
        kind: i64,
        (friends, results): (&[&str], &str),
        more: [(&str, Sql); N],
    ) {
        let ids: Vec<_> = friends
            .iter()
            .map(|friend| format!("C2C{friend}"))
            .collect();
        let ids = serde_json::json!(ids).to_string();
        let change = [
            ("user_id", user.into()),
            ("revision", revision.into()),
            ("kind", kind.into()),
            ("changed_at", self.now().into()),
            ("synced", 1.into()),
            ("conversations", ids.as_str().into()),
            ("results", results.into()),
        ];
        self.insert("changes", change).await;
        for (column, Sql(value)) in more {
            let sql = format!(
                "UPDATE changes SET {column} = {value} \
                 WHERE user_id = '{user}' AND revision = {revision}"
            );
            self.rows.run(&sql).await;
        }
        let sql = format!(
            "INSERT INTO users (user_id, revision) VALUES ('{user}', {revision}) \
             ON CONFLICT (user_id) DO UPDATE SET revision = {revision}"
        );
        self.rows.run(&sql).await;
    }

    /// Bytes as the database's SQL has them.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Sql {
        let mut hex = String::new();
        for byte in bytes {
            write!(hex, "{byte:02x}").expect("a text can be written to");
        }
        Sql(match self.database.backend() {
            Backend::Sqlite => format!("x'{hex}'"),
            Backend::Postgres => format!("'\\x{hex}'::bytea"),
        })
    }

    /// The key of the conversation with this canonical ID.
    pub(super) fn key(&self, canonical: &str) -> Sql {
        self.bytes(&digest(&SHA256, canonical.as_bytes()).as_ref()[..16])
    }

    /// The present version, which has migrated the database, and the clock that it reads.
    pub(super) async fn upgraded(self) -> (TestServer, TestClock) {
        self.rows.close().await;
        let server = TestServer::start_with(config(self.database), &self.clock).await;
        (server, self.clock)
    }
}

/// The canonical ID of a one-to-one chat.
pub(super) fn canonical(one: &str, other: &str) -> String {
    let (first, second) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    format!("C2C\n{first}\n{second}")
}
