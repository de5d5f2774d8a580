//! Answers that nobody reads.

use conversation_service::proto::ListMessagesRequest;
use prost::Message as _;
use tokio::task::JoinSet;

use super::{
    Attacked, Neighbour,
    peer::{Call, Peer, connect_from},
};
use crate::support::{client::Client, ids::c2c, wire::frame};

const LIST: &str = "/conversation.v1.MessageService/ListMessages";
/// How many pages are asked for and not read, of about 3 MiB each.
const PAGES: usize = 300;
const AT_A_TIME: usize = 10;

async fn write_much(client: &Client) {
    let text = "x".repeat(12 * 1024);
    for _ in 0..300 {
        client.send("bob", c2c("alice"), &text).await;
    }
}

fn question() -> Vec<u8> {
    let question = ListMessagesRequest {
        user_id: "alice".to_owned(),
        conversation_id: Some(c2c("bob")),
        page_size: 500,
        page_token: String::new(),
    };
    frame(&question.encode_to_vec())
}

/// Asks until it is answered, and does not read the answer.
async fn ask(peer: &Peer) -> Call {
    loop {
        let mut call = peer.begin(LIST, question(), true).await;
        // It may be refused, or cut off, for there being too many.
        if let Ok(headers) = call.headers().await
            && !headers.contains_key("grpc-status")
        {
            return call;
        }
    }
}

/// `window` is how many bytes of each answer the peer takes.
async fn ask_for_much(window: u32) {
    let attacked = Attacked::start(&[]).await;
    let address = attacked.process.address();
    let client = attacked.process.client().await;
    write_much(&client).await;
    let neighbour = Neighbour::calling(client);
    let mut asking = JoinSet::new();
    for _ in 0..AT_A_TIME {
        asking.spawn(async move {
            let stream = connect_from("127.0.0.1", address).await;
            let peer = Peer::over(stream, window).await;
            let mut calls = Vec::new();
            for _ in 0..PAGES / AT_A_TIME {
                calls.push(ask(&peer).await);
            }
            (peer, calls)
        });
    }
    let unread = asking.join_all().await;
    attacked.assert_within_budget();
    for (_peer, mut calls) in unread {
        for call in &mut calls {
            call.reset().await;
        }
    }
    neighbour.assert_answered().await;
    attacked.assert_within_budget();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_which_nothing_is_read_hold_a_bounded_amount_of_memory_for_a_bounded_time() {
    ask_for_much(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_which_a_little_is_read_do_so_too() {
    ask_for_much(100).await;
}
