//! The texts of all statements, made once for the dialect at hand.
//!
//! The final texts stand in `statements/sqlite.sql` and `statements/postgresql.sql`, formatted, and SQLite's with
//! their plans. A test compares them with what is made here; `RENEW_STATEMENTS=yes cargo test --lib statements`
//! writes them anew. The plans of PostgreSQL depend on its data: the tests of statements look at them where
//! there is much.

#[cfg(test)]
mod written;

use super::{
    append, backlog, change, conversations, deletions, dialect::Dialect, erasure, folders, groups,
    hidden, incarnation, list, log, members, messages, remembered, settings, showing, trim,
    unlisting,
};

/// The statements of all parts of the store.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    pub(super) conversations: conversations::Statements,
    pub(super) members: members::Statements,
    pub(super) messages: messages::Statements,
    pub(super) append: append::Statements,
    pub(super) groups: groups::Statements,
    pub(super) hidden: hidden::Statements,
    pub(super) incarnation: incarnation::Statements,
    pub(super) list: list::Statements,
    pub(super) log: log::Statements,
    pub(super) erasure: erasure::Statements,
    pub(super) remembered: remembered::Statements,
    pub(super) trim: trim::Statements,
    pub(super) unlisting: unlisting::Statements,
    pub(super) backlog: backlog::Statements,
    pub(super) change: change::Statements,
    pub(super) settings: settings::Statements,
    pub(super) folders: folders::Statements,
    pub(super) deletions: deletions::ListStatements,
    pub(super) take: change::ChangeStatement<deletions::TargetRow>,
    pub(super) take_in_steps: change::ChangeStatement<deletions::SteppedRow>,
    pub(super) forget: change::ChangeStatement<deletions::SteppedRow>,
    pub(super) forgetting: deletions::Statements,
    pub(super) show: change::ChangeStatement<showing::ShowRow>,
    pub(super) restore: change::ChangeStatement<deletions::UndoneRow>,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            conversations: conversations::Statements::new(dialect),
            members: members::Statements::new(dialect),
            messages: messages::Statements::new(dialect),
            append: append::Statements::new(dialect),
            groups: groups::Statements::new(dialect),
            hidden: hidden::Statements::new(dialect),
            incarnation: incarnation::Statements::new(dialect),
            list: list::Statements::new(dialect),
            log: log::Statements::new(dialect),
            erasure: erasure::Statements::new(dialect),
            remembered: remembered::Statements::new(dialect),
            trim: trim::Statements::new(dialect),
            unlisting: unlisting::Statements::new(dialect),
            backlog: backlog::Statements::new(),
            change: change::Statements::new(dialect),
            settings: settings::Statements::new(dialect),
            folders: folders::Statements::new(dialect),
            deletions: deletions::ListStatements::new(dialect),
            take: deletions::take_statement(dialect),
            take_in_steps: deletions::take_in_steps_statement(dialect),
            forget: deletions::forget_statement(dialect),
            forgetting: deletions::Statements::new(dialect),
            show: showing::show_statement(dialect),
            restore: deletions::restore_statement(dialect),
        }
    }
}
