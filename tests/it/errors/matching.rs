//! Deletions by selector that break a rule: each violation is named by its path, and nothing is changed.

use conversation_service::proto::{
    ConversationId, DeleteMatchingConversationsRequest, ListFilter, Selector, conversation_id::Id,
};
use prost_types::Timestamp;

use super::input::check;
use crate::support::{
    client::{Client, really_everything},
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    stage::Stage,
};

on_every_database!(
    every_field_of_a_deletion_by_selector_is_checked,
    a_selector_needs_a_condition_or_says_all,
    a_plan_is_one_that_a_look_has_given_and_does_not_go_with_another_look,
);

fn request() -> DeleteMatchingConversationsRequest {
    DeleteMatchingConversationsRequest {
        user_id: "alice".to_owned(),
        selector: Some(really_everything()),
        ..DeleteMatchingConversationsRequest::default()
    }
}

async fn is_refused(client: &Client, request: DeleteMatchingConversationsRequest, paths: &[&str]) {
    let mut conversations = client.conversations.clone();
    let response = conversations.delete_matching_conversations(request).await;
    check(response, paths);
}

async fn every_field_of_a_deletion_by_selector_is_checked(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let no_time = Timestamp {
        seconds: 0,
        nanos: -1,
    };
    let text = |text: &str| ConversationId {
        id: Some(Id::Text(text.to_owned())),
    };
    let everywhere = DeleteMatchingConversationsRequest {
        user_id: String::new(),
        selector: Some(Selector {
            filter: Some(ListFilter {
                types: vec![1, 9],
                mark: 3,
                folder: "x".repeat(33),
                active_since: Some(no_time),
                ..ListFilter::default()
            }),
            inactive_before: Some(no_time),
            excluded: vec![
                text("c2cbob"),
                c2c("carol"),
                text("C2Ccarol"),
                group(""),
                ConversationId { id: None },
            ],
            ..Selector::default()
        }),
        limit: 1_001,
        plan: "x".to_owned(),
        request_id: "no uuid".to_owned(),
        client_id: "\n".to_owned(),
        ..DeleteMatchingConversationsRequest::default()
    };
    let paths = [
        "user_id",
        "client_id",
        "request_id",
        "selector.filter.types[1]",
        "selector.filter.mark",
        "selector.filter.folder",
        "selector.filter.active_since",
        "selector.inactive_before",
        "selector.excluded[0].text",
        "selector.excluded[2]",
        "selector.excluded[3].group_id",
        "selector.excluded[4]",
        "limit",
        "plan",
    ];
    is_refused(&client, everywhere, &paths).await;
    let mut too_many = request();
    let excluded = (0..101).map(|number| c2c(number.to_string()));
    too_many.selector = Some(Selector {
        excluded: excluded.collect(),
        ..really_everything()
    });
    is_refused(&client, too_many, &["selector.excluded"]).await;
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
    assert_eq!(client.revision("alice").await, 0);
}

async fn a_selector_needs_a_condition_or_says_all(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let without = Selector {
        filter: Some(ListFilter::default()),
        include_pinned: true,
        include_unread: true,
        excluded: vec![c2c("carol")],
        ..Selector::default()
    };
    for selector in [None, Some(Selector::default()), Some(without)] {
        let request = DeleteMatchingConversationsRequest {
            selector,
            ..request()
        };
        is_refused(&client, request, &["selector"]).await;
    }
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
}

async fn a_plan_is_one_that_a_look_has_given_and_does_not_go_with_another_look(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let look = client.look("alice", really_everything()).await;
    let both = DeleteMatchingConversationsRequest {
        dry_run: true,
        plan: look.plan.clone(),
        ..request()
    };
    is_refused(&client, both, &["plan"]).await;
    let page = client.list_page("alice", None, 1, String::new()).await;
    client.send("carol", c2c("alice"), "hi").await;
    let next = client.list_page("alice", None, 1, String::new()).await;
    let (page, next) = (page.expect("readable"), next.expect("readable"));
    let altered = look.plan.replacen(&look.plan[..1], "_", 1);
    for plan in [
        "x".to_owned(),
        altered,
        look.plan[..look.plan.len() - 4].to_owned(),
        format!("{}=", look.plan),
        next.next_page_token,
        page.next_page_token + "ü",
    ] {
        let request = DeleteMatchingConversationsRequest { plan, ..request() };
        is_refused(&client, request, &["plan"]).await;
    }
    assert_eq!(client.listed("alice").await.len(), 2);
}
