//! Callers: each asks for one thing after the other, on either replica, and again what has failed.

use std::{sync::Arc, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{sync::watch, time::timeout};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::{
    drawing::Drawing,
    recording::{Asked, Membership, Outcome, Recorder, Told},
};
use crate::support::client::Client;

/// How long a call may take before its caller asks elsewhere.
const CALL: Duration = Duration::from_secs(2);

/// How long one waits for a replica that has failed.
const TROUBLE: Duration = Duration::from_millis(300);

/// How often a call is tried before it is left for later.
const TRIES: usize = 12;

/// The replicas, as callers see them.
#[derive(Clone)]
pub(super) struct Replicas {
    pub(super) clients: Vec<Client>,
    /// Which of them are in trouble.
    pub(super) troubled: watch::Receiver<Vec<bool>>,
    /// How many calls have come to an end.
    pub(super) done: watch::Receiver<usize>,
}

impl Replicas {
    /// Waits until a replica that has failed is out of trouble, as far as that is known, and somebody
    /// gets an answer; but not for long.
    pub(super) async fn recovers(&mut self, replica: usize) {
        self.done.mark_unchanged();
        let recovered = timeout(TROUBLE, async {
            let calm = self.troubled.wait_for(|troubled| !troubled[replica]).await;
            drop(calm);
            let _ = self.done.changed().await;
        });
        let _ = recovered.await;
    }
}

/// One of several who ask at the same time.
pub(super) struct Caller {
    pub(super) recorder: Arc<Recorder>,
    pub(super) replicas: Replicas,
    pub(super) dice: StdRng,
    pub(super) drawing: Drawing,
}

/// The outcome of a try.
enum Try {
    Done(Told),
    Refused(String),
    InDoubt,
    Failed(Status),
}

impl Caller {
    pub(super) fn new(
        recorder: &Arc<Recorder>,
        replicas: Replicas,
        seed: u64,
        number: u64,
    ) -> Self {
        let mut dice = StdRng::seed_from_u64(seed.wrapping_mul(1_009).wrapping_add(number));
        let drawing = Drawing::new(number, StdRng::seed_from_u64(dice.random()));
        Self {
            recorder: Arc::clone(recorder),
            replicas,
            dice,
            drawing,
        }
    }

    /// Asks for so many things.
    pub(super) async fn work(mut self, operations: usize) {
        for _ in 0..operations {
            if self.dice.random_ratio(1, 8) {
                self.ask_again().await;
            }
            let asked = self.drawing.draw(&self.recorder);
            let call = self.recorder.begin(asked);
            self.ask(call).await;
        }
    }

    /// Asks until there is an answer, or until it is left for later.
    async fn ask(&mut self, call: usize) {
        for _ in 0..TRIES {
            let replica = self.dice.random_range(0..self.replicas.clients.len());
            let settled = ask(&self.recorder, &self.replicas.clients[replica], call).await;
            if settled || self.dice.random_ratio(1, 6) {
                return;
            }
            self.replicas.recovers(replica).await;
        }
    }

    /// Asks once more for something that was done, or that is in doubt, be it somebody else's.
    async fn ask_again(&mut self) {
        let calls = self
            .recorder
            .calls(|call| !matches!(call.outcome, Outcome::Refused(_)));
        if calls.is_empty() {
            return;
        }
        let call = calls[self.dice.random_range(0..calls.len())];
        let replica = self.dice.random_range(0..self.replicas.clients.len());
        ask(&self.recorder, &self.replicas.clients[replica], call).await;
    }
}

/// Asks for it, be it once more, and takes down what comes of it. Returns whether there is an answer.
pub(super) async fn ask(recorder: &Recorder, client: &Client, call: usize) -> bool {
    let Some(was_done) = recorder.tries(call) else {
        return true;
    };
    let asked = recorder.asked(call);
    match once(client, &asked).await {
        Try::Done(told) => recorder.answered(call, told),
        Try::Refused(reason) => recorder.refused(call, was_done, reason),
        Try::Failed(status) => recorder.failed(format!("{asked:?}: {status:?}")),
        Try::InDoubt => return false,
    }
    true
}

async fn once(client: &Client, asked: &Asked) -> Try {
    match timeout(CALL, send(client, asked)).await {
        Ok(Ok(told)) => Try::Done(told),
        Ok(Err(status)) => verdict(status),
        Err(_) => Try::InDoubt,
    }
}

async fn send(client: &Client, asked: &Asked) -> Result<Told, Status> {
    Ok(match asked {
        Asked::Change(request) => Told::Changed(request.send(client).await?),
        Asked::Message(request) => {
            let mut messages = client.messages.clone();
            let answer = messages.send_message(request.clone()).await?.into_inner();
            Told::Stored(answer.message.into_iter().collect())
        }
        Asked::Announcement(request) => {
            let mut messages = client.messages.clone();
            let answer = messages.send_system_message(request.clone()).await?;
            Told::Stored(answer.into_inner().messages)
        }
        Asked::Membership(asked) => {
            let Membership {
                group,
                users,
                joins,
                request_id,
            } = asked;
            let changed = if *joins {
                client.join_as(group, users, request_id).await?
            } else {
                client.leave_as(group, users, request_id).await?
            };
            Told::Members(changed)
        }
    })
}

/// The outcome that an error stands for.
fn verdict(status: Status) -> Try {
    if is_interruption(&status) {
        return Try::InDoubt;
    }
    match reason(&status).as_deref() {
        Some(
            reason @ ("PIN_LIMIT_REACHED"
            | "FOLDER_NOT_FOUND"
            | "FOLDER_ALREADY_EXISTS"
            | "RESTORE_WINDOW_EXPIRED"
            | "NOT_A_GROUP_MEMBER"),
        ) => Try::Refused(reason.to_owned()),
        _ => Try::Failed(status),
    }
}

/// Whether a call or stream may fail like this when its replica or the database is in trouble.
pub(super) fn is_interruption(status: &Status) -> bool {
    match reason(status).as_deref() {
        // It is the connection's, not the service's.
        None => true,
        Some(reason) => matches!(
            reason,
            "DATABASE_UNAVAILABLE"
                | "DEADLINE_EXCEEDED"
                | "SHUTTING_DOWN"
                | "OVERLOADED"
                | "CONTENTION"
        ),
    }
}

fn reason(status: &Status) -> Option<String> {
    let details = status.get_error_details();
    details.error_info().map(|info| info.reason.clone())
}
