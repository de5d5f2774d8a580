//! The floors that are servers, in processes of their own as the service is: they decode a request and answer in
//! the shape in which the service would. One does nothing else with a `DeleteConversationsRequest`, which is the
//! floor of the transport. The others run direct SQL before they answer, for such a request or for a
//! `ListConversationsRequest`: the least that a service can be, which checks nothing. Only one that runs requests
//! together can exceed it.

use std::{
    convert::Infallible,
    env,
    process::Command,
    task::{Context, Poll},
};

use conversation_service::proto::{
    DeleteConversationsRequest, DeleteConversationsResponse, DeletionOutcome, DeletionResult,
    ListConversationsRequest, ListConversationsResponse,
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

use crate::{
    bare_pages::Pages,
    captured::Captured,
    direct_postgres::DirectPostgres,
    people::Call,
    support::{Outcome, Service},
};

/// The argument that makes this program such a server. The arguments that follow it say how to run direct
/// SQL.
const ARGUMENT: &str = "floor-server";
/// Follows it if the server is to answer with pages.
const PAGES: &str = "pages";

/// Starts the server that does nothing.
pub fn start_noop() -> Outcome<Service> {
    Service::spawn(Command::new(env::current_exe()?).arg(ARGUMENT))
}

/// Starts the server that runs direct SQL.
pub fn start_bare(url: &str, captured: &Captured) -> Outcome<Service> {
    let mut command = Command::new(env::current_exe()?);
    Service::spawn(command.arg(ARGUMENT).arg(url).args(&captured.0))
}

/// Starts the server that reads pages by direct SQL.
pub fn start_pages(url: &str) -> Outcome<Service> {
    Service::spawn(Command::new(env::current_exe()?).args([ARGUMENT, PAGES, url]))
}

/// Is such a server until it is killed, if the command line says so.
pub async fn serve_if_asked() -> Outcome<()> {
    let mut words = env::args().skip_while(|word| word != ARGUMENT);
    if words.next().is_none() {
        return Ok(());
    }
    let first = words.next();
    let floor = match first.as_deref() {
        Some(PAGES) => Floor::Pages(Pages::connect(&words.next().ok_or("no database")?).await?),
        Some(url) => {
            let statements = words.map(|sql| &*String::leak(sql));
            let captured = Captured(statements.collect());
            Floor::Deletes(DirectPostgres::connect(url, &captured).await?)
        }
        None => Floor::Nothing,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("floor listening on {}", listener.local_addr()?);
    Server::builder()
        .add_service(floor)
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

#[derive(Clone)]
enum Floor {
    Nothing,
    Deletes(DirectPostgres),
    Pages(Pages),
}

impl NamedService for Floor {
    const NAME: &'static str = "conversation.v1.ConversationService";
}

impl Called<http::Request<Body>> for Floor {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let floor = self.clone();
        Box::pin(async {
            Ok(match floor {
                Floor::Nothing => deletion(Deleting(None), request).await,
                Floor::Deletes(direct) => deletion(Deleting(Some(direct)), request).await,
                Floor::Pages(pages) => {
                    let codec =
                        ProstCodec::<ListConversationsResponse, ListConversationsRequest>::default(
                        );
                    Grpc::new(codec).unary(Listing(pages), request).await
                }
            })
        })
    }
}

async fn deletion(deleting: Deleting, request: http::Request<Body>) -> http::Response<Body> {
    let codec = ProstCodec::<DeleteConversationsResponse, DeleteConversationsRequest>::default();
    Grpc::new(codec).unary(deleting, request).await
}

struct Listing(Pages);

impl UnaryService<ListConversationsRequest> for Listing {
    type Response = ListConversationsResponse;
    type Future = BoxFuture<Response<ListConversationsResponse>, Status>;

    fn call(&mut self, request: Request<ListConversationsRequest>) -> Self::Future {
        let pages = self.0.clone();
        Box::pin(async move {
            let page = pages.answer(request.into_inner().user_id).await;
            let page = page.map_err(|error| Status::internal(error.to_string()))?;
            Ok(Response::new(page))
        })
    }
}

struct Deleting(Option<DirectPostgres>);

impl UnaryService<DeleteConversationsRequest> for Deleting {
    type Response = DeleteConversationsResponse;
    type Future = BoxFuture<Response<DeleteConversationsResponse>, Status>;

    fn call(&mut self, request: Request<DeleteConversationsRequest>) -> Self::Future {
        let direct = self.0.clone();
        Box::pin(async {
            let request = request.into_inner();
            if let Some(direct) = direct {
                delete(direct, &request)
                    .await
                    .map_err(|error| Status::internal(error.to_string()))?;
            }
            Ok(Response::new(answer(request)))
        })
    }
}

async fn delete(direct: DirectPostgres, request: &DeleteConversationsRequest) -> Outcome<()> {
    let call = Call::of_deletion(request)?;
    direct.delete(&call).await
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
