//! `group_members`: who is and who was a member of a group. Of the conversations' family; its shard key is
//! `conversation_key`.
//!
//! A row is written under the lock of the group's head, in the transaction that changes the user's own row in
//! `members`, and is never removed.

use sea_orm::entity::prelude::*;

use super::value::Flag;
use crate::domain::{ConversationKey, UserId};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "group_members")]
pub(in crate::store) struct Model {
    /// The group.
    #[sea_orm(primary_key)]
    pub(in crate::store) conversation_key: ConversationKey,
    /// The user.
    #[sea_orm(primary_key)]
    pub(in crate::store) user_id: UserId,
    /// Whether the user is a member now.
    pub(in crate::store) is_member: Flag,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
