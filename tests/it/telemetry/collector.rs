//! A collector of traces: the far end of OpenTelemetry's protocol, over HTTP and over gRPC.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value},
    trace::v1::Span,
};
use prost::{Message as _, bytes::Bytes};
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::timeout};
use tonic::transport::server::TcpIncoming;

use crate::support::stage::PATIENCE;

/// A collector that has its address. Dropping it closes its connections.
pub(super) struct Collector {
    address: SocketAddr,
    received: watch::Receiver<Received>,
    _serving: JoinSet<()>,
}

/// Everything that the collector has received so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    pub(super) connections: usize,
    pub(super) spans: Vec<Span>,
    /// The credentials that the last request has shown.
    pub(super) authorization: Option<String>,
    /// The attributes of the program that has sent the spans.
    pub(super) resource: Vec<KeyValue>,
}

impl Collector {
    /// Speaks `http/protobuf`.
    pub(super) async fn over_http() -> Self {
        let listener = listener().await;
        let address = listener.local_addr().expect("a listener has an address");
        let (sender, received) = watch::channel(Received::default());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                sender.send_modify(|received| received.connections += 1);
                let sender = sender.clone();
                let service = service_fn(move |request| take(request, sender.clone()));
                connections.spawn(async move {
                    let connection = http1::Builder::new();
                    let _ = connection
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            received,
            _serving: serving,
        }
    }

    /// Speaks `grpc`.
    pub(super) async fn over_grpc() -> Self {
        let listener = listener().await;
        let address = listener.local_addr().expect("a listener has an address");
        let (sender, received) = watch::channel(Received::default());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let served = tonic::transport::Server::builder()
                .add_service(TraceServiceServer::new(Grpc(sender)))
                .serve_with_incoming(TcpIncoming::from(listener));
            served.await.expect("the collector does not fail");
        });
        Self {
            address,
            received,
            _serving: serving,
        }
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that it has received so far.
    pub(super) fn received(&self) -> Received {
        self.received.borrow().clone()
    }

    /// Waits until `holds` is true of what it has received, and returns that. A timeout is a failure.
    pub(super) async fn until(&self, holds: impl Fn(&Received) -> bool) -> Received {
        let mut received = self.received.clone();
        let reached = timeout(PATIENCE, received.wait_for(|received| holds(received))).await;
        let reached = reached.unwrap_or_else(|_| panic!("not in time: {:#?}", self.received()));
        reached.expect("the collector goes on").clone()
    }
}

impl Received {
    fn add(&mut self, authorization: Option<String>, request: ExportTraceServiceRequest) {
        self.authorization = authorization;
        for of_resource in request.resource_spans {
            self.resource = of_resource
                .resource
                .map(|resource| resource.attributes)
                .unwrap_or_default();
            for of_scope in of_resource.scope_spans {
                self.spans.extend(of_scope.spans);
            }
        }
    }

    /// The spans of a trace.
    pub(super) fn of_trace(&self, trace_id: &[u8]) -> Vec<&Span> {
        let spans = self.spans.iter();
        spans.filter(|span| span.trace_id == trace_id).collect()
    }
}

/// The text of an attribute; `None` if it is not there or no text.
pub(super) fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}

async fn listener() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    listener.expect("there is a free port")
}

async fn take(
    request: hyper::Request<Incoming>,
    sender: watch::Sender<Received>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.uri().path(), "/v1/traces");
    let authorization = request.headers().get("authorization").cloned();
    let body = request
        .into_body()
        .collect()
        .await
        .expect("a whole request");
    let request = ExportTraceServiceRequest::decode(body.to_bytes()).expect("the protocol");
    let authorization = authorization.and_then(|value| value.to_str().ok().map(str::to_owned));
    sender.send_modify(|received| received.add(authorization, request));
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    Ok(Response::new(Full::from(answer)))
}

struct Grpc(watch::Sender<Received>);

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let authorization = request.metadata().get("authorization");
        let authorization = authorization.and_then(|value| value.to_str().ok().map(str::to_owned));
        self.0
            .send_modify(|received| received.add(authorization, request.into_inner()));
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}
