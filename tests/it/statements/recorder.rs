//! Records the statements that a server runs.

use std::sync::{Arc, Mutex, PoisonError};

use conversation_service::{
    config::Config,
    proto::{ConversationId, SendMessageRequest, SendSystemMessageRequest},
    store::{self, Store},
};
use sea_orm::Statement;

use crate::support::{client::Client, ids::text};

/// How statements begin that name no table of a family: news for other replicas, which go their own way
/// beside the requests, and SQLite's housekeeping.
const BESIDE: [&str; 5] = [
    "SELECT pg_notify",
    "VACUUM",
    "PRAGMA",
    "SELECT erasures",
    "UPDATE vacuums",
];

/// The statements that a server has run. Clones record in the same place.
#[derive(Clone, Default)]
pub(super) struct Recorder {
    statements: Arc<Mutex<Vec<Statement>>>,
}

impl Recorder {
    /// A store that records here.
    pub(super) async fn connect(&self, config: &Config) -> Store {
        let store = store::connect(&config.database).await;
        let store = store.expect("the database can be reached");
        let statements = Arc::clone(&self.statements);
        store.database().observe(move |statement| {
            if BESIDE.iter().any(|word| statement.sql.starts_with(word)) {
                return;
            }
            let mut statements = statements.lock().unwrap_or_else(PoisonError::into_inner);
            statements.push(statement.clone());
        });
        store
    }

    /// The statements that were recorded since the last time.
    pub(super) fn take(&self) -> Vec<Statement> {
        std::mem::take(
            &mut self
                .statements
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

/// Sends a message that can be retried.
pub(super) async fn send_named(
    client: &Client,
    sender: &str,
    conversation: ConversationId,
    id: &str,
) {
    let request = SendMessageRequest {
        sender_user_id: sender.to_owned(),
        conversation_id: Some(conversation),
        body: Some(text("hi")),
        client_message_id: id.to_owned(),
    };
    client
        .messages
        .clone()
        .send_message(request)
        .await
        .expect("accepted");
}

/// Sends a system message that can be retried.
pub(super) async fn send_system_named(client: &Client, users: &[&str], id: &str) {
    let request = SendSystemMessageRequest {
        user_ids: users.iter().map(ToString::to_string).collect(),
        body: Some(text("hi")),
        client_message_id: id.to_owned(),
    };
    client
        .messages
        .clone()
        .send_system_message(request)
        .await
        .expect("accepted");
}
