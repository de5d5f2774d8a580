//! An entry that is pinned or unpinned between two pages is listed once, and so is every other.

use std::time::Duration;

use conversation_service::proto::{ConversationId, ListFilter};

use crate::support::{
    client::{Client, ids, marked},
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    ids::c2c,
    stage::Stage,
};

on_every_database!(
    what_is_pinned_or_taken_down_between_pages_is_listed_once,
    what_is_pinned_and_taken_down_in_turn_is_listed_once,
    a_pin_that_is_deleted_and_brought_back_between_pages_is_listed_once,
    paging_among_pins_goes_on_though_messages_arrive,
);

/// So far apart that nothing counts as recent.
const LONG: Duration = Duration::from_mins(10);

/// The first three are pinned, two of them by one request; the others have been active since.
const FRIENDS: [&str; 10] = [
    "anna", "bob", "carol", "dora", "erin", "frank", "gina", "hugo", "ida", "jan",
];

async fn write(client: &Client, clock: &TestClock) {
    for name in FRIENDS {
        client.send(name, c2c("alice"), "hi").await;
        clock.advance(LONG);
    }
    client.mark("alice", FRIENDS.map(c2c), 1, 0).await;
    pin_anew(client).await;
}

async fn pin_anew(client: &Client) {
    client.unpin("alice", FRIENDS.map(c2c)).await;
    client.pin("alice", [c2c("anna")]).await;
    client.pin("alice", [c2c("carol"), c2c("bob")]).await;
}

/// Reads a list in pages, and calls `between` after each with the number of pages read so far.
async fn list_with_changes(
    client: &Client,
    filter: Option<ListFilter>,
    page_size: i32,
    between: impl AsyncFn(usize),
) -> Vec<ConversationId> {
    let mut listed = Vec::new();
    let mut token = String::new();
    for pages in 1.. {
        let page = client
            .list_page("alice", filter.clone(), page_size, token)
            .await
            .expect("readable");
        listed.extend(ids(page.conversations));
        if page.next_page_token.is_empty() {
            break;
        }
        token = page.next_page_token;
        between(pages).await;
    }
    listed
}

fn assert_each_once(listed: &[ConversationId], expected: &[ConversationId], when: &str) {
    let sorted = |ids: &[ConversationId]| {
        let mut ids: Vec<_> = ids.iter().map(|id| format!("{id:?}")).collect();
        ids.sort();
        ids
    };
    assert_eq!(sorted(listed), sorted(expected), "{when}");
}

/// Pins what is not pinned, and takes down what is.
async fn toggle(client: &Client, name: &str) {
    if client.entry("alice", c2c(name)).await.pinned {
        client.unpin("alice", [c2c(name)]).await;
    } else {
        client.pin("alice", [c2c(name)]).await;
    }
}

async fn what_is_pinned_or_taken_down_between_pages_is_listed_once(database: TestDatabase) {
    let Stage {
        client,
        clock,
        server: _server,
    } = Stage::open(&database).await;
    write(&client, &clock).await;
    let whole = client.listed("alice").await;
    for name in FRIENDS {
        for (size, after) in [(1, 1), (1, 2), (1, 3), (1, 5), (2, 1), (2, 2), (4, 1)] {
            let listed = list_with_changes(&client, Some(marked(1)), size, async |pages| {
                if pages == after {
                    toggle(&client, name).await;
                }
            });
            let listed = listed.await;
            let when = format!("{name}, after page {after} of {size}");
            assert_each_once(&listed, &whole, &when);
            // The others keep their order.
            let others = |ids: &[ConversationId]| -> Vec<_> {
                ids.iter().filter(|id| **id != c2c(name)).cloned().collect()
            };
            assert_eq!(others(&listed), others(&whole), "{when}");
            pin_anew(&client).await;
        }
    }
}

async fn what_is_pinned_and_taken_down_in_turn_is_listed_once(database: TestDatabase) {
    let Stage {
        client,
        clock,
        server: _server,
    } = Stage::open(&database).await;
    write(&client, &clock).await;
    let whole = client.listed("alice").await;
    for name in FRIENDS {
        for first in [1, 2, 3] {
            for apart in [1, 3] {
                let listed = list_with_changes(&client, None, 1, async |pages| {
                    if pages == first || pages == first + apart {
                        toggle(&client, name).await;
                    }
                });
                let when = format!("{name}, after pages {first} and {}", first + apart);
                assert_each_once(&listed.await, &whole, &when);
                pin_anew(&client).await;
            }
        }
    }
}

async fn a_pin_that_is_deleted_and_brought_back_between_pages_is_listed_once(
    database: TestDatabase,
) {
    let Stage {
        client,
        clock,
        server: _server,
    } = Stage::open(&database).await;
    write(&client, &clock).await;
    let whole = client.listed("alice").await;
    for name in &FRIENDS[..3] {
        for first in [1, 2, 4] {
            // Deleted after one page and brought back, pin and all, after the next.
            let listed = list_with_changes(&client, None, 1, async |pages| {
                if pages == first {
                    client.delete("alice", [c2c(*name)]).await;
                } else if pages == first + 1 {
                    let deletion = client.revision("alice").await.to_string();
                    client.restored("alice", &deletion).await;
                }
            });
            let when = format!("{name}, away from page {first} on");
            assert_each_once(&listed.await, &whole, &when);
        }
    }
}

async fn paging_among_pins_goes_on_though_messages_arrive(database: TestDatabase) {
    let Stage {
        client,
        clock,
        server: _server,
    } = Stage::open(&database).await;
    write(&client, &clock).await;
    for name in FRIENDS {
        for size in [1, 2] {
            let whole = client.listed("alice").await;
            let listed = list_with_changes(&client, None, size, async |_| {
                clock.advance(LONG);
                client.send(name, c2c("alice"), "newer").await;
            });
            assert_eq!(listed.await, whole, "{name} moves, in pages of {size}");
            // The same, and its pin changes as well.
            let whole = client.listed("alice").await;
            let listed = list_with_changes(&client, None, size, async |pages| {
                clock.advance(LONG);
                client.send(name, c2c("alice"), "newer").await;
                if pages == 2 {
                    toggle(&client, name).await;
                }
            });
            let when = format!("{name} moves and its pin changes, in pages of {size}");
            assert_each_once(&listed.await, &whole, &when);
            pin_anew(&client).await;
        }
    }
}
