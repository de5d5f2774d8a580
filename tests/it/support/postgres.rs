//! A throw-away PostgreSQL cluster for each test process, started when the first test asks for it.
//!
//! - `TEST_POSTGRES_URL`, the URL of a superuser, uses a server that runs already instead.
//! - Without PostgreSQL its tests are skipped, and the process says so once. `TEST_POSTGRES=required`
//!   makes that a failure.
//!
//! Destructors do not run for statics, nor when a process is killed. So the cluster belongs to a
//! small shell script that holds a pipe from this process: when the pipe closes, however that came
//! about, it stops PostgreSQL and deletes the directory.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
};

/// Where distributions put PostgreSQL's programs, a directory for each major version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The line of the script on its standard error when the cluster waits for its port.
const INITIALISED: &str = "cluster initialised";

/// The message of PostgreSQL on its standard error once it serves.
const READY: &str = "database system is ready to accept connections";

/// Creates the cluster, serves it on the port that it reads from standard input, and at the end of
/// standard input stops it and deletes the directory. The second signal is for a server that was
/// started so recently that it still ignores the first.
const SCRIPT: &str = r#"
dir=$1
bin=$2
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync </dev/null >/dev/null &&
echo "cluster initialised" >&2 &&
if read -r port; then
    "$bin/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$port" \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 \
        -c autovacuum=off &
    server=$!
    cat >/dev/null
    kill -QUIT "$server"
    kill -TERM "$server"
    wait "$server"
fi
cd /
rm -rf "$dir"
"#;

/// The cluster of this process. It holds the script's standard input, whose end is the end of the cluster.
struct Cluster {
    url: String,
    _script: Option<Child>,
}

/// The URL of a superuser on the PostgreSQL server that the tests use, or `None`, said once on
/// standard error, when there is none.
pub(crate) fn superuser_url() -> Option<&'static str> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER
        .get_or_init(find_or_start)
        .as_ref()
        .map(|cluster| cluster.url.as_str())
}

/// Whether the server is somebody else's, who does not throw it away with the tests.
pub(crate) fn is_shared() -> bool {
    env::var_os("TEST_POSTGRES_URL").is_some()
}

fn find_or_start() -> Option<Cluster> {
    if let Ok(url) = env::var("TEST_POSTGRES_URL") {
        return Some(Cluster { url, _script: None });
    }
    let Some(programs) = programs() else {
        assert!(
            env::var("TEST_POSTGRES").as_deref() != Ok("required"),
            "TEST_POSTGRES=required, but PostgreSQL was not found"
        );
        // Written directly, because the test harness keeps what the print macros say to itself.
        let _ = std::io::stderr().write_all(
            b"PostgreSQL not found: its tests are skipped (install it or set TEST_POSTGRES_URL)\n",
        );
        return None;
    };
    Some(start(&programs))
}

/// The directory with `initdb` and `postgres`: from the search path, or else of the newest version
/// where distributions put them.
pub(super) fn programs() -> Option<PathBuf> {
    let complete = |dir: &PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(dir) = env::split_paths(&path).find(complete) {
        return Some(dir);
    }
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(VERSIONS)
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, dir)| complete(dir))
        .collect();
    versions.sort();
    versions.pop().map(|(_, dir)| dir)
}

fn start(programs: &Path) -> Cluster {
    let dir = tempfile::Builder::new()
        .prefix("conversation-service-postgres-")
        .tempdir()
        .expect("a temporary directory can be created");

    let mut command = Command::new("sh");
    command
        .args(["-c", SCRIPT, "cluster"])
        .arg(dir.path())
        .arg(programs);
    // PostgreSQL refuses to run as root.
    if owner_of(dir.path()) == 0 {
        let (uid, gid) = unprivileged_user();
        chown(dir.path(), Some(uid), Some(gid)).expect("root may give the directory away");
        command.uid(uid).gid(gid);
    }
    let mut script = command
        // A signal to the tests' process group must not stop the script before it has cleaned up.
        .process_group(0)
        .current_dir(dir.path())
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell can be started");
    // From here on the script deletes the directory.
    let dir = dir.keep();

    let mut said = BufReader::new(script.stderr.take().expect("standard error is a pipe")).lines();
    let mut wait_for = |what: &str| {
        let mut log = Vec::new();
        for line in said.by_ref().map_while(Result::ok) {
            if line.contains(what) {
                return;
            }
            log.push(line);
        }
        panic!(
            "PostgreSQL did not start in {}:\n{}",
            dir.display(),
            log.join("\n")
        );
    };
    wait_for(INITIALISED);
    // Chosen as late as possible, so that hardly anybody can take it in between.
    let port = free_port();
    let input = script.stdin.as_mut().expect("standard input is a pipe");
    writeln!(input, "{port}").expect("the script reads its standard input");
    wait_for(READY);

    // PostgreSQL must never wait for somebody to read what it says.
    thread::spawn(move || said.map_while(Result::ok).for_each(drop));
    Cluster {
        url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        _script: Some(script),
    }
}

/// The owner of a path. If this process has created it, that is the user of this process.
pub(super) fn owner_of(path: &Path) -> u32 {
    fs::metadata(path).expect("the directory exists").uid()
}

/// The user and group to run PostgreSQL as when the tests run as root.
pub(super) fn unprivileged_user() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("there is a list of users");
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| {
            let line = users
                .lines()
                .find(|line| line.split(':').next() == Some(name))?;
            let mut ids = line.split(':').skip(2).map(str::parse);
            Some((ids.next()?.ok()?, ids.next()?.ok()?))
        })
        .expect("there is a user `postgres` or `nobody`")
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("there is a free port")
        .port()
}
