//! Paging gives every conversation that keeps its place once and in order, whatever others do meanwhile; and
//! asking once for what has been active since gives all that moved.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use conversation_service::{
    machine,
    proto::{ConversationId, ConversationType, ListFilter, ListMessagesRequest, Membership},
};
use tokio::{sync::watch, task::JoinSet};
use tonic::Code;

use crate::support::{
    client::{Client, active_since, ids, in_folder, marked},
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group, system},
    rows::Rows,
    seed,
    server::config,
    stage::{Assembled, Stage},
};

on_every_database!(
    ten_thousand_conversations_are_each_listed_once_while_others_keep_sending,
    all_pages_and_then_what_has_been_active_since_miss_no_message,
    a_page_token_is_short_however_long_the_arguments_are,
    a_page_token_of_another_request_is_refused,
    the_page_size_may_change_between_pages,
    the_last_page_has_no_token_however_full_it_is,
);

/// The conversations that are fed in by SQL.
const MANY: usize = 10_000;

/// People who keep writing to alice, back to front, so that what moves has not been listed yet.
struct Senders {
    done: Arc<AtomicBool>,
    /// How many messages are stored.
    count: watch::Sender<usize>,
    /// The newest message of each that is known to be stored.
    stored: Arc<Mutex<BTreeMap<usize, u64>>>,
    tasks: JoinSet<()>,
}

impl Senders {
    /// Four at a time, as each of `many` people in turn.
    fn begin(client: &Client, many: usize) -> Self {
        let mut all = Self {
            done: Arc::default(),
            count: watch::Sender::new(0),
            stored: Arc::default(),
            tasks: JoinSet::new(),
        };
        for sender in 0..4 {
            let (client, done) = (client.clone(), Arc::clone(&all.done));
            let (count, stored) = (all.count.clone(), Arc::clone(&all.stored));
            all.tasks.spawn(async move {
                for step in 0.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let number = (step * 4 + sender) % many;
                    let friend = seed::user(number);
                    let seq = client.send(&friend, c2c("alice"), "newer").await.seq;
                    let mut stored = stored.lock().expect("no holder panics");
                    let newest = stored.entry(number).or_default();
                    *newest = seq.max(*newest);
                    count.send_modify(|count| *count += 1);
                }
            });
        }
        all
    }

    /// Waits until they have sent so many messages more.
    async fn more(&self, messages: usize) {
        let mut count = self.count.subscribe();
        let enough = *count.borrow() + messages;
        let reached = count.wait_for(|count| *count >= enough).await;
        reached.expect("the senders go on");
    }

    fn stored(&self) -> BTreeMap<usize, u64> {
        self.stored.lock().expect("no holder panics").clone()
    }

    async fn end(self) -> BTreeMap<usize, u64> {
        self.done.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        let stored = self.stored.lock().expect("no holder panics");
        stored.clone()
    }
}

async fn ten_thousand_conversations_are_each_listed_once_while_others_keep_sending(
    database: TestDatabase,
) {
    let server = Assembled::with_clock(&config(&database), machine::clock()).await;
    let client = server.client().await;
    let expected = seed::chats(&database, "alice", MANY).await;
    let senders = Senders::begin(&client, MANY);
    // The listing begins in the midst of the sending.
    senders.more(40).await;
    let listing = client
        .list_in_pages("alice", None, 500)
        .await
        .expect("readable");
    let moved = senders.end().await;
    assert!(!moved.is_empty(), "others kept sending");

    let moved: HashSet<_> = moved
        .keys()
        .map(|number| format!("{:?}", c2c(seed::user(*number))))
        .collect();
    let ids = ids(listing.conversations);
    let distinct: HashSet<_> = ids.iter().map(|id| format!("{id:?}")).collect();
    assert_eq!(ids.len(), distinct.len(), "what moves up is not repeated");
    let unmoved = |ids: Vec<ConversationId>| -> Vec<_> {
        let ids = ids.into_iter();
        ids.filter(|id| !moved.contains(&format!("{id:?}")))
            .collect()
    };
    assert!(
        unmoved(ids) == unmoved(expected),
        "what keeps its place is skipped, repeated or out of order"
    );
}

async fn all_pages_and_then_what_has_been_active_since_miss_no_message(database: TestDatabase) {
    const FEW: usize = 120;
    let server = Assembled::with_clock(&config(&database), machine::clock()).await;
    let client = server.client().await;
    seed::chats(&database, "alice", FEW).await;
    let senders = Senders::begin(&client, FEW);
    for size in [1, 3, 7, 20] {
        senders.more(40).await;
        let listing = client.list_in_pages("alice", None, size).await;
        let stored = senders.stored();
        let refreshed = client.refreshed("alice", None, listing.expect("readable"));
        let refreshed = refreshed.await;
        assert_eq!(refreshed.len(), FEW, "in pages of {size}");
        for (number, newest) in stored {
            let id = Some(c2c(seed::user(number)));
            let mut found = refreshed.iter();
            let found = found.find(|entry| entry.conversation_id == id);
            let last_seq = found.map(|entry| entry.last_seq);
            assert!(
                last_seq >= Some(newest),
                "message {newest} of {id:?} is missed in pages of {size}: {last_seq:?}"
            );
        }
    }
    senders.end().await;
}

async fn a_page_token_is_short_however_long_the_arguments_are(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let user = "u".repeat(128);
    let names = (0..8).map(|number| format!("{number}").repeat(128));
    let ids: Vec<_> = names.clone().map(c2c).collect();
    for name in names {
        client.send(&name, c2c(user.clone()), "hi").await;
    }
    let folder = "f".repeat(32);
    client.create_folder(&user, &folder, ids.clone()).await;
    client.mark(&user, ids.clone(), 1, 0).await;
    client.pin(&user, ids[..4].to_vec()).await;
    let first = client.list_page(&user, None, 1, String::new()).await;
    let filter = ListFilter {
        types: vec![ConversationType::C2c.into(); 100],
        unread_only: true,
        mark: 1,
        folder,
        without_marks: 8,
        membership: Membership::Member.into(),
        active_since: first.expect("readable").as_of,
    };
    // Its token is looked at by the client.
    let listing = client.list_in_pages(&user, Some(filter.clone()), 1).await;
    assert_eq!(listing.expect("readable").conversations.len(), 8);
    let mut lengths = HashSet::new();
    for filter in [None, Some(filter)] {
        let mut token = String::new();
        for _ in 0..7 {
            let page = client.list_page(&user, filter.clone(), 1, token).await;
            token = page.expect("readable").next_page_token;
            lengths.insert(token.len());
        }
    }
    assert_eq!(lengths.len(), 1, "one length for all: {lengths:?}");
}

async fn a_page_token_of_another_request_is_refused(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for user in ["bob", "carol"] {
        client.send(user, c2c("alice"), "one").await;
        client.send(user, c2c("alice"), "two").await;
    }
    let page = client
        .list_page("alice", None, 1, String::new())
        .await
        .expect("readable");
    let as_of = page.as_of.expect("a page has a time");
    let token = page.next_page_token;
    assert_ne!(token, "");
    let unread = Some(ListFilter {
        unread_only: true,
        ..ListFilter::default()
    });
    let people = Some(ListFilter {
        types: vec![ConversationType::C2c.into()],
        ..ListFilter::default()
    });
    for (user, filter) in [
        ("bob", None),
        ("alice", unread),
        ("alice", people),
        ("alice", Some(marked(1))),
        ("alice", Some(in_folder("work"))),
        ("alice", Some(active_since(as_of))),
    ] {
        let page = client.list_page(user, filter, 1, token.clone()).await;
        let status = refused(page, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(violated(&status), ["page_token"]);
    }

    let request = |user: &str, id, page_token: &str| ListMessagesRequest {
        user_id: user.to_owned(),
        conversation_id: Some(id),
        page_size: 1,
        page_token: page_token.to_owned(),
    };
    let mut messages = client.messages.clone();
    let page = messages
        .list_messages(request("alice", c2c("bob"), ""))
        .await;
    let of_history = page.expect("readable").into_inner().next_page_token;
    for (user, id, token) in [
        ("alice", c2c("carol"), &of_history),
        ("bob", c2c("alice"), &of_history),
        ("alice", group("bob"), &of_history),
        ("alice", system(), &of_history),
        ("alice", c2c("bob"), &token),
    ] {
        let page = messages.list_messages(request(user, id, token)).await;
        let status = refused(page, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(violated(&status), ["page_token"]);
    }
    let page = client.list_page("alice", None, 1, of_history).await;
    refused(page, Code::InvalidArgument, "INVALID_REQUEST");
}

async fn the_page_size_may_change_between_pages(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for number in 0..30 {
        client
            .send(&format!("user {number:02}"), c2c("alice"), "hi")
            .await;
    }
    let mut page = client
        .list_page("alice", None, 3, String::new())
        .await
        .expect("readable");
    let mut all = page.conversations;
    for size in [1, 5, 0, 500] {
        if page.next_page_token.is_empty() {
            break;
        }
        page = client
            .list_page("alice", None, size, page.next_page_token)
            .await
            .expect("readable");
        all.append(&mut page.conversations);
    }
    assert_eq!(page.next_page_token, "");
    assert_eq!(all, client.list_all("alice").await);
    let rows = Rows::of(&database).await;
    assert_eq!(
        rows.number("SELECT count(*) FROM users").await,
        0,
        "reading changes nothing"
    );
}

async fn the_last_page_has_no_token_however_full_it_is(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for friend in ["bob", "carol", "dora", "erin"] {
        client.send(friend, c2c("alice"), "hi").await;
    }
    for (size, pages) in [(1, 4), (2, 2), (3, 2), (4, 1), (5, 1)] {
        let (mut token, mut read) = (String::new(), 0);
        while read == 0 || !token.is_empty() {
            let page = client.list_page("alice", None, size, token).await;
            token = page.expect("it can be read").next_page_token;
            read += 1;
        }
        assert_eq!(read, pages, "{size} on a page");
    }
}
