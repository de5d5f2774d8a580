//! The schema as it is found: which migrations it holds, and whether this role may use it.
//!
//! Nothing here changes anything.

use sea_orm::ConnectionTrait;
use sea_orm_migration::MigratorTrait as _;

use super::{
    dialect::Dialect,
    migration::{Migrator, TABLE},
};
use crate::store::{
    database::{Database, error::StoreError},
    entity::tables,
};

/// Where the record of migrations is, as `search_path` finds it, and what else there is to know before it
/// is read.
const PLACE: &str = "SELECT current_setting('server_encoding') AS encoding, \
     current_setting('search_path') AS search_path, \
     current_schema()::text AS current, \
     (SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
      WHERE c.oid = to_regclass('conversation_schema')) AS found, \
     (SELECT min(n.nspname::text) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
      WHERE c.relname = 'conversation_schema' AND c.relkind IN ('r', 'p')) AS elsewhere";

/// The tables that this role may not use in every way that serving does.
const FORBIDDEN: &str = "SELECT current_user::text AS role, string_agg(tables.name, ', ') AS names \
     FROM unnest($1::text[]) AS tables(name) \
     WHERE NOT (has_table_privilege(to_regclass(tables.name), 'SELECT') \
        AND has_table_privilege(to_regclass(tables.name), 'INSERT') \
        AND has_table_privilege(to_regclass(tables.name), 'UPDATE') \
        AND has_table_privilege(to_regclass(tables.name), 'DELETE'))";

/// The migrations that a schema holds: the first of the known ones, in their order.
pub(in crate::store) struct Schema {
    versions: Vec<String>,
}

impl Schema {
    /// Reads the record of migrations.
    ///
    /// # Errors
    ///
    /// [`StoreError::Schema`] and [`StoreError::Setup`], see [`Database::migrate`].
    pub(in crate::store) async fn read(
        store: &Database,
        connection: &impl ConnectionTrait,
    ) -> Result<Self, StoreError> {
        let exists = match store.dialect {
            Dialect::Sqlite => {
                let sql = "SELECT name FROM sqlite_master WHERE name = 'conversation_schema'";
                let row = connection.query_one_raw(store.statement(sql, [])).await?;
                row.is_some()
            }
            Dialect::Postgres | Dialect::Citus => {
                let row = connection.query_one_raw(store.statement(PLACE, [])).await?;
                row.map(|row| Place::of(&row))
                    .transpose()?
                    .is_some_and(|place| place.found.is_some())
            }
        };
        let mut versions = Vec::new();
        if exists {
            let statement = store.statement(&format!("SELECT version FROM {TABLE}"), []);
            let rows = connection.query_all_raw(statement).await;
            let rows = rows.map_err(StoreError::from).map_err(not_readable)?;
            for row in rows {
                versions.push(row.try_get("", "version")?);
            }
        }
        refuse_others(&versions)?;
        Ok(Self { versions })
    }

    /// How many of the known migrations it lacks.
    pub(in crate::store) fn missing(&self) -> usize {
        names().len() - self.versions.len()
    }

    /// The last migration that it holds.
    pub(in crate::store) fn version(&self) -> String {
        self.versions.iter().max().cloned().unwrap_or_default()
    }

    /// The last migration that there is.
    pub(in crate::store) fn newest() -> String {
        names().pop().unwrap_or_default()
    }

    /// Fails if the role may not use every table. On SQLite there are no roles.
    pub(in crate::store) async fn require_rights(
        &self,
        store: &Database,
    ) -> Result<(), StoreError> {
        if store.dialect == Dialect::Sqlite {
            return Ok(());
        }
        let tables: Vec<String> = tables().map(|table| table.name.to_owned()).into();
        let statement = store.statement(FORBIDDEN, [tables.into()]);
        let row = store.pool().query_one_raw(statement).await?;
        let Some(row) = row else { return Ok(()) };
        let names: Option<String> = row.try_get("", "names")?;
        let role: String = row.try_get("", "role")?;
        match names {
            None => Ok(()),
            Some(names) => Err(StoreError::Setup(format!(
                "the role {role} may not SELECT, INSERT, UPDATE and DELETE in: {names}; its owner has to \
                 grant that (GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA … TO {role})"
            ))),
        }
    }
}

/// Where the tables are on PostgreSQL.
struct Place {
    found: Option<String>,
}

impl Place {
    fn of(row: &sea_orm::QueryResult) -> Result<Self, StoreError> {
        let text = |name: &str| row.try_get::<Option<String>>("", name);
        // Identifiers and texts may hold any Unicode character.
        match text("encoding")?.as_deref() {
            Some("UTF8") => {}
            other => {
                return Err(StoreError::Schema(format!(
                    "the database must be encoded in UTF8, not {}",
                    other.unwrap_or("an unknown encoding")
                )));
            }
        }
        let search_path = text("search_path")?.unwrap_or_default();
        let (current, found) = (text("current")?, text("found")?);
        let elsewhere = text("elsewhere")?;
        // New tables there would be found nowhere, or would hide those that there are.
        match (&current, &found, elsewhere) {
            (None, _, _) => Err(StoreError::Setup(format!(
                "search_path ({search_path}) names no schema that exists and that this role may use"
            ))),
            (Some(_), None, Some(elsewhere)) => Err(StoreError::Setup(format!(
                "the tables of the service are in the schema {elsewhere}, and search_path \
                 ({search_path}) does not lead there, or this role has no USAGE on it"
            ))),
            (Some(current), Some(found), _) if current != found => Err(StoreError::Setup(format!(
                "the tables of the service are in the schema {found}, and new ones would be made in \
                 {current}, which search_path ({search_path}) names first; name {found} first"
            ))),
            _ => Ok(Self { found }),
        }
    }
}

/// A schema is what the first of the known migrations have made, in their order, and nothing else.
fn refuse_others(versions: &[String]) -> Result<(), StoreError> {
    let known = names();
    for version in versions {
        let Some(place) = known.iter().position(|known| known == version) else {
            return Err(StoreError::Schema(format!(
                "it holds migration {version}, which this version of the service does not know; \
                 run the version that made it, or a newer one"
            )));
        };
        if place >= versions.len() {
            return Err(StoreError::Schema(format!(
                "it holds migration {version}, but not all that come before it; restore it from a \
                 backup"
            )));
        }
    }
    Ok(())
}

/// The known migrations, in order.
fn names() -> Vec<String> {
    let migrations = Migrator::migrations();
    migrations
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect()
}

fn not_readable(error: StoreError) -> StoreError {
    if error.is_permission_denied() {
        return StoreError::Setup(format!(
            "this role may not read the tables of the service ({error}); their owner has to grant it SELECT, \
             INSERT, UPDATE and DELETE on all of them"
        ));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_that_skips_a_migration_is_refused() {
        let mut versions = names();
        assert!(refuse_others(&versions).is_ok());
        versions.remove(0);
        assert!(matches!(
            refuse_others(&versions),
            Err(StoreError::Schema(_))
        ));
    }
}
