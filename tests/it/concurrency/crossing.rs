//! All operations that lock rows of several members or conversations, at once, in a database that does not sort
//! names by their bytes.

use conversation_service::proto::{
    AddToFolderRequest, ConversationId, CreateFolderRequest, MarkConversationsReadRequest,
    PinConversationsRequest, RemoveFromFolderRequest,
};

use super::circles::assert_no_deadlock;
use crate::support::{
    client::Client,
    clock::TestClock,
    concurrently::concurrently,
    databases::TestDatabase,
    dice::{Dice, seed},
    ids::{c2c, group},
    rows::Rows,
    server::TestServer,
};

/// Where randomness begins, if `TEST_SEED` does not say otherwise.
const SEED: u64 = 20_231_114;
/// By their bytes, capital letters come first. They are in all groups, which are small with them.
const REGULARS: [&str; 7] = ["anna", "Bob", "carol", "Dave", "emma", "Fred", "gina"];
/// They come and go. With two of them, a group has nine members and becomes large.
const GUESTS: [&str; 3] = ["Hugo", "iris", "Jack"];
const GROUPS: usize = 24;
const CALLS: usize = 1_500;

/// One of the calls, of its own number.
struct Call {
    client: Client,
    kind: u64,
    user: &'static str,
    group: String,
    /// Everybody and everything, beginning at some place.
    people: Vec<&'static str>,
    conversations: Vec<ConversationId>,
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_on_postgres_causes_no_deadlock() {
    let Some(database) = TestDatabase::create_with_a_locale().await else {
        return;
    };
    let clock = TestClock::new();
    let one = TestServer::start(&database, &clock).await;
    let other = TestServer::start(&database, &clock).await;
    let clients = [one.client().await, other.client().await];
    let groups: Vec<_> = (0..GROUPS)
        .map(|number| format!("group {number}"))
        .collect();
    for name in &groups {
        clients[0].join(name, &REGULARS).await;
        clients[0].send(REGULARS[0], group(name), "hi").await;
    }
    for user in REGULARS {
        create_folder(&clients[0], user).await;
    }

    let mut dice = Dice::new(seed(SEED));
    let calls: Vec<_> = (0..CALLS)
        .map(|number| Call::new(&mut dice, &clients[number % 2], &groups, number))
        .collect();
    concurrently(calls.into_iter().map(Call::make)).await;

    drop(clients);
    one.stop().await;
    other.stop().await;
    assert_no_deadlock(&database).await;
    Rows::of(&database).await.assert_whole().await;
}

impl Call {
    fn new(dice: &mut Dice, client: &Client, groups: &[String], number: usize) -> Self {
        let turn = |dice: &mut Dice, length: usize| {
            usize::try_from(dice.below(length as u64)).expect("a small number")
        };
        let mut people: Vec<_> = REGULARS[1..].to_vec();
        // So that groups become large one after the other.
        let guests = turn(dice, 1 + GUESTS.len() * number / CALLS);
        people.extend(&GUESTS[..guests]);
        let by = turn(dice, people.len());
        people.rotate_left(by);
        let chats = REGULARS.map(c2c);
        let mut conversations: Vec<_> = groups.iter().map(group).chain(chats).collect();
        let by = turn(dice, conversations.len());
        conversations.rotate_left(by);
        Self {
            client: client.clone(),
            kind: dice.below(12),
            user: *dice.one_of(&REGULARS[..]),
            group: dice.one_of(groups).clone(),
            people,
            conversations,
        }
    }

    async fn make(self) {
        let Self {
            client,
            kind,
            user,
            group: name,
            people,
            conversations,
        } = self;
        match kind {
            // The first one never leaves.
            0..4 => drop(client.send(REGULARS[0], group(name), "hi").await),
            4 => drop(client.send(user, c2c(people[0]), "hi").await),
            5 => drop(client.join(&name, &people).await),
            6 => drop(client.leave(&name, &people[..people.len() / 2]).await),
            7..9 => drop(client.delete(user, conversations).await),
            9 => pin(&client, user, conversations).await,
            10 => file(&client, user, conversations).await,
            _ => read(&client, user, conversations).await,
        }
    }
}

async fn create_folder(client: &Client, user: &str) {
    let request = CreateFolderRequest {
        user_id: user.to_owned(),
        name: "folder".to_owned(),
        ..CreateFolderRequest::default()
    };
    let created = client.conversations.clone().create_folder(request).await;
    created.expect("a folder can be created");
}

async fn pin(client: &Client, user: &str, conversation_ids: Vec<ConversationId>) {
    let mut client = client.conversations.clone();
    for pinned in [true, false] {
        let request = PinConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids: conversation_ids.clone(),
            pinned,
            ..PinConversationsRequest::default()
        };
        let changed = client.pin_conversations(request).await;
        changed.expect("there is room for all pins");
    }
}

async fn file(client: &Client, user: &str, conversation_ids: Vec<ConversationId>) {
    let mut client = client.conversations.clone();
    let (user_id, name) = (user.to_owned(), "folder".to_owned());
    let request = AddToFolderRequest {
        user_id,
        name,
        conversation_ids,
        ..AddToFolderRequest::default()
    };
    let added = client.add_to_folder(request.clone()).await;
    added.expect("conversations can be put in");
    let request = RemoveFromFolderRequest {
        user_id: request.user_id,
        name: request.name,
        conversation_ids: request.conversation_ids,
        ..RemoveFromFolderRequest::default()
    };
    let removed = client.remove_from_folder(request).await;
    removed.expect("conversations can be taken out");
}

async fn read(client: &Client, user: &str, conversation_ids: Vec<ConversationId>) {
    let request = MarkConversationsReadRequest {
        user_id: user.to_owned(),
        conversation_ids,
        ..MarkConversationsReadRequest::default()
    };
    let read = client
        .conversations
        .clone()
        .mark_conversations_read(request)
        .await;
    read.expect("conversations can be read");
}
