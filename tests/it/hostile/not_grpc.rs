//! Requests that are no calls of gRPC: other methods, other content types.

use tonic::codegen::http::Request;

use crate::support::{
    clock::TestClock,
    databases::{Backend, TestDatabase},
    server::TestServer,
    wire::{Wire, frame},
};

const CHECK: &str = "http://localhost/grpc.health.v1.Health/Check";
const DELETE: &str = "http://localhost/conversation.v1.ConversationService/DeleteConversations";

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_content_types_get_the_status_that_the_specification_asks_for() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("the embedded database is always there");
    let server = TestServer::start(&database, &TestClock::new()).await;
    let wire = Wire::connect(server.address()).await;
    let grpc = Some("application/grpc");
    for (method, uri, content_type, status) in [
        ("GET", CHECK, grpc, 405),
        ("GET", DELETE, None, 405),
        ("PUT", DELETE, grpc, 405),
        ("OPTIONS", "http://localhost/", None, 405),
        ("POST", CHECK, Some("text/plain"), 415),
        ("POST", DELETE, Some("application/json"), 415),
        ("POST", DELETE, Some("application/grpc+json"), 415),
        ("POST", DELETE, None, 415),
        ("POST", CHECK, grpc, 200),
        ("POST", CHECK, Some("application/grpc+proto"), 200),
    ] {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request = request.body(()).expect("a valid request");
        let answer = wire.exchange(request, &frame(b""), usize::MAX).await;
        let answer = answer.expect("it is answered");
        assert_eq!(answer.http, status, "{method} {uri} {content_type:?}");
        if status != 200 {
            assert_eq!(answer.status.map(|status| status.code()), None);
            let body = String::from_utf8_lossy(&answer.body);
            assert!(body.contains("gRPC"), "{body}");
        }
    }
}
