//! The rows behind the API, for what no caller can see and for data that would be slow to feed in.

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, QueryResult,
    Statement,
};

use tokio::time::timeout;

use super::{
    citus,
    databases::{Backend, TestDatabase},
    stage::PATIENCE,
};

/// A connection of the test's own to a database of the service.
pub(crate) struct Rows {
    connection: DatabaseConnection,
    is_on_cluster: bool,
}

impl Rows {
    /// Connects.
    pub(crate) async fn of(database: &TestDatabase) -> Self {
        let mut options = ConnectOptions::new(database.url());
        options.max_connections(1).sqlx_logging(false);
        let connection = Database::connect(options).await;
        let connection = connection.expect("the test database can be reached");
        let is_on_cluster = citus::allow_any_join(&connection).await;
        Self {
            connection,
            is_on_cluster,
        }
    }

    /// Runs statements that return nothing, separated by semicolons.
    pub(crate) async fn run(&self, sql: &str) {
        let done = self.connection.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{error}\nin: {sql}"));
    }

    /// The rows of a query.
    pub(crate) async fn query(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.backend(), sql);
        self.query_statement(statement).await
    }

    /// The rows of a query with values.
    pub(crate) async fn query_statement(&self, statement: Statement) -> Vec<QueryResult> {
        let sql = statement.sql.clone();
        let rows = self.connection.query_all_raw(statement).await;
        rows.unwrap_or_else(|error| panic!("{error}\nin: {sql}"))
    }

    /// The one number of a query such as `SELECT count(*) …`.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let rows = self.query(sql).await;
        let number = rows.first().and_then(|row| row.try_get_by_index(0).ok());
        number.unwrap_or_else(|| panic!("not one number: {sql}"))
    }

    /// How many rows of a user are in the index that lists are read from.
    pub(crate) async fn in_lists_index(&self, user: &str) -> i64 {
        let sql = format!(
            "SELECT count(*) FROM members \
             WHERE user_id = '{user}' AND (last_seq IS NULL OR last_seq > unlisted_through)"
        );
        self.number(&sql).await
    }

    /// Asks for a number until it is as it must become; not finding it so in time is a failure.
    pub(crate) async fn until(&self, sql: &str, holds: impl Fn(i64) -> bool) {
        let asked = timeout(PATIENCE, async {
            while !holds(self.number(sql).await) {
                tokio::task::yield_now().await;
            }
        });
        asked
            .await
            .unwrap_or_else(|_| panic!("it never became so: {sql}"));
    }

    /// Asks how many statements wait for a lock of PostgreSQL's, in this test's database alone (the
    /// cluster serves other tests at the same time), until there are as many as there must be.
    pub(crate) async fn until_waiting(&self, holds: impl Fn(i64) -> bool) {
        // On a cluster it is the workers that wait.
        let activity = if self.is_on_cluster {
            "citus_stat_activity"
        } else {
            "pg_stat_activity"
        };
        let waiting = format!(
            "SELECT count(*) FROM {activity} \
             WHERE datname = current_database() AND wait_event_type = 'Lock'"
        );
        self.until(&waiting, holds).await;
    }

    /// Waits until no transaction of others is under way in this test's database: PostgreSQL notices only after
    /// a moment that a client was killed, and rolls back then.
    pub(crate) async fn until_idle(&self) {
        if self.backend() == DbBackend::Postgres {
            let under_way = "SELECT count(*) FROM pg_stat_activity \
                             WHERE datname = current_database() AND pid <> pg_backend_pid() \
                             AND xact_start IS NOT NULL";
            self.until(under_way, |count| count == 0).await;
        }
    }

    /// Which kind of database it is, as the driver names it.
    pub(crate) fn backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    /// Disconnects.
    pub(crate) async fn close(self) {
        let closed = self.connection.close().await;
        closed.expect("the connection can be closed");
    }

    /// Checks what must hold of the rows at any time, whatever happened to the service.
    pub(crate) async fn assert_whole(&self) {
        assert_eq!(self.broken().await, [""; 0]);
    }

    /// The rules that the rows break although they must hold, whatever happened to the service.
    pub(crate) async fn broken(&self) -> Vec<&'static str> {
        let mut broken = Vec::new();
        for (what, sql) in WHOLE {
            if self.number(sql).await != 0 {
                broken.push(*what);
            }
        }
        broken
    }
}

/// Each kind of row that must never be found, and the statement that counts it.
const WHOLE: &[(&str, &str)] = &[
    (
        "messages without a head",
        "SELECT count(*) FROM messages AS m LEFT JOIN conversations AS c \
         ON c.conversation_key = m.conversation_key WHERE c.conversation_key IS NULL",
    ),
    (
        "conversations whose messages are not 1, 2, 3, … up to the head",
        "SELECT count(*) FROM conversations AS c LEFT JOIN \
         (SELECT conversation_key, count(*) AS n, min(seq) AS low, max(seq) AS high \
          FROM messages GROUP BY conversation_key) AS m \
         ON m.conversation_key = c.conversation_key \
         WHERE COALESCE(m.n, 0) <> c.last_seq OR COALESCE(m.high, 0) <> c.last_seq \
         OR COALESCE(m.low, 1) <> 1",
    ),
    (
        "messages sent before their predecessors",
        "SELECT count(*) FROM messages AS a JOIN messages AS b \
         ON b.conversation_key = a.conversation_key AND b.seq = a.seq + 1 \
         WHERE b.send_time < a.send_time",
    ),
    (
        "heads older than their newest message",
        "SELECT count(*) FROM conversations AS c JOIN messages AS m \
         ON m.conversation_key = c.conversation_key AND m.seq = c.last_seq \
         WHERE m.send_time <> c.last_time",
    ),
    (
        "users whose changes are not 1, 2, 3, … up to the revision",
        "SELECT count(*) FROM users AS u LEFT JOIN \
         (SELECT user_id, count(*) AS n, min(revision) AS low, max(revision) AS high \
          FROM changes GROUP BY user_id) AS c ON c.user_id = u.user_id \
         WHERE COALESCE(c.n, 0) <> u.revision OR COALESCE(c.high, 0) <> u.revision \
         OR COALESCE(c.low, 1) <> 1",
    ),
    (
        "changes of users without a revision",
        "SELECT count(*) FROM changes AS c LEFT JOIN users AS u ON u.user_id = c.user_id \
         WHERE u.user_id IS NULL",
    ),
    (
        "watermarks beyond the head",
        "SELECT count(*) FROM members AS m JOIN conversations AS c \
         ON c.conversation_key = m.conversation_key \
         WHERE m.hidden_through > c.last_seq OR m.cleared_through > c.last_seq \
         OR m.read_through > c.last_seq OR m.joined_after > c.last_seq OR m.left_at > c.last_seq",
    ),
    (
        "pins of what is not listed",
        "SELECT count(*) FROM members AS m JOIN conversations AS c \
         ON c.conversation_key = m.conversation_key WHERE m.pinned_at IS NOT NULL \
         AND (COALESCE(m.left_at, c.last_seq) <= m.hidden_through \
              OR COALESCE(m.left_at, c.last_seq) <= m.joined_after)",
    ),
    (
        "conversations that are listed and in no list's index",
        "SELECT count(*) FROM members WHERE last_seq <= unlisted_through \
         AND last_seq > hidden_through AND last_seq > joined_after AND stays_away = 0",
    ),
    (
        "members of groups whom the group does not know as they are",
        // A cluster joins like this what lies in different places.
        "SELECT count(*) FROM members AS m LEFT JOIN (SELECT * FROM group_members LIMIT 1000000) AS g \
         ON g.conversation_key = m.conversation_key AND g.user_id = m.user_id \
         WHERE m.kind = 2 AND (g.user_id IS NULL OR (g.is_member = 1) <> (m.left_at IS NULL))",
    ),
    (
        "members whom only the group knows",
        "SELECT count(*) FROM group_members AS g LEFT JOIN (SELECT * FROM members LIMIT 1000000) AS m \
         ON m.user_id = g.user_id AND m.conversation_key = g.conversation_key WHERE m.user_id IS NULL",
    ),
    (
        "watermarks that were moved without a recorded change",
        "SELECT count(*) FROM members AS m LEFT JOIN changes AS c \
         ON c.user_id = m.user_id AND c.revision = m.taken_by \
         WHERE (m.hidden_through > m.joined_after OR m.cleared_through > m.joined_after \
              OR m.taken_by IS NOT NULL) \
         AND c.revision IS NULL",
    ),
];

/// Whether the database is the embedded one.
pub(crate) fn is_sqlite(database: &TestDatabase) -> bool {
    database.backend() == Backend::Sqlite
}
