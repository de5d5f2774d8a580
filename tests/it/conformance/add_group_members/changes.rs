//! Joining and leaving a group are changes like any other: with a revision, an event, and exact retries.

use std::time::Duration;

use conversation_service::{
    config::JobsConfig,
    proto::{
        ConversationWatermarks, Membership, MembershipChanged, Reappearance, RestorationOutcome,
        WatchConversationsResponse, change::Kind,
    },
};
use tonic::Code;

use crate::support::{
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group},
    rounds::Rounds,
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    a_user_who_joins_or_leaves_gets_a_revision_and_an_event,
    joining_again_makes_an_event_and_takes_the_group_off_the_list,
    joining_again_supersedes_what_was_deleted_before,
    an_undone_deletion_is_not_restored_after_joining_again,
    a_retry_changes_nothing_whatever_came_in_between,
    one_request_id_is_one_request_of_its_group,
    a_request_that_found_nobody_is_remembered,
    the_same_request_at_the_same_time_is_carried_out_once,
    requests_are_remembered_as_long_as_changes,
    the_list_says_who_has_left,
    many_join_and_leave_a_large_group,
);

fn id(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

fn membership(event: WatchConversationsResponse) -> MembershipChanged {
    let change = event.change.expect("a change, no bookmark");
    match change.kind {
        Some(Kind::MembershipChanged(changed)) => changed,
        other => panic!("not of a membership: {other:?}"),
    }
}

/// The event of a user who has joined when the newest message was `head`.
fn joined(name: &str, head: u64) -> MembershipChanged {
    MembershipChanged {
        conversation: Some(ConversationWatermarks {
            conversation_id: Some(group(name)),
            hidden_through: head,
            cleared_through: head,
            pinned: false,
            reappearance: Reappearance::OnMessage.into(),
            settings_forgotten: false,
        }),
        membership: Membership::Member.into(),
        last_seq: head,
    }
}

async fn a_user_who_joins_or_leaves_gets_a_revision_and_an_event(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let mut alice = client.follow("alice", "phone", None).await;
    let mut bob = client.follow("bob", "", None).await;
    client.join("crew", &["alice"]).await;
    assert_eq!(membership(alice.change().await), joined("crew", 0));
    client.send("alice", group("crew"), "one").await;
    // Alice is a member already: nothing has changed for her.
    assert_eq!(client.join("crew", &["bob", "alice"]).await, 1);
    let event = bob.change().await;
    assert_eq!((event.revision, event.client_id.as_str()), (1, ""));
    assert_eq!(membership(event), joined("crew", 1));
    client.send("alice", group("crew"), "two").await;
    client.pin("alice", [group("crew")]).await;
    assert_eq!(client.leave("crew", &["alice", "stranger"]).await, 1);
    assert_eq!(alice.change().await.revision, 2, "the pin");
    let event = alice.change().await;
    assert_eq!(event.revision, 3);
    let left = MembershipChanged {
        conversation: Some(ConversationWatermarks {
            conversation_id: Some(group("crew")),
            hidden_through: 0,
            cleared_through: 0,
            pinned: true,
            reappearance: Reappearance::OnMessage.into(),
            settings_forgotten: false,
        }),
        membership: Membership::Left.into(),
        last_seq: 2,
    };
    assert_eq!(membership(event), left);
    assert_eq!(client.revision("stranger").await, 0);
    assert_eq!(client.revision("bob").await, 1);
    let rows = Rows::of(&database).await;
    let records = "SELECT count(*) FROM changes WHERE kind IN (17, 18)";
    assert_eq!(rows.number(records).await, 3);
    rows.assert_whole().await;
}

async fn joining_again_makes_an_event_and_takes_the_group_off_the_list(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "one").await;
    client.pin("alice", [group("crew")]).await;
    let listing = client.list_in_pages("alice", None, 10).await;
    let listing = listing.expect("the list can be read");
    assert!(listing.conversations[0].pinned);

    let mut watcher = client.follow("alice", "", Some(listing.revision)).await;
    client.leave("crew", &["alice"]).await;
    client.join("crew", &["alice"]).await;
    let left = membership(watcher.change().await);
    assert_eq!(left.membership(), Membership::Left);
    let again = watcher.change().await;
    assert_eq!(again.revision, listing.revision + 2);
    assert_eq!(membership(again), joined("crew", 1));
    let listing = client.list_in_pages("alice", None, 10).await;
    let listing = listing.expect("the list can be read");
    assert_eq!((listing.conversations, listing.revision), (vec![], 4));
    client.send("bob", group("crew"), "two").await;
    let entry = client.entry("alice", group("crew")).await;
    assert_eq!((entry.pinned, entry.unread_count), (false, 1));
}

async fn joining_again_supersedes_what_was_deleted_before(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "one").await;
    client.send("bob", c2c("alice"), "one").await;
    let both = client
        .delete("alice", [group("crew"), c2c("bob")])
        .clear(false)
        .await;
    client.leave("crew", &["alice"]).await;
    client.join("crew", &["alice"]).await;
    let restored = client.restored("alice", &both.deletion_id).await;
    assert_eq!(
        restored,
        [RestorationOutcome::Superseded, RestorationOutcome::Restored]
    );
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
    // A deletion of the new stay is undone as far as the stay goes.
    client.send("bob", group("crew"), "two").await;
    let later = client.delete("alice", [group("crew")]).await;
    assert_eq!(
        client.restored("alice", &later.deletion_id).await,
        [RestorationOutcome::Restored]
    );
    let history = client.history("alice", group("crew")).await;
    let seqs: Vec<_> = history.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, [2]);
    let restored = client.restored("alice", &both.deletion_id).await;
    assert_eq!(restored[0], RestorationOutcome::Superseded);
}

async fn an_undone_deletion_is_not_restored_after_joining_again(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "one").await;
    let deletion = client.delete("alice", [group("crew")]).await;
    for expected in [RestorationOutcome::Restored, RestorationOutcome::Restored] {
        let restored = client.restored("alice", &deletion.deletion_id).await;
        assert_eq!(restored, [expected]);
    }
    client.leave("crew", &["alice"]).await;
    client.join("crew", &["alice"]).await;
    let restored = client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(restored, [RestorationOutcome::Superseded]);
}

async fn a_retry_changes_nothing_whatever_came_in_between(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "one").await;
    let remove = async || client.leave_as("crew", &["alice"], &id(1)).await;
    let add = async || client.join_as("crew", &["alice"], &id(2)).await;
    assert_eq!(remove().await.expect("removed"), 1);
    assert_eq!(add().await.expect("added"), 1);
    client.send("bob", group("crew"), "two").await;
    client.pin("alice", [group("crew")]).await;
    let listing = client.list_in_pages("alice", None, 10).await;
    // Both are delivered once more.
    assert_eq!(remove().await.expect("a retry"), 1);
    assert_eq!(add().await.expect("a retry"), 1);
    let after = client.list_in_pages("alice", None, 10).await;
    assert_eq!(after.expect("a list"), listing.expect("a list"));
    let history = client.history("alice", group("crew")).await;
    assert_eq!(history.len(), 1, "what came in between is still there");
    client.send("alice", group("crew"), "three").await;
}

async fn one_request_id_is_one_request_of_its_group(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let added = client.join_as("crew", &["alice", "bob"], &id(1)).await;
    assert_eq!(added.expect("added"), 2);
    // In whatever order the users stand.
    let again = client.join_as("crew", &["bob", "alice"], &id(1)).await;
    assert_eq!(again.expect("a retry"), 2);
    for other in [
        client.join_as("crew", &["alice"], &id(1)).await,
        client
            .join_as("crew", &["alice", "bob", "carol"], &id(1))
            .await,
        client.leave_as("crew", &["alice", "bob"], &id(1)).await,
    ] {
        let status = refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
        assert_eq!(violated(&status), ["request_id"]);
    }
    assert_eq!(client.revision("carol").await, 0);
    // Another group, and the users' own requests, have scopes of their own.
    let other = client.join_as("team", &["alice", "bob"], &id(1)).await;
    assert_eq!(other.expect("added"), 2);
    client.send("bob", group("crew"), "one").await;
    let deletion = client.delete("alice", [group("crew")]);
    assert_eq!(deletion.request_id(id(1)).await.revision, 3);
    let malformed = client.leave_as("crew", &["alice"], "no UUID").await;
    let status = refused(malformed, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violated(&status), ["request_id"]);
}

async fn a_request_that_found_nobody_is_remembered(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    // Nobody has used the group yet.
    let early = client.leave_as("crew", &["alice"], &id(1)).await;
    assert_eq!(early.expect("nobody left"), 0);
    client.join("crew", &["alice", "bob"]).await;
    let retry = client.leave_as("crew", &["alice"], &id(1)).await;
    assert_eq!(retry.expect("a retry"), 0);
    client.send("alice", group("crew"), "still here").await;
    assert_eq!(client.revision("alice").await, 1);
    Rows::of(&database).await.assert_whole().await;
}

async fn the_same_request_at_the_same_time_is_carried_out_once(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for round in 1..=10 {
        let calls = (0..8).map(|_| {
            let client = client.clone();
            async move {
                if round % 2 == 1 {
                    client.join_as("crew", &["alice", "bob"], &id(round)).await
                } else {
                    client.leave_as("crew", &["alice", "bob"], &id(round)).await
                }
            }
        });
        for answer in concurrently(calls).await {
            assert_eq!(answer.expect("the same for all"), 2);
        }
        let revision = u64::try_from(round).expect("few");
        assert_eq!(client.revision("alice").await, revision);
        assert_eq!(client.revision("bob").await, revision);
    }
    Rows::of(&database).await.assert_whole().await;
}

async fn requests_are_remembered_as_long_as_changes(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let retention = JobsConfig::default().change_retention;
    let rounds = Rounds::on(&database, &clock, retention).await;
    let rows = Rows::of(&database).await;
    let remembered = "SELECT count(*) FROM group_requests";
    let first = client.join_as("crew", &["alice"], &id(1)).await;
    assert_eq!(first.expect("added"), 1);
    clock.advance(retention);
    rounds.run().await;
    let retry = client.join_as("crew", &["alice"], &id(1)).await;
    assert_eq!(retry.expect("a retry"), 1);
    client
        .leave_as("crew", &["alice"], &id(2))
        .await
        .expect("left");
    clock.advance(Duration::from_secs(1));
    rounds.run().await;
    assert_eq!(rows.number(remembered).await, 1, "the younger one");
    clock.advance(retention);
    rounds.run().await;
    assert_eq!(rows.number(remembered).await, 0);
}

async fn the_list_says_who_has_left(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("alice", group("crew"), "one").await;
    client.send("alice", c2c("bob"), "one").await;
    client.send_system(&["bob"], "news").await;
    client.leave("crew", &["bob"]).await;
    for entry in client.list_all("bob").await {
        let expected = if entry.conversation_id == Some(group("crew")) {
            Membership::Left
        } else {
            Membership::Member
        };
        assert_eq!(entry.membership(), expected, "{entry:?}");
    }
    let entry = client.entry("alice", group("crew")).await;
    assert_eq!(entry.membership(), Membership::Member);
}

async fn many_join_and_leave_a_large_group(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crowd", &["alice"]).await;
    client.send("alice", group("crowd"), "one").await;
    let members: Vec<_> = (0..100).map(|number| format!("member {number}")).collect();
    let members: Vec<_> = members.iter().map(String::as_str).collect();
    assert_eq!(client.join("crowd", &members).await, 100);
    client.send("alice", group("crowd"), "two").await;
    assert_eq!(client.leave("crowd", &members[..50]).await, 50);
    client.send("alice", group("crowd"), "three").await;
    assert_eq!(client.join("crowd", &members[..60]).await, 50);
    for (number, member) in members.iter().enumerate() {
        let mut watcher = client.follow(member, "", Some(0)).await;
        assert_eq!(membership(watcher.change().await), joined("crowd", 1));
        if number < 50 {
            let left = membership(watcher.change().await);
            assert_eq!((left.membership(), left.last_seq), (Membership::Left, 2));
            assert_eq!(membership(watcher.change().await), joined("crowd", 3));
            assert_eq!(client.listed(member).await, []);
        } else {
            assert_eq!(client.revision(member).await, 1);
            assert_eq!(client.listed(member).await, [group("crowd")]);
        }
    }
    Rows::of(&database).await.assert_whole().await;
}
