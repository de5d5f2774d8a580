//! Requests that are sent half, and left so.

use prost::bytes::Bytes;
use tonic::Code;

use super::{
    Attacked, Neighbour,
    peer::{Peer, frame_header},
};

const SEND: &str = "/conversation.v1.MessageService/SendMessage";

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_do_not_arrive_keep_nobody_out_and_are_refused_in_time() {
    let attacked = Attacked::start(&[]).await;
    let peer = Peer::connect(attacked.process.address()).await;
    let mut calls = Vec::new();
    // More than are let in at once.
    for number in 0..800_u32 {
        let body = frame_header(100).to_vec();
        let body = if number % 2 == 0 { body } else { Vec::new() };
        calls.push(peer.begin(SEND, body, false).await);
    }
    // Over the very connection, and over another one.
    let mut whole = peer.begin(SEND, frame_header(0).to_vec(), true).await;
    assert_eq!(whole.status().await.code(), Code::InvalidArgument);
    let neighbour = Neighbour::calling(attacked.process.client().await);
    for call in &mut calls {
        let status = call.status().await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    }
    neighbour.assert_answered().await;
    attacked.assert_within_budget();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_requests_that_do_not_end_hold_a_bounded_amount_of_memory() {
    let attacked = Attacked::start(&[]).await;
    let address = attacked.process.address();
    let neighbour = Neighbour::calling(attacked.process.client().await);
    let mebibyte = 1024 * 1024;
    let body = [frame_header(mebibyte).as_slice(), &vec![0; 1024 * 1000]].concat();
    let body = Bytes::from(body);
    let (mut peers, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let peer = Peer::connect(address).await;
        for _ in 0..80 {
            calls.push(peer.begin(SEND, body.clone(), false).await);
        }
        peers.push(peer);
    }
    let mut overloaded = 0;
    for call in &mut calls {
        let status = call.status().await;
        match status.code() {
            Code::ResourceExhausted => overloaded += 1,
            code => assert_eq!(code, Code::DeadlineExceeded, "{status:?}"),
        }
    }
    assert!(overloaded > 400, "{overloaded} made room for others");
    neighbour.assert_answered().await;
    attacked.assert_within_budget();
}
