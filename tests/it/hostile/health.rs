//! Health and reflection need no credentials and no permit of a call, and are bounded all the same.

use tokio::time::timeout;
use tonic::Code;

use super::{
    Attacked, Neighbour,
    peer::{Call, Peer, connect_from, frame_header},
};
use crate::support::{stage::PATIENCE, wire::frame};

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

#[tokio::test(flavor = "multi_thread")]
async fn questions_about_health_that_never_end_hold_no_memory() {
    let attacked = Attacked::start(&[]).await;
    let address = attacked.process.address();
    let neighbour = Neighbour::calling(attacked.process.client().await);
    let body = [
        frame_header(4 * 1024 * 1024).as_slice(),
        &vec![0; 2 * 1024 * 1024],
    ]
    .concat();
    let body = prost::bytes::Bytes::from(body);
    let (mut peers, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let peer = Peer::connect(address).await;
        for _ in 0..100 {
            calls.push(peer.begin(CHECK, body.clone(), false).await);
        }
        peers.push(peer);
    }
    for call in &mut calls {
        let status = call.status().await;
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    neighbour.assert_answered().await;
    attacked.assert_within_budget();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_health_that_does_not_arrive_is_refused_in_time() {
    let attacked = Attacked::start(&[]).await;
    let peer = Peer::connect(attacked.process.address()).await;
    let mut call = peer.begin(CHECK, frame(b"").split_off(4), false).await;
    let status = call.status().await;
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_cannot_follow_health_so_often_that_others_cannot() {
    let attacked = Attacked::start(&[]).await;
    let address = attacked.process.address();
    let neighbour = Neighbour::calling(attacked.process.client().await);
    let (mut peers, mut following, mut refused) = (Vec::new(), Vec::new(), 0);
    for _ in 0..3 {
        let peer = Peer::connect(address).await;
        for _ in 0..900 {
            let mut call = peer.begin(WATCH, frame(b""), true).await;
            if is_following(&mut call).await {
                following.push(call);
            } else {
                refused += 1;
            }
        }
        peers.push(peer);
    }
    assert_eq!((following.len(), refused), (1000, 1700));
    // A peer that only asks is answered, and another host can follow health too.
    let mut probe = peers[0].begin(CHECK, frame(b""), true).await;
    assert_eq!(probe.status().await.code(), Code::Ok);
    let other = Peer::over(connect_from("127.0.0.2", address).await, 65_535).await;
    let mut watch = other.begin(WATCH, frame(b""), true).await;
    assert!(is_following(&mut watch).await);
    // A stream that is given up makes room.
    following.clear();
    let room = timeout(PATIENCE, async {
        loop {
            let mut call = peers[0].begin(WATCH, frame(b""), true).await;
            if is_following(&mut call).await {
                break;
            }
        }
    });
    room.await.expect("there is room again");
    neighbour.assert_answered().await;
    attacked.assert_within_budget();
}

async fn is_following(call: &mut Call) -> bool {
    let headers = call.headers().await.expect("it is answered");
    !headers.contains_key("grpc-status")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_of_reflection_that_is_no_name_ends_the_stream() {
    let attacked = Attacked::start(&[]).await;
    let peer = Peer::connect(attacked.process.address()).await;
    let question = frame(&[0; 2000]);
    let mut call = peer.begin(REFLECTION, question, false).await;
    // There is no answer, and the peer has not ended the stream.
    assert_eq!(call.status().await.code(), Code::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn reflections_in_excess_are_refused() {
    let attacked = Attacked::start(&[]).await;
    let peer = Peer::connect(attacked.process.address()).await;
    let (mut open, mut refused) = (Vec::new(), 0);
    for _ in 0..100 {
        let mut call = peer.begin(REFLECTION, Vec::new(), false).await;
        if is_following(&mut call).await {
            open.push(call);
        } else {
            refused += 1;
        }
    }
    assert_eq!((open.len(), refused), (32, 68));
}
