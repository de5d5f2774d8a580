//! `conversations`: the head of each conversation. Of the conversations' family; its shard key is
//! `conversation_key`.
//!
//! The row is the lock under which a message takes the next position, and under which memberships change.

use sea_orm::entity::prelude::*;

use super::value::Flag;
use crate::domain::{CanonicalId, ConversationKey, Seq, Timestamp};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "conversations")]
pub(in crate::store) struct Model {
    /// The conversation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::store) conversation_key: ConversationKey,
    /// Its ID as all its members share it: the key is a hash of it.
    pub(in crate::store) canonical_id: CanonicalId,
    /// The newest position; zero if nothing was sent yet.
    pub(in crate::store) last_seq: Seq,
    /// When the newest message was stored.
    pub(in crate::store) last_time: Timestamp,
    /// Whether it is a group whose members have no copy of the head.
    pub(in crate::store) is_large: Flag,
    /// Rises whenever somebody may have joined or left the group: see `store::messages::append`.
    pub(in crate::store) membership_changes: i64,
    /// Since when some message may lie in nobody's view; NULL once that was looked at. A job that is at it has
    /// moved this into the future.
    pub(in crate::store) erasable_from: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
