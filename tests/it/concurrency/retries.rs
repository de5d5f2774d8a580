//! A request and its retry at the same time are one request, whatever others do meanwhile.

use conversation_service::proto::{
    ConversationId, CreateFolderRequest, CreateFolderResponse, PinConversationsRequest,
    PinConversationsResponse,
};
use tokio::task::JoinSet;
use tonic::Status;

use crate::support::{
    client::Client,
    databases::{Backend, TestDatabase},
    ids::c2c,
    rows::Rows,
    server::config,
    stage::Stage,
};

const NAME: &str = "00000000-0000-4000-8000-000000000001";

/// Holds up all changes of one user, so that a test can line them up.
struct Gate {
    holder: Rows,
    onlooker: Rows,
}

impl Gate {
    async fn close(database: &TestDatabase, user: &str) -> Self {
        let (holder, onlooker) = (Rows::of(database).await, Rows::of(database).await);
        let lock = format!("BEGIN; SELECT 1 FROM users WHERE user_id = '{user}' FOR UPDATE");
        holder.run(&lock).await;
        Self { holder, onlooker }
    }

    /// Waits until so many requests wait.
    async fn until_waiting(&self, count: i64) {
        self.onlooker.until_waiting(|now| now == count).await;
    }

    async fn open(self) {
        self.holder.run("COMMIT").await;
    }
}

async fn create_folder(client: Client) -> Result<CreateFolderResponse, Status> {
    let request = CreateFolderRequest {
        user_id: "alice".to_owned(),
        name: "friends".to_owned(),
        request_id: NAME.to_owned(),
        ..CreateFolderRequest::default()
    };
    let created = client.conversations.clone().create_folder(request).await;
    created.map(tonic::Response::into_inner)
}

async fn pin(
    client: Client,
    id: ConversationId,
    pinned: bool,
    name: &'static str,
) -> Result<PinConversationsResponse, Status> {
    let request = PinConversationsRequest {
        user_id: "alice".to_owned(),
        conversation_ids: vec![id],
        pinned,
        request_id: name.to_owned(),
        client_id: String::new(),
    };
    let pinned = client
        .conversations
        .clone()
        .pin_conversations(request)
        .await;
    pinned.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_created_twice_at_once_by_one_request_on_postgres_is_created_once() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let Stage { client, .. } = Stage::open(&database).await;
    client.delete("alice", [c2c("bob")]).await;
    let gate = Gate::close(&database, "alice").await;
    let mut calls = JoinSet::new();
    for _ in 0..2 {
        calls.spawn(create_folder(client.clone()));
    }
    gate.until_waiting(2).await;
    gate.open().await;
    let answers = calls.join_all().await;
    let first = answers[0].as_ref().expect("the folder is created");
    let second = answers[1]
        .as_ref()
        .expect("the retry is answered as it was");
    assert_eq!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_whose_place_was_taken_before_its_retry_on_postgres_is_answered_as_at_first() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let mut settings = config(&database);
    settings.pin_limit = 1;
    let Stage { client, .. } = Stage::open_with(settings).await;
    for friend in ["bob", "carol"] {
        client.send(friend, c2c("alice"), "hi").await;
    }
    client.delete("alice", [c2c("nobody")]).await;
    let gate = Gate::close(&database, "alice").await;
    let mut calls = JoinSet::new();
    // The first gets in first. PostgreSQL lets the others in as it likes, and most often as they
    // came: unpinned, the place taken, and the retries. Whether there was room for carol is hers.
    for (waiting, (friend, pinned, name)) in (1..).zip([
        ("bob", true, NAME),
        ("bob", false, ""),
        ("carol", true, ""),
        ("bob", true, NAME),
        ("bob", true, NAME),
    ]) {
        let call = pin(client.clone(), c2c(friend), pinned, name);
        calls.spawn(async move { (name, call.await) });
        gate.until_waiting(waiting).await;
    }
    let before = client.revision("alice").await;
    gate.open().await;
    let (named, others): (Vec<_>, Vec<_>) = calls
        .join_all()
        .await
        .into_iter()
        .partition(|(name, _)| *name == NAME);
    let named: Vec<_> = named
        .into_iter()
        .map(|(_, answer)| answer.expect("what was done is answered"))
        .collect();
    assert!(named.iter().all(|answer| *answer == named[0]), "{named:?}");
    let changed = others.iter().filter(|(_, answer)| answer.is_ok()).count() + 1;
    assert_eq!(client.revision("alice").await, before + changed as u64);
    let entry = client.entry("alice", c2c("bob")).await;
    assert!(!entry.pinned, "what came since stays");
}
