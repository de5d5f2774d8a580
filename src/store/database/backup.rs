//! A copy of a SQLite database, made while it is in use.
//!
//! The copy is consistent, contains no erased data, and appears under its name only when it is complete and on
//! disk. Only its owner may read it, because it contains the users' messages.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    str::FromStr as _,
    time::Duration,
};

use sqlx::{
    Connection as _, Row as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use thiserror::Error;

use crate::config::DatabaseUrl;

/// How long it waits for a process that has locked the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
const VERSION: &str = "SELECT max(version) FROM conversation_schema";

/// A finished backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The size of the copy.
    pub bytes: u64,
    /// The migration that its schema is at.
    pub version: String,
}

/// Why there is no backup.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Another program copies this kind of database.
    #[error(
        "a database on PostgreSQL is copied with its own program: pg_dump --format=custom --file=FILE URL"
    )]
    NotSqlite,
    /// There is no such database.
    #[error("there is no database of this service at {}", .0.display())]
    NoDatabase(PathBuf),
    /// The copy would replace something.
    #[error("{} exists, and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// The copy cannot be written.
    #[error("{} cannot be written", file.display())]
    File {
        /// The copy.
        file: PathBuf,
        /// The system's own error.
        source: io::Error,
    },
    /// The database cannot be read or copied.
    #[error("the database cannot be copied")]
    Database(#[from] sqlx::Error),
}

/// Copies the SQLite database at `url` into the new file `target`.
///
/// # Errors
///
/// A [`BackupError`]; there is no file then.
pub async fn backup(url: &DatabaseUrl, target: &Path) -> Result<Backup, BackupError> {
    if !url.is_sqlite() {
        return Err(BackupError::NotSqlite);
    }
    let options = SqliteConnectOptions::from_str(url.expose())?
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT);
    let database = options.get_filename().to_owned();
    if !database.is_file() {
        return Err(BackupError::NoDatabase(database));
    }
    let failed = |source| BackupError::File {
        file: target.to_owned(),
        source,
    };
    // Found out before the work is done; what comes into being meanwhile is not overwritten either.
    if target.try_exists().map_err(failed)? {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let directory = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // Readable by nobody else, and gone if something fails.
    let copy = tempfile::Builder::new()
        .prefix(".conversations-backup-")
        .tempfile_in(directory)
        .map_err(failed)?;

    let mut connection = SqliteConnection::connect_with(&options).await?;
    let version = sqlx::query(VERSION).fetch_one(&mut connection).await;
    let version: String = match version {
        Ok(row) => row.try_get(0)?,
        Err(_) => return Err(BackupError::NoDatabase(database)),
    };
    let path = copy.path().to_string_lossy().into_owned();
    let copying = sqlx::query("VACUUM INTO $1").bind(path);
    copying.execute(&mut connection).await?;
    connection.close().await?;

    copy.as_file().sync_all().map_err(failed)?;
    let kept = copy.persist_noclobber(target);
    let kept = kept.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
        _ => failed(error.error),
    })?;
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(failed)?;
    let bytes = kept.metadata().map_err(failed)?.len();
    Ok(Backup { bytes, version })
}
