//! Undoing part of a deletion, and the rest of it later.

use conversation_service::proto::{
    ConversationId, RestorationOutcome, RestorationResult, RestoreConversationsRequest,
    RestoreConversationsResponse, change::Kind,
};
use tonic::{Code, Status};

use super::{Service, WINDOW};
use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{by_text, c2c, group, system},
};

const NAME: &str = "6f1c1d0e-8c0b-4a53-9d7a-000000000001";
const RESTORED: RestorationOutcome = RestorationOutcome::Restored;
const SUPERSEDED: RestorationOutcome = RestorationOutcome::Superseded;
const NOTHING_TAKEN: RestorationOutcome = RestorationOutcome::NothingTaken;

/// Puts these back of alice's deletion.
async fn restore(
    service: &Service,
    deletion_id: &str,
    conversation_ids: impl IntoIterator<Item = ConversationId>,
    request_id: &str,
) -> Result<RestoreConversationsResponse, Status> {
    let request = RestoreConversationsRequest {
        user_id: "alice".to_owned(),
        deletion_id: deletion_id.to_owned(),
        request_id: request_id.to_owned(),
        client_id: String::new(),
        conversation_ids: conversation_ids.into_iter().collect(),
    };
    let mut client = service.client.conversations.clone();
    let response = client.restore_conversations(request).await;
    response.map(tonic::Response::into_inner)
}

/// The results of that: each conversation with its outcome, in their order.
async fn restored(
    service: &Service,
    deletion_id: &str,
    conversation_ids: impl IntoIterator<Item = ConversationId>,
) -> Vec<(ConversationId, RestorationOutcome)> {
    let response = restore(service, deletion_id, conversation_ids, "").await;
    let results = response.expect("the deletion can be undone").results;
    let result = |result: RestorationResult| {
        let outcome = result.outcome();
        (result.conversation_id.expect("an ID"), outcome)
    };
    results.into_iter().map(result).collect()
}

/// Alice has chats with these friends, of two unread messages each, and a group and news.
async fn furnish(service: &Service, friends: &[&str]) -> Vec<ConversationId> {
    service.client.join("crew", &["alice", "bob"]).await;
    for friend in friends {
        service.chat(friend, &c2c("alice"), 2).await;
    }
    service.chat("bob", &group("crew"), 2).await;
    service.client.send_system(&["alice"], "news").await;
    let chats = friends.iter().map(|friend| c2c(*friend));
    chats.chain([group("crew"), system()]).collect()
}

async fn part_of_a_deletion_is_undone_and_the_rest_later(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    let all = furnish(&service, &["bob", "carol"]).await;
    client.pin("alice", [c2c("carol")]).await;
    client.read("alice", [c2c("bob")]).await;
    let before = service.sight("alice", &all).await;
    let deletion = client.delete("alice", all.clone()).await.deletion_id;
    // In the order of the request, whatever that of the deletion.
    let first = [system(), c2c("carol")];
    assert_eq!(
        restored(&service, &deletion, first.clone()).await,
        first.clone().map(|id| (id, RESTORED))
    );
    let mut listed = client.listed("alice").await;
    listed.sort_by_key(|id| all.iter().position(|one| one == id));
    assert_eq!(listed, [c2c("carol"), system()]);
    assert!(client.entry("alice", c2c("carol")).await.pinned);
    assert_eq!(service.readable("alice", c2c("bob")).await, [0; 0]);
    // All of it is what is left of it, too.
    assert_eq!(
        restored(&service, &deletion, []).await,
        all.iter()
            .map(|id| (id.clone(), RESTORED))
            .collect::<Vec<_>>()
    );
    assert_eq!(service.sight("alice", &all).await, before);
    assert_eq!(
        restored(&service, &deletion, first.clone()).await,
        first.map(|id| (id, RESTORED))
    );
    assert_eq!(service.sight("alice", &all).await, before);
}

async fn each_conversation_of_a_deletion_has_a_stack_of_its_own(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    let all = furnish(&service, &["bob", "carol", "dora"]).await;
    let [bob, carol, dora] = ["bob", "carol", "dora"].map(c2c);
    let before = service.sight("alice", &all).await;
    let below = client.clear_history("alice", all.clone()).await.deletion_id;
    let above = client.delete("alice", [carol.clone(), dora.clone()]).await;
    let above = above.deletion_id;
    // A conversation with nothing above the deletion comes back; one with something above it stays.
    let outcomes = restored(&service, &below, [dora.clone(), bob.clone()]).await;
    assert_eq!(
        outcomes,
        [(dora.clone(), SUPERSEDED), (bob.clone(), RESTORED)]
    );
    // After the one above has been undone for one of them, that one can go on.
    let outcomes = restored(&service, &above, [dora.clone()]).await;
    assert_eq!(outcomes, [(dora.clone(), RESTORED)]);
    let outcomes = restored(&service, &below, [carol.clone(), dora.clone()]).await;
    assert_eq!(
        outcomes,
        [(carol.clone(), SUPERSEDED), (dora.clone(), RESTORED)]
    );
    // A later deletion supersedes again one that is back, for itself alone.
    let later = client.delete("alice", [bob.clone()]).await.deletion_id;
    let outcomes = restored(&service, &below, [bob.clone(), dora.clone()]).await;
    assert_eq!(
        outcomes,
        [(bob.clone(), SUPERSEDED), (dora.clone(), RESTORED)]
    );
    let outcomes = restored(&service, &later, [bob.clone()]).await;
    assert_eq!(outcomes, [(bob, RESTORED)]);
    assert_eq!(
        restored(&service, &above, [carol.clone()]).await,
        [(carol, RESTORED)]
    );
    restored(&service, &below, []).await;
    assert_eq!(service.sight("alice", &all).await, before);
}

async fn conversations_outside_the_deletion_are_named_and_nothing_is_restored(
    database: TestDatabase,
) {
    let service = Service::start(&database).await;
    let client = &service.client;
    let all = furnish(&service, &["bob", "carol"]).await;
    let deletion = client
        .delete("alice", [c2c("bob"), c2c("nobody"), group("crew")])
        .await;
    let deletion = deletion.deletion_id;
    let before = service.sight("alice", &all).await;
    let revision = client.revision("alice").await;
    let refusal = async |ids: Vec<ConversationId>| {
        let result = restore(&service, &deletion, ids, NAME).await;
        violated(&refused(result, Code::InvalidArgument, "INVALID_REQUEST"))
    };
    // One of another deletion, one that is not deleted, and one that there is not.
    let strangers = vec![c2c("carol"), c2c("bob"), by_text(&system()), group("bob")];
    assert_eq!(
        refusal(strangers).await,
        [
            "conversation_ids[0]",
            "conversation_ids[2]",
            "conversation_ids[3]"
        ]
    );
    let twice = vec![c2c("bob"), group("crew"), by_text(&c2c("bob"))];
    assert_eq!(refusal(twice).await, ["conversation_ids[2]"]);
    let wrong = vec![c2c("bob"), c2c(""), ConversationId { id: None }];
    assert_eq!(
        refusal(wrong).await,
        ["conversation_ids[1].c2c_user_id", "conversation_ids[2]"]
    );
    let many = (0..101).map(|number| c2c(format!("friend {number}")));
    assert_eq!(refusal(many.collect()).await, ["conversation_ids"]);
    let many = (0..100).map(|number| c2c(format!("friend {number}")));
    assert_eq!(refusal(many.collect()).await.len(), 20);
    assert_eq!(service.sight("alice", &all).await, before);
    assert_eq!(client.revision("alice").await, revision);
    // The name is still free. A conversation that the deletion has found nothing of is of it, too.
    let ids = [by_text(&group("crew")), c2c("nobody")];
    let results = restore(&service, &deletion, ids, NAME)
        .await
        .expect("in time");
    let outcomes = results.results.iter().map(RestorationResult::outcome);
    assert_eq!(outcomes.collect::<Vec<_>>(), [RESTORED, NOTHING_TAKEN]);
    assert_eq!(results.results[0].conversation_id, Some(group("crew")));
}

async fn the_part_is_part_of_the_request(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    furnish(&service, &["bob", "carol"]).await;
    let both = [c2c("bob"), c2c("carol")];
    let deletion = client.delete("alice", both.clone()).await.deletion_id;
    let part = || restore(&service, &deletion, [c2c("bob")], NAME);
    let first = part().await.expect("in time");
    client.delete("alice", [c2c("bob")]).await;
    assert_eq!(part().await.expect("answered"), first);
    let by_name = restore(&service, &deletion, [by_text(&c2c("bob"))], NAME).await;
    assert_eq!(by_name.expect("answered"), first);
    for other in [vec![], vec![c2c("carol")], both.to_vec()] {
        let other = restore(&service, &deletion, other, NAME).await;
        refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
    }
    // So after the window.
    service.clock.advance(WINDOW);
    assert_eq!(part().await.expect("answered"), first);
    refused(
        restore(&service, &deletion, [c2c("bob")], "").await,
        Code::FailedPrecondition,
        "RESTORE_WINDOW_EXPIRED",
    );
}

async fn other_clients_are_notified_of_the_restored_part_alone(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    let all = furnish(&service, &["bob", "carol"]).await;
    let deletion = client.delete("alice", all).await.deletion_id;
    restored(&service, &deletion, [system(), c2c("bob")]).await;
    let revision = client.revision("alice").await;
    let mut watcher = client.follow("alice", "tablet", Some(revision - 1)).await;
    let event = watcher.change().await;
    let kind = event.change.and_then(|change| change.kind);
    let Some(Kind::ConversationsRestored(back)) = kind else {
        panic!("{kind:?} is no undo");
    };
    assert_eq!(back.deletion_id, deletion);
    let told = back.conversations.into_iter();
    let told: Vec<_> = told.filter_map(|one| one.conversation_id).collect();
    assert_eq!(told, [system(), c2c("bob")]);
}

async fn pins_come_back_in_the_order_of_the_request_as_long_as_there_is_room(
    database: TestDatabase,
) {
    let service = Service::start_with_pins(&database, 3).await;
    let client = &service.client;
    let friends = ["a", "b", "c", "d"];
    furnish(&service, &friends).await;
    client.pin("alice", ["a", "b", "c"].map(c2c)).await;
    let deletion = client.delete("alice", friends.map(c2c)).await.deletion_id;
    client.pin("alice", [group("crew")]).await;
    let part = ["c", "d", "b", "a"].map(c2c);
    let results = restore(&service, &deletion, part, "").await;
    let results = results.expect("in time").results;
    let left_out: Vec<_> = results.iter().map(|result| result.pin_left_out).collect();
    assert_eq!(left_out, [false, false, false, true]);
    // A conversation that is back without its pin is back; asking again does not pin it.
    client.unpin("alice", [group("crew")]).await;
    assert_eq!(
        restored(&service, &deletion, [c2c("a")]).await,
        [(c2c("a"), RESTORED)]
    );
    assert!(!client.entry("alice", c2c("a")).await.pinned);
}

async fn forgotten_settings_come_back_to_the_conversation_that_they_are_of(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    furnish(&service, &["bob", "carol", "dora"]).await;
    let [bob, carol, dora] = ["bob", "carol", "dora"].map(c2c);
    client.create_folder("alice", "work", [dora.clone()]).await;
    client.mark("alice", [bob.clone()], 1, 0).await;
    client.mark("alice", [dora.clone()], 8, 0).await;
    let before = client.entry("alice", dora.clone()).await;
    let all = [bob.clone(), carol.clone(), dora.clone()];
    let deletion = client.delete("alice", all);
    let deletion = deletion.with(|request| request.forget_settings = true);
    let deletion = deletion.await.deletion_id;
    // In another order and without the first, so that none is at its place.
    let part = [dora.clone(), carol.clone()];
    let outcomes = restored(&service, &deletion, part.clone()).await;
    assert_eq!(outcomes, part.map(|id| (id, RESTORED)));
    assert_eq!(client.entry("alice", dora).await, before);
    assert_eq!(client.entry("alice", carol).await.marks, 0);
    restored(&service, &deletion, [bob.clone()]).await;
    assert_eq!(client.entry("alice", bob).await.marks, 1);
}

on_every_database!(
    forgotten_settings_come_back_to_the_conversation_that_they_are_of,
    part_of_a_deletion_is_undone_and_the_rest_later,
    each_conversation_of_a_deletion_has_a_stack_of_its_own,
    conversations_outside_the_deletion_are_named_and_nothing_is_restored,
    the_part_is_part_of_the_request,
    other_clients_are_notified_of_the_restored_part_alone,
    pins_come_back_in_the_order_of_the_request_as_long_as_there_is_room,
);
