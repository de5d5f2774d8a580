//! Filters: each has its effect, all conditions that are set must hold, and filtered lists can be paged.

use std::{collections::HashSet, time::Duration};

use conversation_service::proto::{
    Conversation, ConversationId, ConversationType, ListFilter, Membership, conversation_id::Id,
};

use prost_types::Timestamp;

use crate::{
    conformance::get_unread_count::totals,
    support::{
        client::{
            Client, Listing, ids, in_any_order, in_folder, marked, of_types, unread,
            with_membership, without_marks,
        },
        clock::TestClock,
        databases::{TestDatabase, on_every_database},
        ids::{c2c, group, system},
        seed,
        stage::Stage,
    },
};

on_every_database!(
    filters_combine_and_page_alike_in_pages_of_any_size,
    a_folder_that_does_not_exist_lists_nothing,
    without_marks_leaves_out_conversations_with_any_of_the_marks,
    groups_that_the_user_has_left_are_found_by_membership,
    hundreds_of_conversations_are_filtered_and_each_is_listed_once,
    filtered_pages_skip_nothing_that_keeps_its_place_though_messages_arrive,
);

/// Every filter that these types, marks and folders can make, and some that ask for what is active since a
/// time, for what has none of some marks, and for one membership.
fn every_filter(since: Timestamp) -> Vec<ListFilter> {
    use ConversationType::{C2c, Group, System};
    let mut filters = Vec::new();
    for types in [&[][..], &[C2c], &[Group], &[System, Group], &[System]] {
        for mark in [0, 1, 1 << 40] {
            for folder in ["", "work", "rest"] {
                for unread_only in [false, true] {
                    let filter = ListFilter {
                        unread_only,
                        mark,
                        folder: folder.to_owned(),
                        ..of_types(types)
                    };
                    if mark == 0 || types.is_empty() {
                        filters.push(ListFilter {
                            active_since: Some(since),
                            ..filter.clone()
                        });
                        filters.push(ListFilter {
                            without_marks: 1 << 40 | 8,
                            ..filter.clone()
                        });
                    }
                    if mark == 1 || folder == "rest" {
                        for membership in [Membership::Member, Membership::Left] {
                            filters.push(ListFilter {
                                membership: membership.into(),
                                ..filter.clone()
                            });
                        }
                    }
                    filters.push(filter);
                }
            }
        }
    }
    filters
}

/// Whether the filter keeps an entry.
fn is_left(filter: &ListFilter, entry: &Conversation) -> bool {
    let kind = match entry.conversation_id.clone().and_then(|id| id.id) {
        Some(Id::C2cUserId(_)) => ConversationType::C2c,
        Some(Id::GroupId(_)) => ConversationType::Group,
        Some(Id::System(_)) => ConversationType::System,
        Some(Id::Text(_)) | None => panic!("an entry has a typed ID: {entry:?}"),
    };
    (filter.types.is_empty() || filter.types.contains(&kind.into()))
        && (!filter.unread_only || entry.unread_count > 0)
        && (filter.mark == 0 || entry.marks & filter.mark != 0)
        && (filter.folder.is_empty() || entry.folders.contains(&filter.folder))
        && entry.marks & filter.without_marks == 0
        && (filter.membership == 0 || entry.membership == filter.membership)
        && filter.active_since.is_none_or(|since| {
            let newest = entry.last_message.as_ref();
            let newest = newest.and_then(|message| message.send_time);
            newest.is_some_and(|time| time.seconds >= since.seconds)
        })
}

/// Fourteen conversations of every type, and settings on some of them.
async fn varied(client: &Client, clock: &TestClock) {
    for name in ["crew", "team", "class"] {
        client.join(name, &["alice", "bob"]).await;
    }
    let people = (0..10).map(|number| format!("friend {number}"));
    for sender in people {
        client.send(&sender, c2c("alice"), "hi").await;
        clock.advance(Duration::from_secs(50));
    }
    for name in ["crew", "team", "class"] {
        client.send("bob", group(name), "hi").await;
        clock.advance(Duration::from_secs(50));
    }
    client.send_system(&["alice"], "news").await;
    let friends = |numbers: &[u8]| -> Vec<_> {
        let friend = |number| c2c(format!("friend {number}"));
        numbers.iter().map(friend).collect()
    };
    let with = |mut ids: Vec<ConversationId>, more: &[ConversationId]| {
        ids.extend_from_slice(more);
        ids
    };
    let read = with(friends(&[0, 3, 5, 6, 9]), &[group("team")]);
    client.read("alice", read).await;
    let starred = with(friends(&[0, 1, 5, 7]), &[system(), group("crew")]);
    client.mark("alice", starred, 1, 0).await;
    let own = with(friends(&[1, 2, 3]), &[group("crew"), group("team")]);
    client.mark("alice", own, 1 << 40, 0).await;
    let work = with(friends(&[5, 1, 2, 8]), &[group("crew"), system()]);
    client.create_folder("alice", "work", work).await;
    let rest = with(friends(&[2, 3]), &[group("class"), group("team")]);
    client.create_folder("alice", "rest", rest).await;
    client.pin("alice", friends(&[2, 5])).await;
    client.pin("alice", [group("crew")]).await;
    // These count nowhere.
    client.delete("alice", friends(&[8])).clear(false).await;
    client.leave("class", &["alice"]).await;
    client.mute("alice", friends(&[1])).await;
}

async fn filters_combine_and_page_alike_in_pages_of_any_size(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    varied(&client, &clock).await;
    let whole = client.list_all("alice").await;
    assert_eq!(whole.len(), 13);
    let mut found = HashSet::new();
    // Of a friend in the middle of the list; all times are of whole seconds.
    let middle = client.entry("alice", c2c("friend 6")).await;
    for filter in every_filter(middle.update_time.expect("a time")) {
        let expected: Vec<_> = whole
            .iter()
            .filter(|entry| is_left(&filter, entry))
            .cloned()
            .collect();
        found.insert(expected.len());
        let total = client.unread_totals("alice", Some(filter.clone())).await;
        assert_eq!(total, totals(&expected), "{filter:?}");

        let sizes = if expected.len() > 4 {
            vec![1, 3, 50]
        } else {
            vec![2]
        };
        for size in sizes {
            let pages = client.list_in_pages("alice", Some(filter.clone()), size);
            let pages = pages.await.expect("readable").conversations;
            assert_eq!(pages, expected, "{filter:?} in pages of {size}");
        }
    }
    assert!(found.len() > 5, "the filters leave different things");
    let sizes = 1..=i32::try_from(whole.len()).expect("a few");
    for size in sizes {
        let pages = client.list_in_pages("alice", Some(unread()), size).await;
        let expected = whole.iter().filter(|entry| entry.unread_count > 0);
        let expected: Vec<_> = expected.cloned().collect();
        assert_eq!(pages.expect("readable").conversations, expected);
    }
}

async fn a_folder_that_does_not_exist_lists_nothing(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.create_folder("alice", "work", [c2c("bob")]).await;
    client.create_folder("carol", "other", []).await;
    for (name, expected) in [
        ("work", vec![c2c("bob")]),
        ("Work", vec![]),
        ("other", vec![]),
    ] {
        let listing = client
            .list_in_pages("alice", Some(in_folder(name)), 10)
            .await;
        let listing = listing.expect("an unknown folder is no mistake");
        assert_eq!(ids(listing.conversations), expected, "{name}");
        assert_eq!(listing.revision, 1, "the revision is there in any case");
    }
}

async fn without_marks_leaves_out_conversations_with_any_of_the_marks(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for (friend, marks) in [("a", 0), ("b", 1), ("c", 8), ("d", 9), ("e", 1 << 63)] {
        client.send(friend, c2c("alice"), "hi").await;
        if marks != 0 {
            client.mark("alice", [c2c(friend)], marks, 0).await;
        }
    }
    let has = |friends: &[&str]| -> Vec<_> { friends.iter().map(|name| c2c(*name)).collect() };
    for (marks, expected) in [
        (1, has(&["a", "c", "e"])),
        (8, has(&["a", "b", "e"])),
        (9, has(&["a", "e"])),
        (1 << 63, has(&["a", "b", "c", "d"])),
        (1 << 63 | 9, has(&["a"])),
        (2, has(&["a", "b", "c", "d", "e"])),
    ] {
        let mut listed = client.listed_with("alice", without_marks(marks)).await;
        listed.sort_by_key(|id| format!("{id:?}"));
        assert_eq!(listed, expected, "without {marks}");
        let total = client.unread_with("alice", Some(without_marks(marks)));
        assert_eq!(total.await, expected.len() as u64, "without {marks}");
    }
    // A mark that is asked for and left out is on nothing.
    let both = ListFilter {
        mark: 1,
        ..without_marks(1)
    };
    assert_eq!(client.listed_with("alice", both).await, []);
}

async fn groups_that_the_user_has_left_are_found_by_membership(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let others: Vec<_> = (0..12).map(|number| format!("member {number}")).collect();
    let others: Vec<_> = others.iter().map(String::as_str).collect();
    for (name, size) in [
        ("small", 2),
        ("large", 12),
        ("small left", 2),
        ("large left", 12),
    ] {
        client.join(name, &others[..size]).await;
        client.join(name, &["alice"]).await;
        client.send("member 1", group(name), "hi").await;
    }
    client.send("bob", c2c("alice"), "hi").await;
    client.send_system(&["alice"], "news").await;
    for name in ["small left", "large left"] {
        client.leave(name, &["alice"]).await;
        // It reaches nobody who has left.
        client.send("member 1", group(name), "more").await;
    }
    let left_is = async |expected: &[&str]| {
        let mut listed = client
            .listed_with("alice", with_membership(Membership::Left))
            .await;
        listed.sort_by_key(|id| format!("{id:?}"));
        let expected: Vec<_> = expected.iter().map(|name| group(*name)).collect();
        assert_eq!(listed, expected);
        let count = client.unread_with("alice", Some(with_membership(Membership::Left)));
        assert_eq!(count.await, expected.len() as u64);
        let entries = client.list_all("alice").await;
        for entry in &entries {
            let id = entry.conversation_id.as_ref().expect("an ID");
            let is_left = entry.membership() == Membership::Left;
            assert_eq!(is_left, expected.contains(id), "{entry:?}");
        }
        let members = client
            .listed_with("alice", with_membership(Membership::Member))
            .await;
        assert_eq!(members.len() + expected.len(), entries.len());
        assert!(members.contains(&c2c("bob")) && members.contains(&system()));
    };
    left_is(&["large left", "small left"]).await;
    for name in ["small left", "large left"] {
        client.join(name, &["alice"]).await;
        client.send("member 1", group(name), "again").await;
    }
    left_is(&[]).await;
}

async fn hundreds_of_conversations_are_filtered_and_each_is_listed_once(database: TestDatabase) {
    const MANY: usize = 900;
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", MANY).await;
    let every = |step: usize, from: usize| -> Vec<_> {
        chats.iter().skip(from).step_by(step).cloned().collect()
    };
    let (starred, read, filed) = (every(2, 1), every(3, 0), every(4, 3));
    for ids in starred.chunks(100) {
        client.mark("alice", ids.to_vec(), 1, 0).await;
    }
    for ids in read.chunks(100) {
        client.read("alice", ids.to_vec()).await;
    }
    client.create_folder("alice", "work", []).await;
    for ids in filed.chunks(100) {
        client.add_to_folder("alice", "work", ids.to_vec()).await;
    }
    let without = |ids: &[ConversationId]| -> Vec<_> {
        let ids: HashSet<_> = ids.iter().map(|id| format!("{id:?}")).collect();
        let left = chats.iter().filter(|id| !ids.contains(&format!("{id:?}")));
        left.cloned().collect()
    };
    let unread_ones = without(&read);
    let both: Vec<_> = starred
        .iter()
        .filter(|id| unread_ones.contains(id))
        .cloned()
        .collect();
    let starred_and_unread = ListFilter {
        mark: 1,
        ..unread()
    };
    for (filter, expected) in [
        (ListFilter::default(), &chats),
        (of_types(&[ConversationType::C2c]), &chats),
        (marked(1), &starred),
        (unread(), &unread_ones),
        (starred_and_unread, &both),
        (in_folder("work"), &filed),
    ] {
        for size in [37, 256, 257, 500] {
            let listed = client.listed_in_pages("alice", Some(filter.clone()), size);
            assert!(listed.await == *expected, "{filter:?} in pages of {size}");
        }
        let total = client.unread_with("alice", Some(filter.clone())).await;
        let counted = expected.iter().filter(|id| unread_ones.contains(id));
        assert_eq!(total, counted.count() as u64, "{filter:?}");
    }
    let none = of_types(&[ConversationType::Group]);
    assert_eq!(client.listed_with("alice", none).await, []);
}

async fn filtered_pages_skip_nothing_that_keeps_its_place_though_messages_arrive(
    database: TestDatabase,
) {
    const MANY: usize = 600;
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", MANY).await;
    let starred: Vec<_> = chats.iter().step_by(2).cloned().collect();
    for ids in starred.chunks(100) {
        client.mark("alice", ids.to_vec(), 1, 0).await;
    }
    client.create_folder("alice", "work", []).await;
    for ids in starred.chunks(100) {
        client.add_to_folder("alice", "work", ids.to_vec()).await;
    }
    client.pin("alice", [starred[290].clone()]).await;
    let filters = [marked(1), unread(), in_folder("work")];
    for (round, filter) in filters.into_iter().enumerate() {
        let filter = Some(filter);
        let expected = client.listed_in_pages("alice", filter.clone(), 500).await;
        let first = client.list_page("alice", filter.clone(), 70, String::new());
        let first = first.await.expect("readable");
        let as_of = first.as_of.expect("a page has a time");
        let (revision, mut page) = (first.revision, first);
        let (mut listed, mut moved) = (Vec::new(), Vec::new());
        // Entries from both ends of the list move to the top, some that were shown and some that were not.
        for step in 0.. {
            let token = page.next_page_token.clone();
            listed.extend(page.conversations);
            if token.is_empty() {
                break;
            }
            for number in [step, 40 + step, MANY - 1 - 7 * step - round] {
                clock.advance(Duration::from_secs(1));
                let friend = seed::user(MANY - 1 - number);
                client.send(&friend, c2c("alice"), "newer").await;
                moved.push(c2c(friend));
            }
            page = client
                .list_page("alice", filter.clone(), 70, token)
                .await
                .expect("readable");
        }
        let unmoved = |ids: &[ConversationId]| -> Vec<_> {
            let ids = ids.iter().filter(|id| !moved.contains(id));
            ids.cloned().collect()
        };
        let listed_ids = ids(listed.clone());
        assert!(
            unmoved(&listed_ids) == unmoved(&expected),
            "round {round}: {listed_ids:?}"
        );
        let listing = Listing {
            conversations: listed,
            revision,
            as_of,
        };
        let refreshed = client.refreshed("alice", filter.clone(), listing).await;
        let now = client.list_in_pages("alice", filter, 500).await;
        let now = now.expect("readable").conversations;
        assert!(
            in_any_order(refreshed) == in_any_order(now),
            "round {round}"
        );
    }
}
