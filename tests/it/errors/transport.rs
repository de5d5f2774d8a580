//! Errors below the generated client: invalid messages, truncated frames, unknown methods.

use std::net::SocketAddr;

use tonic::{
    Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel,
};

use super::assert_ours;
use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::c2c,
    raw::Raw,
    rows::Rows,
    stage::Stage,
    wire::{Wire, frame},
};

on_every_database!(
    bytes_that_are_no_message_are_refused,
    a_request_of_more_than_a_mebibyte_is_refused,
    compressed_and_cut_frames_are_refused,
    an_unknown_method_or_service_is_unimplemented,
    health_of_an_unknown_service_is_an_error_of_ours_too,
    an_error_at_the_end_of_a_stream_is_one_of_ours_too,
);

const DELETE: &str = "/conversation.v1.ConversationService/DeleteConversations";
const SEND: &str = "/conversation.v1.MessageService/SendMessage";
const METHODS: [&str; 8] = [
    DELETE,
    "/conversation.v1.ConversationService/ListConversations",
    "/conversation.v1.ConversationService/GetConversations",
    SEND,
    "/conversation.v1.MessageService/SendSystemMessage",
    "/conversation.v1.MessageService/ListMessages",
    "/conversation.v1.GroupService/AddGroupMembers",
    "/conversation.v1.GroupService/RemoveGroupMembers",
];

async fn channel(address: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).expect("a valid URI");
    endpoint
        .connect()
        .await
        .expect("the server accepts connections")
}

/// Calls a method with any bytes as its message.
async fn call(channel: &Channel, method: &'static str, message: &[u8]) -> Result<Vec<u8>, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.expect("the connection is open");
    let path = PathAndQuery::from_static(method);
    let answer = client
        .unary(Request::new(message.to_vec()), path, Raw)
        .await;
    answer.map(tonic::Response::into_inner)
}

async fn bytes_that_are_no_message_are_refused(database: TestDatabase) {
    let Stage { server, .. } = Stage::open(&database).await;
    let channel = channel(server.address()).await;
    let garbage: [&[u8]; 8] = [
        // A user's ID that is not UTF-8, and one that is cut.
        b"\x0a\x02\xff\xfe",
        b"\x0a\x05ab",
        // A length that never ends, a field number of zero, a group that is not closed.
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x00\x00",
        b"\x0b",
        // A number where a text belongs, and a wire type that does not exist.
        b"\x08\x01",
        b"\x0e\x01",
        &[0xff; 512],
    ];
    for method in METHODS {
        for bytes in garbage {
            let answer = call(&channel, method, bytes).await;
            let status = refused(answer, Code::InvalidArgument, "INVALID_REQUEST");
            assert_ours(&status);
        }
        // Unknown fields are allowed; what is missing then is named.
        let status = refused(
            call(&channel, method, b"\xf8\x3f\x01").await,
            Code::InvalidArgument,
            "INVALID_REQUEST",
        );
        assert_ours(&status);
    }
    let rows = Rows::of(&database).await;
    assert_eq!(rows.number("SELECT count(*) FROM changes").await, 0);
}

async fn a_request_of_more_than_a_mebibyte_is_refused(database: TestDatabase) {
    let Stage { client, server, .. } = Stage::open(&database).await;
    let channel = channel(server.address()).await;
    for method in METHODS {
        let answer = call(&channel, method, &vec![0; 1024 * 1024 + 1]).await;
        let status = refused(answer, Code::InvalidArgument, "INVALID_REQUEST");
        assert_ours(&status);
        assert!(status.message().contains("larger"), "{status:?}");
    }
    client
        .send("bob", c2c("alice"), "the connection still works")
        .await;
}

async fn compressed_and_cut_frames_are_refused(database: TestDatabase) {
    let Stage { client, server, .. } = Stage::open(&database).await;
    let wire = Wire::connect(server.address()).await;
    let cases: [(Option<&str>, &[u8]); 11] = [
        // A frame that says it is compressed, with and without saying how.
        (Some("gzip"), b"\x01\0\0\0\x07garbage"),
        (Some("zstd"), b"\x01\0\0\0\x07garbage"),
        (Some("no such encoding"), b"\x01\0\0\0\x07garbage"),
        (None, b"\x01\0\0\0\x07garbage"),
        (Some("identity"), b"\x01\0\0\0\x07garbage"),
        // A flag that does not exist, a frame that is cut, half a frame header, and no frame.
        (None, b"\x07\0\0\0\x07garbage"),
        (None, b"\xff\xff\xff\xff\xff"),
        (None, b"\0\0\0\0\x09garbage"),
        (None, b"\0\0\0"),
        (None, b""),
        // A frame that claims to be of two gigabytes.
        (None, b"\0\x7f\xff\xff\xff"),
    ];
    for (encoding, body) in cases {
        let headers: Vec<_> = encoding
            .iter()
            .map(|name| ("grpc-encoding", *name))
            .collect();
        let status = wire.post(DELETE, &headers, body).await;
        assert_ours(&status);
        let code = status.code();
        assert!(
            matches!(code, Code::InvalidArgument | Code::Unimplemented),
            "{encoding:?} {body:?}: {status:?}"
        );
    }
    client
        .send("bob", c2c("alice"), "the connection still works")
        .await;
}

async fn an_unknown_method_or_service_is_unimplemented(database: TestDatabase) {
    let Stage { server, .. } = Stage::open(&database).await;
    let channel = channel(server.address()).await;
    for method in [
        "/conversation.v1.ConversationService/NoSuchMethod",
        "/conversation.v1.NoSuchService/DeleteConversations",
        "/conversation.v2.ConversationService/DeleteConversations",
        "/",
        "/conversation.v1.ConversationService",
        "/conversation.v1.ConversationService/DeleteConversations/more",
    ] {
        let answer = call(&channel, method, b"").await;
        let status = refused(answer, Code::Unimplemented, "UNIMPLEMENTED");
        assert_ours(&status);
    }
}

async fn health_of_an_unknown_service_is_an_error_of_ours_too(database: TestDatabase) {
    let Stage { server, .. } = Stage::open(&database).await;
    let channel = channel(server.address()).await;
    let answer = call(&channel, "/grpc.health.v1.Health/Check", b"\x0a\x01x").await;
    let status = answer.expect_err("there is no such service");
    assert_eq!(status.code(), Code::NotFound);
    assert_ours(&status);
}

async fn an_error_at_the_end_of_a_stream_is_one_of_ours_too(database: TestDatabase) {
    let Stage { server, .. } = Stage::open(&database).await;
    let wire = Wire::connect(server.address()).await;
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        // A question that asks for nothing.
        let status = wire.post(&path, &[], &frame(b"")).await;
        let status = refused::<()>(Err(status), Code::InvalidArgument, "INVALID_REQUEST");
        assert_ours(&status);
    }
}
