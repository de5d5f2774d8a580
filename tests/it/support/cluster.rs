//! A PostgreSQL server of a test's own, which the test may kill, freeze, fill up, copy and promote. It
//! writes to disk before it acknowledges, as a real one does.
//!
//! As the shared server of [`super::postgres`], each belongs to a small shell script that holds a pipe
//! from this process and cleans up when the pipe closes. The script does what it is told by lines, and
//! answers each with a line.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
};

use super::{
    databases::TestDatabase,
    postgres::{owner_of, programs, unprivileged_user},
    stage::PATIENCE,
};

/// The message of PostgreSQL on its standard error once it serves, be it a standby or not.
const READY: &str = "database system is ready to accept";

/// The size of the file system for those that have a small one.
const SMALL: &str = "64m";

/// Does what it is told. `as` runs PostgreSQL as somebody else than root where the script is root in a
/// name space of its own, with which its small file system ends.
const SCRIPT: &str = r#"
dir=$1
bin=$2
small=$3
as=
if [ -n "$small" ]; then
    mkdir "$dir/small" && mount -t tmpfs -o "size=$small" tmpfs "$dir/small" || exit
    as="unshare --user --map-user=1000 --map-group=1000"
fi
server=
all() { echo "$server" $(cat "/proc/$server/task/$server/children"); }
# Gone, or a zombie, which has given back its memory: no server starts while an old one's is in use.
is_dead() { ! grep -qs '^State:[[:space:]]*[^Z]' "/proc/$1/status"; }
while read -r command argument; do
    case $command in
    init) $as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C \
        --no-sync </dev/null >/dev/null ;;
    copy) "$bin/pg_basebackup" -D "$dir/data" -d "$argument" --write-recovery-conf --checkpoint=fast \
        --no-sync </dev/null >/dev/null ;;
    start) $as "$bin/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p $argument >&2 & server=$! ;;
    crash) kill -STOP "$server"; killed=$(all); kill -KILL $killed; wait "$server"; server=
        for process in $killed; do until is_dead "$process"; do :; done; done ;;
    freeze) kill -STOP $(all) ;;
    thaw) kill -CONT $(all) ;;
    pause) kill -STOP "$argument" ;;
    promote) "$bin/pg_ctl" -D "$dir/data" promote --no-wait >/dev/null ;;
    space) mkdir -m 700 "$dir/small/space" ;;
    fill) cat /dev/zero >"$dir/small/filler" 2>/dev/null; true ;;
    clear) rm "$dir/small/filler" ;;
    esac && echo done || echo failed
done
if [ -n "$server" ]; then
    kill -CONT $(all)
    kill -QUIT "$server"
    wait "$server"
fi
cd /
if [ -n "$small" ]; then umount "$dir/small"; fi
rm -rf "$dir"
"#;

/// A PostgreSQL server. Dropping it stops it and deletes its files.
pub(crate) struct Cluster {
    script: Child,
    answers: Lines<BufReader<ChildStdout>>,
    log: Receiver<String>,
    dir: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes a server that does not run yet, or returns `None` where there is no PostgreSQL.
    pub(crate) fn create() -> Option<Self> {
        let mut cluster = Self::prepare(&own_programs()?, "");
        cluster.tell("init");
        Some(cluster)
    }

    /// Makes a server that has a small file system beside its usual one, or returns `None` where there
    /// is no PostgreSQL or this user may not have a file system of its own.
    pub(crate) fn create_with_little_room() -> Option<Self> {
        let programs = own_programs()?;
        let allowed = as_nobody(Command::new("unshare"))
            .args(["--user", "--map-root-user", "--mount"])
            .args(["sh", "-c"])
            .arg(
                "mount -t tmpfs tmpfs /mnt && unshare --user --map-user=1000 --map-group=1000 true",
            )
            .stderr(Stdio::null())
            .status();
        if !allowed.is_ok_and(|status| status.success()) {
            return None;
        }
        let mut cluster = Self::prepare(&programs, SMALL);
        cluster.tell("init");
        cluster.tell("space");
        Some(cluster)
    }

    /// Makes a standby of a running server, which does not run yet itself.
    pub(crate) fn copy(primary: &Self) -> Self {
        let mut cluster = Self::prepare(&own_programs().expect("as of the primary"), "");
        let from = format!("host=127.0.0.1 port={} user=postgres", primary.port);
        cluster.tell(&format!("copy {from}"));
        cluster
    }

    fn prepare(programs: &Path, small: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("conversation-service-cluster-")
            .tempdir()
            .expect("a temporary directory can be created");
        let mut command = if small.is_empty() {
            Command::new("sh")
        } else {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount", "sh"]);
            command
        };
        command
            .args(["-c", SCRIPT, "cluster"])
            .arg(dir.path())
            .arg(programs)
            .arg(small);
        if owner_of(dir.path()) == 0 {
            let (uid, gid) = unprivileged_user();
            chown(dir.path(), Some(uid), Some(gid)).expect("root may give the directory away");
        }
        let mut script = as_nobody(command)
            .process_group(0)
            .current_dir(dir.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell can be started");
        // From here on the script deletes the directory.
        let dir = dir.keep();
        let answers = BufReader::new(script.stdout.take().expect("standard output is a pipe"));
        let said = BufReader::new(script.stderr.take().expect("standard error is a pipe"));
        let (sender, log) = channel();
        // PostgreSQL must never wait for somebody to read what it says.
        thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            script,
            answers: answers.lines(),
            log,
            dir,
            port: free_port(),
        }
    }

    /// Starts the server with more settings, and waits until it serves.
    pub(crate) fn start(&mut self, settings: &[&str]) {
        let mut command = format!("start {}", self.port);
        for setting in settings {
            command.push_str(" -c ");
            command.push_str(setting);
        }
        self.tell(&command);
        let mut log = Vec::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            let ready = line.contains(READY);
            log.push(line);
            if ready {
                return;
            }
        }
        panic!(
            "PostgreSQL did not start in {}:\n{}",
            self.dir.display(),
            log.join("\n")
        );
    }

    /// Ends all processes of the server at once (`kill -9`).
    pub(crate) fn crash(&mut self) {
        self.tell("crash");
    }

    /// Stops all processes of the server where they are.
    pub(crate) fn freeze(&mut self) {
        self.tell("freeze");
    }

    /// Lets them go on.
    pub(crate) fn thaw(&mut self) {
        self.tell("thaw");
    }

    /// Stops one of the server's processes where it is, until the server is killed.
    pub(crate) fn pause(&mut self, process: i64) {
        self.tell(&format!("pause {process}"));
    }

    /// Makes a standby begin to be a primary.
    pub(crate) fn promote(&mut self) {
        self.tell("promote");
    }

    /// The directory of the small file system that PostgreSQL may use.
    pub(crate) fn little_room(&self) -> PathBuf {
        self.dir.join("small/space")
    }

    /// Takes all the room that is left on the small file system.
    pub(crate) fn fill(&mut self) {
        self.tell("fill");
    }

    /// Gives it back.
    pub(crate) fn clear(&mut self) {
        self.tell("clear");
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The database that every server has.
    pub(crate) fn database(&self) -> TestDatabase {
        TestDatabase::on_own_postgres(format!("postgres://postgres@{}/postgres", self.address()))
    }

    fn tell(&mut self, command: &str) {
        let input = self
            .script
            .stdin
            .as_mut()
            .expect("standard input is a pipe");
        writeln!(input, "{command}").expect("the script reads its standard input");
        let answer = self.answers.next().and_then(Result::ok);
        if answer.as_deref() != Some("done") {
            let log: Vec<_> = self.log.try_iter().collect();
            panic!("{command:?}: {answer:?}\n{}", log.join("\n"));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

/// The directory that PostgreSQL is really in. There are more programs in it than those that others may
/// have made links to.
fn own_programs() -> Option<PathBuf> {
    let postgres = programs()?.join("postgres").canonicalize().ok()?;
    Some(postgres.parent()?.to_owned())
}

/// PostgreSQL refuses to run as root.
fn as_nobody(mut command: Command) -> Command {
    let myself = fs::metadata("/proc/self").expect("there is a process");
    if myself.uid() == 0 {
        let (uid, gid) = unprivileged_user();
        command.uid(uid).gid(gid);
    }
    command
}

/// A port that the system gives to nobody who does not ask for it by its number, so that it is still
/// free when the server comes back to it.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id() + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(15_000 + next % 15_000).expect("it is below 30,000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
