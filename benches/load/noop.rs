//! The floor of the transport: a server that decodes a `DeleteConversationsRequest`, does nothing, and
//! answers as the service would. It runs in a process of its own, as the service does.

use std::{
    convert::Infallible,
    env,
    process::Command,
    task::{Context, Poll},
};

use conversation_service::proto::{
    DeleteConversationsRequest, DeleteConversationsResponse, DeletionOutcome, DeletionResult,
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{BoxFuture, Service as Called, http},
    server::{Grpc, NamedService, UnaryService},
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

use crate::support::{Outcome, Service};

/// What makes this program the server.
pub const ARGUMENT: &str = "noop-server";

/// Starts the server.
pub fn start() -> Outcome<Service> {
    Service::spawn(Command::new(env::current_exe()?).arg(ARGUMENT))
}

/// Is the server, until it is killed.
pub async fn serve() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("noop listening on {}", listener.local_addr()?);
    Server::builder()
        .add_service(Noop)
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

#[derive(Clone)]
struct Noop;

impl NamedService for Noop {
    const NAME: &'static str = "conversation.v1.ConversationService";
}

impl Called<http::Request<Body>> for Noop {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async {
            let codec =
                ProstCodec::<DeleteConversationsResponse, DeleteConversationsRequest>::default();
            Ok(Grpc::new(codec).unary(Self, request).await)
        })
    }
}

impl UnaryService<DeleteConversationsRequest> for Noop {
    type Response = DeleteConversationsResponse;
    type Future = BoxFuture<Response<DeleteConversationsResponse>, Status>;

    fn call(&mut self, request: Request<DeleteConversationsRequest>) -> Self::Future {
        Box::pin(async { Ok(Response::new(answer(request.into_inner()))) })
    }
}

fn answer(request: DeleteConversationsRequest) -> DeleteConversationsResponse {
    let results = request.conversation_ids.into_iter();
    DeleteConversationsResponse {
        results: results
            .map(|id| DeletionResult {
                conversation_id: Some(id),
                outcome: DeletionOutcome::Deleted.into(),
                hidden_through: 1,
                cleared_through: 1,
            })
            .collect(),
        deletion_id: "1".to_owned(),
        restorable_until: Some(prost_types::Timestamp {
            seconds: 1_800_000_000,
            nanos: 1_000,
        }),
        revision: 1,
    }
}
