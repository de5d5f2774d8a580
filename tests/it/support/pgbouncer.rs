//! A `PgBouncer` in front of the tests' PostgreSQL.
//!
//! Without `PgBouncer` its tests are skipped, and each says so. `TEST_PGBOUNCER=required` makes that a
//! failure. Like PostgreSQL it belongs to a small shell script that holds a pipe from this process.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::{
    databases::TestDatabase,
    postgres::{owner_of, unprivileged_user},
    stage::PATIENCE,
    tools,
};

const SCRIPT: &str = r#"
dir=$1
"$2" -q "$dir/pgbouncer.ini" >"$dir/log" 2>&1 &
server=$!
cat >/dev/null
kill -TERM "$server"
wait "$server"
cd /
rm -rf "$dir"
"#;

/// A running `PgBouncer`. Dropping it stops it.
pub(crate) struct PgBouncer {
    script: Child,
    dir: PathBuf,
    port: u16,
}

impl PgBouncer {
    /// In front of the server of `database`, with this `pool_mode` and so many connections to it.
    pub(crate) async fn start(
        database: &TestDatabase,
        pool_mode: &str,
        connections: u32,
    ) -> Option<Self> {
        let Some(program) = program() else {
            tools::is_missing("PgBouncer", "TEST_PGBOUNCER");
            return None;
        };
        let dir = tempfile::Builder::new()
            .prefix("conversation-service-pgbouncer-")
            .tempdir()
            .expect("a temporary directory can be created");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("there is a free port")
            .port();
        let (user, host, server_port) = parts(database.url());
        // As it comes, but for where it listens: no parameter of the startup message is ignored.
        let settings = format!(
            "[databases]\n* = host={host} port={server_port} user={user}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {pool_mode}\ndefault_pool_size = {connections}\nmax_client_conn = 500\n"
        );
        fs::write(dir.path().join("pgbouncer.ini"), settings).expect("it can be written");
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "pgbouncer"]).arg(dir.path());
        command.arg(&program);
        // It refuses to run as root.
        if owner_of(dir.path()) == 0 {
            let (uid, gid) = unprivileged_user();
            chown(dir.path(), Some(uid), Some(gid)).expect("root may give the directory away");
            command.uid(uid).gid(gid);
        }
        let script = command
            .process_group(0)
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell can be started");
        let pooler = Self {
            script,
            // From here on the script deletes the directory.
            dir: dir.keep(),
            port,
        };
        let listening = timeout(PATIENCE, async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                sleep(Duration::from_millis(5)).await;
            }
        });
        if listening.await.is_err() {
            let log = fs::read_to_string(pooler.dir.join("log")).unwrap_or_default();
            panic!("PgBouncer did not start:\n{log}");
        }
        Some(pooler)
    }

    /// The URL of the same database through this.
    pub(crate) fn url(&self, database: &TestDatabase) -> String {
        let name = database.url().rsplit('/').next().expect("a database");
        format!("postgres://someone@127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<_> = env::split_paths(&path).collect();
    // Not every user searches it.
    directories.push(Path::new("/usr/sbin").to_owned());
    let mut programs = directories.into_iter().map(|dir| dir.join("pgbouncer"));
    programs.find(|program| program.is_file())
}

/// User, host and port of a URL.
fn parts(url: &str) -> (&str, &str, &str) {
    let (_, rest) = url.split_once("://").expect("a URL");
    let (authority, _) = rest.split_once('/').expect("a database");
    let (user, host) = authority.split_once('@').expect("a user");
    let (host, port) = host.split_once(':').unwrap_or((host, "5432"));
    (user.split(':').next().expect("a name"), host, port)
}
