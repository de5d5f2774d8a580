//! Undoing deletions and clearings.
//!
//! - [`takes`]: an undo puts back exactly what its deletion or clearing has removed;
//! - [`stack`]: deletions of one conversation after another;
//! - [`parts`]: undoing part of a deletion, and the rest of it later;
//! - [`refusals`]: deletions that cannot be undone;
//! - [`retries`]: retries of undoing.

mod parts;
mod refusals;
mod retries;
mod stack;
mod takes;

use std::time::Duration;

use conversation_service::{
    config::Config,
    proto::{Conversation, ConversationId, Message},
};

use crate::support::{
    client::{Client, LARGEST_PAGE},
    clock::TestClock,
    databases::TestDatabase,
    server::config,
    stage::Stage,
};

/// How long a deletion can be undone in these tests.
pub(super) const WINDOW: Duration = Duration::from_hours(1);
/// How long changes are kept.
pub(super) const RETENTION: Duration = Duration::from_hours(2);

/// A server whose deletions can be undone for a while.
pub(super) struct Service {
    pub(super) client: Client,
    pub(super) clock: TestClock,
}

impl Service {
    pub(super) async fn start(database: &TestDatabase) -> Self {
        Self::start_with(database, WINDOW).await
    }

    pub(super) async fn start_with(database: &TestDatabase, window: Duration) -> Self {
        let mut config = config(database);
        config.deletion.restore_window = window;
        Self::start_as(config).await
    }

    async fn start_with_pins(database: &TestDatabase, limit: u32) -> Self {
        let mut config = config(database);
        config.deletion.restore_window = WINDOW;
        config.pin_limit = limit;
        Self::start_as(config).await
    }

    async fn start_as(mut config: Config) -> Self {
        config.jobs.change_retention = RETENTION;
        let Stage { client, clock, .. } = Stage::open_with(config).await;
        Self { client, clock }
    }

    /// `count` messages that nobody has read but their sender, each at a time of its own.
    pub(super) async fn chat(&self, sender: &str, conversation: &ConversationId, count: usize) {
        for number in 1..=count {
            self.clock.advance(Duration::from_millis(1));
            let words = format!("{sender} {number}");
            self.client.send(sender, conversation.clone(), &words).await;
        }
    }

    /// All that a user sees: the list, and the histories of these conversations.
    pub(super) async fn sight(&self, user: &str, conversations: &[ConversationId]) -> Sight {
        let mut histories = Vec::new();
        for conversation in conversations {
            histories.push(self.client.history(user, conversation.clone()).await);
        }
        let listing = self.client.list_in_pages(user, None, LARGEST_PAGE).await;
        Sight {
            list: listing.expect("the list can be read").conversations,
            histories,
        }
    }

    /// The sequence numbers that a user can read, oldest first.
    pub(super) async fn readable(&self, user: &str, conversation: ConversationId) -> Vec<u64> {
        let history = self.client.history(user, conversation).await;
        history.iter().rev().map(|message| message.seq).collect()
    }
}

#[derive(Debug, PartialEq)]
pub(super) struct Sight {
    pub(super) list: Vec<Conversation>,
    pub(super) histories: Vec<Vec<Message>>,
}
