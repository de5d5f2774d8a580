//! Folders: what they are called, what is in them, and in which order.

use conversation_service::proto::{ChangeOutcome, ChangeResult, ConversationId};
use tonic::Code;

use crate::support::{
    client::{folder, in_folder},
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group, system},
    stage::Stage,
};

on_every_database!(
    folders_are_listed_as_they_were_made_and_filled,
    adding_and_removing_gives_each_conversation_its_outcome,
    an_entry_names_its_folders_oldest_first,
    a_renamed_folder_keeps_its_place_and_its_contents,
    a_deleted_folder_is_answered_as_it_was_and_leaves_its_conversations,
    a_name_belongs_to_one_folder_of_each_user,
    a_folder_that_is_not_there_is_refused_and_nothing_is_changed,
    names_have_at_most_32_bytes_and_are_compared_byte_for_byte,
    what_is_deleted_stays_in_its_folders_unseen,
    what_was_never_listed_can_be_filed_if_the_user_has_it,
    a_folder_of_a_name_that_was_used_before_begins_empty,
);

const CHANGED: ChangeOutcome = ChangeOutcome::Changed;
const UNCHANGED: ChangeOutcome = ChangeOutcome::Unchanged;
const NOT_FOUND: ChangeOutcome = ChangeOutcome::NotFound;

fn results(expected: &[(ConversationId, ChangeOutcome)]) -> Vec<ChangeResult> {
    let result = |(id, outcome): &(ConversationId, ChangeOutcome)| ChangeResult {
        conversation_id: Some(id.clone()),
        outcome: (*outcome).into(),
    };
    expected.iter().map(result).collect()
}

async fn folders_are_listed_as_they_were_made_and_filled(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let nobody = client.list_folders("alice").await;
    assert_eq!((nobody.folders, nobody.revision), (vec![], 0));
    for sender in ["bob", "carol", "dora", "erin"] {
        client.send(sender, c2c("alice"), "hi").await;
    }
    let work = [c2c("dora"), c2c("bob")];
    let made = client.create_folder("alice", "work", work.clone()).await;
    assert_eq!(made.folder, Some(folder("work", work)));
    assert_eq!(
        made.results,
        results(&[(c2c("dora"), CHANGED), (c2c("bob"), CHANGED)])
    );
    let empty = client.create_folder("alice", "friends", []).await;
    assert_eq!(empty.folder, Some(folder("friends", [])));
    assert_eq!((empty.results, empty.revision), (vec![], 2));
    let more = [c2c("erin"), c2c("dora"), c2c("carol")];
    let added = client.add_to_folder("alice", "work", more).await;
    let order = ["dora", "bob", "erin", "carol"].map(c2c);
    assert_eq!(added.folder, Some(folder("work", order.clone())));

    let listed = client.list_folders("alice").await;
    let expected = vec![folder("work", order), folder("friends", [])];
    assert_eq!((listed.folders, listed.revision), (expected, 3));
    // A conversation that is put in again comes last.
    client
        .remove_from_folder("alice", "work", [c2c("bob")])
        .await;
    client.add_to_folder("alice", "work", [c2c("bob")]).await;
    let order = ["dora", "erin", "carol", "bob"].map(c2c);
    assert_eq!(client.folders("alice").await[0], folder("work", order));
}

async fn adding_and_removing_gives_each_conversation_its_outcome(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for sender in ["bob", "carol", "dora"] {
        client.send(sender, c2c("alice"), "hi").await;
    }
    let ids = [c2c("nobody"), c2c("bob")];
    let made = client.create_folder("alice", "work", ids).await;
    let expected = results(&[(c2c("nobody"), NOT_FOUND), (c2c("bob"), CHANGED)]);
    assert_eq!((made.results, made.revision), (expected, 1));
    let ids = [c2c("bob"), c2c("carol"), system()];
    let added = client.add_to_folder("alice", "work", ids).await;
    let expected = results(&[
        (c2c("bob"), UNCHANGED),
        (c2c("carol"), CHANGED),
        (system(), NOT_FOUND),
    ]);
    assert_eq!((added.results, added.revision), (expected, 2));
    let ids = [c2c("dora"), c2c("bob"), c2c("nobody")];
    let removed = client.remove_from_folder("alice", "work", ids).await;
    let expected = results(&[
        (c2c("dora"), UNCHANGED),
        (c2c("bob"), CHANGED),
        (c2c("nobody"), NOT_FOUND),
    ]);
    assert_eq!((removed.results, removed.revision), (expected, 3));
    assert_eq!(removed.folder, Some(folder("work", [c2c("carol")])));
    // A conversation that was not found is not put in once it exists.
    client.send("nobody", c2c("alice"), "hi").await;
    let work = folder("work", [c2c("carol")]);
    assert_eq!(client.folders("alice").await, [work]);
}

async fn an_entry_names_its_folders_oldest_first(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("carol", c2c("alice"), "hi").await;
    for name in ["z", "a", "m"] {
        client.create_folder("alice", name, []).await;
    }
    for name in ["m", "z", "a"] {
        client.add_to_folder("alice", name, [c2c("bob")]).await;
    }
    let bob = client.entry("alice", c2c("bob")).await;
    assert_eq!(bob.folders, ["z", "a", "m"]);
    assert_eq!(client.entry("alice", c2c("carol")).await.folders, [""; 0]);
    client.rename_folder("alice", "z", "zz").await;
    client.delete_folder("alice", "a").await;
    let listed = client.list_all("alice").await;
    let bob = listed
        .iter()
        .find(|one| one.conversation_id == Some(c2c("bob")));
    assert_eq!(bob.expect("listed").folders, ["zz", "m"]);
}

async fn a_renamed_folder_keeps_its_place_and_its_contents(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.create_folder("alice", "old", [c2c("bob")]).await;
    client.create_folder("alice", "other", []).await;
    let renamed = client.rename_folder("alice", "old", "new").await;
    assert_eq!(renamed.folder, Some(folder("new", [c2c("bob")])));
    assert_eq!(renamed.revision, 3);
    let expected = [folder("new", [c2c("bob")]), folder("other", [])];
    assert_eq!(client.folders("alice").await, expected);
    assert_eq!(client.listed_with("alice", in_folder("old")).await, []);
    let listed = client.listed_with("alice", in_folder("new")).await;
    assert_eq!(listed, [c2c("bob")]);
    // Its own name is a name like any other; the one it had is free again.
    let same = client.rename_folder("alice", "new", "new").await;
    assert_eq!(same.folder, Some(folder("new", [c2c("bob")])));
    assert_eq!(same.revision, 4);
    client.create_folder("alice", "old", []).await;
    assert_eq!(client.folders("alice").await.len(), 3);
}

async fn a_deleted_folder_is_answered_as_it_was_and_leaves_its_conversations(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    for sender in ["bob", "carol", "dora"] {
        client.send(sender, c2c("alice"), "hi").await;
    }
    let all = ["bob", "carol", "dora"].map(c2c);
    client.create_folder("alice", "work", all).await;
    client.create_folder("alice", "rest", [c2c("bob")]).await;
    client.delete("alice", [c2c("carol")]).await;
    let deleted = client.delete_folder("alice", "work").await;
    let as_it_was = folder("work", [c2c("bob"), c2c("dora")]);
    assert_eq!(
        (deleted.folder, deleted.revision),
        (Some(as_it_was), 4),
        "without what is deleted"
    );
    let rest = folder("rest", [c2c("bob")]);
    assert_eq!(client.folders("alice").await, [rest]);
    assert_eq!(client.listed("alice").await.len(), 2);
}

async fn a_name_belongs_to_one_folder_of_each_user(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.create_folder("alice", "work", []).await;
    client.create_folder("alice", "rest", [c2c("bob")]).await;
    let stood = client.list_folders("alice").await;
    let made = client.create_folder("alice", "work", [c2c("bob")]);
    let renamed = client.rename_folder("alice", "rest", "work");
    for refusal in [
        made.result().await.map(drop),
        renamed.result().await.map(drop),
    ] {
        refused(refusal, Code::AlreadyExists, "FOLDER_ALREADY_EXISTS");
    }
    assert_eq!(client.list_folders("alice").await, stood);
    client.create_folder("bob", "work", []).await;
    assert_eq!(client.folders("bob").await, [folder("work", [])]);
}

async fn a_folder_that_is_not_there_is_refused_and_nothing_is_changed(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.create_folder("bob", "work", []).await;
    client.create_folder("alice", "Work", []).await;
    for refusal in [
        client.delete_folder("alice", "work").result().await.err(),
        client
            .rename_folder("alice", "work", "new")
            .result()
            .await
            .err(),
        // A missing folder is the nearer reason, even if the new name is taken.
        client
            .rename_folder("alice", "work", "Work")
            .result()
            .await
            .err(),
        client
            .add_to_folder("alice", "work", [c2c("bob")])
            .result()
            .await
            .err(),
        client
            .remove_from_folder("alice", "work", [c2c("bob")])
            .result()
            .await
            .err(),
    ] {
        let refusal = refusal.map_or(Ok(()), Err);
        refused(refusal, Code::NotFound, "FOLDER_NOT_FOUND");
    }
    let stands = client.list_folders("alice").await;
    assert_eq!((stands.folders.len(), stands.revision), (1, 1));
}

async fn names_have_at_most_32_bytes_and_are_compared_byte_for_byte(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let longest = "ü".repeat(16);
    let names = [
        longest.as_str(),
        "a",
        "A",
        "e\u{301}",
        "\u{e9}",
        "in between",
        "🍒",
        "'; --",
        "C2Cbob",
    ];
    for name in names {
        client.create_folder("alice", name, []).await;
    }
    let folders = client.folders("alice").await;
    let listed: Vec<_> = folders.iter().map(|folder| folder.name.as_str()).collect();
    assert_eq!(listed, names);
    for name in ["", " a", "a ", "a\nb", "\u{7f}", &format!("{longest}x")] {
        let made = client.create_folder("alice", name, []).result().await;
        let status = refused(made, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(violated(&status), ["name"], "{name:?}");
        let renamed = client.rename_folder("alice", "a", name).result().await;
        let status = refused(renamed, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(violated(&status), ["new_name"], "{name:?}");
    }
    assert_eq!(client.folders("alice").await, folders);
}

async fn what_is_deleted_stays_in_its_folders_unseen(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for sender in ["bob", "carol"] {
        client.send(sender, c2c("alice"), "hi").await;
    }
    let both = [c2c("bob"), c2c("carol")];
    client.create_folder("alice", "work", both.clone()).await;
    for clear in [true, false] {
        client.delete("alice", [c2c("bob")]).clear(clear).await;
        let without = folder("work", [c2c("carol")]);
        assert_eq!(client.folders("alice").await, vec![without.clone()]);
        let again = client.add_to_folder("alice", "work", [c2c("bob")]).await;
        assert_eq!(again.results, results(&[(c2c("bob"), UNCHANGED)]));
        assert_eq!(again.folder, Some(without));
        let listed = client.listed_with("alice", in_folder("work")).await;
        assert_eq!(listed, [c2c("carol")]);

        client.send("bob", c2c("alice"), "again").await;
        let whole = folder("work", both.clone());
        assert_eq!(client.folders("alice").await, [whole]);
        assert_eq!(client.entry("alice", c2c("bob")).await.folders, ["work"]);
    }
    // A conversation that is put in or taken out while it is deleted is in or out when it reappears.
    client.delete("alice", both.clone()).await;
    client.create_folder("alice", "new", [c2c("bob")]).await;
    let out = client.remove_from_folder("alice", "work", [c2c("bob")]);
    assert_eq!(out.outcomes().await, [CHANGED]);
    client.send("bob", c2c("alice"), "once more").await;
    let expected = [folder("work", []), folder("new", [c2c("bob")])];
    assert_eq!(client.folders("alice").await, expected);
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
}

async fn what_was_never_listed_can_be_filed_if_the_user_has_it(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    let made = client.create_folder("alice", "work", [group("crew")]).await;
    assert_eq!(made.results, results(&[(group("crew"), CHANGED)]));
    assert_eq!(made.folder, Some(folder("work", [])));
    assert_eq!(client.listed("alice").await, [], "filing lists nothing");
    client.send("bob", group("crew"), "hi").await;
    let work = folder("work", [group("crew")]);
    assert_eq!(client.folders("alice").await, vec![work.clone()]);
    // Leaving and joining again leave it where it is.
    client.leave("crew", &["alice"]).await;
    assert_eq!(client.folders("alice").await, vec![work.clone()]);
    client.join("crew", &["alice"]).await;
    assert_eq!(client.folders("alice").await, [folder("work", [])]);
    client.send("bob", group("crew"), "hi").await;
    assert_eq!(client.folders("alice").await, [work]);
}

async fn a_folder_of_a_name_that_was_used_before_begins_empty(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.create_folder("alice", "work", [c2c("bob")]).await;
    client.create_folder("alice", "rest", []).await;
    client.delete_folder("alice", "work").await;
    let made = client.create_folder("alice", "work", []).await;
    assert_eq!(made.folder, Some(folder("work", [])));
    let names: Vec<_> = client.folders("alice").await;
    assert_eq!(names, [folder("rest", []), folder("work", [])]);
    assert_eq!(client.entry("alice", c2c("bob")).await.folders, [""; 0]);
}
