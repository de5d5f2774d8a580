//! A database that cannot be reached for a while.

use conversation_service::proto::{
    AddGroupMembersRequest, GetConversationsRequest, GetUnreadCountRequest,
    ListConversationsRequest, ListDeletionsRequest, ListFoldersRequest, ListMessagesRequest,
    SendMessageRequest, SendSystemMessageRequest,
};
use tokio::time::timeout;
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;

use super::assert_ours;
use crate::support::{
    client::{AnyChange, Client, really_everything},
    clock::TestClock,
    databases::{Backend, TestDatabase},
    errors::reason,
    ids::{c2c, text},
    proxy::Proxy,
    rows::Rows,
    server::{TestServer, config},
    stage::PATIENCE,
    users::{Heard, UsersWatcher},
};

/// Every service whose health can be asked for.
const SERVICES: [&str; 4] = [
    "",
    "conversation.v1.ConversationService",
    "conversation.v1.MessageService",
    "conversation.v1.GroupService",
];

/// Waits until all services say that they are as they must become.
async fn becomes(channel: &Channel, expected: ServingStatus) {
    for service in SERVICES {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let mut changes = HealthClient::new(channel.clone()).watch(request).await;
        let changes = changes.as_mut().expect("health is served").get_mut();
        let reached = timeout(PATIENCE, async {
            while let Some(change) = changes.message().await.expect("the stream goes on") {
                if change.status() == expected {
                    return;
                }
            }
            panic!("the stream ended");
        });
        reached
            .await
            .unwrap_or_else(|_| panic!("{service:?} never became {expected:?}"));
    }
}

/// One call of every RPC.
async fn every_rpc(client: &Client) -> Vec<Result<(), Status>> {
    let Client {
        mut conversations,
        mut messages,
        mut groups,
        ..
    } = client.clone();
    let user_id = || "alice".to_owned();
    let (list, get, history, send, system, join, delete) = tokio::join!(
        conversations.list_conversations(ListConversationsRequest {
            user_id: user_id(),
            ..ListConversationsRequest::default()
        }),
        async {
            let request = GetConversationsRequest {
                user_id: user_id(),
                conversation_ids: vec![c2c("bob")],
            };
            client
                .conversations
                .clone()
                .get_conversations(request)
                .await
        },
        messages.list_messages(ListMessagesRequest {
            user_id: user_id(),
            conversation_id: Some(c2c("bob")),
            ..ListMessagesRequest::default()
        }),
        async {
            let request = SendMessageRequest {
                sender_user_id: "bob".to_owned(),
                conversation_id: Some(c2c("alice")),
                body: Some(text("hi")),
                client_message_id: String::new(),
            };
            client.messages.clone().send_message(request).await
        },
        async {
            let request = SendSystemMessageRequest {
                user_ids: vec![user_id()],
                body: Some(text("hi")),
                client_message_id: String::new(),
            };
            client.messages.clone().send_system_message(request).await
        },
        groups.add_group_members(AddGroupMembersRequest {
            group_id: "crew".to_owned(),
            user_ids: vec![user_id()],
            request_id: String::new(),
        }),
        client.delete("alice", [c2c("bob")]).result(),
    );
    let mut answers = vec![
        list.map(drop),
        get.map(drop),
        history.map(drop),
        send.map(drop),
        system.map(drop),
        join.map(drop),
        delete.map(drop),
    ];
    let mut watcher = client.watch_users("").await;
    answers.push(add(&mut watcher).await);
    answers.extend(every_setting(client).await);
    answers
}

/// Adds a user to a stream of many, which goes on whatever the answer is.
async fn add(watcher: &mut UsersWatcher) -> Result<(), Status> {
    watcher.add("alice", None);
    match watcher.next().await {
        Heard::Ended(_, status) => Err(status),
        Heard::Bookmark(..) | Heard::Change(..) => Ok(()),
    }
}

/// The same of readings, settings and folders, of which nothing stays.
async fn every_setting(client: &Client) -> Vec<Result<(), Status>> {
    let mut conversations = client.conversations.clone();
    let mut more = client.conversations.clone();
    let bob = || [c2c("bob")];
    let mut still_more = client.conversations.clone();
    let (count, folders, trash) = tokio::join!(
        conversations.get_unread_count(GetUnreadCountRequest {
            user_id: "alice".to_owned(),
            filter: None,
        }),
        more.list_folders(ListFoldersRequest {
            user_id: "alice".to_owned(),
        }),
        still_more.list_deletions(ListDeletionsRequest {
            user_id: "alice".to_owned(),
            ..ListDeletionsRequest::default()
        }),
    );
    let changes: [Box<dyn AnyChange>; 14] = [
        Box::new(client.read("alice", bob())),
        Box::new(client.read_all("alice")),
        Box::new(client.show("alice", bob())),
        Box::new(client.pin("alice", bob())),
        Box::new(client.mute("alice", bob())),
        Box::new(client.mark("alice", bob(), 1, 0)),
        Box::new(client.set_data("alice", bob(), b"x".to_vec())),
        Box::new(client.create_folder("alice", "work", bob())),
        Box::new(client.add_to_folder("alice", "work", bob())),
        Box::new(client.remove_from_folder("alice", "work", bob())),
        Box::new(client.rename_folder("alice", "work", "rest")),
        Box::new(client.delete_folder("alice", "rest")),
        Box::new(client.look("alice", really_everything())),
        Box::new(client.delete_matching("alice", really_everything())),
    ];
    let mut answers = vec![count.map(drop), folders.map(drop), trash.map(drop)];
    for change in changes {
        answers.push(change.bytes().await.map(drop));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_unavailable_while_postgres_is_away_and_recovers() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let (scheme, rest) = database.url().split_once("://").expect("a URL");
    let (authority, path) = rest.split_once('/').expect("a database");
    let (user, host) = authority.split_once('@').unwrap_or(("postgres", authority));
    let proxy = Proxy::start(host.to_owned()).await;
    let mut config = config(&database);
    let url = format!("{scheme}://{user}@{}/{path}", proxy.address());
    config.database.url = url.parse().expect("a valid URL");
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let endpoint = Channel::from_shared(format!("http://{}", server.address()));
    let channel = endpoint
        .expect("a valid URI")
        .connect()
        .await
        .expect("it listens");

    let mut lasting = client.watch_users("").await;
    for round in 0..2 {
        becomes(&channel, ServingStatus::Serving).await;
        for answer in every_rpc(&client).await {
            answer.unwrap_or_else(|status| panic!("round {round}: {status:?}"));
        }
        add(&mut lasting).await.expect("the database is there");
        proxy.cut();
        let ended = add(&mut lasting).await;
        for answer in [vec![ended], every_rpc(&client).await].concat() {
            let status = answer.expect_err("the database is away");
            assert_eq!(
                (status.code(), reason(&status).as_str()),
                (Code::Unavailable, "DATABASE_UNAVAILABLE")
            );
            assert_ours(&status);
            let details = status.get_error_details();
            let retry = details.retry_info().and_then(|retry| retry.retry_delay);
            assert!(retry.is_some_and(|delay| !delay.is_zero()), "{status:?}");
        }
        becomes(&channel, ServingStatus::NotServing).await;
        proxy.mend();
    }
    becomes(&channel, ServingStatus::Serving).await;
    for answer in every_rpc(&client).await {
        answer.expect("the database is back");
    }
    Rows::of(&database).await.assert_whole().await;
}
