//! The `demo` command: shows the service with real calls on a throw-away database.
//!
//! It starts the server that `serve` starts, on a free port of the loopback interface and on a SQLite
//! database in a temporary directory, and talks to it as any other program would, through the
//! generated client. The modules: `service` makes the calls, `scenes` is the story, `page` turns
//! answers into lines.
//!
//! - The data that it prints comes from the answers of the service, so it cannot be wrong.
//! - The output is the same every time, except for the port: the demo sets the clock.
//! - Nothing is left behind: the directory is removed at the end, even after an error. Only a killed process leaves
//!   it.
//!
//! Deliberately absent: settings. The demo neither reads nor changes the settings of the service.

mod page;
mod scenes;
mod service;

use std::{
    io::{self, ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use crate::{
    config::{Config, DatabaseConfig, DatabaseUrl},
    domain::{ManualClock, Timestamp},
    lifecycle::Shutdown,
    server::{Server, StartError},
};
use service::Service;

/// When the story begins: a Monday in May 2026.
const BEGINNING: Timestamp = Timestamp::from_micros(1_778_486_400_000_000);

/// The reason why the demo stopped before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// There is no place for the database, or it could not be removed.
    #[error("cannot use a temporary directory")]
    Directory(#[source] io::Error),
    /// The server did not start.
    #[error("cannot start the server")]
    Start(#[from] StartError),
    /// The server cannot be reached.
    #[error("cannot reach the server")]
    Transport(#[from] tonic::transport::Error),
    /// The server refused what the story had it do, or did what it should have refused.
    #[error("the server did not answer as expected: {}", .0.message())]
    Status(Box<tonic::Status>),
    /// The story cannot be written down.
    #[error("cannot write")]
    Write(#[from] io::Error),
}

impl From<tonic::Status> for DemoError {
    fn from(status: tonic::Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// Tells the story. It ends early, and well, if its reader leaves (`demo | head`).
///
/// # Errors
///
/// A [`DemoError`] if it stops before its end.
pub async fn run(out: &mut impl Write) -> Result<(), DemoError> {
    let directory = tempfile::Builder::new()
        .prefix("conversation-service-demo-")
        .tempdir()
        .map_err(DemoError::Directory)?;
    let config = Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        database: DatabaseConfig {
            url: database_url(directory.path()).map_err(DemoError::Directory)?,
            ..DatabaseConfig::default()
        },
        ..Config::default()
    };
    let clock = ManualClock::new(BEGINNING);
    let server = Server::bind(&config, clock.clock()).await?;
    let address = server.local_addr();

    let shutdown = Shutdown::new();
    let story = async {
        let told = tell(address, clock, out).await;
        shutdown.begin();
        told
    };
    let (told, ()) = tokio::join!(story, Box::pin(server.serve(shutdown.clone())));
    match told {
        Err(DemoError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {}
        told => told?,
    }
    directory.close().map_err(DemoError::Directory)
}

async fn tell(
    address: SocketAddr,
    clock: ManualClock,
    out: &mut impl Write,
) -> Result<(), DemoError> {
    let mut service = Service::connect(address, clock).await?;
    scenes::play(&mut service, address, out).await?;
    Ok(out.flush()?)
}

/// The address of a database in `directory`.
fn database_url(directory: &Path) -> io::Result<DatabaseUrl> {
    let unusable = |reason: &str| io::Error::new(ErrorKind::InvalidInput, reason.to_owned());
    let path = directory.join("demo.db");
    let path = path
        .to_str()
        .ok_or_else(|| unusable("its path is not UTF-8"))?;
    // The driver decodes the path and ends it at the first question mark.
    let path = path.replace('%', "%25").replace('?', "%3F");
    format!("sqlite://{path}")
        .parse()
        .map_err(|_| unusable("its path reads as a database in memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_story_is_told_to_its_end_with_what_the_service_answers() {
        let mut out = Vec::new();
        Box::pin(run(&mut out)).await.unwrap();
        let text = String::from_utf8(out).unwrap();

        let lines: Vec<Vec<_>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let mut rest = lines.iter();
        for expected in [
            // A deletion that keeps the history.
            "C2Cbob DELETED hidden through 3 cleared through 0",
            "C2Cbob, as alice reads it: 3 messages, #1 to #3",
            "C2Calice 0 bob: I'll bring the map.",
            // The next message brings all of it back.
            "C2Cbob 1 bob: Sunday would be drier.",
            "C2Cbob, as alice reads it: 4 messages, #1 to #4",
            // A deletion that clears it.
            "GROUPhike DELETED hidden through 2 cleared through 2",
            "C2Cbob DELETED hidden through 4 cleared through 4",
            "C2Cbob, as alice reads it: no messages",
            "C2Calice, as bob reads it: 4 messages, #1 to #4",
            // The next message is all there is.
            "C2Cbob 1 bob: Sunday it is, then?",
            "C2Cbob, as alice reads it: 1 message, #5",
            // A retry.
            "The same answer as in 4: yes. What came in between:",
            "C2Cbob 1 bob: Sunday it is, then?",
            // A message that nobody had seen.
            "C2Ccarol NEWER_MESSAGES_KEPT hidden through 1 cleared through 1",
            "C2Ccarol 1 carol: And who books the train?",
            // A deletion that is taken back.
            "C2Cbob DELETED hidden through 5 cleared through 5",
            "C2Cbob RESTORED",
            "C2Cbob 1 bob: Sunday it is, then?",
            "C2Cbob, as alice reads it: 1 message, #5",
            // A look, and the deletion of what it has shown and nothing has happened to since.
            "> DeleteMatchingConversations user_id=alice [all, include_unread] dry_run",
            "C2Cbob DELETED hidden through 5 cleared through 5",
            "C2Ccarol DELETED hidden through 2 cleared through 2",
            "C2Cbob DELETED hidden through 5 cleared through 5",
            "C2Ccarol CHANGED_SINCE_PLAN hidden through 1 cleared through 1",
            "C2Ccarol 2 carol: I have booked it.",
            // A request that is wrong.
            "INVALID_ARGUMENT INVALID_REQUEST",
            "conversation_ids[1].group_id must not be empty",
            "conversation_ids[2] repeats conversation_ids[0]",
            "alice's revision: 7 before, 7 after",
        ] {
            let words: Vec<_> = expected.split_whitespace().collect();
            assert!(
                rest.any(|line| *line == words),
                "no {expected:?}, or not there, in:\n{text}"
            );
        }
        assert!(lines.len() < 100, "{} lines:\n{text}", lines.len());
        for line in text.lines() {
            assert!(line.chars().count() <= 84, "too wide: {line}");
            assert_eq!(line, line.trim_end());
        }
    }

    #[test]
    fn a_directory_with_an_odd_name_is_escaped() {
        let url = database_url(Path::new("/tmp/50% off?")).unwrap();
        assert_eq!(url.expose(), "sqlite:///tmp/50%25 off%3F/demo.db");
    }

    /// Writes nothing, for this reason.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_reader_who_leaves_is_no_error() {
        let mut out = Failing(ErrorKind::BrokenPipe);
        Box::pin(run(&mut out)).await.unwrap();
    }

    #[tokio::test]
    async fn a_story_that_cannot_be_written_is_an_error() {
        let mut out = Failing(ErrorKind::StorageFull);
        let error = Box::pin(run(&mut out)).await.unwrap_err();
        assert!(matches!(error, DemoError::Write(_)), "{error}");
    }
}
