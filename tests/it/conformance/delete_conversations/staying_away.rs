//! A conversation that was deleted with `REAPPEARANCE_NEVER` stays away, whatever comes.

use conversation_service::proto::{
    DeletionOutcome, PinConversationsResponse, Reappearance, RestorationOutcome,
};
use tonic::Code;

use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group},
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    newer_messages_neither_list_it_nor_count_and_can_be_read,
    ones_own_message_lists_it_again,
    the_users_own_message_lists_a_group_of_any_size_again,
    a_later_deletion_sets_the_rule_anew,
    a_conversation_kept_by_seen_through_follows_the_ordinary_rule,
    clearing_leaves_the_rule_alone,
    undoing_brings_back_the_earlier_rule,
    undoing_removes_nothing_from_the_list,
    leaving_and_being_added_again_does_not_end_it,
    what_stays_away_is_in_no_folder_and_cannot_be_pinned,
    a_rule_that_is_not_named_is_refused_and_the_default_may_be_spelled_out,
);

const NEVER: Reappearance = Reappearance::Never;
const ON_MESSAGE: Reappearance = Reappearance::OnMessage;
const DELETED: DeletionOutcome = DeletionOutcome::Deleted;
const ALREADY_DELETED: DeletionOutcome = DeletionOutcome::AlreadyDeleted;
const KEPT: DeletionOutcome = DeletionOutcome::NewerMessagesKept;

async fn say(client: &Client, count: usize) {
    for number in 1..=count {
        client
            .send("bob", c2c("alice"), &format!("message {number}"))
            .await;
    }
}

/// Whether alice's chat with bob is listed, and how much is unread in all.
async fn stands(client: &Client) -> (bool, u64) {
    let listed = client.listed("alice").await.contains(&c2c("bob"));
    (listed, client.unread("alice").await)
}

async fn newer_messages_neither_list_it_nor_count_and_can_be_read(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 2).await;
    let deletion = client.delete("alice", [c2c("bob")]).reappearing(NEVER);
    assert_eq!(deletion.outcomes().await, [DELETED]);
    say(&client, 3).await;
    assert_eq!(stands(&client).await, (false, 0));
    assert_eq!(
        client.get("alice", [c2c("bob")]).await.missing,
        [c2c("bob")]
    );
    let history = client.history("alice", c2c("bob")).await;
    let seqs: Vec<_> = history.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, [5, 4, 3]);
    assert_eq!(client.read_all("alice").await.results, []);
    assert_eq!(client.listed("bob").await, [c2c("alice")]);
    // A repetition finds nothing listed, and takes what came since.
    let again = client
        .delete("alice", [c2c("bob")])
        .reappearing(NEVER)
        .await;
    assert_eq!(again.results[0].outcome(), ALREADY_DELETED);
    assert_eq!(again.results[0].hidden_through, 5);
    assert_eq!(client.history("alice", c2c("bob")).await, []);
    Rows::of(&database).await.assert_whole().await;
}

async fn ones_own_message_lists_it_again(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 2).await;
    client
        .delete("alice", [c2c("bob")])
        .clear(false)
        .reappearing(NEVER)
        .await;
    say(&client, 1).await;
    client.send("alice", c2c("bob"), "hello again").await;
    assert_eq!(stands(&client).await, (true, 0));
    assert_eq!(client.history("alice", c2c("bob")).await.len(), 4);
    // From then on it follows the ordinary rule.
    say(&client, 1).await;
    assert_eq!(stands(&client).await, (true, 1));
    client.delete("alice", [c2c("bob")]).await;
    say(&client, 1).await;
    assert_eq!(stands(&client).await, (true, 1));
}

async fn the_users_own_message_lists_a_group_of_any_size_again(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let names: Vec<_> = (0..20).map(|number| format!("member {number}")).collect();
    for (name, size) in [("small", 3), ("large", 20)] {
        let members: Vec<_> = names[..size].iter().map(String::as_str).collect();
        client.join(name, &members).await;
        client.send(members[0], group(name), "one").await;
        for user in &members[1..3] {
            client.delete(user, [group(name)]).reappearing(NEVER).await;
        }
        client.send(members[0], group(name), "two").await;
        for user in &members[1..3] {
            assert_eq!(client.listed(user).await, [], "{user} in {name}");
            assert_eq!(client.unread(user).await, 0, "{user} in {name}");
        }
        client.send(members[1], group(name), "three").await;
        assert_eq!(client.listed(members[1]).await, [group(name)]);
        assert_eq!(client.unread(members[1]).await, 0);
        assert_eq!(client.listed(members[2]).await, [], "it was not theirs");
        client.leave(name, &members).await;
        for user in &members[1..3] {
            client.delete(user, [group(name)]).await;
        }
    }
}

async fn a_later_deletion_sets_the_rule_anew(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 1).await;
    let delete = || client.delete("alice", [c2c("bob")]).clear(false);
    assert_eq!(delete().outcomes().await, [DELETED]);
    assert_eq!(
        delete().reappearing(NEVER).outcomes().await,
        [ALREADY_DELETED]
    );
    say(&client, 1).await;
    assert_eq!(stands(&client).await, (false, 0));
    // Messages that came while it stayed away stay hidden.
    assert_eq!(delete().outcomes().await, [ALREADY_DELETED]);
    assert_eq!(stands(&client).await, (false, 0));
    say(&client, 1).await;
    assert_eq!(stands(&client).await, (true, 1));
}

async fn a_conversation_kept_by_seen_through_follows_the_ordinary_rule(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 3).await;
    let seen = |seq| client.delete("alice", [c2c("bob")]).seen(c2c("bob"), seq);
    assert_eq!(seen(2).reappearing(NEVER).outcomes().await, [KEPT]);
    assert_eq!(stands(&client).await, (true, 1));
    say(&client, 1).await;
    assert_eq!(stands(&client).await, (true, 2));
    // Messages that were not seen do not list what stays away.
    assert_eq!(seen(4).reappearing(NEVER).outcomes().await, [DELETED]);
    say(&client, 2).await;
    assert_eq!(
        seen(5).reappearing(NEVER).outcomes().await,
        [ALREADY_DELETED]
    );
    assert_eq!(stands(&client).await, (false, 0));
    // The ordinary rule lists it for what was not seen.
    assert_eq!(seen(5).reappearing(ON_MESSAGE).outcomes().await, [KEPT]);
    assert_eq!(stands(&client).await, (true, 1));
}

async fn clearing_leaves_the_rule_alone(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 1).await;
    let delete = client.delete("alice", [c2c("bob")]).clear(false);
    delete.reappearing(NEVER).await;
    say(&client, 1).await;
    let cleared = client.clear_history("alice", [c2c("bob")]).await;
    assert_eq!(cleared.results[0].outcome(), ALREADY_DELETED);
    assert_eq!(client.history("alice", c2c("bob")).await, []);
    say(&client, 1).await;
    assert_eq!(stands(&client).await, (false, 0));
}

async fn undoing_brings_back_the_earlier_rule(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 2).await;
    let delete = || client.delete("alice", [c2c("bob")]).clear(false);
    let first = delete().reappearing(NEVER).await.deletion_id;
    say(&client, 2).await;
    // Nothing but the rule changes, and that lies on the stack; a repetition does not.
    let second = delete().await.deletion_id;
    let third = delete().reappearing(NEVER).await.deletion_id;
    let repeated = delete().reappearing(NEVER).await.deletion_id;
    let nothing = [RestorationOutcome::NothingTaken];
    assert_eq!(client.restored("alice", &repeated).await, nothing);
    let restored = [RestorationOutcome::Restored];
    let superseded = [RestorationOutcome::Superseded];
    assert_eq!(client.restored("alice", &second).await, superseded);
    assert_eq!(client.restored("alice", &third).await, restored);
    say(&client, 1).await;
    assert_eq!(
        stands(&client).await,
        (true, 1),
        "the ordinary rule is back"
    );
    delete().seen(c2c("bob"), 5).reappearing(NEVER).await;
    say(&client, 1).await;
    assert_eq!(stands(&client).await, (false, 0));
    let fifth = delete().await.deletion_id;
    assert_eq!(client.restored("alice", &fifth).await, restored);
    say(&client, 1).await;
    assert_eq!(stands(&client).await, (false, 0), "it stays away again");
    let deletions = client.revision("alice").await;
    for deletion in (1..=deletions).rev() {
        let _ = client.restore("alice", &deletion.to_string(), "").await;
    }
    assert_eq!(client.restored("alice", &first).await, restored);
    assert_eq!(stands(&client).await, (true, 7));
    Rows::of(&database).await.assert_whole().await;
}

async fn undoing_removes_nothing_from_the_list(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let names: Vec<_> = (0..20).map(|number| format!("member {number}")).collect();
    let members: Vec<_> = names.iter().map(String::as_str).collect();
    client.join("large", &members).await;
    client.join("small", &members[..3]).await;
    let user = members[1];
    for name in ["large", "small"] {
        client.send(members[0], group(name), "one").await;
        let delete = || client.delete(user, [group(name)]).clear(false);
        delete().reappearing(NEVER).await;
        client.send(members[0], group(name), "two").await;
        let later = delete().await.deletion_id;
        client.send(members[0], group(name), "three").await;
        assert!(client.listed(user).await.contains(&group(name)), "{name}");
        client.restored(user, &later).await;
        assert!(client.listed(user).await.contains(&group(name)), "{name}");
        assert_eq!(client.entry(user, group(name)).await.unread_count, 2);
    }
}

async fn leaving_and_being_added_again_does_not_end_it(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "one").await;
    client
        .delete("alice", [group("crew")])
        .reappearing(NEVER)
        .await;
    client.leave("crew", &["alice"]).await;
    client.send("bob", group("crew"), "two").await;
    client.join("crew", &["alice"]).await;
    client.send("bob", group("crew"), "three").await;
    assert_eq!(client.listed("alice").await, []);
    let history = client.history("alice", group("crew")).await;
    assert_eq!(history.len(), 1, "what came since can be read");
    client.send("alice", group("crew"), "four").await;
    assert_eq!(client.listed("alice").await, [group("crew")]);
}

async fn what_stays_away_is_in_no_folder_and_cannot_be_pinned(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 1).await;
    client.create_folder("alice", "work", [c2c("bob")]).await;
    client
        .delete("alice", [c2c("bob")])
        .reappearing(NEVER)
        .await;
    say(&client, 1).await;
    let folders = client.list_folders("alice").await.folders;
    assert_eq!(folders[0].conversation_ids, []);
    let pinned: PinConversationsResponse = client.pin("alice", [c2c("bob")]).await;
    assert_eq!(
        pinned.results[0].outcome().as_str_name(),
        "CHANGE_OUTCOME_NOT_LISTED"
    );
}

async fn a_rule_that_is_not_named_is_refused_and_the_default_may_be_spelled_out(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 1).await;
    let request_id = "0194f3a2-7c1e-7b7a-8d6e-000000000001";
    let delete = || client.delete("alice", [c2c("bob")]).request_id(request_id);
    let unknown = delete()
        .with(|request| request.reappearance = 3)
        .result()
        .await;
    let status = refused(unknown, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violated(&status), ["reappearance"]);
    let first = delete().await;
    assert_eq!(delete().reappearing(ON_MESSAGE).await, first);
    let other = delete().reappearing(NEVER).result().await;
    refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
}
