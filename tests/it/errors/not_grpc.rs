//! The answer to a request that is not gRPC says what to do instead, in the request's own form.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tonic::{
    Code, Status,
    codegen::http::{HeaderMap, Request},
};

use super::assert_ours;
use crate::support::{
    databases::{Backend, TestDatabase},
    errors::refused,
    frames::{END_OF_HEADERS, END_OF_STREAM, GREETING, HEADERS, RESET, SETTINGS, headers, http2},
    stage::{PATIENCE, Stage},
    wire::Wire,
};

const LIST: &str = "/conversation.v1.ConversationService/ListConversations";

async fn stage() -> Stage {
    let database = TestDatabase::create(Backend::Sqlite).await;
    Stage::open(&database.expect("the embedded database is always there")).await
}

/// Sends a request over HTTP/1.1. Returns all that the server answers until it closes the connection.
async fn http1(address: SocketAddr, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it is accepted");
    let length = body.len();
    let request = format!(
        "POST {LIST} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("it can be sent");
    let mut answer = String::new();
    let answered = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    answered
        .expect("the connection is closed")
        .expect("it is closed in an orderly way");
    answer
}

#[tokio::test]
async fn a_request_over_http_1_is_answered_in_words() {
    let stage = stage().await;
    let address = stage.server.address();
    for (headers, words) in [
        ("", "use a client generated from its protocol, or grpcurl"),
        (
            "content-type: application/json\r\n",
            "use a client generated from its protocol, or grpcurl",
        ),
        (
            "content-type: application/grpc\r\n",
            "let every proxy on the way pass HTTP/2 on",
        ),
    ] {
        let answer = http1(address, headers, "{}").await;
        assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
        assert!(answer.contains("\"code\":\"unimplemented\""), "{answer}");
        assert!(answer.contains(words), "{answer}");
        assert!(answer.contains("x-request-id: "), "{answer}");
    }
}

#[tokio::test]
async fn connect_is_answered_with_an_error_of_its_own_form() {
    let stage = stage().await;
    let headers = "content-type: application/json\r\nconnect-protocol-version: 1\r\n";
    let answer = http1(stage.server.address(), headers, "{}").await;
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
    assert!(
        answer.contains("content-type: application/json"),
        "{answer}"
    );
    assert!(answer.contains("{\"code\":\"unimplemented\""), "{answer}");
    assert!(answer.contains("createGrpcTransport()"), "{answer}");
}

#[tokio::test]
async fn grpc_web_is_answered_with_a_status_that_its_clients_read() {
    let stage = stage().await;
    let headers = "content-type: application/grpc-web+proto\r\n";
    let answer = http1(stage.server.address(), headers, "\0\0\0\0\0").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let (head, _) = answer.split_once("\r\n\r\n").expect("headers");
    let mut headers = HeaderMap::new();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ").expect("a header");
        let name: tonic::codegen::http::HeaderName = name.parse().expect("a name");
        headers.insert(name, value.parse().expect("a value"));
    }
    assert_eq!(headers["content-type"], "application/grpc-web+proto");
    let status = Status::from_header_map(&headers).expect("a status");
    let status = refused::<()>(Err(status), Code::Unimplemented, "NOT_GRPC");
    assert!(status.message().contains("grpc_web"), "{status:?}");
    assert_ours(&status);
}

#[tokio::test]
async fn what_is_not_grpc_is_answered_over_http_2_as_well() {
    let stage = stage().await;
    let wire = Wire::connect(stage.server.address()).await;
    let request = Request::post(format!("http://localhost{LIST}"))
        .header("content-type", "application/json")
        .body(())
        .expect("a valid request");
    let answer = wire.exchange(request, b"{}", 1000).await;
    let answer = answer.expect("it is answered");
    assert_eq!(answer.http, 415);
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(body.contains("this service speaks gRPC only"), "{body}");
}

/// Python's library sends the whole list of a target with several addresses as `:authority`.
#[tokio::test]
async fn a_list_of_addresses_as_authority_ends_that_call_and_no_other() {
    const PROTOCOL_ERROR: [u8; 4] = [0, 0, 0, 1];
    let stage = stage().await;
    let address = stage.server.address();
    let mut stream = TcpStream::connect(address).await.expect("it is accepted");
    let flags = END_OF_HEADERS | END_OF_STREAM;
    let said = [
        GREETING.to_vec(),
        http2(SETTINGS, 0, 0, &[]),
        http2(
            HEADERS,
            flags,
            1,
            &headers(LIST, "10.0.0.1:50051,10.0.0.2:50051"),
        ),
        http2(HEADERS, flags, 3, &headers(LIST, "any.host")),
    ];
    stream
        .write_all(&said.concat())
        .await
        .expect("it can be sent");
    let (mut reset, mut answered) = (None, false);
    while !answered {
        let mut head = [0; 9];
        let read = timeout(PATIENCE, stream.read_exact(&mut head)).await;
        read.expect("it is answered")
            .expect("the connection stays open");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut content = vec![0; usize::try_from(length).expect("a short frame")];
        let read = stream.read_exact(&mut content).await;
        read.expect("a whole frame");
        match (head[3], head[8]) {
            (RESET, 1) => reset = Some(content),
            (HEADERS, 3) => answered = true,
            _ => {}
        }
    }
    assert_eq!(reset.as_deref(), Some(&PROTOCOL_ERROR[..]));
}
