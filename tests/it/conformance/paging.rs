//! Paging gives every conversation once, in the order of the first page, whatever others do meanwhile.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use conversation_service::{
    machine,
    proto::{ConversationId, ConversationType, ListFilter, ListMessagesRequest},
};
use tokio::{sync::watch, task::JoinSet};
use tonic::Code;

use crate::support::{
    client::{in_folder, marked},
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
    a_page_token_of_another_request_is_refused,
    the_page_size_may_change_between_pages,
);

/// The conversations that are fed in by SQL.
const MANY: usize = 10_000;

async fn ten_thousand_conversations_are_each_listed_once_while_others_keep_sending(
    database: TestDatabase,
) {
    let server = Assembled::with_clock(&config(&database), machine::clock()).await;
    let client = server.client().await;
    let expected = seed::chats(&database, "alice", MANY).await;

    let done = Arc::new(AtomicBool::new(false));
    let (count, mut counted) = watch::channel(0);
    let mut senders = JoinSet::new();
    for sender in 0..4 {
        let (client, done, count) = (client.clone(), Arc::clone(&done), count.clone());
        senders.spawn(async move {
            let mut sent = 0;
            for step in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // Back to front, so that what moves has not been listed yet.
                let number = (step * 4 + sender) % MANY;
                client.send(&seed_user(number), c2c("alice"), "newer").await;
                sent += 1;
                count.send_modify(|count| *count += 1);
            }
            sent
        });
    }
    // The listing begins in the midst of the sending.
    counted
        .wait_for(|count| *count > 40)
        .await
        .expect("the senders go on");
    let listing = client
        .list_in_pages("alice", None, 500)
        .await
        .expect("readable");
    done.store(true, Ordering::Relaxed);
    let sent: usize = senders.join_all().await.into_iter().sum();
    assert!(sent > 0, "others kept sending");

    let ids: Vec<_> = listing
        .conversations
        .into_iter()
        .map(|entry| entry.conversation_id.expect("an entry has an ID"))
        .collect();
    let distinct: HashSet<_> = ids.iter().map(|id| format!("{id:?}")).collect();
    assert_eq!((ids.len(), distinct.len()), (MANY, MANY));
    // Entries with a message from before the first page may stand in front; the rest keep their order.
    let position = |id: &ConversationId| expected.iter().position(|other| other == id);
    let first_page_moved = ids.iter().take_while(|id| position(id) != Some(0)).count();
    let rest: Vec<_> = ids[first_page_moved..].to_vec();
    let moved: HashSet<_> = ids[..first_page_moved]
        .iter()
        .map(|id| format!("{id:?}"))
        .collect();
    let unmoved: Vec<_> = expected
        .into_iter()
        .filter(|id| !moved.contains(&format!("{id:?}")))
        .collect();
    assert!(rest == unmoved, "the order is the first page's");
}

fn seed_user(number: usize) -> String {
    seed::user(number)
}

async fn a_page_token_of_another_request_is_refused(database: TestDatabase) {
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
    for user in ["bob", "carol"] {
        client.send(user, c2c("alice"), "one").await;
        client.send(user, c2c("alice"), "two").await;
    }
    let page = client
        .list_page("alice", None, 1, String::new())
        .await
        .expect("readable");
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
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
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
