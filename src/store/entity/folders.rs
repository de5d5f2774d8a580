//! `folders`: a user's own groupings of conversations. Of the users' family; its shard key is `user_id`.

use sea_orm::entity::prelude::*;

use crate::domain::{FolderName, Revision, UserId};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "folders")]
pub(in crate::store) struct Model {
    /// The user.
    #[sea_orm(primary_key)]
    pub(in crate::store) user_id: UserId,
    /// The revision that has made the folder, by which it is known whatever its name.
    #[sea_orm(primary_key)]
    pub(in crate::store) folder_id: Revision,
    /// Its name, which no other folder of the user has.
    pub(in crate::store) name: FolderName,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
