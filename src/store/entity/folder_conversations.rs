//! `folder_conversations`: what is in folders. Of the users' family; its shard key is `user_id`.
//!
//! The order within a folder is that of `added_by` and, of what one request has put in, of `ord`.

use sea_orm::entity::prelude::*;

use crate::domain::{ConversationKey, Revision, UserId};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "folder_conversations")]
pub(in crate::store) struct Model {
    /// The user.
    #[sea_orm(primary_key)]
    pub(in crate::store) user_id: UserId,
    /// The folder.
    #[sea_orm(primary_key)]
    pub(in crate::store) folder_id: Revision,
    /// The conversation.
    #[sea_orm(primary_key)]
    pub(in crate::store) conversation_key: ConversationKey,
    /// The revision that has put it in.
    pub(in crate::store) added_by: Revision,
    /// Its place in that request.
    pub(in crate::store) ord: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
