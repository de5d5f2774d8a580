//! Callers that send and delete without end, and keep the answer to each request. A request that fails is
//! repeated under its ID, as a caller should do.

use std::time::{Duration, Instant};

use conversation_service::proto::{
    ConversationId, DeleteConversationsRequest, DeleteConversationsResponse, Message,
    SendMessageRequest,
};
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::{
    client::Client,
    concurrently::concurrently,
    health::Health,
    ids::{c2c, group, text},
    stage::PATIENCE,
};

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Message,
    Deletion,
}

/// A request, named so that it can be repeated by its number, and its answer if one came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
    pub(crate) answer: Option<Answer>,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Message(Message),
    Deletion(DeleteConversationsResponse),
}

/// The users of the traffic have to be in this group.
pub(crate) const GROUP: &str = "crew";
pub(crate) const MEMBERS: [&str; 3] = ["alice", "bob", "carol"];

/// Asks for something. The same number always means the same request.
pub(crate) async fn ask(client: &Client, kind: Kind, number: u64) -> Result<Answer, Status> {
    match kind {
        Kind::Message => {
            let request = message_request(number);
            let answer = client.messages.clone().send_message(request).await?;
            let message = answer.into_inner().message;
            Ok(Answer::Message(message.expect("it is returned")))
        }
        Kind::Deletion => {
            let request = deletion_request(number);
            let mut conversations = client.conversations.clone();
            let answer = conversations.delete_conversations(request).await?;
            Ok(Answer::Deletion(answer.into_inner()))
        }
    }
}

/// The sender of the message with this number, and its conversation.
fn route(number: u64) -> (&'static str, ConversationId) {
    match number % 4 {
        0 => ("bob", c2c("alice")),
        1 => ("alice", c2c("carol")),
        2 => ("bob", group(GROUP)),
        _ => ("carol", group(GROUP)),
    }
}

/// The request to send the message of this number.
pub(crate) fn message_request(number: u64) -> SendMessageRequest {
    let (sender, to) = route(number);
    SendMessageRequest {
        sender_user_id: sender.to_owned(),
        conversation_id: Some(to),
        body: Some(text(format!("message {number}"))),
        client_message_id: format!("m{number}"),
    }
}

/// The request to delete of this number.
pub(crate) fn deletion_request(number: u64) -> DeleteConversationsRequest {
    let user = if number.is_multiple_of(2) {
        "alice"
    } else {
        "carol"
    };
    let other = if user == "alice" { "bob" } else { "alice" };
    DeleteConversationsRequest {
        user_id: user.to_owned(),
        conversation_ids: vec![c2c(other), group(GROUP)],
        clear_history: Some(number % 4 < 2),
        request_id: Uuid::from_u128(number.into()).to_string(),
        ..DeleteConversationsRequest::default()
    }
}

/// The outcome of repeating requests.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Repeated {
    /// The first answer and the present one, where the two differ.
    pub(crate) lost: Vec<(Answer, Answer)>,
    /// How often a repetition was refused.
    pub(crate) refused: usize,
}

/// Asks for all of these again, until there is an answer, so that afterwards each was carried out once.
pub(crate) async fn repeat(client: &Client, asked: &[Asked]) -> Repeated {
    let repeats = asked.iter().cloned().map(|asked| {
        let client = client.clone();
        async move {
            let mut refused = 0;
            let answered = timeout(PATIENCE, async {
                loop {
                    match ask(&client, asked.kind, asked.number).await {
                        Ok(again) => return again,
                        Err(status) => assert_unavailable(&status),
                    }
                    refused += 1;
                }
            });
            let again = answered.await.expect("a retry is answered");
            let first = asked.answer.filter(|first| *first != again);
            (first.map(|first| (first, again)), refused)
        }
    });
    let mut all = Repeated::default();
    for (lost, refused) in concurrently(repeats).await {
        all.lost.extend(lost);
        all.refused += refused;
    }
    all
}

/// Callers at work.
pub(crate) struct Traffic {
    workers: JoinSet<Worked>,
    answered: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
}

/// The requests of the callers, and their refusals.
#[derive(Default)]
pub(crate) struct Worked {
    pub(crate) asked: Vec<Asked>,
    /// How long each refusal took.
    pub(crate) refusals: Vec<Duration>,
}

impl Traffic {
    /// Four who send and two who delete. Requests have numbers from `first` on that are used by nobody
    /// else: `first` and the next six millions.
    pub(crate) fn start(client: &Client, health: &Health, first: u64) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (count, answered) = watch::channel(0);
        let mut workers = JoinSet::new();
        for worker in 0..6 {
            let caller = Caller {
                client: client.clone(),
                health: health.clone(),
                count: count.clone(),
                stopped: stopped.clone(),
            };
            let kind = if worker < 4 {
                Kind::Message
            } else {
                Kind::Deletion
            };
            workers.spawn(caller.work(kind, first + worker * 1_000_000));
        }
        Self {
            workers,
            answered,
            stop,
        }
    }

    /// Waits for so many more answers.
    pub(crate) async fn answers(&mut self, more: u64) {
        let enough = *self.answered.borrow_and_update() + more;
        let answered = timeout(PATIENCE, self.answered.wait_for(|count| *count >= enough));
        let answered = answered.await.expect("the service answers again");
        answered.expect("somebody is at work");
    }

    /// Lets the callers finish what they have begun.
    pub(crate) async fn stop(mut self) -> Worked {
        self.stop.send_replace(true);
        let mut all = Worked::default();
        let finished = timeout(PATIENCE, async {
            while let Some(worked) = self.workers.join_next().await {
                let worked = worked.expect("no caller panics");
                all.asked.extend(worked.asked);
                all.refusals.extend(worked.refusals);
            }
        });
        finished.await.expect("no call hangs");
        all
    }
}

struct Caller {
    client: Client,
    health: Health,
    count: watch::Sender<u64>,
    stopped: watch::Receiver<bool>,
}

impl Caller {
    async fn work(mut self, kind: Kind, first: u64) -> Worked {
        let mut worked = Worked::default();
        for number in first.. {
            let mut answer = None;
            while answer.is_none() && !*self.stopped.borrow() {
                let started = Instant::now();
                match ask(&self.client, kind, number).await {
                    Ok(given) => answer = Some(given),
                    Err(status) => {
                        worked.refusals.push(started.elapsed());
                        assert_unavailable(&status);
                        self.health.serving().await;
                    }
                }
            }
            let done = answer.is_some();
            worked.asked.push(Asked {
                kind,
                number,
                answer,
            });
            if done {
                self.count.send_modify(|count| *count += 1);
            }
            if *self.stopped.borrow() {
                break;
            }
        }
        worked
    }
}

/// Checks that a refusal says to try again later.
pub(crate) fn assert_unavailable(status: &Status) {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    assert_eq!(
        (status.code(), reason),
        (Code::Unavailable, Some("DATABASE_UNAVAILABLE")),
        "{status:?}"
    );
    let retry = details.retry_info().and_then(|retry| retry.retry_delay);
    assert!(retry.is_some_and(|delay| !delay.is_zero()), "{status:?}");
}
