//! The floors that are servers, in processes of their own as the service is: they decode a request and answer in
//! the shape in which the service would. One does nothing else with a `DeleteConversationsRequest`, which is the
//! floor of the transport. The others run direct SQL before they answer to such a request, to a
//! `ListConversationsRequest` or to a `SendMessageRequest`: the least that a service can be, which checks nothing.
//! Only one that runs requests together can exceed it.

use std::{
    convert::Infallible,
    env,
    pin::Pin,
    process::Command,
    task::{Context, Poll},
};

use conversation_service::proto::{
    DeleteConversationsRequest, DeleteConversationsResponse, DeletionOutcome, DeletionResult,
    ListConversationsRequest, Message, SendMessageRequest, SendMessageResponse,
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
    direct::Direct,
    direct_messages::Storing,
    direct_postgres::{self, DirectPostgres},
    people::{Call, stored_by},
    support::{Outcome, Service},
};

/// The argument that makes this program such a server. The arguments that follow it say how to run direct
/// SQL.
const ARGUMENT: &str = "floor-server";
/// Follow it if the server is to answer with pages, or to store messages.
const PAGES: &str = "pages";
const MESSAGES: &str = "messages";

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

/// Starts the server that stores messages by direct SQL, on PostgreSQL.
pub fn start_messages(url: &str) -> Outcome<Service> {
    Service::spawn(Command::new(env::current_exe()?).args([ARGUMENT, MESSAGES, url]))
}

/// Is such a server until it is killed, if the command line says so.
pub async fn serve_if_asked() -> Outcome<()> {
    let mut words = env::args().skip_while(|word| word != ARGUMENT);
    if words.next().is_none() {
        return Ok(());
    }
    let first = words.next();
    let mut url = || words.next().ok_or("no database");
    let floor = match first.as_deref() {
        Some(PAGES) => Floor::Pages(Pages::connect(&url()?).await?),
        Some(MESSAGES) => {
            let pool = direct_postgres::pool(&url()?).await?;
            Floor::Messages(Direct::Postgres(pool))
        }
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
        .add_service(OfMessages(floor.clone()))
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
    Messages(Direct),
}

/// The same under the name of the other service.
#[derive(Clone)]
struct OfMessages(Floor);

impl NamedService for Floor {
    const NAME: &'static str = "conversation.v1.ConversationService";
}

impl NamedService for OfMessages {
    const NAME: &'static str = "conversation.v1.MessageService";
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
        Box::pin(async { Ok(floor.answer(request).await) })
    }
}

impl Called<http::Request<Body>> for OfMessages {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}

impl Floor {
    async fn answer(self, request: http::Request<Body>) -> http::Response<Body> {
        match self {
            Self::Nothing => {
                unary(request, |deletion| {
                    Box::pin(async { Ok(deleted(deletion)) })
                })
                .await
            }
            Self::Deletes(direct) => {
                let delete = |deletion| -> Answered<_> {
                    Box::pin(async move {
                        direct.delete(&Call::of_deletion(&deletion)?).await?;
                        Ok(deleted(deletion))
                    })
                };
                unary(request, delete).await
            }
            Self::Pages(pages) => {
                let list = |list: ListConversationsRequest| -> Answered<_> {
                    Box::pin(async move { pages.answer(list.user_id).await })
                };
                unary(request, list).await
            }
            Self::Messages(direct) => {
                let send = |sending| -> Answered<_> {
                    Box::pin(async move {
                        let message = stored_by(&sending)?;
                        direct.store(vec![message], 1, Storing::Fastest).await?;
                        Ok(sent(sending))
                    })
                };
                unary(request, send).await
            }
        }
    }
}

type Answered<Answer> = Pin<Box<dyn Future<Output = Outcome<Answer>> + Send>>;

/// Answers to one request.
struct Answering<Asked, Answer>(Option<Box<dyn FnOnce(Asked) -> Answered<Answer> + Send>>);

impl<Asked, Answer: 'static> UnaryService<Asked> for Answering<Asked, Answer> {
    type Response = Answer;
    type Future = BoxFuture<Response<Answer>, Status>;

    fn call(&mut self, request: Request<Asked>) -> Self::Future {
        let answer = self.0.take().map(|answer| answer(request.into_inner()));
        Box::pin(async {
            let answer = answer.ok_or_else(|| Status::internal("asked twice"))?.await;
            let answer = answer.map_err(|error| Status::internal(error.to_string()));
            answer.map(Response::new)
        })
    }
}

async fn unary<Asked, Answer>(
    request: http::Request<Body>,
    answer: impl FnOnce(Asked) -> Answered<Answer> + Send + 'static,
) -> http::Response<Body>
where
    Asked: prost::Message + Default + 'static,
    Answer: prost::Message + Default + 'static,
{
    let mut grpc = Grpc::new(ProstCodec::<Answer, Asked>::default());
    grpc.unary(Answering(Some(Box::new(answer))), request).await
}

fn deleted(request: DeleteConversationsRequest) -> DeleteConversationsResponse {
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

fn sent(sending: SendMessageRequest) -> SendMessageResponse {
    SendMessageResponse {
        message: Some(Message {
            conversation_id: sending.conversation_id,
            seq: 1,
            sender_user_id: sending.sender_user_id,
            send_time: Some(prost_types::Timestamp {
                seconds: 1_800_000_000,
                nanos: 1_000,
            }),
            body: sending.body,
        }),
    }
}
