//! `group_requests`: the requests to join and leave a group, by which a retry is recognised. Of the
//! conversations' family; its shard key is `conversation_key`.

use sea_orm::entity::prelude::*;

use crate::domain::{ConversationKey, RequestDigest, RequestId, Timestamp};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "group_requests")]
pub(in crate::store) struct Model {
    /// The group.
    #[sea_orm(primary_key)]
    pub(in crate::store) conversation_key: ConversationKey,
    /// The name of the request.
    #[sea_orm(primary_key)]
    pub(in crate::store) request_id: RequestId,
    /// The digest of its meaning.
    pub(in crate::store) request_digest: RequestDigest,
    /// Until when a retry is recognised.
    pub(in crate::store) kept_until: Timestamp,
    /// How many members it has changed.
    pub(in crate::store) changed_count: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
