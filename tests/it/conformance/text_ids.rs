//! IDs in their text form: in a request they mean what the typed IDs mean, and answers are typed.

use conversation_service::proto::{
    ConversationId, DeletionOutcome, ListMessagesRequest, SendMessageRequest, conversation_id::Id,
};
use tonic::Code;

use crate::support::{
    client::{Client, ids},
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{by_text, c2c, group, system, text},
    stage::Stage,
};

on_every_database!(
    a_text_means_what_the_typed_id_means_in_every_request,
    two_forms_of_one_id_are_a_duplicate,
    a_retry_may_name_conversations_in_the_other_form,
    what_was_seen_may_be_named_in_the_other_form,
    a_text_that_is_no_id_is_refused_by_its_path,
    a_page_token_belongs_to_the_conversation_in_either_form,
);

/// Alice has a chat, a group and system notifications, each with two messages.
async fn furnish(client: &Client) -> [ConversationId; 3] {
    client.join("crew", &["alice", "bob"]).await;
    for words in ["one", "two"] {
        client.send("bob", by_text(&c2c("alice")), words).await;
        client.send("bob", by_text(&group("crew")), words).await;
        client.send_system(&["alice"], words).await;
    }
    [c2c("bob"), group("crew"), system()]
}

async fn a_text_means_what_the_typed_id_means_in_every_request(database: TestDatabase) {
    let stage = Stage::open(&database).await;
    let client = &stage.client;
    let typed = furnish(client).await;
    let texts = || typed.iter().map(by_text).collect::<Vec<_>>();

    client
        .read("alice", texts())
        .seen(texts()[0].clone(), 1)
        .await;
    let found = client.get("alice", texts()).await;
    let unread: Vec<_> = found
        .conversations
        .iter()
        .map(|one| one.unread_count)
        .collect();
    assert_eq!(unread, [1, 0, 0]);
    assert_eq!(ids(found.conversations), typed);

    client.pin("alice", texts()).await;
    client.mute("alice", texts()).await;
    client.mark("alice", texts(), 1, 0).await;
    client.set_data("alice", texts(), b"draft".to_vec()).await;
    client
        .create_folder("alice", "work", [texts()[0].clone()])
        .await;
    client.add_to_folder("alice", "work", texts()).await;
    for entry in client.list_all("alice").await {
        assert!(entry.pinned && entry.muted, "{entry:?}");
        assert_eq!(
            (entry.marks, entry.custom_data.as_slice()),
            (1, &b"draft"[..])
        );
        assert_eq!(entry.folders, ["work"]);
    }
    client.remove_from_folder("alice", "work", texts()).await;
    assert_eq!(client.folders("alice").await[0].conversation_ids, []);

    for (id, text) in typed.iter().zip(texts()) {
        let history = client.history("alice", text).await;
        assert_eq!(history, client.history("alice", id.clone()).await);
        assert_eq!(history.len(), 2);
        assert_eq!(history[0].conversation_id.as_ref(), Some(id));
    }
    client.clear_history("alice", texts()).await;
    assert_eq!(client.history("alice", typed[0].clone()).await, []);

    let deleted = client.delete("alice", texts()).await;
    let named = deleted
        .results
        .into_iter()
        .map(|result| result.conversation_id);
    assert_eq!(
        named.collect::<Option<Vec<_>>>().as_deref(),
        Some(&typed[..])
    );
    assert_eq!(client.listed("alice").await, []);
}

async fn two_forms_of_one_id_are_a_duplicate(database: TestDatabase) {
    let stage = Stage::open(&database).await;
    let client = &stage.client;
    furnish(client).await;
    let both = [c2c("bob"), by_text(&c2c("bob"))];
    let refusal = refused(
        client.delete("alice", both).result().await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
    assert_eq!(violated(&refusal), ["conversation_ids[1]"]);
}

async fn a_retry_may_name_conversations_in_the_other_form(database: TestDatabase) {
    let stage = Stage::open(&database).await;
    let client = &stage.client;
    let typed = furnish(client).await;
    let request_id = "0194f3a2-7c1e-7b7a-8d6e-000000000001";
    let first = client
        .delete("alice", typed.clone())
        .seen(c2c("bob"), 1)
        .request_id(request_id)
        .await;
    let again = client
        .delete("alice", typed.iter().map(by_text))
        .seen(by_text(&c2c("bob")), 1)
        .request_id(request_id)
        .await;
    assert_eq!(again, first);
    assert_eq!(client.revision("alice").await, 2);
}

async fn what_was_seen_may_be_named_in_the_other_form(database: TestDatabase) {
    let stage = Stage::open(&database).await;
    let client = &stage.client;
    furnish(client).await;
    let kept = client
        .delete("alice", [c2c("bob"), by_text(&group("crew"))])
        .seen(by_text(&c2c("bob")), 1)
        .seen(group("crew"), 1)
        .outcomes();
    let kept_both = [DeletionOutcome::NewerMessagesKept; 2];
    assert_eq!(kept.await, kept_both);
    let another = client
        .delete("alice", [c2c("bob")])
        .seen(by_text(&c2c("carol")), 1);
    let status = refused(
        another.result().await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
    assert_eq!(violated(&status), ["seen_through[0].conversation_id"]);
}

async fn a_text_that_is_no_id_is_refused_by_its_path(database: TestDatabase) {
    let stage = Stage::open(&database).await;
    let client = &stage.client;
    let text_id = |text: &str| ConversationId {
        id: Some(Id::Text(text.to_owned())),
    };
    for wrong in [
        "",
        "C2C",
        "GROUP",
        "c2cX",
        "X",
        "C2C ",
        "GROUPa\nb",
        "@TIM#system",
    ] {
        let deletion = client.delete("alice", [c2c("bob"), text_id(wrong)]);
        let deletion = deletion.seen(text_id(wrong), 1).result().await;
        let refusal = refused(deletion, Code::InvalidArgument, "INVALID_REQUEST");
        let paths = [
            "conversation_ids[1].text",
            "seen_through[0].conversation_id.text",
        ];
        assert_eq!(violated(&refusal), paths, "{wrong:?}");
    }
    let to_the_system = SendMessageRequest {
        sender_user_id: "alice".to_owned(),
        conversation_id: Some(by_text(&system())),
        body: Some(text("hi")),
        client_message_id: String::new(),
    };
    let sent = client.messages.clone().send_message(to_the_system).await;
    let refusal = refused(sent, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violated(&refusal), ["conversation_id.text"]);
}

async fn a_page_token_belongs_to_the_conversation_in_either_form(database: TestDatabase) {
    let stage = Stage::open(&database).await;
    let client = &stage.client;
    furnish(client).await;
    let page = |conversation_id, page_token| ListMessagesRequest {
        user_id: "alice".to_owned(),
        conversation_id: Some(conversation_id),
        page_size: 1,
        page_token,
    };
    let mut messages = client.messages.clone();
    let first = messages
        .list_messages(page(by_text(&c2c("bob")), String::new()))
        .await;
    let first = first.expect("it is accepted").into_inner();
    let second = messages
        .list_messages(page(c2c("bob"), first.next_page_token))
        .await;
    let second = second.expect("it is accepted").into_inner();
    assert_eq!((first.messages[0].seq, second.messages[0].seq), (2, 1));
}
