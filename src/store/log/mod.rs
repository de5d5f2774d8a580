//! The log of a user's changes: the responses to retries, what can be undone, and the events that
//! the user's clients follow.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, FromQueryResult, QueryFilter as _,
    QuerySelect as _, Select,
};
use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use crate::{
    domain::{
        ChangeOutcome, ConversationId, Origin, RequestDigest, RequestId, RequestKey, Revision,
        Timestamp, UserId,
    },
    store::{
        database::{Database, error::StoreError, row::Row},
        entity::{
            changes::{self, Column as C},
            kind::StoredKind,
            value::Json,
        },
    },
};

/// The columns that [`recorded`] reads.
pub(in crate::store) const RECORDED: [C; 7] = [
    C::Revision,
    C::RequestDigest,
    C::Kind,
    C::RestorableUntil,
    C::Conversations,
    C::Results,
    C::Detail,
];

/// A record as it stands in its row.
#[derive(FromQueryResult)]
struct Stored {
    revision: Revision,
    kind: StoredKind,
    restorable_until: Option<Timestamp>,
    conversations: Json<Vec<String>>,
    results: String,
    detail: Option<String>,
}

/// A change as it is recorded, whether just now or when the request came first.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) revision: Revision,
    pub(in crate::store) kind: StoredKind,
    pub(crate) restorable_until: Option<Timestamp>,
    /// In the order of the request.
    pub(crate) conversations: Vec<RecordedConversation>,
    /// The data beside the conversations, as the kind of the change has it.
    pub(in crate::store) detail: Option<String>,
}

/// Why what a request has made is not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The request's ID was used for another request.
    #[error("the request ID was used for another request")]
    IdReused,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The record of one conversation of a change.
#[derive(Debug)]
pub(crate) struct RecordedConversation {
    pub(crate) id: ConversationId,
    /// Its place among the conversations of the change, also where only part of them is looked at.
    pub(in crate::store) place: usize,
    /// A number that the kind of the change gives a meaning.
    pub(in crate::store) outcome: i64,
    /// How the conversation stands since, as the kind of the change has it.
    pub(in crate::store) numbers: Numbers,
}

/// No kind of change records more of a conversation, so none of it needs an allocation.
type Numbers = SmallVec<[Option<i64>; 11]>;

/// The outcomes of changes other than deletions and their undoing.
pub(in crate::store) const CHANGED: i64 = 1;
pub(in crate::store) const UNCHANGED: i64 = 2;
pub(in crate::store) const NOT_FOUND: i64 = 3;
pub(in crate::store) const NOT_LISTED: i64 = 4;

/// The change that made this revision of the user.
pub(in crate::store) fn of_revision(user: &UserId, revision: Revision) -> Select<changes::Entity> {
    changes::Entity::find_by_id((user.clone(), revision))
        .select_only()
        .columns(RECORDED)
}

/// The change that a user's request of this name has made.
pub(in crate::store) fn of_request(user: &UserId, request: RequestId) -> Select<changes::Entity> {
    changes::Entity::find()
        .select_only()
        .column(C::UserId)
        .columns(RECORDED)
        .filter(C::UserId.eq(user.clone()))
        .filter(C::RequestId.eq(request))
}

impl Recorded {
    /// With these conversations, each with its part of the results as they are stored.
    pub(in crate::store) fn with_results(
        self,
        ids: Vec<ConversationId>,
        results: &str,
    ) -> Result<Self, StoreError> {
        let conversations = with_results(ids, results);
        let conversations = conversations.ok_or_else(|| self.inconsistent("results"))?;
        Ok(Self {
            conversations,
            ..self
        })
    }

    /// Whether the change is a deletion or a clearing.
    pub(crate) const fn is_deletion(&self) -> bool {
        Self::deletes(self.kind)
    }

    /// Whether changes of this kind are deletions or clearings.
    pub(in crate::store) const fn deletes(kind: StoredKind) -> bool {
        match kind {
            StoredKind::Delete | StoredKind::DeleteAndClear | StoredKind::Clear => true,
            StoredKind::Restore
            | StoredKind::Read
            | StoredKind::Pin
            | StoredKind::Unpin
            | StoredKind::Mute
            | StoredKind::Unmute
            | StoredKind::Mark
            | StoredKind::SetCustomData
            | StoredKind::CreateFolder
            | StoredKind::DeleteFolder
            | StoredKind::RenameFolder
            | StoredKind::AddToFolder
            | StoredKind::RemoveFromFolder
            | StoredKind::Join
            | StoredKind::Leave
            | StoredKind::Show => false,
        }
    }

    /// Whether the deletion can be undone at this time, as far as its window goes.
    pub(crate) fn is_restorable_at(&self, now: Timestamp) -> bool {
        self.restorable_until.is_some_and(|until| now < until)
    }

    /// The change as far as it concerns these conversations, in their order; or the places of those that it
    /// does not concern.
    pub(crate) fn part(mut self, ids: &[ConversationId]) -> Result<Self, Vec<usize>> {
        let mut of_change: HashMap<_, _> = std::mem::take(&mut self.conversations)
            .into_iter()
            .map(|conversation| (conversation.id.clone(), conversation))
            .collect();
        let mut strangers = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            match of_change.remove(id) {
                Some(conversation) => self.conversations.push(conversation),
                None => strangers.push(place),
            }
        }
        if strangers.is_empty() {
            Ok(self)
        } else {
            Err(strangers)
        }
    }

    /// The error for a record whose `column` does not hold what its kind has there.
    pub(in crate::store) fn inconsistent(&self, column: &'static str) -> StoreError {
        let key = format!("(revision {})", self.revision);
        StoreError::inconsistent(changes::Entity, column, key)
    }
}

impl RecordedConversation {
    /// The outcome of a change other than a deletion or its undoing.
    pub(in crate::store) const fn change_outcome(&self) -> Option<ChangeOutcome> {
        match self.outcome {
            CHANGED => Some(ChangeOutcome::Changed),
            UNCHANGED => Some(ChangeOutcome::Unchanged),
            NOT_FOUND => Some(ChangeOutcome::NotFound),
            NOT_LISTED => Some(ChangeOutcome::NotListed),
            _ => None,
        }
    }
}

/// The records of changes.
#[derive(Clone)]
pub(crate) struct Log {
    database: Database,
}

impl Log {
    pub(in crate::store) fn of(database: &Database) -> Self {
        Self {
            database: database.clone(),
        }
    }

    /// The change that made this revision of the user, unless it is older than the log.
    pub(crate) async fn recorded(
        &self,
        user: &UserId,
        revision: Revision,
    ) -> Result<Option<Recorded>, StoreError> {
        let statement = self.database.built(&of_revision(user, revision));
        self.database
            .read("recorded", statement, |rows| {
                let row = rows.first();
                row.map(|row| recorded(&Row::of(changes::Entity, row)))
                    .transpose()
            })
            .await
    }

    /// The change that an earlier run of this request has made, unless it is older than the log.
    pub(crate) async fn recorded_of_request(
        &self,
        user: &UserId,
        request: RequestKey,
    ) -> Result<Option<Recorded>, RequestError> {
        let statement = self.database.built(&of_request(user, request.id));
        let row = self
            .database
            .retrying("recorded_of_request", || async {
                Ok::<_, StoreError>(
                    self.database
                        .pool()
                        .query_one_raw(statement.clone())
                        .await?,
                )
            })
            .await?;
        row.map(|row| recorded_as(&Row::of(changes::Entity, &row), request))
            .transpose()
    }
}

/// The text forms of these conversations, as they are recorded.
pub(in crate::store) fn conversation_ids(ids: &[ConversationId]) -> String {
    let texts: Vec<_> = ids.iter().map(AsText).collect();
    serde_json::to_string(&texts).expect("texts can be written as JSON")
}

/// Writes the text form of an ID without making a text of its own of it.
struct AsText<'a>(&'a ConversationId);

impl Serialize for AsText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// Reads [`RECORDED`], if it was recorded for the request of this origin.
pub(in crate::store) fn recorded_for(
    row: &Row<'_>,
    origin: &Origin,
) -> Result<Recorded, RequestError> {
    match origin.request {
        Some(request) => recorded_as(row, request),
        None => Ok(recorded(row)?),
    }
}

/// Reads [`RECORDED`], if it was recorded for this request.
fn recorded_as(row: &Row<'_>, request: RequestKey) -> Result<Recorded, RequestError> {
    let digest: Option<RequestDigest> = row.get("request_digest")?;
    if digest.is_some_and(|digest| request.is_of(&digest.0)) {
        Ok(recorded(row)?)
    } else {
        Err(RequestError::IdReused)
    }
}

/// Reads [`RECORDED`].
pub(in crate::store) fn recorded(row: &Row<'_>) -> Result<Recorded, StoreError> {
    let stored: Stored = row.read()?;
    let Json(ids) = stored.conversations;
    let ids: Option<_> = ids.iter().map(|id| id.parse().ok()).collect();
    let ids = ids.ok_or_else(|| row.inconsistent("conversations"))?;
    let conversations = with_results(ids, &stored.results);
    Ok(Recorded {
        revision: stored.revision,
        kind: stored.kind,
        restorable_until: stored.restorable_until,
        conversations: conversations.ok_or_else(|| row.inconsistent("results"))?,
        detail: stored.detail,
    })
}

/// These conversations, each with what is recorded of it.
fn with_results(ids: Vec<ConversationId>, results: &str) -> Option<Vec<RecordedConversation>> {
    let results: Vec<Numbers> = serde_json::from_str(results).ok()?;
    if ids.len() != results.len() {
        return None;
    }
    let conversations = ids.into_iter().zip(results).enumerate();
    let conversations = conversations.map(|(place, (id, mut numbers))| {
        let outcome = (*numbers.first()?)?;
        numbers.remove(0);
        Some(RecordedConversation {
            id,
            place,
            outcome,
            numbers,
        })
    });
    conversations.collect()
}
