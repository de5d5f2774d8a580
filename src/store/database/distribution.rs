//! Distributing the tables over the machines of a Citus cluster.
//!
//! The tables of users are distributed by `user_id` and those of conversations by `conversation_key`. The tables
//! of one family are colocated: a user's rows are on one machine, and so are a conversation's. A table of neither
//! is small, and every machine has a copy of it. Which table is which is told by the first column of its key, so a
//! table of a later version needs no line here.
//!
//! Tables are distributed on request (`postgres_distributed`), for that moves all data. That they are distributed
//! is found without a request: a service that took them for one server's would ask for generic plans, which fail
//! there, and would merge changes of several users, which lie on several machines.
//!
//! Distributing happens in the transaction of the migrations and under their lock, so it is done once, whole or not
//! at all. It locks the tables while their rows are copied.

use sea_orm::{ConnectionTrait, DbErr};
use sqlx::postgres::PgConnection;

use super::{dialect::Dialect, migration, session};
use crate::store::{
    database::{Database, error::StoreError},
    entity::tables,
};

/// Where the tables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Layout {
    /// In one server.
    OneServer,
    /// Distributed over the servers of a cluster, or to be distributed by the next migration.
    Cluster,
}

/// Whether the extension is in the database.
const IS_CITUS: &str = "SELECT (to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL)::text";

/// Whether the tables are distributed. One of them stands for all.
const IS_DISTRIBUTED: &str = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_dist_partition \
     WHERE logicalrelid = to_regclass('users'))::text";

/// The tables that are not distributed yet, in their order.
const PENDING: &str = "SELECT t.name, t.shard_key FROM unnest($1::text[], $2::text[]) \
     WITH ORDINALITY AS t(name, shard_key, ord) \
     WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_dist_partition AS p \
                       WHERE p.logicalrelid = to_regclass(t.name)) \
     ORDER BY t.ord";

const DISTRIBUTE: &str =
    "SELECT create_distributed_table($1::text::regclass, $2::text, colocate_with => $3::text)";
const COPY_TO_ALL: &str = "SELECT create_reference_table($1::text::regclass)";

/// A transaction that has changed tables by one connection to a machine cannot go on by several.
const ONE_AFTER_THE_OTHER: &str = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'";

/// The first table of a family lies where it likes, and the others beside it.
const ANYWHERE: &str = "none";
/// The columns by which tables are distributed, each with the table that its others lie beside.
const FAMILIES: [(&str, &str); 2] = [("user_id", "users"), ("conversation_key", "conversations")];

/// Where the tables are, as the database knows it.
pub(in crate::store) async fn find(connection: &mut PgConnection) -> Result<Layout, StoreError> {
    let is_distributed = session::ask(connection, IS_CITUS).await? == "true"
        && session::ask(connection, IS_DISTRIBUTED).await? == "true";
    Ok(if is_distributed {
        Layout::Cluster
    } else {
        Layout::OneServer
    })
}

/// A table that is not distributed yet.
pub(in crate::store) struct Pending {
    name: String,
    /// Empty for a table that every machine has.
    shard_key: String,
}

impl Database {
    /// Whether the tables are on several machines, each of which commits its part of a transaction by itself.
    pub(in crate::store) const fn is_distributed(&self) -> bool {
        matches!(self.dialect, Dialect::Citus)
    }

    /// The tables that are to be distributed and are not yet: of a database in one server, none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Setup`] if tables are to be distributed where there is no Citus.
    pub(in crate::store) async fn pending(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<Vec<Pending>, StoreError> {
        if !self.is_distributed() {
            return Ok(Vec::new());
        }
        let row = connection
            .query_one_raw(self.statement(IS_CITUS, []))
            .await?;
        let is_citus = row
            .map(|row| row.try_get_by_index::<String>(0))
            .transpose()?;
        if is_citus.as_deref() != Some("true") {
            return Err(StoreError::Setup(
                "postgres_distributed is set, and the extension citus is not in this database; create it \
                 (CREATE EXTENSION citus) and add the workers, or leave the setting out"
                    .to_owned(),
            ));
        }
        let tables = tables();
        let singleton = [(migration::TABLE.to_owned(), String::new())];
        let all = tables.iter().map(|table| {
            let key = table.key.first().copied().unwrap_or_default();
            let shard_key = FAMILIES.iter().find(|(column, _)| *column == key);
            let shard_key = shard_key.map_or("", |(column, _)| column);
            (table.name.to_owned(), shard_key.to_owned())
        });
        let (names, keys): (Vec<_>, Vec<_>) = all.chain(singleton).unzip();
        let statement = self.statement(PENDING, [names.into(), keys.into()]);
        let rows = connection.query_all_raw(statement).await?;
        let pending = rows.iter().map(|row| {
            Ok(Pending {
                name: row.try_get("", "name")?,
                shard_key: row.try_get("", "shard_key")?,
            })
        });
        Ok(pending.collect::<Result<_, DbErr>>()?)
    }

    /// Distributes what is to be distributed and is not yet, and tells how many tables those were.
    ///
    /// # Errors
    ///
    /// As [`Database::pending`], or another error of the database.
    pub(in crate::store) async fn distribute(
        &self,
        transaction: &impl ConnectionTrait,
    ) -> Result<usize, StoreError> {
        let pending = self.pending(transaction).await?;
        if pending.is_empty() {
            return Ok(0);
        }
        transaction.execute_unprepared(ONE_AFTER_THE_OTHER).await?;
        for Pending { name, shard_key } in &pending {
            let first = FAMILIES.iter().find(|(column, _)| column == shard_key);
            let statement = match first {
                Some((_, first)) => {
                    let beside = if first == name { ANYWHERE } else { first };
                    let values = [name.as_str(), shard_key, beside].map(Into::into);
                    self.statement(DISTRIBUTE, values)
                }
                None => self.statement(COPY_TO_ALL, [name.as_str().into()]),
            };
            transaction.query_one_raw(statement).await?;
        }
        Ok(pending.len())
    }
}
