//! Telling other replicas that users have changed, through PostgreSQL's `NOTIFY`.
//!
//! A notification only says that there is something to read: the log is the truth, and a slow poll
//! finds what a lost notification would have told. So nothing depends on this, and on SQLite, which
//! serves one process, there is none of it.

use std::{collections::HashMap, sync::Arc};

use sea_orm::ConnectionTrait as _;
use sqlx::postgres::{PgListener, PgPoolOptions};

use super::{connections::Connections, dialect::Dialect};
use crate::{
    domain::{Revision, UserId},
    store::database::{Database, error::StoreError},
};

const CHANNEL: &str = "conversation_changes";
/// PostgreSQL takes payloads of less than 8000 bytes.
const MAX_PAYLOAD_BYTES: usize = 7500;

/// Hears what other replicas, and this one, say.
pub(crate) struct Listener {
    inner: PgListener,
    connections: Arc<Connections>,
}

impl Database {
    /// Tells all replicas the revisions of users that have changed. Without effect on SQLite.
    pub(crate) async fn notify(&self, users: &HashMap<UserId, Revision>) -> Result<(), StoreError> {
        if self.dialect == Dialect::Sqlite {
            return Ok(());
        }
        for payload in payloads(users) {
            let values = [CHANNEL.into(), payload.into()];
            let statement = self.statement("SELECT pg_notify($1, $2)", values);
            self.retrying("notify", || async {
                self.pool().query_one_raw(statement.clone()).await?;
                Ok::<_, StoreError>(())
            })
            .await?;
        }
        Ok(())
    }

    /// Begins to listen; `None` on SQLite, and where no session lasts.
    pub(crate) async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        // A connection of its own beside the pool, which may be as small as one.
        let Some((options, session)) = self.connections.lasting_session() else {
            return Ok(None);
        };
        let session = Arc::new(session);
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .after_connect(move |connection, _| {
                let session = Arc::clone(&session);
                Box::pin(async move { session.set_up(connection).await })
            })
            .connect_lazy_with(options);
        let begun = async {
            let mut inner = PgListener::connect_with(&pool).await?;
            inner.listen(CHANNEL).await?;
            Ok(inner)
        };
        let begun = Box::pin(async { begun.await.map_err(StoreError::beside_the_pool) });
        Ok(Some(Listener {
            inner: self.connections.bounded(begun).await?,
            connections: Arc::clone(&self.connections),
        }))
    }
}

impl Listener {
    /// The users that the next notification names, with their revisions. Fails when the database goes
    /// away: nobody may ever speak on this connection again, and nothing would tell.
    pub(crate) async fn next(&mut self) -> Result<Vec<(UserId, Revision)>, StoreError> {
        let heard = async { self.inner.recv().await.map_err(StoreError::beside_the_pool) };
        let notification = self.connections.while_there(heard).await?;
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
