//! Calls and watchers in excess are refused at once, and the refusal says when to come again.

use conversation_service::proto::{AddGroupMembersRequest, ListMessagesRequest};
use tokio::{task::JoinSet, time::timeout};
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

use crate::support::{
    databases::{TestDatabase, on_one_server},
    ids::c2c,
    overload::{block, fill, is_overloaded, message, unread_count},
    server::config,
    stage::{PATIENCE, Stage},
};

on_one_server!(
    calls_beyond_the_limit_are_refused_at_once_and_admitted_ones_finish,
    a_call_that_gets_no_permit_is_refused_and_nothing_of_it_is_done,
    a_call_that_is_given_up_leaves_its_place,
    watchers_in_excess_are_refused_until_one_leaves,
);

/// How many calls, or watchers, the servers of these tests take.
const MOST: u32 = 4;

async fn calls_beyond_the_limit_are_refused_at_once_and_admitted_ones_finish(
    database: TestDatabase,
) {
    let mut config = config(&database);
    config.limits.requests = MOST;
    let Stage { client, server, .. } = Stage::open_with(config).await;
    client.send("bob", c2c("alice"), "hi").await;
    let rows = block(&database).await;
    let mut sending = fill(&client, MOST).await;

    let history = ListMessagesRequest {
        user_id: "alice".to_owned(),
        conversation_id: Some(c2c("bob")),
        ..ListMessagesRequest::default()
    };
    let history = client.messages.clone().list_messages(history).await;
    assert!(is_overloaded(history));
    let join = AddGroupMembersRequest {
        group_id: "crew".to_owned(),
        user_ids: vec!["alice".to_owned()],
        request_id: String::new(),
    };
    assert!(is_overloaded(
        client.groups.clone().add_group_members(join).await
    ));
    assert!(is_overloaded(
        client.delete("alice", [c2c("bob")]).result().await
    ));
    assert!(is_overloaded(
        client.watch("alice", "", None).await.map(drop)
    ));
    let endpoint = Channel::from_shared(format!("http://{}", server.address()));
    let channel = endpoint.expect("a valid URI").connect().await;
    assert_is_described(channel.expect("connections are accepted")).await;

    assert!(sending.try_join_next().is_none(), "they wait for the lock");
    rows.run("COMMIT").await;
    let mut seqs: Vec<_> = sending
        .join_all()
        .await
        .iter()
        .map(|sent| sent.seq)
        .collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [2, 3, 4, 5]);
    assert_eq!(unread_count(&client).await.expect("there is room again"), 5);
    rows.assert_whole().await;
}

/// Checks that health and reflection are answered.
async fn assert_is_described(channel: Channel) {
    let health = HealthClient::new(channel.clone())
        .check(HealthCheckRequest {
            service: String::new(),
        })
        .await;
    health.expect("health is not refused");
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(question))
        .await;
    let answers = answers.expect("reflection is not refused");
    let answer = answers.into_inner().message().await;
    answer.expect("it is answered").expect("it is answered");
}

async fn a_call_that_gets_no_permit_is_refused_and_nothing_of_it_is_done(database: TestDatabase) {
    /// How many calls are worked on where the pool has few connections.
    const AT_WORK: usize = 64;
    let mut config = config(&database);
    config.database.pool_size = 1;
    let Stage { client, .. } = Stage::open_with(config).await;
    client.send("bob", c2c("alice"), "hi").await;
    let rows = block(&database).await;
    let mut sending = JoinSet::new();
    for number in 0..2 * AT_WORK {
        let mut messages = client.messages.clone();
        sending.spawn(async move { messages.send_message(message(number)).await });
    }
    for _ in 0..AT_WORK {
        let first = timeout(PATIENCE, sending.join_next()).await;
        let first = first
            .expect("it is not left waiting")
            .expect("there are more");
        assert!(is_overloaded(first.expect("the call does not panic")));
    }
    assert!(sending.try_join_next().is_none(), "they wait for the lock");
    rows.run("COMMIT").await;
    let mut seqs = Vec::new();
    for sent in sending.join_all().await {
        let sent = sent.expect("it is worked on").into_inner();
        seqs.extend(sent.message.map(|message| message.seq));
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (2..2 + AT_WORK as u64).collect::<Vec<_>>());
    rows.assert_whole().await;
}

async fn a_call_that_is_given_up_leaves_its_place(database: TestDatabase) {
    let mut config = config(&database);
    config.limits.requests = MOST;
    let Stage { client, .. } = Stage::open_with(config).await;
    client.send("bob", c2c("alice"), "hi").await;
    let rows = block(&database).await;
    let sending = fill(&client, MOST).await;
    drop(sending);
    let room = timeout(PATIENCE, async {
        while is_overloaded(unread_count(&client).await) {}
    });
    room.await
        .expect("there is room again while the lock is held");
    rows.run("COMMIT").await;
}

async fn watchers_in_excess_are_refused_until_one_leaves(database: TestDatabase) {
    let mut config = config(&database);
    config.limits.watchers = MOST;
    let Stage { client, .. } = Stage::open_with(config).await;
    let mut watchers = Vec::new();
    for _ in 0..MOST {
        watchers.push(client.follow("alice", "", None).await);
    }
    assert!(is_overloaded(client.watch("bob", "", None).await.map(drop)));
    // It is of watchers that there are enough, not of calls.
    client.send("bob", c2c("alice"), "hi").await;
    drop(watchers.pop());
    let room = timeout(PATIENCE, async {
        while is_overloaded(client.watch("bob", "", None).await.map(drop)) {}
    });
    room.await.expect("there is room for another one");
}
