//! Those who watch, on a shaky line: they hang up, and are cut off, and go on where they were.

use std::{sync::Arc, time::Duration};

use conversation_service::proto::{WatchConversationsRequest, WatchConversationsResponse};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{
    clients::{Replicas, is_interruption},
    recording::{Recorder, Stream, Watched},
};
use crate::support::client::Client;

/// The client of each user that watches and changes nothing itself.
pub(super) const WATCHER: &str = "watcher";

/// How long a stream may take to begin.
const BEGIN: Duration = Duration::from_secs(2);

/// Watches a user until there is nothing more to come, and takes down what was heard.
pub(super) async fn watch(
    recorder: Arc<Recorder>,
    mut replicas: Replicas,
    user: &'static str,
    seed: u64,
    stop: CancellationToken,
) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut watched = Watched {
        user: user.to_owned(),
        streams: Vec::new(),
    };
    let mut position = 0;
    while !stop.is_cancelled() {
        let replica = dice.random_range(0..replicas.clients.len());
        let client = &replicas.clients[replica];
        let Ok(Ok(mut stream)) = timeout(BEGIN, begin(client, user, position)).await else {
            replicas.recovers(replica).await;
            continue;
        };
        let mut heard = Stream {
            after: position,
            events: Vec::new(),
        };
        loop {
            let next = tokio::select! {
                next = stream.message() => next,
                () = stop.cancelled() => break,
            };
            match next {
                Ok(Some(event)) => {
                    position = event.revision;
                    heard.events.push(event);
                }
                Ok(None) => break,
                Err(status) => {
                    if !is_interruption(&status) {
                        recorder.failed(format!("a watcher of {user} was told {status:?}"));
                    }
                    break;
                }
            }
            if dice.random_ratio(1, 40) {
                break;
            }
        }
        watched.streams.push(heard);
    }
    recorder.watched(watched);
}

async fn begin(
    client: &Client,
    user: &str,
    after: u64,
) -> Result<Streaming<WatchConversationsResponse>, Status> {
    let request = WatchConversationsRequest {
        user_id: user.to_owned(),
        client_id: WATCHER.to_owned(),
        after_revision: Some(after),
    };
    let mut conversations = client.conversations.clone();
    let stream = conversations.watch_conversations(request).await?;
    Ok(stream.into_inner())
}
