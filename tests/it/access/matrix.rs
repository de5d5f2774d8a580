//! Every method, with every kind of credentials, over every kind of connection.

use tonic::{Code, Request, Status, transport::Channel};
use tonic_types::StatusExt as _;

use super::{
    ADMIN, FEEDER, GATEWAY, HEALTH, LIST, WRONG, call, call_with, connect, methods, server, sqlite,
};
use crate::support::{
    certificates::{Authority, Files},
    clock::TestClock,
    errors::{reason, refused},
    server::{TestServer, config},
    wire::{Wire, frame},
};

/// The credentials of a call.
#[derive(Clone, Copy, Debug)]
enum Comes {
    /// Not those of any caller. The call is refused with this reason.
    Unknown(&'static str),
    /// Those of a caller with these roles.
    With(&'static [&'static str]),
}

const MISSING: Comes = Comes::Unknown("CREDENTIALS_MISSING");
const INVALID: Comes = Comes::Unknown("CREDENTIALS_INVALID");
const CONVERSATIONS: Comes = Comes::With(&["conversations"]);
const PIPELINE: Comes = Comes::With(&["pipeline"]);
const BOTH: Comes = Comes::With(&["conversations", "pipeline"]);

/// The roles that may call a method; `None` if it takes no credentials.
fn needed(service: &str, method: &str) -> Option<&'static [&'static str]> {
    match (service, method) {
        ("grpc.health.v1.Health", _) => None,
        ("conversation.v1.ConversationService", _) => Some(&["conversations"]),
        ("conversation.v1.MessageService", "ListMessages")
        | ("grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection", _) => {
            Some(&["conversations", "pipeline"])
        }
        ("conversation.v1.MessageService" | "conversation.v1.GroupService", _) => {
            Some(&["pipeline"])
        }
        _ => panic!("nobody has decided who may call {service}/{method}"),
    }
}

/// Calls every method and checks the answers.
async fn check(channel: &Channel, by: &str, token: Option<&str>, comes: Comes) {
    // A caller with all roles may certainly ask for the list of methods.
    let services = methods::of_server(channel, ADMIN).await;
    assert!(services.len() >= 6, "{services:?}");
    for (service, methods) in &services {
        for method in methods {
            let path = format!("/{service}/{method}");
            let answer = call(channel, &path, token).await;
            let roles = needed(service, method);
            let context = format!("{path} {by}: {answer:?}");
            match (comes, roles) {
                (Comes::Unknown(expected), Some(_)) => {
                    let status = answer.expect_err(&context);
                    assert_eq!(status.code(), Code::Unauthenticated, "{context}");
                    assert_eq!(reason(&status), expected, "{context}");
                }
                (Comes::With(has), Some(roles)) if !roles.iter().any(|role| has.contains(role)) => {
                    let status = answer.expect_err(&context);
                    assert_eq!(status.code(), Code::PermissionDenied, "{context}");
                    assert_eq!(reason(&status), "ROLE_MISSING", "{context}");
                    assert_eq!(role(&status), roles.join(","), "{context}");
                }
                _ if service.starts_with("conversation.v1.") => {
                    // It went through, to where an empty request is found to lack everything.
                    let status = answer.expect_err(&context);
                    assert_eq!(status.code(), Code::InvalidArgument, "{context}");
                    assert_eq!(reason(&status), "INVALID_REQUEST", "{context}");
                }
                _ => {
                    let code = answer.err().map_or(Code::Ok, |status| status.code());
                    let refusals = [Code::Unauthenticated, Code::PermissionDenied];
                    assert!(!refusals.contains(&code), "{context}");
                }
            }
        }
    }
}

/// The role that an error says is missing.
fn role(status: &Status) -> String {
    let info = status.get_details_error_info().expect("there is one");
    info.metadata
        .get("role")
        .cloned()
        .expect("it names the role")
}

const BY_TOKEN: [(&str, Option<&str>, Comes); 5] = [
    ("without credentials", None, MISSING),
    ("with a wrong token", Some(WRONG), INVALID),
    ("as gateway", Some(GATEWAY), CONVERSATIONS),
    ("as feeder", Some(FEEDER), PIPELINE),
    ("as admin", Some(ADMIN), BOTH),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_method_admits_only_its_callers_over_plaintext() {
    let database = sqlite().await;
    let server = server(&database, None).await;
    let channel = connect(server.address(), None).await.expect("it accepts");
    for (by, token, comes) in BY_TOKEN {
        check(&channel, by, token, comes).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_admits_only_its_callers_over_tls() {
    let database = sqlite().await;
    let authority = Authority::new();
    let files = Files::of(&authority.server());
    let server = server(&database, Some(&files)).await;
    let trust = authority.trust();
    let channel = connect(server.address(), Some(&trust))
        .await
        .expect("it accepts");
    for (by, token, comes) in BY_TOKEN {
        check(&channel, by, token, comes).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_admits_only_its_callers_over_mutual_tls() {
    let database = sqlite().await;
    let (authority, clients) = (Authority::new(), Authority::new());
    let files = Files::mutual(&authority.server(), &[&clients]);
    let server = server(&database, Some(&files)).await;
    for (names, name, token, comes) in [
        // A certificate of nobody, by itself and with a token.
        (&["nobody.internal"][..], "nobody", None, INVALID),
        (&["nobody.internal"], "nobody", Some(WRONG), INVALID),
        (&["nobody.internal"], "nobody", Some(GATEWAY), CONVERSATIONS),
        // A certificate of a caller, by a DNS name, a URI, or a common name that stands alone.
        (
            &["x.internal", "EDGE.internal"],
            "anything",
            None,
            CONVERSATIONS,
        ),
        (&["spiffe://internal/mesh"], "anything", None, PIPELINE),
        (&[], "The Queue", None, PIPELINE),
        // Beside other names the common name means nothing, and nobody said that it may be edge's.
        (&["attacker.internal"], "The Queue", None, INVALID),
        (&["spiffe://internal/x"], "The Queue", None, INVALID),
        (&[], "edge.internal", None, INVALID),
        (&[], "spiffe://internal/mesh", None, INVALID),
        // Which of the two URIs? And a URI is compared byte for byte.
        (
            &["spiffe://internal/mesh", "spiffe://internal/x"],
            "anything",
            None,
            INVALID,
        ),
        (&["spiffe://internal/Mesh"], "anything", None, INVALID),
        // The token counts, if there is one.
        (&["edge.internal"], "anything", Some(FEEDER), PIPELINE),
        (&["edge.internal"], "anything", Some(WRONG), INVALID),
        // These names are others.
        (
            &["*.internal", "edge.internal.example"],
            "edge",
            None,
            INVALID,
        ),
        (&["internal", "gateway"], "gateway", None, INVALID),
    ] {
        let shown = clients.issue(names, name);
        let trust = authority.trust().showing(&shown);
        let channel = connect(server.address(), Some(&trust))
            .await
            .expect("it accepts");
        let by = format!("with {names:?}, {name:?} and {token:?}");
        check(&channel, &by, token, comes).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_callers_everyone_may_call_everything() {
    let database = sqlite().await;
    let server = TestServer::start_with(config(&database), &TestClock::new()).await;
    let channel = connect(server.address(), None).await.expect("it accepts");
    check(&channel, "as anyone", None, BOTH).await;
    check(
        &channel,
        "with a token that nobody asked for",
        Some(WRONG),
        BOTH,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_but_a_bearer_token_is_refused() {
    let database = sqlite().await;
    let server = server(&database, None).await;
    let channel = connect(server.address(), None).await.expect("it accepts");
    let basic = format!("Basic {GATEWAY}");
    let twice = format!("Bearer {GATEWAY}, Bearer {GATEWAY}");
    for headers in [
        &[GATEWAY][..],
        &["Bearer"],
        &["Bearer "],
        &[&basic],
        &[&twice],
        &[&format!("Bearer {GATEWAY}"), &format!("Bearer {GATEWAY}")],
        &[&format!("Bearer {}", GATEWAY.to_uppercase())],
        &[&format!("Bearer {}", &GATEWAY[1..])],
    ] {
        let mut request = Request::new(tokio_stream::once(Vec::new()));
        for header in headers {
            let value = header.parse().expect("plain text");
            request.metadata_mut().append("authorization", value);
        }
        let answer = call_with(&channel, LIST, request).await;
        refused(answer, Code::Unauthenticated, "CREDENTIALS_INVALID");
    }
    let mut request = Request::new(tokio_stream::once(Vec::new()));
    let value = format!("bearer  {GATEWAY}").parse().expect("plain text");
    request.metadata_mut().append("authorization", value);
    refused(
        call_with(&channel, LIST, request).await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_only_said_to_callers() {
    let database = sqlite().await;
    let server = server(&database, None).await;
    let channel = connect(server.address(), None).await.expect("it accepts");
    for path in [
        "/conversation.v1.ConversationService/NoSuchMethod",
        "/conversation.v1.NoSuchService/DeleteConversations",
        "/",
    ] {
        let answer = call(&channel, path, Some(GATEWAY)).await;
        refused(answer, Code::Unimplemented, "UNIMPLEMENTED");
        let answer = call(&channel, path, None).await;
        refused(answer, Code::Unauthenticated, "CREDENTIALS_MISSING");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_refused_call_is_read() {
    let database = sqlite().await;
    let server = server(&database, None).await;
    let wire = Wire::connect(server.address()).await;
    // It would be refused as malformed, if anybody looked.
    let status = wire.post(LIST, &[], b"\xff\xff\xff\xff\xff\xff").await;
    assert_eq!(status.code(), Code::Unauthenticated);
    let status = wire.post(HEALTH, &[], &frame(b"")).await;
    assert_eq!(status.code(), Code::Ok, "the connection still works");
}
