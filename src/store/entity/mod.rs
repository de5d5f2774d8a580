//! The tables, as sea-orm entities: the schema as it stands since the last migration.
//!
//! | entity | a row is | family | shard key |
//! |---|---|---|---|
//! | [`users`] | a user's revision, and the lock of the user's changes | users | `user_id` |
//! | [`members`] | a user's view of a conversation | users | `user_id` |
//! | [`changes`] | a change of a user | users | `user_id` |
//! | [`folders`] | a folder of a user | users | `user_id` |
//! | [`folder_conversations`] | a conversation in a folder | users | `user_id` |
//! | [`conversations`] | the head of a conversation | conversations | `conversation_key` |
//! | [`messages`] | a message | conversations | `conversation_key` |
//! | [`erased_messages`] | the name of an erased message | conversations | `conversation_key` |
//! | [`group_members`] | a user who is or was a member of a group | conversations | `conversation_key` |
//! | [`group_requests`] | a request to join or leave a group | conversations | `conversation_key` |
//! | [`incarnations`] | a restoration of the database | neither | |
//! | [`machine_clock`] | the clock of the machine with SQLite's file | neither | |
//!
//! The columns have the types of the domain (`value` says how each is stored). A test holds the entities and
//! the migrated schema together, on both databases: see [`Table`].
//!
//! Statements that read or write one table in a fixed shape are built by sea-orm from these entities; all others
//! are SQL (`docs/decisions/0004-raw-sql.md` says which, and why). Their long lists of columns come from here,
//! too: see `columns`.
//!
//! Deliberately absent: relations, for no statement joins what sea-orm would join; and an entity for `vacuums`,
//! SQLite's one row about its own file, which has no key.

pub(in crate::store) mod changes;
pub(in crate::store) mod conversations;
pub(in crate::store) mod erased_messages;
pub(in crate::store) mod folder_conversations;
pub(in crate::store) mod folders;
pub(in crate::store) mod group_members;
pub(in crate::store) mod group_requests;
pub(in crate::store) mod incarnations;
pub(in crate::store) mod kind;
pub(in crate::store) mod machine_clock;
pub(in crate::store) mod members;
pub(in crate::store) mod messages;
pub(in crate::store) mod users;
pub(in crate::store) mod value;

use sea_orm::{
    ColumnTrait as _, EntityTrait, IdenStatic, Iterable as _, PrimaryKeyToColumn as _,
    sea_query::ColumnType,
};

/// A table as its entity knows it: for the test that compares it with the migrated schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, in no order.
    pub columns: Vec<Column>,
    /// The names of the columns of its primary key, in their order.
    pub key: Vec<&'static str>,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// The type of what is stored.
    pub kind: Kind,
    /// Whether it may be NULL.
    pub is_nullable: bool,
}

/// The types of stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 64 bits: positions, revisions, times.
    Bigint,
    /// 16 bits: kinds and flags.
    Smallint,
    /// Text, compared byte by byte.
    Text,
    /// Bytes.
    Bytes,
}

/// All tables that serving reads and writes on PostgreSQL. SQLite has `vacuums` besides.
#[must_use]
pub fn tables() -> [Table; 12] {
    [
        table(users::Entity),
        table(members::Entity),
        table(changes::Entity),
        table(folders::Entity),
        table(folder_conversations::Entity),
        table(conversations::Entity),
        table(messages::Entity),
        table(erased_messages::Entity),
        table(group_members::Entity),
        table(group_requests::Entity),
        table(incarnations::Entity),
        table(machine_clock::Entity),
    ]
}

fn table<E: EntityTrait>(entity: E) -> Table {
    let columns = E::Column::iter().map(|column| {
        let definition = column.def();
        Column {
            name: column.as_str(),
            kind: match definition.get_column_type() {
                ColumnType::BigInteger => Kind::Bigint,
                ColumnType::SmallInteger => Kind::Smallint,
                ColumnType::Blob => Kind::Bytes,
                _ => Kind::Text,
            },
            is_nullable: definition.is_null(),
        }
    });
    Table {
        name: entity.table_name(),
        columns: columns.collect(),
        key: E::PrimaryKey::iter()
            .map(|key| key.into_column().as_str())
            .collect(),
    }
}

/// The names of these columns in SQL, each behind `prefix` (such as `m.`).
pub(in crate::store) fn columns<C: IdenStatic>(
    prefix: &str,
    columns: impl IntoIterator<Item = C>,
) -> String {
    let mut names = String::new();
    for column in columns {
        if !names.is_empty() {
            names.push_str(", ");
        }
        names.push_str(prefix);
        names.push_str(column.as_str());
    }
    names
}
