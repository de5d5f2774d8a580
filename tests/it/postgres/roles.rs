//! A role that owns the database migrates it, and a role with rights on tables serves.

use std::sync::atomic::{AtomicU32, Ordering};

use conversation_service::store;

use super::refusal;
use crate::support::{
    clock::TestClock,
    databases::{Backend, TestDatabase},
    ids::c2c,
    process::program,
    rows::Rows,
    server::{TestServer, config},
};

/// The page that has the statements which give rights to roles.
const DOCUMENTED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/databases.md"));

/// A database that belongs to a role of its own, and a role that may do nothing yet. Roles belong to the
/// whole server, so their names must not be others'.
struct Roles {
    database: TestDatabase,
    rows: Rows,
    owner: String,
    server: String,
}

impl Roles {
    async fn create() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = TestDatabase::create_on_one_server(Backend::Postgres).await?;
        let number = format!(
            "{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let (owner, server) = (format!("owner_{number}"), format!("server_{number}"));
        let rows = Rows::of(&database).await;
        let name = database.url().rsplit('/').next().expect("a database");
        for role in [&owner, &server] {
            rows.run(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"))
                .await;
        }
        rows.run(&format!("ALTER DATABASE {name} OWNER TO {owner}"))
            .await;
        Some(Self {
            database,
            rows,
            owner,
            server,
        })
    }

    fn url(&self, role: &str) -> String {
        let (_, rest) = self.database.url().split_once('@').expect("a user");
        format!("postgres://{role}:x@{rest}")
    }

    /// The database and what belongs to the roles go, and then the roles.
    async fn drop(self) {
        let Self {
            rows,
            owner,
            server,
            ..
        } = self;
        for role in [server, owner] {
            rows.run(&format!(
                "REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
            ))
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_migrates_and_a_role_with_rights_on_tables_serves() {
    let Some(roles) = Roles::create().await else {
        return;
    };
    let (owner, server) = (roles.url(&roles.owner), roles.url(&roles.server));

    let error = refusal(&roles.database, &server).await;
    assert!(
        error.contains("run `conversation-service migrate` as the role that owns"),
        "{error}"
    );
    let output = program()
        .args(["migrate", "--database-url", &owner])
        .output();
    let output = output.expect("the program can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let error = refusal(&roles.database, &server).await;
    assert!(error.contains("may not read the tables"), "{error}");

    // The very statements of the documentation, by the owner.
    let grants = DOCUMENTED
        .lines()
        .filter(|line| line.starts_with("GRANT ") || line.starts_with("ALTER DEFAULT"));
    let grants: Vec<_> = grants
        .map(|line| line.replace("chat_server", &roles.server))
        .collect();
    assert!(grants.len() >= 2, "{grants:?}");
    roles
        .rows
        .run(&format!(
            "SET ROLE {}; {}; RESET ROLE",
            roles.owner,
            grants.join(" ")
        ))
        .await;
    let mut config = config(&roles.database);
    config.database.url = server.parse().expect("a valid URL");
    let serving = TestServer::start_with(config.clone(), &TestClock::new()).await;
    let client = serving.client().await;
    client.send("bob", c2c("alice"), "hi").await;
    assert_eq!(client.listed("alice").await.len(), 1);
    serving.stop().await;

    roles
        .rows
        .run(&format!("REVOKE DELETE ON messages FROM {}", roles.server))
        .await;
    let error = refusal(&roles.database, &server).await;
    assert!(
        error.contains("may not SELECT, INSERT, UPDATE and DELETE in: messages"),
        "{error}"
    );
    roles.drop().await;
}

/// Without a list of them the rights of a role could not be looked at.
#[tokio::test(flavor = "multi_thread")]
async fn every_table_is_one_whose_rights_are_looked_at() {
    let Some(roles) = Roles::create().await else {
        return;
    };
    let mut config = config(&roles.database);
    store::migrate(&config.database)
        .await
        .expect("it can be migrated");
    roles
        .rows
        .run(&format!(
            "GRANT SELECT ON conversation_schema TO {}",
            roles.server
        ))
        .await;
    config.database.url = roles.url(&roles.server).parse().expect("a valid URL");
    let error = refusal(&roles.database, &roles.url(&roles.server)).await;
    let tables = roles
        .rows
        .query(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' \
         AND tablename <> 'conversation_schema'",
        )
        .await;
    for table in &tables {
        let table: String = table.try_get_by_index(0).expect("a name");
        let named = error.split([' ', ',', ';']).any(|word| word == table);
        assert!(named, "{table} is not in: {error}");
    }
    roles.drop().await;
}
