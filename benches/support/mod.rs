//! The common part of the benchmarks: the real program as a process of its own, and figures.

#![allow(dead_code, reason = "each benchmark uses its part")]

use std::{
    env,
    error::Error,
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use conversation_service::proto::{
    ConversationId, DeleteConversationsRequest, MessageBody, SendMessageRequest,
    conversation_id::Id, message_body::Content, message_service_client::MessageServiceClient,
};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::transport::{Channel, Endpoint};

/// Messages under way at a time while conversations are made.
const AT_A_TIME: usize = 16;

pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A running `conversation-service`, which is killed when this and all clones are dropped.
#[derive(Clone)]
pub struct Service {
    running: Arc<Running>,
    address: String,
}

struct Running(Child);

impl Service {
    /// Starts the program on a free port.
    pub fn start(url: &str, more: &[&str]) -> Outcome<Self> {
        Self::start_program(env!("CARGO_BIN_EXE_conversation-service"), url, more)
    }

    /// Starts another build of the program on a free port.
    pub fn start_program(program: &str, url: &str, more: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(program);
        command
            .args(["--listen", "127.0.0.1:0", "--database-url", url])
            .args(more)
            .env("RUST_LOG", "warn");
        Self::spawn(&mut command)
    }

    /// Starts any program that says, as the service does, where it is `listening on`.
    pub fn spawn(command: &mut Command) -> Outcome<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let address = loop {
            let line = lines.next().ok_or("the program ended")??;
            if let Some((_, address)) = line.split_once(" listening on ") {
                break address.to_owned();
            }
        };
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Self {
            running: Arc::new(Running(child)),
            address,
        })
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.running.0.id()
    }

    /// A connection of its own.
    pub async fn connect(&self) -> Outcome<Channel> {
        Ok(self.endpoint()?.connect().await?)
    }

    /// How to connect.
    pub fn endpoint(&self) -> Outcome<Endpoint> {
        Ok(Endpoint::from_shared(format!("http://{}", self.address))?)
    }

    /// Resident memory in KiB.
    pub fn resident(&self) -> Outcome<i64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.ok_or("no VmRSS")?.parse()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An empty database; `None` for PostgreSQL when `BENCH_POSTGRES_URL`, a superuser's, is not set.
pub struct Place {
    pub name: &'static str,
    pub url: String,
    _files: Option<tempfile::TempDir>,
}

impl Place {
    pub fn sqlite() -> Outcome<Self> {
        let files = tempfile::tempdir()?;
        Ok(Self {
            name: "SQLite",
            url: format!("sqlite://{}/bench.db", files.path().display()),
            _files: Some(files),
        })
    }

    pub async fn postgres(database: &str) -> Outcome<Option<Self>> {
        let Ok(server) = env::var("BENCH_POSTGRES_URL") else {
            return Ok(None);
        };
        let connection = Database::connect(&server).await?;
        let drop = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        connection.execute_unprepared(&drop).await?;
        let create = format!("CREATE DATABASE {database}");
        connection.execute_unprepared(&create).await?;
        connection.close().await?;
        let (address, _) = server.rsplit_once('/').ok_or("a URL names a database")?;
        Ok(Some(Self {
            name: "PostgreSQL",
            url: format!("{address}/{database}"),
            _files: None,
        }))
    }

    /// A connection beside the service's.
    pub async fn connection(&self) -> Outcome<DatabaseConnection> {
        Ok(Database::connect(&self.url).await?)
    }
}

/// The places to measure on.
pub async fn places(database: &str) -> Outcome<Vec<Place>> {
    let mut places = vec![Place::sqlite()?];
    match Place::postgres(database).await? {
        Some(place) => places.push(place),
        None => println!("BENCH_POSTGRES_URL is not set: SQLite only"),
    }
    Ok(places)
}

/// The `index`th number of the command line, but for flags.
pub fn argument(index: usize, default: usize) -> usize {
    let numbers: Vec<usize> = env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    numbers.get(index).copied().unwrap_or(default)
}

/// The given percentile of the times, in milliseconds; the times become sorted.
pub fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    let at = times.get(last * percent / 100);
    at.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

pub fn c2c(user: &str) -> ConversationId {
    ConversationId {
        id: Some(Id::C2cUserId(user.to_owned())),
    }
}

pub fn message(sender: &str, to: &str) -> SendMessageRequest {
    SendMessageRequest {
        sender_user_id: sender.to_owned(),
        conversation_id: Some(c2c(to)),
        body: Some(MessageBody {
            content: Some(Content::Text("hi".to_owned())),
        }),
        client_message_id: String::new(),
    }
}

pub fn friend(number: usize) -> String {
    format!("friend {number}")
}

/// Has a message of each of so many friends arrive, those of the last ones first.
pub async fn befriend(load: &Channel, user: &'static str, friends: usize) -> Outcome<()> {
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let mut making = JoinSet::new();
    for number in (0..friends).rev() {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let load = load.clone();
        making.spawn(async move {
            let _permit = permit;
            let arriving = message(&friend(number), user);
            MessageServiceClient::new(load)
                .send_message(arriving)
                .await?;
            Outcome::Ok(())
        });
    }
    while let Some(made) = making.join_next().await {
        made??;
    }
    Ok(())
}

pub fn deletion(
    user: &str,
    friends: impl IntoIterator<Item = String>,
) -> DeleteConversationsRequest {
    DeleteConversationsRequest {
        user_id: user.to_owned(),
        conversation_ids: friends.into_iter().map(|friend| c2c(&friend)).collect(),
        clear_history: Some(false),
        sync_to_other_clients: Some(true),
        ..DeleteConversationsRequest::default()
    }
}
