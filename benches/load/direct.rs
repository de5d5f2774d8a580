//! A database as SQL by hand reaches it: on PostgreSQL with as many connections as the service has, on SQLite by
//! its file, which each thread opens for itself.

use sqlx::PgPool;

use crate::{database::Database, direct_postgres, direct_sqlite, support::Outcome};

#[derive(Clone)]
pub enum Direct {
    Postgres(PgPool),
    /// The file.
    Sqlite(String),
}

impl Direct {
    pub async fn connect(database: &Database) -> Outcome<Self> {
        let url = &database.place.url;
        Ok(if database.is_postgres() {
            Self::Postgres(direct_postgres::pool(url).await?)
        } else {
            Self::Sqlite(direct_sqlite::file(url)?)
        })
    }
}
