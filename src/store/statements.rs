//! The texts of all statements, by module of the store: each handle makes its own. [`built`] has those that sea-orm
//! builds.
//!
//! `statements/sqlite.sql` and `statements/postgresql.sql` have the final texts, laid out to be read ([`layout`]), and
//! the plans of SQLite; `statements/citus.sql` has those that are different on a cluster. A test compares them with the
//! texts that are made here; `RENEW_STATEMENTS=yes cargo test --lib statements` writes them again. The plans of
//! PostgreSQL depend on its data: `tests/it/statements` checks them with much data.

mod built;
mod layout;
mod written;

use super::{
    changes::{self, deletions, folders, settings},
    database::dialect::Dialect,
    erasure, events, groups, heads, lists, messages, users,
};

/// The statements of all rooms.
#[derive(serde::Serialize)]
struct Statements {
    users: users::Statements,
    heads: heads::Statements,
    lists: lists::Statements,
    messages: messages::Statements,
    changes: changes::Statements,
    deletions: deletions::Statements,
    settings: settings::Kinds,
    folders: folders::Statements,
    groups: groups::Statements,
    events: String,
    erasure: erasure::Statements,
}

impl Statements {
    fn new(dialect: Dialect) -> Self {
        Self {
            users: users::Statements::new(dialect),
            heads: heads::Statements::new(dialect),
            lists: lists::Statements::new(dialect),
            messages: messages::Statements::new(dialect),
            changes: changes::Statements::new(dialect),
            deletions: deletions::Statements::new(dialect),
            settings: settings::Kinds::new(dialect),
            folders: folders::Statements::new(dialect),
            groups: groups::Statements::new(dialect),
            events: events::after(dialect),
            erasure: erasure::Statements::new(dialect),
        }
    }
}
