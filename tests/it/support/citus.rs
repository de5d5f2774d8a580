//! Databases on a Citus cluster that runs already, instead of PostgreSQL's.
//!
//! `TEST_CITUS_URLS` has the URLs of a superuser, separated by commas, the coordinator's first. All tests of
//! PostgreSQL then run there, but for those that start a server of their own, and those of what only one server has
//! (`on_one_server!`). Without it, they run on PostgreSQL alone, and the tests of distribution say that they are
//! skipped.
//!
//! A database takes seconds to make there: it is one on each server, and its tables are distributed. So a database
//! of a test that only calls the service is emptied and used again. One process at a time uses the cluster.

use std::{
    env,
    io::Write as _,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
};

use conversation_service::{
    config::DatabaseConfig,
    store::{self, tables},
};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};

use super::databases::{database_url, execute};

/// Few, so that a test that touches all of them is quick.
const SHARDS: u32 = 4;

/// Ends the sessions of an earlier test, and what it left between the two phases of a commit.
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
const RECOVER: &str = "SELECT recover_prepared_transactions()";

/// The URLs of the servers, if there are any.
pub(crate) fn urls() -> Option<&'static [String]> {
    static URLS: OnceLock<Option<Vec<String>>> = OnceLock::new();
    let urls = URLS.get_or_init(|| {
        let urls = env::var("TEST_CITUS_URLS")
            .ok()
            .filter(|urls| !urls.is_empty())?;
        Some(urls.split(',').map(str::to_owned).collect())
    });
    urls.as_deref()
}

/// Whether PostgreSQL's databases are on a cluster.
pub(crate) fn is_there() -> bool {
    urls().is_some()
}

/// The same, and says on standard error that a test is skipped if not.
pub(crate) fn is_there_or_skipped() -> bool {
    if !is_there() {
        let skipped = "TEST_CITUS_URLS names no cluster: its tests are skipped\n";
        // Written directly, because the test harness keeps the output of the print macros to itself.
        let _ = std::io::stderr().write_all(skipped.as_bytes());
    }
    is_there()
}

/// A database on the cluster.
pub(crate) struct Lent {
    number: usize,
    url: String,
    afterwards: Afterwards,
}

/// The fate of a database after its test.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    /// Another test gets it.
    Emptied,
    /// The test may have done anything to it.
    Dropped,
}

/// The numbers of the databases that no test has, and how many there are.
#[derive(Default)]
struct Databases {
    free: Vec<usize>,
    made: usize,
}

fn databases() -> MutexGuard<'static, Databases> {
    static DATABASES: OnceLock<Mutex<Databases>> = OnceLock::new();
    let databases = DATABASES.get_or_init(Mutex::default).lock();
    databases.unwrap_or_else(PoisonError::into_inner)
}

impl Lent {
    /// A database whose tables are distributed and empty, for a test that does nothing but to fill them.
    pub(crate) async fn emptied() -> Option<Self> {
        let servers = urls()?;
        let free = databases().free.pop();
        if let Some(number) = free {
            let lent = Self::numbered(number, servers, Afterwards::Emptied);
            lent.empty().await;
            return Some(lent);
        }
        let lent = Self::made_anew(servers, Afterwards::Emptied).await;
        lent.distribute().await;
        Some(lent)
    }

    /// The same for a test of its own.
    pub(crate) async fn distributed() -> Option<Self> {
        let lent = Self::made_anew(urls()?, Afterwards::Dropped).await;
        lent.distribute().await;
        Some(lent)
    }

    /// A database without tables.
    pub(crate) async fn without_tables() -> Option<Self> {
        Some(Self::made_anew(urls()?, Afterwards::Dropped).await)
    }

    async fn made_anew(servers: &[String], afterwards: Afterwards) -> Self {
        let number = {
            let mut databases = databases();
            databases.made += 1;
            databases.made
        };
        let lent = Self::numbered(number, servers, afterwards);
        lent.make(servers).await;
        lent
    }

    fn numbered(number: usize, servers: &[String], afterwards: Afterwards) -> Self {
        Self {
            number,
            url: database_url(&servers[0], &Self::name(number)),
            afterwards,
        }
    }

    async fn distribute(&self) {
        let config = DatabaseConfig {
            url: self.url.parse().expect("a URL"),
            distributed: true,
            ..DatabaseConfig::default()
        };
        let migrated = store::migrate(&config).await;
        migrated.expect("an empty database can be migrated");
    }

    fn name(number: usize) -> String {
        format!("it_distributed_{number}")
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Makes the database anew on each server, and the cluster of them.
    async fn make(&self, servers: &[String]) {
        let name = Self::name(self.number);
        for server in servers {
            let statements = [
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                format!("CREATE DATABASE {name} STRATEGY FILE_COPY"),
                format!("ALTER DATABASE {name} SET citus.shard_count = {SHARDS}"),
            ];
            execute(server, &statements)
                .await
                .expect("a database can be created");
            let create = "CREATE EXTENSION citus".to_owned();
            let created = execute(&database_url(server, &name), &[create]).await;
            created.expect("the server has Citus");
        }
        let [coordinator, workers @ ..] = servers else {
            panic!("a cluster has a coordinator");
        };
        let (host, port) = address(coordinator);
        let mut nodes = vec![format!(
            "SELECT citus_set_coordinator_host('{host}', {port})"
        )];
        for worker in workers {
            let (host, port) = address(worker);
            nodes.push(format!("SELECT citus_add_node('{host}', {port})"));
        }
        execute(&self.url, &nodes)
            .await
            .expect("the servers are a cluster");
    }

    async fn empty(&self) {
        let mut statements = vec![
            END_SESSIONS.to_owned(),
            RECOVER.to_owned(),
            "BEGIN".to_owned(),
        ];
        let tables = tables();
        statements.extend(
            tables
                .iter()
                .map(|table| format!("DELETE FROM {}", table.name)),
        );
        statements.push("COMMIT".to_owned());
        let statement = statements.join("; ");
        execute(&self.url, &[statement])
            .await
            .expect("the tables can be emptied");
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.afterwards == Afterwards::Emptied {
            databases().free.push(self.number);
            return;
        }
        let drop = format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            Self::name(self.number)
        );
        // The runtime of the test must not be blocked on, so this one has its own.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let dropped = async {
                for server in urls().unwrap_or_default() {
                    // The next process makes it anew.
                    let _ = execute(server, std::slice::from_ref(&drop)).await;
                }
            };
            runtime.map(|runtime| runtime.block_on(dropped))
        });
        let _ = dropping.join();
    }
}

/// Lets this connection join tables of users and of conversations, which a test may and the service does not.
/// Returns whether its database is on the cluster.
pub(crate) async fn allow_any_join(connection: &DatabaseConnection) -> bool {
    if !is_there() || connection.get_database_backend() != DbBackend::Postgres {
        return false;
    }
    let extension = "SELECT 1 FROM pg_extension WHERE extname = 'citus'";
    let extension = Statement::from_string(DbBackend::Postgres, extension);
    let found = connection.query_one_raw(extension).await;
    let is_on_cluster = found.expect("anybody may ask that").is_some();
    if is_on_cluster {
        let allow = "SET citus.enable_repartition_joins = on";
        let allowed = connection.execute_unprepared(allow).await;
        allowed.expect("anybody may do that");
    }
    is_on_cluster
}

/// The host and the port of a URL.
fn address(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split_once(':').unwrap_or((host, "5432"))
}
