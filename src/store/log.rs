//! The log of a user's changes: the responses to retries, what can be undone, and the events that
//! the user's clients follow.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, QueryResult};

use super::{
    Store, StoreError,
    change::{ChangeError, StoredKind},
    dialect::{Column, ColumnType, Dialect},
    row::Row,
};
use crate::domain::{
    ChangeKind, ClientId, ConversationId, RecordedChange, RequestDigest, RequestKey, Revision, Seq,
    Synchronisation, Taking, Timestamp, UserId, Watermarks,
};

pub(super) const TABLE: &str = "changes";
/// What [`recorded`] reads.
pub(super) const RECORDED: &str =
    "revision, request_digest, kind, restorable_until, conversations, results";

/// A change as it is recorded, whether just now or when the request came first.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) revision: Revision,
    pub(super) kind: StoredKind,
    pub(crate) restorable_until: Option<Timestamp>,
    /// In the order of the request.
    pub(crate) conversations: Vec<RecordedConversation>,
}

/// What is recorded of one conversation of a change.
#[derive(Debug)]
pub(crate) struct RecordedConversation {
    pub(crate) id: ConversationId,
    /// A number that the kind of the change gives a meaning.
    pub(super) outcome: i64,
    /// The watermarks after the change.
    pub(super) hidden_through: Seq,
    pub(super) cleared_through: Seq,
    /// Whether the change has changed anything about it.
    pub(super) changed: bool,
}

pub(super) struct Statements {
    one: String,
    of_request: String,
    after: String,
    revision: String,
    revisions: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let (users, _) = dialect.rows(1, &[("user_id", ColumnType::Text)]);
        Self {
            one: format!("SELECT {RECORDED} FROM changes WHERE user_id = $1 AND revision = $2"),
            of_request: of_request(),
            after: format!(
                "SELECT {RECORDED}, client_id, changed_at, synced, undoes FROM changes \
                 WHERE user_id = $1 AND revision > $2 ORDER BY revision LIMIT $3"
            ),
            revision: "SELECT revision FROM users WHERE user_id = $1".to_owned(),
            revisions: format!(
                "SELECT u.user_id, u.revision FROM {users} CROSS JOIN users AS u \
                 WHERE u.user_id = i.user_id"
            ),
        }
    }
}

/// The change that a user's request of this name has made.
pub(super) fn of_request() -> String {
    format!("SELECT {RECORDED} FROM changes WHERE user_id = $1 AND request_id = $2")
}

impl Recorded {
    /// Whether the change is a deletion or a clearing.
    pub(crate) const fn is_deletion(&self) -> bool {
        match self.kind {
            StoredKind::Delete | StoredKind::DeleteAndClear | StoredKind::Clear => true,
            StoredKind::Restore => false,
        }
    }
}

impl Store {
    /// The change that made this revision of the user, unless it is older than the log.
    pub(crate) async fn recorded(
        &self,
        user: &UserId,
        revision: Revision,
    ) -> Result<Option<Recorded>, StoreError> {
        let values = [user.as_str().into(), revision.to_stored().into()];
        let statement = self.statement(&self.statements.log.one, values);
        self.retrying("recorded", || async {
            let row = self.pool().query_one_raw(statement.clone()).await?;
            row.map(|row| recorded(&Row::new(TABLE, &row))).transpose()
        })
        .await
    }

    /// The change that an earlier run of this request has made, unless it is older than the log.
    pub(crate) async fn recorded_of_request(
        &self,
        user: &UserId,
        request: RequestKey,
    ) -> Result<Option<Recorded>, ChangeError> {
        let values = [user.as_str().into(), request.id.0.to_vec().into()];
        let statement = self.statement(&self.statements.log.of_request, values);
        let row = self
            .retrying("recorded_of_request", || async {
                Ok::<_, StoreError>(self.pool().query_one_raw(statement.clone()).await?)
            })
            .await?;
        row.map(|row| recorded_as(&Row::new(TABLE, &row), request.digest))
            .transpose()
    }

    /// At most `limit` changes of a user after a revision, in order.
    pub(crate) async fn changes_after(
        &self,
        user: &UserId,
        revision: Revision,
        limit: u16,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        let values = [
            user.as_str().into(),
            revision.to_stored().into(),
            i64::from(limit).into(),
        ];
        let statement = self.statement(&self.statements.log.after, values);
        self.retrying("changes_after", || async {
            let rows = self.pool().query_all_raw(statement.clone()).await?;
            rows.iter().map(change).collect()
        })
        .await
    }

    /// The revision of a user; zero if the user has changed nothing yet.
    pub(crate) async fn revision(&self, user: &UserId) -> Result<Revision, StoreError> {
        let statement = self.statement(&self.statements.log.revision, [user.as_str().into()]);
        self.retrying("revision", || async {
            let row = self.pool().query_one_raw(statement.clone()).await?;
            match row {
                Some(row) => Row::new("users", &row).revision("revision"),
                None => Ok(Revision::default()),
            }
        })
        .await
    }

    /// The revisions of those of these users who have changed anything.
    pub(crate) async fn revisions(
        &self,
        users: &[UserId],
    ) -> Result<HashMap<UserId, Revision>, StoreError> {
        let users = users.iter().map(ToString::to_string).collect();
        let values = self.dialect.row_values(vec![Column::Texts(users)]);
        let statement = self.statement(&self.statements.log.revisions, values);
        self.retrying("revisions", || async {
            let rows = self.pool().query_all_raw(statement.clone()).await?;
            rows.iter()
                .map(|row| {
                    let row = Row::new("users", row);
                    let user: String = row.get("user_id")?;
                    let user = UserId::new(&user).map_err(|_| row.inconsistent("user_id"))?;
                    Ok((user, row.revision("revision")?))
                })
                .collect()
        })
        .await
    }
}

/// Reads [`RECORDED`], if it was recorded for the request of this digest.
pub(super) fn recorded_as(row: &Row<'_>, digest: RequestDigest) -> Result<Recorded, ChangeError> {
    let recorded_digest: Option<Vec<u8>> = row.get("request_digest")?;
    if recorded_digest.as_deref() == Some(&digest.0[..]) {
        Ok(recorded(row)?)
    } else {
        Err(ChangeError::RequestIdReused)
    }
}

/// Reads [`RECORDED`].
pub(super) fn recorded(row: &Row<'_>) -> Result<Recorded, StoreError> {
    let ids: Vec<String> = row.json("conversations")?;
    let results: Vec<[i64; 4]> = row.json("results")?;
    if ids.len() != results.len() {
        return Err(row.inconsistent("results"));
    }
    let conversations = ids.iter().zip(results).map(|(id, numbers)| {
        let [outcome, hidden_through, cleared_through, changed] = numbers;
        Some(RecordedConversation {
            id: id.parse().ok()?,
            outcome,
            hidden_through: Seq::from_stored(hidden_through)?,
            cleared_through: Seq::from_stored(cleared_through)?,
            changed: changed != 0,
        })
    });
    Ok(Recorded {
        revision: row.revision("revision")?,
        kind: StoredKind::from_stored(row.get("kind")?).ok_or_else(|| row.inconsistent("kind"))?,
        restorable_until: row.optional_time("restorable_until")?,
        conversations: conversations
            .collect::<Option<_>>()
            .ok_or_else(|| row.inconsistent("results"))?,
    })
}

fn change(row: &QueryResult) -> Result<RecordedChange, StoreError> {
    let row = Row::new(TABLE, row);
    let recorded = recorded(&row)?;
    let synchronisation = match row.get::<i16>("synced")? {
        0 => Synchronisation::OriginOnly,
        _ => Synchronisation::OtherClients,
    };
    let taken = |taking| Ok(ChangeKind::Taken(taking, synchronisation));
    let kind = match recorded.kind {
        StoredKind::Delete => taken(Taking::Entry),
        StoredKind::DeleteAndClear => taken(Taking::EntryAndHistory),
        StoredKind::Clear => taken(Taking::History),
        StoredKind::Restore => row.revision("undoes").map(ChangeKind::Restored),
    };
    let client: Option<String> = row.get("client_id")?;
    Ok(RecordedChange {
        revision: recorded.revision,
        time: row.time("changed_at")?,
        client: client
            .map(|client| ClientId::new(&client).map_err(|_| row.inconsistent("client_id")))
            .transpose()?,
        kind: kind?,
        conversations: recorded
            .conversations
            .into_iter()
            .filter(|conversation| conversation.changed)
            .map(|conversation| Watermarks {
                conversation_id: conversation.id,
                hidden_through: conversation.hidden_through,
                cleared_through: conversation.cleared_through,
            })
            .collect(),
    })
}
