//! The file of a SQLite database: made for its owner alone, given its write-ahead log, and watched while
//! it is open.
//!
//! A process that has the file open goes on writing to it after it was deleted or replaced by another, and
//! it is gone when it is closed. SQLite does not notice. So before each use of the database the file that
//! the path names is compared with the one that was opened, by device and inode:
//!
//! - While the path names no file, the database is not used. The file may come back.
//! - Once it has named another file, the database is not used again by this process: some connection may
//!   have opened the other one.
//!
//! That costs one look at a directory entry for each operation, far less than the operation.
//!
//! Deliberately absent: the same for the write-ahead log beside it, which SQLite itself makes and removes.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use super::{connections::unavailable, error};
use crate::store::database::error::StoreError;

/// How often it is tried at most to give a file its write-ahead log: for about five seconds.
const ATTEMPTS: u32 = 200;
/// The longest pause between two of them.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Read and write for the owner, nothing for others. SQLite gives its companions the same.
const PRIVATE: u32 = 0o600;

/// A file that is open as a database.
pub(in crate::store) struct SqliteFile {
    path: PathBuf,
    opened: Identity,
    /// The path has named another file.
    was_replaced: AtomicBool,
}

/// The identity of a file, under any name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
        }
    }
}

impl SqliteFile {
    /// Makes the file if there is none. To be called before it is opened.
    ///
    /// One that exists is not touched: closing a second handle of it would take away the locks that
    /// SQLite holds on the first.
    ///
    /// # Errors
    ///
    /// If there is no file and none can be made.
    pub(in crate::store) fn prepare(path: &Path) -> Result<Self, StoreError> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(path);
        if let Err(error) = made
            && error.kind() != ErrorKind::AlreadyExists
        {
            return Err(no_file(&error));
        }
        let found = fs::metadata(path).map_err(|error| no_file(&error))?;
        Ok(Self {
            path: path.to_owned(),
            opened: Identity::of(&found),
            was_replaced: AtomicBool::new(false),
        })
    }

    /// Gives the database at `address` its write-ahead log. It keeps it for good, and one that has it is
    /// left as it is.
    ///
    /// SQLite does not wait here for others that use the file: of several servers that start at once on a
    /// new file, all but one are refused. So this tries again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the file cannot be used, or others use it all the time.
    pub(in crate::store) async fn begin_log(
        address: &SqliteConnectOptions,
    ) -> Result<(), StoreError> {
        let with_log = address.clone().journal_mode(SqliteJournalMode::Wal);
        let mut attempt = 1;
        let connection = loop {
            match with_log.connect().await {
                Ok(connection) => break connection,
                Err(error) if error::is_contention(&error) && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(StoreError::beside_the_pool(error)),
            }
            tokio::time::sleep(LONGEST_PAUSE.mul_f64(rand::random())).await;
        };
        (connection.close().await).map_err(StoreError::beside_the_pool)
    }

    /// Fails unless the path names the file that was opened.
    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        match fs::metadata(&self.path) {
            Ok(found) if Identity::of(&found) == self.opened => {}
            Ok(_) => self.was_replaced.store(true, Ordering::Relaxed),
            Err(error) => {
                return Err(unavailable(&format!(
                    "the SQLite file is gone, so what would be written to it would be lost ({error})"
                )));
            }
        }
        if self.was_replaced.load(Ordering::Relaxed) {
            return Err(unavailable(
                "the SQLite file was replaced by another one while it was open; restart the service to \
                 use the file that is there",
            ));
        }
        Ok(())
    }

    /// Says so in the log if another server has the file. That works, but each of the two notices what
    /// the other does only now and then. To be held for as long as this process serves.
    pub(in crate::store) fn claim(&self) -> Option<File> {
        let mut beside = self.path.clone().into_os_string();
        beside.push("-lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE)
            .open(&beside);
        let claimed = file.map(|file| (file.try_lock(), file));
        match claimed {
            Ok((Ok(()), file)) => return Some(file),
            Ok((Err(TryLockError::WouldBlock), _)) => tracing::warn!(
                "another server uses the same SQLite file; watchers hear of its changes late: serve it \
                 by one server, or use PostgreSQL"
            ),
            Ok((Err(TryLockError::Error(error)), _)) | Err(error) => {
                tracing::debug!(%error, "cannot tell whether another server uses the SQLite file");
            }
        }
        None
    }
}

fn no_file(error: &io::Error) -> StoreError {
    unavailable(&format!("the SQLite file cannot be made: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tokio::task::JoinSet;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_its_owners_alone_and_one_that_exists_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new.db");
        SqliteFile::prepare(&path).unwrap().check().unwrap();
        assert_eq!(mode(&path), PRIVATE);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        SqliteFile::prepare(&path).unwrap().check().unwrap();
        assert_eq!(mode(&path), 0o640);
        let missing = directory.path().join("missing").join("new.db");
        assert!(SqliteFile::prepare(&missing).is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_new_file_is_given_its_log_by_many_at_once() {
        let directory = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let path = directory.path().join(format!("{round}.db"));
            let _file = SqliteFile::prepare(&path).unwrap();
            let address = SqliteConnectOptions::new().filename(&path);
            let mut servers = JoinSet::new();
            for _ in 0..8 {
                let address = address.clone();
                servers.spawn(async move { SqliteFile::begin_log(&address).await });
            }
            for begun in servers.join_all().await {
                begun.unwrap();
            }
        }
    }

    #[test]
    fn a_file_that_is_gone_may_come_back_and_one_that_was_replaced_may_not() {
        let directory = tempfile::tempdir().unwrap();
        let [path, elsewhere] = ["a.db", "b.db"].map(|name| directory.path().join(name));
        let file = SqliteFile::prepare(&path).unwrap();
        fs::rename(&path, &elsewhere).unwrap();
        file.check().unwrap_err();
        fs::rename(&elsewhere, &path).unwrap();
        file.check().unwrap();

        fs::rename(&path, &elsewhere).unwrap();
        SqliteFile::prepare(&path).unwrap();
        file.check().unwrap_err();
        fs::rename(&elsewhere, &path).unwrap();
        file.check().unwrap_err();
    }

    #[test]
    fn a_file_is_claimed_by_one_server_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let [one, other] = [(); 2].map(|()| SqliteFile::prepare(&path).unwrap());
        let claim = one.claim();
        assert!(claim.is_some() && other.claim().is_none());
        drop(claim);
        assert!(other.claim().is_some());
        assert_eq!(mode(&directory.path().join("a.db-lock")), PRIVATE);
    }
}
