//! The settings that PostgreSQL's sessions need, and whether there are sessions at all.
//!
//! Anybody may set defaults for a role, a database or a server, and a pooler drops what a client asks
//! for in its startup message. So each setting that a promise depends on is made here by `SET`, after
//! connecting, and read back when the service starts. All of them stand in [`Session::new`], but for those
//! that depend on what is there already ([`SET_LATER`], [`NEVER_OFF`]).
//!
//! A pooler in transaction mode (`PgBouncer` with `pool_mode = transaction`) lends its client a session
//! for one transaction at a time. There the settings are made anew in each transaction, see
//! [`super::pooled`], and nothing that needs a session is done: no `LISTEN`, no named statements.
//!
//! Deliberately absent: `default_transaction_read_only`. An operator who sets it wants nothing to be
//! written, so the service says so and does not serve. `search_path` is left alone, too: it chooses the
//! schema.

use std::{sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, Row as _,
    postgres::{PgConnectOptions, PgConnection},
};

use super::{
    connections::unavailable,
    distribution::{self, Layout},
    time,
};
use crate::{domain::Timestamp, store::database::error::StoreError};

/// How long a statement may run; none of this service's takes nearly as long.
pub(in crate::store) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a statement waits for a lock. A holder is done in milliseconds; a lock that is held for so long
/// is not given back soon, and a statement that waits for it takes a connection from others.
const LOCK_TIMEOUT: Duration = Duration::from_secs(8);
/// How often PostgreSQL looks whether the connection is still there while it runs a statement or waits
/// for a lock. The statement ends if it is not. Together with the time that a pool waits for an abandoned
/// answer this is how long a statement outlives its caller at most.
pub(in crate::store) const CONNECTION_CHECK: Duration = Duration::from_secs(1);
/// How long a transaction may wait for its next statement before PostgreSQL ends it. Without that, what
/// a lost machine has locked would stay locked until TCP gives up.
pub(in crate::store) const IDLE_TRANSACTION: Duration = Duration::from_secs(10);

/// A setting that the oldest supported versions do not have, as `SET` makes it and as `SET LOCAL` does.
const SET_LATER: &str = "SELECT set_config('transaction_timeout', '0', false) \
                         WHERE current_setting('server_version_num')::int >= 170000";
const SET_LOCAL_LATER: &str = "SELECT set_config('transaction_timeout', '0', true) \
                               WHERE current_setting('server_version_num')::int >= 170000";

/// A commit is acknowledged when it is on disk. Any other value than `off` stays: `remote_apply` asks for
/// more than `on`, and `local` is a decision about standbys.
const COMMIT: &str = "synchronous_commit";
const NEVER_OFF: &str = "SELECT set_config('synchronous_commit', 'on', false) \
                         WHERE current_setting('synchronous_commit') = 'off'";
const NEVER_OFF_LOCAL: &str = "SELECT set_config('synchronous_commit', 'on', true) \
                               WHERE current_setting('synchronous_commit') = 'off'";

/// How often it is looked which session answers.
const LOOKS: usize = 6;
const WHICH_SESSION: &str = "SELECT pg_backend_pid()::text";
/// Whether something can be written, as a standby, or a database that is not to be written to, serves
/// nobody.
const WRITABLE: &str = "CASE WHEN pg_is_in_recovery() THEN 'standby' \
                        ELSE current_setting('transaction_read_only') END";
/// How PostgreSQL decides whether it plans a statement anew for its parameters.
const PLANS: &str = "plan_cache_mode";

/// One server, one database. The rest of a URL may differ.
const WHICH_DATABASE: &str = "SELECT concat_ws(' ', oid, pg_postmaster_start_time()) \
                              FROM pg_database WHERE datname = current_database()";

/// How long a connection keeps the session that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Sessions {
    /// As long as it is open.
    Lasting,
    /// For one transaction: something in between lends it.
    Lent,
}

/// The settings with which a session of PostgreSQL is as the service needs it.
#[derive(Clone, Debug)]
pub(in crate::store) struct Session {
    settings: Vec<(&'static str, String)>,
    pub(in crate::store) sessions: Sessions,
    pub(in crate::store) layout: Layout,
}

impl Session {
    /// All settings. `generic_plans`: statements whose text never changes are planned only once.
    pub(in crate::store) fn new(generic_plans: bool) -> Self {
        let milliseconds = |duration: Duration| duration.as_millis().to_string();
        let mut settings = vec![
            ("statement_timeout", milliseconds(STATEMENT_TIMEOUT)),
            ("lock_timeout", milliseconds(LOCK_TIMEOUT)),
            (
                "idle_in_transaction_session_timeout",
                milliseconds(IDLE_TRANSACTION),
            ),
            // The pool decides how long a connection is kept.
            ("idle_session_timeout", "0".to_owned()),
            (
                "client_connection_check_interval",
                milliseconds(CONNECTION_CHECK),
            ),
            // Every statement of the store is written for it.
            ("default_transaction_isolation", "read committed".to_owned()),
            ("default_transaction_deferrable", "off".to_owned()),
        ];
        if generic_plans {
            settings.push((PLANS, "force_generic_plan".to_owned()));
        }
        Self {
            settings,
            sessions: Sessions::Lasting,
            layout: Layout::OneServer,
        }
    }

    /// The same for a distributed database: a generic plan does not know which machine a parameter leads to.
    pub(in crate::store) fn of_cluster(mut self) -> Self {
        self.settings.retain(|(name, _)| *name != PLANS);
        self.settings.push((PLANS, "auto".to_owned()));
        self.layout = Layout::Cluster;
        self
    }

    /// The statements that make the settings of a session that lasts.
    pub(in crate::store) fn after_connecting(&self) -> String {
        format!("{}{SET_LATER}; {NEVER_OFF}", self.each("SET"))
    }

    /// The statements that begin a transaction in a session that is lent.
    pub(in crate::store) fn begin(&self) -> Arc<str> {
        let set = self.each("SET LOCAL");
        format!("BEGIN ISOLATION LEVEL READ COMMITTED; {set}{SET_LOCAL_LATER}; {NEVER_OFF_LOCAL}")
            .into()
    }

    fn each(&self, set: &str) -> String {
        let one = |(name, value): &(&str, String)| format!("{set} {name} = '{value}'; ");
        self.settings.iter().map(one).collect()
    }

    /// Makes the settings of a new connection, unless its sessions are only lent.
    pub(in crate::store) async fn set_up(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        if self.sessions == Sessions::Lasting {
            run(connection, &self.after_connecting()).await?;
        }
        Ok(())
    }

    /// Connects for the first time, and finds out what the sessions are like: whether they last, whether the
    /// tables are distributed, that the sessions take the settings, and that something can be written.
    ///
    /// # Errors
    ///
    /// [`StoreError::Setup`] when the service cannot work with what is there.
    pub(in crate::store) async fn find(
        &mut self,
        options: &PgConnectOptions,
    ) -> Result<PgConnection, StoreError> {
        let connect = || async {
            let connecting = PgConnection::connect_with(options).await;
            connecting.map_err(StoreError::beside_the_pool)
        };
        let (mut first, second) = (connect().await?, connect().await?);
        self.sessions = sessions(&mut first, second).await?;
        if distribution::find(&mut first).await? == Layout::Cluster {
            *self = self.clone().of_cluster();
        }
        match self.sessions {
            Sessions::Lasting => {
                let set_up = self.set_up(&mut first).await;
                set_up.map_err(StoreError::beside_the_pool)?;
                self.verify(&mut first).await?;
            }
            Sessions::Lent => {
                run(&mut first, &self.begin()).await.map_err(not_begun)?;
                self.verify(&mut first).await?;
                let ended = run(&mut first, "COMMIT").await;
                ended.map_err(StoreError::beside_the_pool)?;
            }
        }
        require_writable(&mut first).await?;
        Ok(first)
    }

    /// Reads the settings back.
    async fn verify(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let names = self.settings.iter().map(|(name, _)| format!("'{name}'"));
        let names = names.chain([format!("'{COMMIT}'")]);
        let names = names.collect::<Vec<_>>().join(", ");
        let found = ask(
            connection,
            &format!(
                "SELECT string_agg(name || '=' || setting, '\n') FROM pg_settings WHERE name IN ({names})"
            ),
        )
        .await?;
        let is = |name: &str, value: &str| {
            let line = format!("{name}={value}");
            found.lines().any(|found| found == line)
        };
        let mut settings = self.settings.iter();
        let ignored = match settings.find(|(name, value)| !is(name, value)) {
            Some((name, value)) => (*name, value.as_str()),
            None if is(COMMIT, "off") => (COMMIT, "on"),
            None => return Ok(()),
        };
        let (name, value) = ignored;
        Err(StoreError::Setup(format!(
            "`SET {name} = '{value}'` has no effect: something between the service and PostgreSQL ignores \
             it; name PostgreSQL itself in database_url"
        )))
    }
}

/// The options that all connections of this service have in common. Nothing of it is a startup
/// option: poolers refuse those that they do not know. The driver writes no log lines of its own: asking
/// whether it should would confuse the filters of the spans around it.
pub(in crate::store) fn of_service(options: PgConnectOptions) -> PgConnectOptions {
    options
        .application_name("conversation-service")
        .extra_float_digits(None)
        .disable_statement_logging()
}

/// Whether sessions last. Two connections that are open at the same time each have a session of their own
/// and keep it, unless a pooler lends sessions. A pooler gives out the session that was given back last, or
/// each in its turn; one connection that asks twice and another that asks once find out both.
async fn sessions(
    first: &mut PgConnection,
    mut second: PgConnection,
) -> Result<Sessions, StoreError> {
    let of_first = ask(first, WHICH_SESSION).await?;
    for _ in 0..LOOKS {
        let again = ask(first, WHICH_SESSION).await?;
        let of_second = ask(&mut second, WHICH_SESSION).await?;
        if again != of_first || of_second == of_first {
            return Ok(Sessions::Lent);
        }
    }
    Ok(Sessions::Lasting)
}

/// Fails unless both connections lead to one database on one server.
pub(in crate::store) async fn require_same_database(
    one: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<(), StoreError> {
    if ask(one, WHICH_DATABASE).await? == ask(other, WHICH_DATABASE).await? {
        return Ok(());
    }
    Err(StoreError::Setup(
        "database_direct_url leads to another database, or another server, than database_url"
            .to_owned(),
    ))
}

/// The database's time. Fails on a standby, and where nothing may be written.
pub(in crate::store) async fn require_writable(
    connection: &mut PgConnection,
) -> Result<Timestamp, StoreError> {
    let question = format!("SELECT concat_ws(' ', {WRITABLE}, {})", time::NOW);
    let answer = ask(connection, &question).await?;
    let (read_only, now) = answer.split_once(' ').unwrap_or((answer.as_str(), ""));
    match read_only {
        "off" => match now.parse() {
            Ok(micros) => Ok(Timestamp::from_micros(micros)),
            Err(_) => Err(unavailable("the database does not tell its time")),
        },
        "standby" => Err(unavailable(
            "the database cannot be written to: this server is a standby",
        )),
        _ => Err(unavailable(
            "the database cannot be written to: default_transaction_read_only is on for this role, \
             this database or the whole server",
        )),
    }
}

/// Only a pooler in statement mode refuses to begin.
fn not_begun(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => StoreError::Setup(format!(
            "the pooler in front of PostgreSQL lets no transaction begin ({error}); its pool_mode must be \
             session or transaction"
        )),
        other => StoreError::beside_the_pool(other),
    }
}

/// Runs statements by the simple protocol: it leaves nothing behind in a session that is lent.
async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
    statements.execute(connection).await.map(drop)
}

/// The one text that a query gives, however short the time is that a role has for its statements.
pub(in crate::store) async fn ask(
    connection: &mut PgConnection,
    sql: &str,
) -> Result<String, StoreError> {
    let patient = format!(
        "SET LOCAL statement_timeout = {}; {sql}",
        STATEMENT_TIMEOUT.as_millis()
    );
    let query = sqlx::raw_sql(sqlx::AssertSqlSafe(patient));
    let row = query.fetch_one(connection).await;
    let text = row.and_then(|row| row.try_get(0));
    text.map_err(StoreError::beside_the_pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_the_same_for_a_session_and_for_a_transaction() {
        let session = Session::new(true);
        let (lasting, lent) = (session.after_connecting(), session.begin());
        for (name, value) in &session.settings {
            assert!(lasting.contains(&format!("SET {name} = '{value}'")));
            assert!(lent.contains(&format!("SET LOCAL {name} = '{value}'")));
        }
        assert!(lasting.contains(NEVER_OFF) && lent.contains(NEVER_OFF_LOCAL));
    }

    #[test]
    fn a_distributed_database_is_never_asked_for_generic_plans() {
        let session = Session::new(true).of_cluster();
        for made in [session.after_connecting(), session.begin().to_string()] {
            assert!(made.contains("plan_cache_mode = 'auto'"), "{made}");
            assert!(!made.contains("force_generic_plan"), "{made}");
        }
    }
}
