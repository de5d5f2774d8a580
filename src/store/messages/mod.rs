//! The messages of conversations: storing them, reading them, and the names of those that were erased.

pub(super) mod append;
pub(super) mod history;
pub(super) mod remembered;
pub(super) mod under_way;

use std::sync::Arc;

use crate::store::database::{Database, dialect::Dialect};

/// The messages of conversations.
#[derive(Clone)]
pub(crate) struct Messages {
    database: Database,
    statements: Arc<Statements>,
    /// Those that wait to be stored together.
    waiting: Arc<append::Waiting>,
}

impl Messages {
    pub(in crate::store) fn of(database: &Database) -> Self {
        Self {
            database: database.clone(),
            statements: Arc::new(Statements::new(database.dialect)),
            waiting: Arc::new(append::Waiting::new(database.dialect.appended_together())),
        }
    }
}

/// The texts of the statements.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    history: history::Statements,
    append: append::Statements,
    remembered: remembered::Statements,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            history: history::Statements::new(dialect),
            append: append::Statements::new(dialect),
            remembered: remembered::Statements::new(dialect),
        }
    }
}
