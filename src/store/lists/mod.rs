//! A user's list: its pages, and its unread counts.
//!
//! Where a user's row has a copy of the conversation's head, pages are read from an index, in the order of the
//! list, and unread messages are added up by the statement. The members of large groups have no copy: their
//! rows are returned as well, and [`entries`] reads the heads. The SQL here applies the rules of
//! [`crate::domain::View`] to a row.

pub(super) mod entries;
pub(super) mod hidden;
pub(super) mod members;
mod parameters;
pub(super) mod selection;
mod statements;

use std::{iter::once, sync::Arc};

use sea_orm::{FromQueryResult, Statement, Value};

use crate::{
    domain::{ConversationKind, ListFilter, ListPosition, Revision, UnreadTotals, UserId},
    store::{
        database::{Database, dialect::Dialect, error::StoreError, input::Input, row::Row},
        entity,
        heads::Heads,
        users::{Revisions, revisions_of},
    },
};

use entries::Entry;
pub(in crate::store) use parameters::{Choice, Chosen};
use parameters::{InFolder, Place};
use statements::Scoped;
pub(super) use statements::{IS_UNLISTED, LISTED, MAY_BE_LISTED, listed};

/// Which part of a user's list is read.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// The part begins after this place; `None` for the top of the list.
    pub(crate) after: Option<&'a ListPosition>,
    /// Only pins through this revision count; `None` for all pins.
    pub(crate) pins_through: Option<Revision>,
    /// How many conversations the part has at most.
    pub(crate) limit: usize,
}

/// The unread messages, as far as the database can tell.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The totals where the user's row has a copy of the head.
    pub(crate) counted: UnreadTotals,
    /// The entries whose rows have none: those that are listed and that the filter leaves.
    pub(crate) uncounted: Vec<Entry>,
}

/// The texts of the statements.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    parts: statements::Statements,
    members: members::Statements,
    hidden: hidden::Statements,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            parts: statements::Statements::new(dialect),
            members: members::Statements::new(dialect),
            hidden: hidden::Statements::new(dialect),
        }
    }
}

/// The lists of users, and what of them is hidden.
#[derive(Clone)]
pub(crate) struct Lists {
    database: Database,
    heads: Heads,
    statements: Arc<Statements>,
}

impl Lists {
    pub(in crate::store) fn of(database: &Database, heads: &Heads) -> Self {
        Self {
            database: database.clone(),
            heads: heads.clone(),
            statements: Arc::new(Statements::new(database.dialect)),
        }
    }

    /// Part of what the filter leaves of a user's list, in no order, and the user's revisions; it reflects the
    /// present one. Besides the part, the entries of all large groups that the filter leaves: where they stand,
    /// their heads tell, which are read in a second statement.
    pub(crate) async fn page(
        &self,
        user: &UserId,
        filter: &ListFilter,
        part: &Part<'_>,
    ) -> Result<(Revisions, Vec<Entry>), StoreError> {
        let chosen = Chosen::new(user, filter, &filter.kinds_left());
        let place = Place::new(part.after, part.pins_through, part.limit);
        let asked = Input::of(&once(&chosen)).beside(Input::of(&once(&place)));
        let statement = self.scoped(&self.statements.parts.part, filter, asked);
        let (revisions, members) = self
            .database
            .read("list", statement, |rows| {
                Ok((
                    revisions_of(rows)?,
                    members::gathered_members(self.database.dialect, rows)?,
                ))
            })
            .await?;
        Ok((revisions, self.left_by(filter, members).await?))
    }

    /// The unread messages of what the filter leaves of a user's list, without system conversations.
    pub(crate) async fn unread(
        &self,
        user: &UserId,
        filter: &ListFilter,
    ) -> Result<Unread, StoreError> {
        const COUNTED: [ConversationKind; 2] = [ConversationKind::C2c, ConversationKind::Group];
        let kinds: Vec<_> = COUNTED
            .into_iter()
            .filter(|kind| filter.kinds.is_empty() || filter.kinds.contains(kind))
            .collect();
        if kinds.is_empty() {
            return Ok(Unread {
                counted: UnreadTotals::default(),
                uncounted: Vec::new(),
            });
        }
        let chosen = Chosen::unread(user, filter, &kinds);
        let asked = Input::of(&once(&chosen));
        let statement = self.scoped(&self.statements.parts.unread, filter, asked);
        let (counted, uncounted) = self
            .database
            .read("unread", statement, |rows| {
                let counted = match rows.first() {
                    Some(first) => Row::of(entity::members::Entity, first)
                        .read::<Counted>()?
                        .totals(),
                    None => UnreadTotals::default(),
                };
                Ok((counted, members::members(rows)?))
            })
            .await?;
        Ok(Unread {
            counted,
            uncounted: self.left_by(filter, uncounted).await?,
        })
    }

    fn scoped(&self, scoped: &Scoped, filter: &ListFilter, asked: Input) -> Statement {
        self.scoped_with(scoped, filter, asked, Vec::new())
    }

    /// The same with the parameters of a list of rows behind the others.
    pub(in crate::store) fn scoped_with(
        &self,
        scoped: &Scoped,
        filter: &ListFilter,
        asked: Input,
        rows: Vec<Value>,
    ) -> Statement {
        let (sql, asked) = match &filter.folder {
            None => (&scoped.whole, asked),
            Some(name) => {
                let folder = InFolder(name.clone());
                (&scoped.folder, asked.beside(Input::of(&once(&folder))))
            }
        };
        let mut values = asked.into_scalars();
        values.extend(rows);
        self.database.statement(sql, values)
    }
}

/// Totals as the database adds them up.
#[derive(FromQueryResult)]
struct Counted {
    messages: i64,
    conversations: i64,
    muted_messages: i64,
}

impl Counted {
    const fn totals(&self) -> UnreadTotals {
        UnreadTotals {
            messages: self.messages.unsigned_abs(),
            conversations: self.conversations.unsigned_abs(),
            muted_messages: self.muted_messages.unsigned_abs(),
        }
    }
}
