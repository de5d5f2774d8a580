//! An entry that is pinned between two pages keeps its place until the listing ends. One that is unpinned is
//! listed at its place without the pin, also if it was listed at the place of its pin. No other is skipped or
//! repeated.

use std::time::Duration;

use conversation_service::proto::{Conversation, ConversationId, ListFilter, change::Kind};

use crate::support::{
    client::{Client, Listing, ids, in_any_order, marked},
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    ids::c2c,
    stage::Stage,
};

on_every_database!(
    a_pin_between_pages_moves_nothing_and_an_unpinned_conversation_is_not_missed,
    conversations_pinned_and_unpinned_in_turn_are_not_missed,
    a_pin_that_is_deleted_and_brought_back_between_pages_moves_nothing_else,
    paging_among_pins_goes_on_though_messages_arrive,
);

/// So far apart that nothing counts as recent.
const LONG: Duration = Duration::from_mins(10);

/// The first three are pinned, two of them by one request; the others have been active since.
const FRIENDS: [&str; 10] = [
    "anna", "bob", "carol", "dora", "erin", "frank", "gina", "hugo", "ida", "jan",
];
const PINNED: usize = 3;

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
) -> Listing {
    let mut conversations = Vec::new();
    let mut token = String::new();
    for pages in 1.. {
        let page = client
            .list_page("alice", filter.clone(), page_size, token)
            .await
            .expect("readable");
        conversations.extend(page.conversations);
        token = page.next_page_token;
        if token.is_empty() {
            return Listing {
                conversations,
                revision: page.revision,
                as_of: page.as_of.expect("a page has a time"),
            };
        }
        between(pages).await;
    }
    unreachable!("the list ends")
}

/// How often it was listed. The others were listed once each, in the order of the whole list.
fn times_listed(
    listed: &[Conversation],
    name: &str,
    whole: &[ConversationId],
    when: &str,
) -> usize {
    let listed = ids(listed.to_vec());
    let others = |ids: &[ConversationId]| -> Vec<_> {
        ids.iter().filter(|id| **id != c2c(name)).cloned().collect()
    };
    assert_eq!(others(&listed), others(whole), "{when}");
    listed.len() - others(&listed).len()
}

/// Pins what is not pinned, and takes down what is.
async fn toggle(client: &Client, name: &str) {
    if client.entry("alice", c2c(name)).await.pinned {
        client.unpin("alice", [c2c(name)]).await;
    } else {
        client.pin("alice", [c2c(name)]).await;
    }
}

async fn a_pin_between_pages_moves_nothing_and_an_unpinned_conversation_is_not_missed(
    database: TestDatabase,
) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    write(&client, &clock).await;
    let whole = client.listed("alice").await;
    for (number, name) in FRIENDS.into_iter().enumerate() {
        for (size, after) in [(1, 1), (1, 2), (1, 3), (1, 5), (2, 1), (2, 2), (4, 1)] {
            let listed = list_with_changes(&client, Some(marked(1)), size, async |pages| {
                if pages == after {
                    toggle(&client, name).await;
                }
            });
            let listed = listed.await.conversations;
            let when = format!("{name}, after page {after} of {size}");
            let times = times_listed(&listed, name, &whole, &when);
            let shown = usize::try_from(size).expect("a page size") * after;
            let was_shown = whole[..shown].contains(&c2c(name));
            let comes_again = number < PINNED && was_shown;
            assert_eq!(times, 1 + usize::from(comes_again), "{when}");
            if number >= PINNED {
                assert_eq!(ids(listed), whole, "{when}: a new pin moves nothing");
            }
            pin_anew(&client).await;
        }
    }
}

async fn conversations_pinned_and_unpinned_in_turn_are_not_missed(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
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
                let listed = listed.await.conversations;
                let times = times_listed(&listed, name, &whole, &when);
                assert!((1..=2).contains(&times), "{when}: {times} times");
                pin_anew(&client).await;
            }
        }
    }
}

async fn a_pin_that_is_deleted_and_brought_back_between_pages_moves_nothing_else(
    database: TestDatabase,
) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    write(&client, &clock).await;
    let whole = client.listed("alice").await;
    for name in &FRIENDS[..PINNED] {
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
            let listing = listed.await;
            let times = times_listed(&listing.conversations, name, &whole, &when);
            let was_shown = whole[..first].contains(&c2c(*name));
            assert!(times <= 1 && (times == 1 || !was_shown), "{when}");
            // Where it was missed, the changes since the first page tell.
            let mut watcher = client.follow("alice", "", Some(listing.revision)).await;
            let change = watcher.change().await.change.and_then(|change| change.kind);
            let Some(Kind::ConversationsRestored(restored)) = change else {
                panic!("{when}: {change:?}");
            };
            let restored = &restored.conversations[0].conversation_id;
            assert_eq!(*restored, Some(c2c(*name)), "{when}");
        }
    }
}

async fn paging_among_pins_goes_on_though_messages_arrive(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    write(&client, &clock).await;
    for name in FRIENDS {
        for size in [1, 2] {
            for toggles in [false, true] {
                let whole = client.listed("alice").await;
                let listed = list_with_changes(&client, None, size, async |pages| {
                    clock.advance(LONG);
                    client.send(name, c2c("alice"), "newer").await;
                    if toggles && pages == 2 {
                        toggle(&client, name).await;
                    }
                });
                let when = format!("{name} moves, in pages of {size}, and its pin: {toggles}");
                let listing = listed.await;
                times_listed(&listing.conversations, name, &whole, &when);
                let refreshed = client.refreshed("alice", None, listing).await;
                let now = client.list_all("alice").await;
                assert_eq!(in_any_order(refreshed), in_any_order(now), "{when}");
                pin_anew(&client).await;
            }
        }
    }
}
