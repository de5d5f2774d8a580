//! `changes`: the log of each user's changes. Of the users' family; its shard key is `user_id`.
//!
//! A row is the answer to retries of a request, the event for the user's clients, the audit trail, and what the
//! background jobs go by.

use sea_orm::entity::prelude::*;

use super::{kind::StoredKind, value::Flag};
use crate::domain::{
    CallerName, ClientId, RequestDigest, RequestId, Revision, Synchronisation, Timestamp, UserId,
};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "changes")]
pub(in crate::store) struct Model {
    /// The user.
    #[sea_orm(primary_key)]
    pub(in crate::store) user_id: UserId,
    /// The revision that the change made.
    #[sea_orm(primary_key)]
    pub(in crate::store) revision: Revision,
    /// The name of the request, if it had one. No two changes of a user have the same.
    pub(in crate::store) request_id: Option<RequestId>,
    /// The digest of the request's meaning.
    pub(in crate::store) request_digest: Option<RequestDigest>,
    /// The client of the user that asked for it.
    pub(in crate::store) client_id: Option<ClientId>,
    /// The service that sent the request.
    pub(in crate::store) caller: Option<CallerName>,
    /// The kind of change.
    pub(in crate::store) kind: StoredKind,
    /// When it was made.
    pub(in crate::store) changed_at: Timestamp,
    /// Whether the user's other clients follow it.
    pub(in crate::store) synced: Synchronisation,
    /// Its conversations, as JSON: an array of their IDs, in the order of the request.
    #[sea_orm(column_type = "Text")]
    pub(in crate::store) conversations: String,
    /// The result for each of them, as JSON: an array of arrays of numbers, which the kind gives a meaning.
    #[sea_orm(column_type = "Text")]
    pub(in crate::store) results: String,
    /// The data beside the conversations, as the kind has it.
    #[sea_orm(column_type = "Text")]
    pub(in crate::store) detail: Option<String>,
    /// Until when it can be undone.
    pub(in crate::store) restorable_until: Option<Timestamp>,
    /// The deletion that it undoes.
    pub(in crate::store) undoes: Option<Revision>,
    /// From when on what it has cleared can be erased; NULL once that is seen to. A job that is at it has moved
    /// this into the future.
    pub(in crate::store) erasable_from: Option<Timestamp>,
    /// Until when it is kept; NULL of a former version, whose changes are kept by their age.
    pub(in crate::store) kept_until: Option<Timestamp>,
    /// Set until a job has looked whether its conversations are to leave the index of lists.
    pub(in crate::store) unlists: Option<Flag>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
