//! A database of its own for each test, and the macros that run a test on every kind of database.

use std::{
    fs,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use conversation_service::store;
use sea_orm::{ConnectionTrait as _, Database, DbErr};
use tempfile::TempDir;

use super::{citus, postgres, proxy::Proxy, server::config};

/// The databases that the service supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// A database of a test, which is deleted when this is dropped.
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
    Cluster {
        _lent: citus::Lent,
    },
    /// Somebody else deletes the database.
    Elsewhere,
}

impl TestDatabase {
    /// A database with today's tables and nothing in them: what a server makes of an empty database when it
    /// starts. It is a copy, which takes less time than to migrate.
    pub(crate) async fn migrated(backend: Backend) -> Option<Self> {
        static SQLITE: OnceLock<Vec<u8>> = OnceLock::new();
        static POSTGRES: OnceLock<Option<TestDatabase>> = OnceLock::new();
        match backend {
            Backend::Sqlite => {
                let original = SQLITE.get_or_init(|| {
                    let original = migrate(backend).expect("always there");
                    fs::read(original.path()).expect("the file is there")
                });
                let copy = Self::create(backend).await?;
                fs::write(copy.path(), original).expect("the file can be made");
                Some(copy)
            }
            Backend::Postgres if citus::is_there() => {
                Some(Self::on_cluster(citus::Lent::emptied().await?))
            }
            // Nobody would drop the original there.
            Backend::Postgres if postgres::is_shared() => Self::create(backend).await,
            Backend::Postgres => {
                let original = POSTGRES.get_or_init(|| migrate(backend));
                Some(original.as_ref()?.copy().await)
            }
        }
    }

    /// Creates an empty database, or returns `None` when this kind of database is not there, which was said
    /// on standard error. On a cluster, its tables are there already, and are distributed.
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
            Backend::Postgres if citus::is_there() => {
                Some(Self::on_cluster(citus::Lent::distributed().await?))
            }
            Backend::Postgres => Self::create_on_postgres("").await,
        }
    }

    /// A database with today's tables on one server, also where there is a cluster.
    pub(crate) async fn migrated_on_one_server(backend: Backend) -> Option<Self> {
        if !citus::is_there() {
            return Self::migrated(backend).await;
        }
        let database = Self::create_on_one_server(backend).await?;
        let migrated = store::migrate(&config(&database).database).await;
        migrated.expect("an empty database can be migrated");
        Some(database)
    }

    /// The same, without tables.
    pub(crate) async fn create_on_one_server(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => Self::create(backend).await,
            Backend::Postgres => Self::create_on_postgres("").await,
        }
    }

    /// The same on the cluster, without tables, or `None` where there is none, which was said.
    pub(crate) async fn create_on_cluster() -> Option<Self> {
        if !citus::is_there_or_skipped() {
            return None;
        }
        Some(Self::on_cluster(citus::Lent::without_tables().await?))
    }

    fn on_cluster(lent: citus::Lent) -> Self {
        Self {
            backend: Backend::Postgres,
            url: lent.url().to_owned(),
            place: Place::Cluster { _lent: lent },
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
                fs::copy(self.path(), copy.path()).expect("the file is there");
                copy
            }
            Place::Server { database } => {
                let template = format!("TEMPLATE {}", database.name);
                let copy = Self::create_on_postgres(&template).await;
                copy.expect("the server of the original")
            }
            Place::Cluster { .. } => panic!("a cluster has no templates"),
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

    /// The same database by the server that is the `number`th of the cluster, which somebody else deletes.
    pub(crate) fn by_worker(&self, number: usize) -> Self {
        let name = self.url.rsplit('/').next().expect("a database");
        let servers = citus::urls().expect("it is on a cluster");
        Self::at_url(self.backend, database_url(&servers[number], name))
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

    /// The file of a database on SQLite.
    fn path(&self) -> &str {
        self.url.trim_start_matches("sqlite://")
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
        let statements = [
            // An earlier process with the same ID has left it behind, if it was killed.
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            // The default strategy writes all that it copies to the log as well, which takes five times as long.
            format!("CREATE DATABASE {name} STRATEGY FILE_COPY {options}"),
        ];
        execute(superuser, &statements)
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
                .map(|runtime| runtime.block_on(execute(superuser, &[statement])))
        });
        let _ = dropping.join();
    }
}

/// Runs statements, one after the other, on a connection of their own.
pub(super) async fn execute(url: &str, statements: &[String]) -> Result<(), DbErr> {
    let connection = Database::connect(url).await?;
    let mut done = Ok(());
    for statement in statements {
        if done.is_ok() {
            done = connection.execute_unprepared(statement).await.map(drop);
        }
    }
    connection.close().await?;
    done
}

/// The URL with its database replaced, user, host and parameters kept.
pub(super) fn database_url(url: &str, database: &str) -> String {
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

/// Brings an empty database up to date, in a runtime that outlives no test.
fn migrate(backend: Backend) -> Option<TestDatabase> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let migrating = move || {
        runtime.block_on(async {
            let database = TestDatabase::create(backend).await?;
            store::migrate(&config(&database).database)
                .await
                .expect("an empty database can be migrated");
            Some(database)
        })
    };
    // A runtime cannot be blocked on within another.
    thread::spawn(migrating).join().expect("no panic")
}

/// Makes a test for each kind of database from `async fn name(database: TestDatabase)`: they are
/// called `name::sqlite` and `name::postgres`. The database has today's tables.
macro_rules! on_every_database {
    ($($name:ident),+ $(,)?) => {
        $crate::support::databases::on_every_database!(from migrated: $($name),+);
    };
    (from $make:ident: $($name:ident),+ $(,)?) => {
        $(
            mod $name {
                use crate::support::databases::{Backend, TestDatabase};

                #[tokio::test(flavor = "multi_thread")]
                async fn sqlite() {
                    if let Some(database) = TestDatabase::$make(Backend::Sqlite).await {
                        super::$name(database).await;
                    }
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn postgres() {
                    if let Some(database) = TestDatabase::$make(Backend::Postgres).await {
                        super::$name(database).await;
                    }
                }
            }
        )+
    };
}

/// The same for tests whose database is empty: they see how its tables are made, or make them.
macro_rules! on_every_empty_database {
    ($($name:ident),+ $(,)?) => {
        $crate::support::databases::on_every_database!(from create: $($name),+);
    };
}

/// The same on one server, also where there is a cluster: for tests that count statements, do to the database what a
/// cluster does not allow, or begin with tables from before there were clusters.
macro_rules! on_one_server {
    ($($name:ident),+ $(,)?) => {
        $crate::support::databases::on_every_database!(from migrated_on_one_server: $($name),+);
    };
}

pub(crate) use {on_every_database, on_every_empty_database, on_one_server};

#[test]
fn the_database_of_a_url_is_replaced_and_the_rest_is_kept() {
    assert_eq!(
        database_url("postgres://u:p@h:5/postgres?sslmode=disable", "it_1_2"),
        "postgres://u:p@h:5/it_1_2?sslmode=disable"
    );
    assert_eq!(database_url("postgres://h", "it"), "postgres://h/it");
}
