//! `incarnations`: a row for each time that the database was restored from a backup. Of neither family: every
//! statement that raises or reads a revision looks here, so it has to be wherever users are.

use sea_orm::entity::prelude::*;

use crate::domain::{Revision, Timestamp};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "incarnations")]
pub(in crate::store) struct Model {
    /// Every user has come to the highest of these at least.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::store) base: Revision,
    /// When it began.
    pub(in crate::store) began_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
