//! Groups that users of a former version have left and joined again: it knew no change for that.

use conversation_service::proto::{RestorationOutcome, SendMessageRequest, change::Kind};

use super::former::{Former, Sql};
use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::reason,
    ids::{group, text},
    rows::Rows,
};

on_every_database!(
    from create_on_one_server:
    what_was_deleted_before_joining_again_is_superseded,
    watermarks_of_who_has_joined_again_stand_where_the_membership_begins,
    what_was_undone_since_joining_is_still_restored,
    who_is_in_a_group_is_known_to_the_group,
);

const RESTORED: RestorationOutcome = RestorationOutcome::Restored;
const SUPERSEDED: RestorationOutcome = RestorationOutcome::Superseded;

/// The kind of a deletion that keeps the history.
const DELETE: i64 = 1;

impl Former<'_> {
    /// A group of so many messages.
    async fn group(&self, messages: i64) {
        let head = [
            ("conversation_key", self.key("GROUP\ncrew")),
            ("canonical_id", "GROUP\ncrew".into()),
            ("last_seq", messages.into()),
            ("last_time", self.now().into()),
        ];
        self.insert("conversations", head).await;
        for seq in 1..=messages {
            let message = [
                ("conversation_key", self.key("GROUP\ncrew")),
                ("seq", seq.into()),
                ("sender_user_id", "bob".into()),
                ("send_time", self.now().into()),
                ("content", self.bytes(b"hi")),
            ];
            self.insert("messages", message).await;
        }
    }

    /// Alice's row of it, who has joined after these messages; `more` are columns beside those that
    /// every row has.
    async fn member<const N: usize>(&self, joined: i64, last: i64, more: [(&str, Sql); N]) {
        let row = [
            ("user_id", "alice".into()),
            ("conversation_key", self.key("GROUP\ncrew")),
            ("kind", 2.into()),
            ("joined_after", joined.into()),
            ("last_seq", last.into()),
            ("last_time", self.now().into()),
        ];
        self.insert("members", row).await;
        for (column, value) in more {
            self.set_all("members", column, value).await;
        }
    }

    /// Alice's only change: a deletion of the group that can be undone for a day.
    async fn deleted(&self, result: &str) {
        let user = [("user_id", "alice".into()), ("revision", 1.into())];
        self.insert("users", user).await;
        let deletion = [
            ("user_id", "alice".into()),
            ("revision", 1.into()),
            ("kind", DELETE.into()),
            ("changed_at", self.now().into()),
            ("synced", 1.into()),
            ("restorable_until", (self.now() + 86_400_000_000).into()),
            ("conversations", "[\"GROUPcrew\"]".into()),
            ("results", result.into()),
        ];
        self.insert("changes", deletion).await;
    }
}

async fn what_was_deleted_before_joining_again_is_superseded(database: TestDatabase) {
    let former = Former::on(&database).await;
    former.group(3).await;
    let taken = [
        ("appeared_before", 1.into()),
        ("hidden_through", 2.into()),
        ("taken_by", 1.into()),
        ("prev_hidden_through", 0.into()),
        ("prev_cleared_through", 0.into()),
    ];
    former.member(3, 3, taken).await;
    former.deleted("[[1, 2, 0, 1, 0]]").await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    assert_eq!(client.restored("alice", "1").await, [SUPERSEDED]);
    assert_eq!(client.listed("alice").await, []);
    Rows::of(&database).await.assert_whole().await;
}

async fn watermarks_of_who_has_joined_again_stand_where_the_membership_begins(
    database: TestDatabase,
) {
    let former = Former::on(&database).await;
    former.group(3).await;
    former.member(3, 3, [("appeared_before", 1.into())]).await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    let mut watcher = client.follow("alice", "tablet", Some(0)).await;
    client.delete("alice", [group("crew")]).sync(true).await;
    let event = watcher.change().await;
    let Some(Kind::ConversationsDeleted(deleted)) = event.change.and_then(|change| change.kind)
    else {
        panic!("not of a deletion");
    };
    let [stands] = deleted.conversations.as_slice() else {
        panic!("not one conversation: {deleted:?}");
    };
    assert_eq!((stands.hidden_through, stands.cleared_through), (3, 3));
}

async fn what_was_undone_since_joining_is_still_restored(database: TestDatabase) {
    let former = Former::on(&database).await;
    former.group(5).await;
    let restored = [
        ("appeared_before", 1.into()),
        ("restored_deletion", 1.into()),
        ("prev_hidden_through", 0.into()),
        ("prev_cleared_through", 0.into()),
    ];
    former.member(3, 5, restored).await;
    former.deleted("[[1, 5, 0, 1, 0]]").await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    assert_eq!(client.restored("alice", "1").await, [RESTORED]);
    assert_eq!(client.entry("alice", group("crew")).await.unread_count, 2);
}

async fn who_is_in_a_group_is_known_to_the_group(database: TestDatabase) {
    let former = Former::on(&database).await;
    former.group(3).await;
    former.chat("alice", "bob", 1).await;
    let row = |user: &str, last: i64| {
        [
            ("user_id", user.into()),
            ("conversation_key", former.key("GROUP\ncrew")),
            ("kind", 2.into()),
            ("last_seq", last.into()),
            ("last_time", former.now().into()),
        ]
    };
    former.insert("members", row("bob", 3)).await;
    former.insert("members", row("dora", 3)).await;
    let [user, key, kind, last, time] = row("carol", 2);
    let left = [user, key, kind, last, time, ("left_at", 2.into())];
    former.insert("members", left).await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    let rows = Rows::of(&database).await;
    rows.assert_whole().await;
    let members = "SELECT count(*) FROM group_members WHERE is_member = 1";
    assert_eq!(rows.number(members).await, 2);

    client.send("bob", group("crew"), "hi").await;
    assert_eq!(client.entry("dora", group("crew")).await.unread_count, 4);
    for stranger in ["carol", "alice"] {
        let request = SendMessageRequest {
            sender_user_id: stranger.to_owned(),
            conversation_id: Some(group("crew")),
            body: Some(text("hi")),
            client_message_id: String::new(),
        };
        let refused = client.messages.clone().send_message(request).await;
        let refused = refused.expect_err("they are not members");
        assert_eq!(reason(&refused), "NOT_A_GROUP_MEMBER");
    }
    assert_eq!(client.history("carol", group("crew")).await.len(), 2);
    client.join("crew", &["carol", "alice", "bob"]).await;
    client.leave("crew", &["dora"]).await;
    client.send("carol", group("crew"), "back").await;
    assert_eq!(client.history("dora", group("crew")).await.len(), 4);
    rows.assert_whole().await;
}
