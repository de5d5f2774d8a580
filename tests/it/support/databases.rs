//! A fresh, empty database for each test, and the macro that runs a test on every kind of database.

use std::{
    fs,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use sea_orm::{ConnectionTrait as _, Database, DbErr};
use tempfile::TempDir;

use super::{postgres, proxy::Proxy};

/// The databases that the service supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// An empty database, which is deleted when this is dropped.
pub(crate) struct TestDatabase {
    backend: Backend,
    url: String,
    place: Place,
}

/// Where a test database lives.
enum Place {
    Directory {
        _files: TempDir,
    },
    Server {
        database: PostgresDatabase,
    },
    /// Somebody else deletes the database.
    Elsewhere,
}

impl TestDatabase {
    /// Creates a database, or returns `None` when this kind of database is not there, which was said
    /// on standard error.
    pub(crate) async fn create(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => {
                let files = tempfile::tempdir().expect("a temporary directory can be created");
                let file = files.path().join("conversations.db");
                Some(Self {
                    backend,
                    url: format!("sqlite://{}", file.display()),
                    place: Place::Directory { _files: files },
                })
            }
            Backend::Postgres => Self::create_on_postgres("").await,
        }
    }

    /// Creates a PostgreSQL database that sorts text as people do, and not by its bytes, as most
    /// databases outside of tests do.
    pub(crate) async fn create_with_a_locale() -> Option<Self> {
        let icu = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'";
        Self::create_on_postgres(icu).await
    }

    async fn create_on_postgres(options: &str) -> Option<Self> {
        let superuser = postgres::superuser_url()?;
        let database = PostgresDatabase::create(superuser, options).await;
        Some(Self {
            backend: Backend::Postgres,
            url: database_url(superuser, &database.name),
            place: Place::Server { database },
        })
    }

    /// A copy of the database as it is, as a backup is one. Nobody may be connected to it.
    pub(crate) async fn copy(&self) -> Self {
        match &self.place {
            Place::Directory { .. } => {
                let copy = Self::create(Backend::Sqlite).await.expect("always there");
                let [from, to] = [self, &copy].map(|one| one.url.trim_start_matches("sqlite://"));
                fs::copy(from, to).expect("the file is there");
                copy
            }
            Place::Server { database } => {
                let template = format!("TEMPLATE {}", database.name);
                let copy = Self::create_on_postgres(&template).await;
                copy.expect("the server of the original")
            }
            Place::Elsewhere => panic!("it is not known where it is"),
        }
    }

    /// The database of this URL on a PostgreSQL server of the test's own.
    pub(crate) fn on_own_postgres(url: String) -> Self {
        Self::at_url(Backend::Postgres, url)
    }

    /// The database of this URL, which somebody else deletes.
    pub(crate) fn at_url(backend: Backend, url: String) -> Self {
        Self {
            backend,
            url,
            place: Place::Elsewhere,
        }
    }

    /// A database that somebody else deletes.
    pub(crate) fn elsewhere(database: &Self) -> Self {
        Self::at_url(database.backend, database.url.clone())
    }

    /// A database on PostgreSQL with a proxy in front of it, and the proxy.
    pub(crate) async fn through_a_proxy(database: &Self) -> (Proxy, Self) {
        let (scheme, rest) = database.url.split_once("://").expect("a URL");
        let (authority, path) = rest.split_once('/').expect("a database");
        let (user, host) = authority.split_once('@').unwrap_or(("postgres", authority));
        let proxy = Proxy::start(host.to_owned()).await;
        let url = format!("{scheme}://{user}@{}/{path}", proxy.address());
        (proxy, Self::on_own_postgres(url))
    }

    /// The URL that the service is given to connect to this database.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Which kind of database this is.
    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }
}

/// A database on the PostgreSQL server. Dropping it disconnects the sessions that still use it.
struct PostgresDatabase {
    superuser: &'static str,
    name: String,
}

impl PostgresDatabase {
    async fn create(superuser: &'static str, options: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Several test processes may share one server.
        let name = format!(
            "it_{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        // An earlier process with the same ID has left it behind, if it was killed.
        execute(
            superuser,
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await
        .expect("a left-over database can be dropped");
        execute(superuser, &format!("CREATE DATABASE {name} {options}"))
            .await
            .expect("a database can be created");
        Self { superuser, name }
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let superuser = self.superuser;
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The runtime of the test must not be blocked on, so this one has its own. A database that
        // stays behind does no harm, so that it failed is of no interest.
        let dropping = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map(|runtime| runtime.block_on(execute(superuser, &statement)))
        });
        let _ = dropping.join();
    }
}

/// Runs one statement on a connection of its own.
async fn execute(url: &str, statement: &str) -> Result<(), DbErr> {
    let connection = Database::connect(url).await?;
    let done = connection.execute_unprepared(statement).await;
    connection.close().await?;
    done.map(drop)
}

/// The URL with its database replaced, user, host and parameters kept.
fn database_url(url: &str, database: &str) -> String {
    let (address, parameters) = match url.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = address
        .split_once("://")
        .expect("a database URL has a scheme");
    let authority = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}/{database}{parameters}")
}

/// Makes a test for each kind of database from `async fn name(database: TestDatabase)`: they are
/// called `name::sqlite` and `name::postgres`.
macro_rules! on_every_database {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                use crate::support::databases::{Backend, TestDatabase};

                #[tokio::test(flavor = "multi_thread")]
                async fn sqlite() {
                    if let Some(database) = TestDatabase::create(Backend::Sqlite).await {
                        super::$name(database).await;
                    }
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn postgres() {
                    if let Some(database) = TestDatabase::create(Backend::Postgres).await {
                        super::$name(database).await;
                    }
                }
            }
        )+
    };
}

pub(crate) use on_every_database;

#[test]
fn the_database_of_a_url_is_replaced_and_the_rest_is_kept() {
    assert_eq!(
        database_url("postgres://u:p@h:5/postgres?sslmode=disable", "it_1_2"),
        "postgres://u:p@h:5/it_1_2?sslmode=disable"
    );
    assert_eq!(database_url("postgres://h", "it"), "postgres://h/it");
}
