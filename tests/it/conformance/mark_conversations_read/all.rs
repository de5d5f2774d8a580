//! Marking everything read: up to 1000 conversations a call, until there are no more.

use std::time::Duration;

use conversation_service::proto::{
    ChangeOutcome, ConversationId, ConversationType, ListFilter, Membership, ReadResult,
};
use tonic::Code;

use crate::support::{
    client::{active_since, in_folder, marked, of_types, unread, with_membership, without_marks},
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::{c2c, group, system},
    seed,
    stage::Stage,
};

on_every_database!(
    all_reads_a_thousand_a_call_the_latest_first_and_says_that_there_are_more,
    a_retry_of_all_says_again_that_there_are_more,
    exactly_a_thousand_leave_no_more,
    what_was_not_seen_does_not_keep_a_caller_asking,
    all_with_a_filter_reads_what_matches_and_nothing_else,
    a_filter_is_read_a_thousand_a_call_until_nothing_of_it_is_left,
    a_filter_is_part_of_the_request_unless_it_says_nothing,
);

/// How many conversations one call reads.
const A_CALL: usize = 1000;

fn id(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

fn ids(results: &[ReadResult]) -> Vec<ConversationId> {
    let ids = results.iter().map(|result| result.conversation_id.clone());
    ids.map(|id| id.expect("a result has an ID")).collect()
}

async fn all_reads_a_thousand_a_call_the_latest_first_and_says_that_there_are_more(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", 2_300).await;
    // Pins and large groups are read by other ways, and stand where they stand by their activity.
    client.pin("alice", chats[2_000..2_020].to_vec()).await;
    let members: Vec<_> = (0..12).map(|number| format!("member {number}")).collect();
    let mut members: Vec<_> = members.iter().map(String::as_str).collect();
    members.push("alice");
    for name in ["crowd", "throng"] {
        client.join(name, &members).await;
        client.send("member 1", group(name), "hi").await;
    }

    let before = client.unread("alice").await;
    assert_eq!(before, 2_302);
    let first = client.read_all("alice").await;
    assert!(first.more);
    let read = ids(&first.results);
    assert_eq!(read.len(), A_CALL);
    assert!(read[..2].contains(&group("crowd")) && read[..2].contains(&group("throng")));
    assert_eq!(read[2..], chats[..A_CALL - 2]);
    assert_eq!(client.unread("alice").await, 1_302);

    let second = client.read_all("alice").await;
    assert_eq!((second.results.len(), second.more), (A_CALL, true));
    assert_eq!(ids(&second.results)[..], chats[A_CALL - 2..2 * A_CALL - 2]);
    let third = client.read_all("alice").await;
    assert_eq!((third.results.len(), third.more), (302, false));
    let nothing = client.read_all("alice").await;
    assert_eq!((nothing.results.len(), nothing.more), (0, false));
    assert_eq!(client.unread("alice").await, 0);
}

async fn a_retry_of_all_says_again_that_there_are_more(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    seed::chats(&database, "alice", 1_100).await;
    let first = client.read_all("alice").request_id(id(1)).await;
    assert!(first.more);
    let last = client.read_all("alice").request_id(id(2)).await;
    assert!(!last.more);
    // By now nothing is unread.
    let again = client.read_all("alice").request_id(id(1)).await;
    assert_eq!(again, first);
    let again = client.read_all("alice").request_id(id(2)).await;
    assert_eq!(again, last);
}

async fn exactly_a_thousand_leave_no_more(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    seed::chats(&database, "alice", A_CALL).await;
    let all = client.read_all("alice").await;
    assert_eq!((all.results.len(), all.more), (A_CALL, false));
}

async fn what_was_not_seen_does_not_keep_a_caller_asking(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", 2_200).await;
    // A thousand and more, the latest of all, were not seen at all.
    let unseen = &chats[..1_100];
    let all = || {
        let unseen = unseen.iter().cloned();
        unseen.fold(client.read_all("alice"), |all, id| all.seen(id, 0))
    };
    let first = all().await;
    assert_eq!(ids(&first.results)[..], chats[1_100..2_100]);
    assert!(first.more);
    // There is room for what stays as it is, but nothing that could be read further.
    let second = all().await;
    assert_eq!((second.results.len(), second.more), (A_CALL, false));
    let changed = second.results.iter();
    let changed = changed.filter(|result| result.outcome() == ChangeOutcome::Changed);
    assert_eq!(changed.count(), 100);
    assert_eq!(client.unread("alice").await, 1_100);
}

async fn all_with_a_filter_reads_what_matches_and_nothing_else(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let others: Vec<_> = (0..12).map(|number| format!("member {number}")).collect();
    let others: Vec<_> = others.iter().map(String::as_str).collect();
    for (name, size) in [("small", 2), ("large", 12), ("large left", 12)] {
        client.join(name, &others[..size]).await;
        client.join(name, &["alice"]).await;
    }
    client.create_folder("alice", "work", []).await;
    let everything = [
        c2c("bob"),
        c2c("carol"),
        group("small"),
        group("large"),
        group("large left"),
        system(),
    ];
    let [bob, carol, small, large, left, news] = everything.clone();
    let round = async || {
        clock.advance(Duration::from_mins(1));
        client.join("large left", &["alice"]).await;
        for sender in ["bob", "carol"] {
            client.send(sender, c2c("alice"), "hi").await;
        }
        for name in ["small", "large", "large left"] {
            client.send("member 1", group(name), "hi").await;
        }
        client.send_system(&["alice"], "news").await;
        client.leave("large left", &["alice"]).await;
        clock.advance(Duration::from_mins(1));
    };
    round().await;
    client
        .mark("alice", [bob.clone(), large.clone()], 1, 0)
        .await;
    let filed = [carol.clone(), large.clone(), bob.clone()];
    client.add_to_folder("alice", "work", filed).await;
    client.mute("alice", [bob.clone(), large.clone()]).await;
    client.pin("alice", [carol.clone()]).await;
    let people_at_work = ListFilter {
        folder: "work".to_owned(),
        ..of_types(&[ConversationType::C2c])
    };
    for (filter, expected) in [
        (ListFilter::default(), everything.to_vec()),
        (unread(), everything.to_vec()),
        (marked(1), vec![bob.clone(), large.clone()]),
        (
            without_marks(1),
            vec![carol.clone(), small.clone(), left.clone(), news.clone()],
        ),
        (
            in_folder("work"),
            vec![bob.clone(), carol.clone(), large.clone()],
        ),
        (people_at_work, vec![bob.clone(), carol.clone()]),
        (with_membership(Membership::Left), vec![left.clone()]),
        (of_types(&[ConversationType::System]), vec![news.clone()]),
        (in_folder("no such folder"), vec![]),
    ] {
        client.read_all("alice").await;
        round().await;
        let all = client.read_all_of("alice", filter.clone()).await;
        let mut read = ids(&all.results);
        let order = |id: &ConversationId| everything.iter().position(|one| one == id);
        read.sort_by_key(order);
        assert_eq!((read, all.more), (expected.clone(), false), "{filter:?}");
        for entry in client.list_all("alice").await {
            let id = entry.conversation_id.expect("an ID");
            let is_read = entry.unread_count == 0;
            assert_eq!(is_read, expected.contains(&id), "{id:?} of {filter:?}");
        }
    }
    // Conversations that were active before the last round stay unread.
    client.read_all("alice").await;
    round().await;
    let later = client.send("carol", c2c("alice"), "later").await;
    let since = active_since(later.send_time.expect("a time"));
    let read = client.read_all_of("alice", since).await.results;
    assert_eq!(ids(&read), [carol]);
}

async fn a_filter_is_read_a_thousand_a_call_until_nothing_of_it_is_left(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", 2_500).await;
    let hidden: Vec<_> = chats.iter().step_by(2).cloned().collect();
    for ids in hidden.chunks(100) {
        client.mark("alice", ids.to_vec(), 8, 0).await;
    }
    let shown: Vec<_> = chats.iter().skip(1).step_by(2).cloned().collect();
    let all = || client.read_all_of("alice", without_marks(8));
    let first = all().await;
    assert!(ids(&first.results)[..] == shown[..A_CALL] && first.more);
    let second = all().await;
    assert!(ids(&second.results)[..] == shown[A_CALL..] && !second.more);
    let nothing = all().await;
    assert_eq!((nothing.results.len(), nothing.more), (0, false));
    assert_eq!(client.unread("alice").await, hidden.len() as u64);
}

async fn a_filter_is_part_of_the_request_unless_it_says_nothing(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for sender in ["bob", "carol"] {
        client.send(sender, c2c("alice"), "hi").await;
    }
    client.mark("alice", [c2c("bob")], 9, 0).await;
    let kinds = [
        ConversationType::System,
        ConversationType::C2c,
        ConversationType::Group,
        ConversationType::C2c,
    ];
    let nothing = [ListFilter::default(), unread(), of_types(&kinds)];
    let two_kinds = [&kinds[..2], &[kinds[1], kinds[0], kinds[1]]].map(of_types);
    let everything = ListFilter {
        mark: 1,
        without_marks: 2,
        folder: "work".to_owned(),
        membership: Membership::Left.into(),
        active_since: Some(prost_types::Timestamp::default()),
        ..unread()
    };
    let mut filters = vec![
        marked(1),
        marked(8),
        without_marks(1),
        without_marks(8),
        with_membership(Membership::Member),
        with_membership(Membership::Left),
        in_folder("work"),
        in_folder("rest"),
        of_types(&kinds[1..2]),
        two_kinds[0].clone(),
    ];
    filters.extend([0, 1].map(|seconds| ListFilter {
        active_since: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        ..ListFilter::default()
    }));
    filters.push(everything);

    let plain = client.read_all("alice").request_id(id(0)).await;
    for filter in nothing {
        let again = client.read_all_of("alice", filter).request_id(id(0)).await;
        assert_eq!(again, plain);
    }
    for (number, filter) in (1..).zip(&filters) {
        client.send("bob", c2c("alice"), "more").await;
        let all = |filter: &ListFilter| client.read_all_of("alice", filter.clone());
        let first = all(filter).request_id(id(number)).await;
        let again = all(filter).request_id(id(number)).await;
        assert_eq!(again, first, "{filter:?}");
        let others = filters.iter().filter(|other| *other != filter);
        for other in others.chain(&[ListFilter::default()]) {
            let other = all(other).request_id(id(number)).result().await;
            refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
        }
    }
    // Of two types in any order, the ninth was the first.
    let again = client.read_all_of("alice", two_kinds[1].clone());
    let first = client.read_all_of("alice", two_kinds[0].clone());
    let (first, again) = (
        first.request_id(id(10)).await,
        again.request_id(id(10)).await,
    );
    assert_eq!(again, first);
}
