//! Pages of deletions: where each goes on, and how much one looks at.

use conversation_service::proto::{ListDeletionsRequest, ListDeletionsResponse};
use tonic::Code;

use super::states::asked;
use crate::{
    conformance::restore_conversations::Service,
    support::{
        client::LONGEST_TOKEN,
        databases::{Backend, TestDatabase, on_every_database},
        errors::{refused, violated},
        ids::c2c,
        rows::Rows,
    },
};

async fn pages_go_on_where_the_one_before_ended(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 1).await;
    let mut made = Vec::new();
    for _ in 0..45 {
        made.push(client.delete("alice", [c2c("bob")]).await.revision);
        client.read("alice", [c2c("bob")]).await;
    }
    made.reverse();
    let revisions = |page: &ListDeletionsResponse| -> Vec<_> {
        let revisions = page.deletions.iter().map(|deletion| deletion.revision);
        revisions.collect()
    };
    let first = service
        .page(asked(0, String::new()))
        .await
        .expect("readable");
    assert_eq!(revisions(&first), made[..20], "twenty if nothing is said");
    let token = || first.next_page_token.clone();
    assert!(token().len() <= LONGEST_TOKEN);
    // A deletion that is made meanwhile is not on later pages; the size of a page may change.
    client.delete("alice", [c2c("bob")]).await;
    let second = service.page(asked(5, token())).await.expect("readable");
    assert_eq!(revisions(&second), made[20..25]);
    let rest = service.page(asked(100, second.next_page_token)).await;
    let rest = rest.expect("readable");
    assert_eq!(revisions(&rest), made[25..]);
    assert_eq!(rest.next_page_token, "");
    // A token belongs to its request.
    for other in [
        ListDeletionsRequest {
            restorable_only: true,
            ..asked(20, token())
        },
        ListDeletionsRequest {
            user_id: "bob".to_owned(),
            ..asked(20, token())
        },
        asked(20, token() + "A"),
    ] {
        let status = refused(
            service.page(other).await,
            Code::InvalidArgument,
            "INVALID_REQUEST",
        );
        assert_eq!(violated(&status), ["page_token"]);
    }
    for wrong in [-1, 101, i32::MAX] {
        let wrong = service.page(asked(wrong, String::new())).await;
        let status = refused(wrong, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(violated(&status), ["page_size"]);
    }
    let mut nobody = asked(20, String::new());
    nobody.user_id.clear();
    let status = refused(
        service.page(nobody).await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
    assert_eq!(violated(&status), ["user_id"]);
}

async fn the_last_page_has_no_token_however_full_it_is(database: TestDatabase) {
    let service = Service::start(&database).await;
    service.chat("bob", &c2c("alice"), 1).await;
    service.chat("carol", &c2c("alice"), 1).await;
    for friend in ["bob", "carol"] {
        service.client.delete("alice", [c2c(friend)]).await;
    }
    for restorable_only in [false, true] {
        let page = |size, token| {
            service.page(ListDeletionsRequest {
                restorable_only,
                ..asked(size, token)
            })
        };
        let all = page(2, String::new()).await.expect("readable");
        assert_eq!((all.deletions.len(), all.next_page_token.as_str()), (2, ""));
        let first = page(1, String::new()).await.expect("readable");
        assert_eq!(first.deletions.len(), 1);
        let last = page(1, first.next_page_token).await.expect("readable");
        assert_eq!(
            (last.deletions.len(), last.next_page_token.as_str()),
            (1, "")
        );
    }
}

async fn a_page_has_fewer_deletions_where_they_are_large(database: TestDatabase) {
    const LARGE: usize = 1_000;
    let service = Service::start(&database).await;
    for _ in 0..40 {
        service.client.delete("alice", [c2c("bob")]).await;
    }
    // Each is made to be of a thousand conversations of names as long as there are.
    let rows = Rows::of(&database).await;
    let ids: Vec<_> = (0..LARGE)
        .map(|number| format!("\"C2C{number:0>128}\""))
        .collect();
    let results = vec!["[1,0,0,0,0]"; LARGE];
    rows.run(&format!(
        "UPDATE changes SET conversations = '[{}]', results = '[{}]' WHERE user_id = 'alice'",
        ids.join(","),
        results.join(",")
    ))
    .await;
    let (mut found, mut pages, mut token) = (0, 0, String::new());
    loop {
        let page = service
            .page(asked(100, token))
            .await
            .expect("the client takes it");
        let size = prost::Message::encoded_len(&page);
        assert!(size <= 3 * 1024 * 1024, "{size} bytes");
        assert!(!page.deletions.is_empty());
        found += page.deletions.len();
        pages += 1;
        assert!(
            page.deletions
                .iter()
                .all(|one| one.conversations.len() == LARGE)
        );
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((found, pages), (40, 2));
}

async fn a_page_looks_at_ten_thousand_changes_and_the_next_one_goes_on(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 1).await;
    let oldest = client.delete("alice", [c2c("bob")]).await;
    let rows = Rows::of(&database).await;
    let numbers = match database.backend() {
        Backend::Sqlite => {
            "(WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 10101) \
             SELECT n FROM n)"
        }
        Backend::Postgres => "(SELECT generate_series(2, 10101) AS n)",
    };
    rows.run(&format!(
        "INSERT INTO changes (user_id, revision, kind, changed_at, kept_until, synced, conversations, \
             results) \
         SELECT c.user_id, numbers.n, 5, c.changed_at, c.kept_until, 1, '[]', '[]' \
         FROM changes AS c CROSS JOIN {numbers} AS numbers WHERE c.user_id = 'alice'; \
         UPDATE users SET revision = 10101 WHERE user_id = 'alice'"
    ))
    .await;
    let first = service
        .page(asked(20, String::new()))
        .await
        .expect("readable");
    assert_eq!(first.deletions, []);
    let newest = client.delete("alice", [c2c("bob")]).await;
    for restorable_only in [false, true] {
        let request = |page_token| ListDeletionsRequest {
            restorable_only,
            ..asked(20, page_token)
        };
        let page = service
            .page(request(String::new()))
            .await
            .expect("readable");
        let found: Vec<_> = page.deletions.iter().map(|one| one.revision).collect();
        let expected = if restorable_only {
            vec![]
        } else {
            vec![newest.revision]
        };
        assert_eq!(found, expected);
        let page = service
            .page(request(page.next_page_token))
            .await
            .expect("readable");
        let found: Vec<_> = page.deletions.iter().map(|one| one.revision).collect();
        assert_eq!(
            (found, page.next_page_token.as_str()),
            (vec![oldest.revision], "")
        );
    }
}

on_every_database!(
    pages_go_on_where_the_one_before_ended,
    a_page_has_fewer_deletions_where_they_are_large,
    a_page_looks_at_ten_thousand_changes_and_the_next_one_goes_on,
    the_last_page_has_no_token_however_full_it_is,
);
