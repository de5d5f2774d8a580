//! Reading everything, however much there is: so many conversations a call, until there are no more.

use conversation_service::proto::{ChangeOutcome, ConversationId, ReadResult};

use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::group,
    seed,
    stage::Stage,
};

on_every_database!(
    all_reads_a_thousand_a_call_the_latest_first_and_says_that_there_are_more,
    a_retry_of_all_says_again_that_there_are_more,
    exactly_a_thousand_leave_no_more,
    what_was_not_seen_does_not_keep_a_caller_asking,
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
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
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
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
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
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
    seed::chats(&database, "alice", A_CALL).await;
    let all = client.read_all("alice").await;
    assert_eq!((all.results.len(), all.more), (A_CALL, false));
}

async fn what_was_not_seen_does_not_keep_a_caller_asking(database: TestDatabase) {
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
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
