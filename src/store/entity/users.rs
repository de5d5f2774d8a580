//! `users`: how many changes each user has made. Of the users' family; its shard key is `user_id`.
//!
//! The row is the lock of the user's changes: each takes it first. A user without a change has no row.

use sea_orm::entity::prelude::*;

use crate::domain::{Revision, UserId};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub(in crate::store) struct Model {
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::store) user_id: UserId,
    /// The revision of the user's last change, unless a later incarnation has begun since.
    pub(in crate::store) revision: Revision,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
