//! The database: one [`Store`] for SQLite and PostgreSQL, in rooms by subject.
//!
//! | room | what it holds | handle |
//! |---|---|---|
//! | `entity` | the tables as sea-orm entities: the schema, with the domain's types | |
//! | `database` | connections, transactions, dialects, the schema | [`Database`] |
//! | `users` | a user's revision, and the lock that is taken with it | [`Users`] |
//! | `heads` | the newest position of each conversation | `Heads` |
//! | `log` | the records of changes | `Log` |
//! | `lists` | what a user has: pages, unread totals, what is hidden, what a selector chooses | `Lists` |
//! | `messages` | storing messages, and reading them | `Messages` |
//! | `changes` | what a user changes: deletions, settings, folders | `Deletions`, `Settings`, `Folders` |
//! | `groups` | joining and leaving | `Groups` |
//! | `events` | the records of changes as a user's clients follow them | `Events` |
//! | `erasure` | what the background jobs do: erasing, trimming, unlisting | [`Erasure`] |
//!
//! A room knows those above it in the table and none below.
//!
//! The tables form two families that no statement joins: those of a user (`users`, `members`,
//! `changes`, `folders`, `folder_conversations`) lead with `user_id`, those of a conversation
//! (`conversations`, `messages`, `erased_messages`, `group_members`, `group_requests`) with `conversation_key`.
//! That is what lets the data be spread over machines. Every statement names that column, so it asks no more shards
//! than it has users or conversations; only the background jobs look for work over all of them. One statement writes
//! tables of both families, where all are in one PostgreSQL: it stores messages (`messages::append::at_once`).
//!
//! Order of locks: the head of a conversation, then rows of `users`, then rows of `members`; several rows
//! of one table in the order of their keys, by their bytes, as the tables sort text and the lists of the
//! statements do.
//!
//! | use case | heads | `users` | `members` |
//! |---|---|---|---|
//! | a change of a user | | its user's | that user's |
//! | changes that run together | | those of their users | those of their users, in the order of the users |
//! | ending the undo of a deletion | | its user's | that user's |
//! | unlisting what was deleted | | its user's | that user's |
//! | claiming and passing on what is to be erased | those of a batch | | |
//! | erasing | its conversation's | | |
//! | messages that run together | their conversations' | | the conversations', in the order of the users, one of each user |
//! | joining and leaving | the group's | those whose membership changes | theirs, in the order of the users |
//! | making a group large | the group's | those who join | all the group's, in the order of the users |
//!
//! Use cases cannot deadlock. A use case that waits for a row of a table holds no row of a later table, so a
//! circle would have to be within one table. Heads and rows of `users` are taken in the
//! order of their keys. A use case that holds the row of one user in `members` waits only for rows of the
//! same or of later users; for one of the same user only as a change of that user, of which there is one at
//! a time, for it holds the user's lock. `group_members` is written under the head's lock alone, so nobody's
//! membership changes between finding the members of a group and changing their rows.
//!
//! A small table is an exception: PostgreSQL may read it as it lies, whatever the order of a change's rows.
//! Changes that run together, and claims of several conversations, may come to wait there for a message in a circle,
//! which PostgreSQL ends after a second, and the service tries again.
//!
//! Deliberately absent: caches, and any reading of a row to decide in the service what a statement could
//! decide while it holds the row.

mod changes;
mod database;
mod entity;
mod erasure;
mod events;
mod groups;
mod heads;
mod lists;
mod log;
mod messages;
#[cfg(test)]
mod statements;
mod users;

use std::{sync::Arc, time::Duration};

use crate::config::DatabaseConfig;

use self::{changes::Changes, entity::kind::StoredKind};

pub use database::{
    Database,
    backup::{Backup, BackupError, backup},
    error::StoreError,
    migrate::{Migrated, migrate},
    vacuums::Vacuum,
};
pub use entity::{Column, Kind, Table, tables};
pub use erasure::{Erased, Erasure};
pub use users::Users;
pub(crate) use {
    changes::{
        ChangeError,
        deletions::{
            Delete, DeleteMatching, DeletionTarget, Deletions, DeletionsBefore, ListedDeletions,
            Matching, MatchingError, Terms,
        },
        folders::{FolderError, Folders},
        settings::{Reading, Settings},
    },
    erasure::{DueChange, DueConversation, unless_inconsistent},
    events::Events,
    groups::Groups,
    heads::{Heads, Positioned},
    lists::{Lists, Part, entries::Entry, hidden::Hidden, selection::Selected},
    log::{Log, Recorded},
    messages::{
        Messages,
        append::{Append, AppendError, Audience},
        history::Shown,
        under_way::settled,
    },
    users::Revisions,
};

/// The database and what is done there, shared by all requests. Cloning is cheap.
#[derive(Clone)]
pub struct Store {
    database: Database,
    rooms: Arc<Rooms>,
}

struct Rooms {
    users: Users,
    heads: Heads,
    log: Log,
    lists: Lists,
    messages: Messages,
    deletions: Deletions,
    settings: Settings,
    folders: Folders,
    groups: Groups,
    events: Events,
    erasure: Erasure,
}

/// Connects to the database without looking at its schema. Connections are opened as they are
/// needed, but for the first.
///
/// # Errors
///
/// [`StoreError::Unavailable`] if the database cannot be reached.
pub async fn connect(config: &DatabaseConfig) -> Result<Store, StoreError> {
    let database = database::connect(config).await?;
    let kinds = StoredKind::ALL.map(StoredKind::name);
    database.metrics().expect_changes(kinds);
    Ok(Store::of(database))
}

impl Store {
    fn of(database: Database) -> Self {
        let heads = Heads::of(&database);
        let log = Log::of(&database);
        let lists = Lists::of(&database, &heads);
        let messages = Messages::of(&database);
        let changes = Changes::of(&database);
        let rooms = Rooms {
            users: Users::of(&database),
            deletions: Deletions::of(&database, &changes, &heads, &log, &lists),
            settings: Settings::of(&database, &changes),
            folders: Folders::of(&database, &changes, &heads, &lists),
            groups: Groups::of(&database),
            events: Events::of(&database),
            erasure: Erasure::of(&database, &messages),
            heads,
            log,
            lists,
            messages,
        };
        Self {
            database,
            rooms: Arc::new(rooms),
        }
    }

    /// The same store, with the promise that what is changed or sent from now on is kept for so long.
    #[must_use]
    pub fn keeping(self, retention: Duration) -> Self {
        Self::of(self.database.keeping(retention))
    }

    /// [`Database::close`].
    ///
    /// # Errors
    ///
    /// As it has them.
    pub async fn close(self) -> Result<(), StoreError> {
        self.database.close().await
    }

    /// Its connections, its schema and its time.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The revisions of users.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.rooms.users
    }

    /// The heads of conversations.
    pub(crate) fn heads(&self) -> &Heads {
        &self.rooms.heads
    }

    /// The records of changes.
    pub(crate) fn log(&self) -> &Log {
        &self.rooms.log
    }

    /// The lists of users.
    pub(crate) fn lists(&self) -> &Lists {
        &self.rooms.lists
    }

    /// The messages.
    pub(crate) fn messages(&self) -> &Messages {
        &self.rooms.messages
    }

    /// Deleting, clearing, showing, and undoing that.
    pub(crate) fn deletions(&self) -> &Deletions {
        &self.rooms.deletions
    }

    /// Reading, pinning, muting, marking, and the product's own data.
    pub(crate) fn settings(&self) -> &Settings {
        &self.rooms.settings
    }

    /// Folders.
    pub(crate) fn folders(&self) -> &Folders {
        &self.rooms.folders
    }

    /// Memberships of groups.
    pub(crate) fn groups(&self) -> &Groups {
        &self.rooms.groups
    }

    /// The changes that a user's clients follow.
    pub(crate) fn events(&self) -> &Events {
        &self.rooms.events
    }

    /// The work of the background jobs.
    #[must_use]
    pub fn erasure(&self) -> &Erasure {
        &self.rooms.erasure
    }
}
