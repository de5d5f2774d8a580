//! Calls with requests that are encoded already and responses that nobody decodes, so that the client,
//! which shares the machine, costs little. The transport is the usual one.

use conversation_service::proto::{DeleteConversationsResponse, DeletionOutcome};
use prost::{
    Message as _,
    bytes::{Buf as _, BufMut as _, Bytes},
};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

use crate::{
    people::Call,
    support::{Outcome, Service},
};

/// More connections than this do not make a client faster.
const MOST_CONNECTIONS: usize = 8;

/// Leaves messages as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Connections to one or several servers.
#[derive(Clone)]
pub struct Connections(Vec<Channel>);

impl Connections {
    /// As many as so many callers need, the servers in turn.
    pub async fn open(services: &[&Service], callers: usize) -> Outcome<Self> {
        let mut channels = Vec::new();
        for number in 0..callers.clamp(services.len(), MOST_CONNECTIONS) {
            channels.push(services[number % services.len()].connect().await?);
        }
        Ok(Self(channels))
    }

    /// The connection of this caller.
    pub fn of(&self, caller: usize) -> Channel {
        self.0[caller % self.0.len()].clone()
    }
}

/// Makes one call.
pub async fn call(channel: Channel, call: &Call) -> Outcome<Bytes> {
    let mut client = Grpc::new(channel);
    client.ready().await?;
    let path = PathAndQuery::from_static(call.path);
    let request = Request::new(call.request.clone());
    Ok(client.unary(request, path, Raw).await?.into_inner())
}

/// How many conversations a deletion says it has deleted.
pub fn deleted(response: &Bytes) -> Outcome<usize> {
    let response = DeleteConversationsResponse::decode(response.clone())?;
    let deleted = DeletionOutcome::Deleted as i32;
    let results = response.results.iter();
    Ok(results.filter(|result| result.outcome == deleted).count())
}
