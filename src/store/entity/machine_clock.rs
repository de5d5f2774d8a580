//! `machine_clock`: the clock of the machine that keeps SQLite's file; at most one row. Of neither family. On
//! PostgreSQL, which has a clock of its own, it is empty.

use sea_orm::entity::prelude::*;

use crate::domain::Micros;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "machine_clock")]
pub(in crate::store) struct Model {
    /// The start of the machine that the row is of.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub(in crate::store) boot_id: String,
    /// By how much the wall clock was ahead of the time since that start, as far as it did not jump.
    pub(in crate::store) wall_ahead: Micros,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
