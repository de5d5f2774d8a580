//! Telling other replicas that users have changed, through PostgreSQL's `NOTIFY`.
//!
//! A notification only says that there is something to read: the log is the truth, and a slow poll
//! finds what a lost notification would have told. So nothing depends on this, and on SQLite, which
//! serves one process, there is none of it.

use std::collections::HashMap;

use sea_orm::ConnectionTrait as _;
use sqlx::postgres::{PgListener, PgPoolOptions};

use super::{Store, StoreError, dialect::Dialect};
use crate::domain::{Revision, UserId};

const CHANNEL: &str = "conversation_changes";
/// PostgreSQL takes payloads of less than 8000 bytes.
const MAX_PAYLOAD_BYTES: usize = 7500;

/// Hears what other replicas, and this one, say.
pub(crate) struct Listener(PgListener);

impl Store {
    /// Tells all replicas the revisions of users that have changed. Without effect on SQLite.
    pub(crate) async fn notify(&self, users: &HashMap<UserId, Revision>) -> Result<(), StoreError> {
        if self.dialect == Dialect::Sqlite {
            return Ok(());
        }
        for payload in payloads(users) {
            let values = [CHANNEL.into(), payload.into()];
            let statement = self.statement("SELECT pg_notify($1, $2)", values);
            self.pool().query_one_raw(statement).await?;
        }
        Ok(())
    }

    /// Begins to listen; `None` on SQLite.
    pub(crate) async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        if self.dialect == Dialect::Sqlite {
            return Ok(None);
        }
        // A connection of its own beside the pool, which may be as small as one.
        let options = self
            .connection
            .unobserved()
            .get_postgres_connection_pool()
            .connect_options();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with((*options).clone());
        let mut listener = PgListener::connect_with(&pool).await.map_err(unavailable)?;
        listener.listen(CHANNEL).await.map_err(unavailable)?;
        Ok(Some(Listener(listener)))
    }
}

impl Listener {
    /// The users that the next notification names, with their revisions.
    pub(crate) async fn next(&mut self) -> Result<Vec<(UserId, Revision)>, StoreError> {
        let notification = self.0.recv().await.map_err(unavailable)?;
        let users: Vec<(String, i64)> =
            serde_json::from_str(notification.payload()).unwrap_or_default();
        Ok(users
            .into_iter()
            .filter_map(|(user, revision)| {
                Some((UserId::new(&user).ok()?, Revision::from_stored(revision)?))
            })
            .collect())
    }
}

/// JSON arrays of users and revisions, each small enough for one notification.
fn payloads(users: &HashMap<UserId, Revision>) -> Vec<String> {
    let mut payloads = Vec::new();
    let mut payload = String::new();
    for (user, revision) in users {
        let entry = serde_json::json!([user.as_str(), revision.to_stored()]).to_string();
        if payload.len() + entry.len() + 2 > MAX_PAYLOAD_BYTES {
            payloads.push(format!("[{payload}]"));
            payload.clear();
        }
        if !payload.is_empty() {
            payload.push(',');
        }
        payload.push_str(&entry);
    }
    if !payload.is_empty() {
        payloads.push(format!("[{payload}]"));
    }
    payloads
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(
        error.into(),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_is_named_in_a_payload_that_postgres_takes() {
        let users: HashMap<_, _> = (0..1000)
            .map(|number| {
                let user = UserId::new(&format!("{number}{}", "\"é".repeat(40)));
                (user.expect("a valid ID"), Revision::default())
            })
            .collect();
        let payloads = payloads(&users);
        assert!(payloads.iter().all(|payload| payload.len() <= 7999));
        let named: Vec<(String, i64)> = payloads
            .iter()
            .flat_map(|payload| {
                serde_json::from_str::<Vec<(String, i64)>>(payload).expect("a JSON array")
            })
            .collect();
        assert_eq!(named.len(), users.len());
    }
}
