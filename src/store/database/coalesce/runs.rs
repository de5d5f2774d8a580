//! The queue, and the runs of the requests in it.

use std::{
    collections::{HashSet, VecDeque},
    pin::Pin,
    sync::{Arc, PoisonError},
};

use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::primitives::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore, spawn};
use crate::store::database::{
    connections::unavailable, error::StoreError, transaction::AsStoreError,
};

/// How much runs together.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Limits {
    /// How many runs are under way at a time. More would leave each of them less company; fewer would
    /// let a locked user hold up more of the others.
    pub(in crate::store) runs: usize,
    /// A request of more rows than this runs alone and needs no permit.
    pub(in crate::store) rows_of_one: usize,
    /// The most rows of a run of several requests.
    pub(in crate::store) rows: usize,
    /// Whether a run may lock several rows of one user.
    pub(in crate::store) rows_of_a_user: RowsOfAUser,
}

/// How many rows of one user a run may lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum RowsOfAUser {
    /// One in each conversation.
    Any,
    /// One in all. Then it makes no difference in which order others lock the rows of one user.
    One,
}

/// The users of whom a request locks a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Users<'a> {
    /// These, in one conversation of each.
    These(Vec<&'a str>),
    /// The members of this group, in the group.
    MembersOf(&'a str),
}

/// Work that can be carried out together.
pub(in crate::store) trait Request: Send + Sync + 'static {
    /// How many rows it is about.
    fn rows(&self) -> usize;

    /// Two requests for which this is the same do not run together.
    fn excludes(&self) -> Option<&str>;

    /// The users of whom it locks rows that other requests of its kind lock, too.
    fn users(&self) -> Users<'_> {
        Users::These(Vec::new())
    }
}

/// The users and names of the requests of a run, by which another one is found to fit or not.
pub(super) struct Company {
    rows_left: usize,
    rows_of_a_user: RowsOfAUser,
    excluded: HashSet<String>,
    users: HashSet<String>,
    group: Option<String>,
}

impl Company {
    pub(super) fn of_nobody(limits: Limits) -> Self {
        Self {
            rows_left: limits.rows,
            rows_of_a_user: limits.rows_of_a_user,
            excluded: HashSet::new(),
            users: HashSet::new(),
            group: None,
        }
    }

    /// Takes a request in, if it fits. The first one does.
    pub(super) fn admits(&mut self, request: &impl Request) -> bool {
        let (excludes, users) = (request.excludes(), request.users());
        let fits = request.rows() <= self.rows_left
            && !excludes.is_some_and(|other| self.excluded.contains(other))
            && (self.rows_of_a_user == RowsOfAUser::Any || self.shares_no_user(&users));
        if fits {
            self.rows_left -= request.rows();
            self.excluded.extend(excludes.map(str::to_owned));
            match users {
                Users::These(users) => self.users.extend(users.into_iter().map(str::to_owned)),
                Users::MembersOf(group) => self.group = Some(group.to_owned()),
            }
        }
        fits
    }

    /// Whether nobody has rows in two conversations then. The members of a group are not known, so what
    /// goes to a group runs with nothing else.
    fn shares_no_user(&self, more: &Users<'_>) -> bool {
        match more {
            Users::These(users) => {
                self.group.is_none() && !users.iter().any(|user| self.users.contains(*user))
            }
            Users::MembersOf(group) => {
                self.users.is_empty() && self.group.as_deref().is_none_or(|one| one == *group)
            }
        }
    }
}

/// The requests of one kind that wait.
pub(in crate::store) struct Coalescer<R, T, E> {
    waiting: Mutex<Waiting<R, T, E>>,
    turns: Arc<Semaphore>,
    limits: Limits,
}

struct Waiting<R, T, E> {
    queue: VecDeque<Queued<R, T, E>>,
    next_ticket: u64,
}

struct Queued<R, T, E> {
    ticket: u64,
    request: Arc<R>,
    answer: Answer<T, E>,
    /// Of the call. The trace of the first call of a run has its statements.
    span: Span,
}

type Answer<T, E> = oneshot::Sender<Result<T, E>>;

impl<R, T, E> Coalescer<R, T, E>
where
    R: Request,
    T: Send + 'static,
    E: AsStoreError + From<StoreError> + Clone + Send + 'static,
{
    pub(in crate::store) fn new(limits: Limits) -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                queue: VecDeque::new(),
                next_ticket: 0,
            }),
            turns: Arc::new(Semaphore::new(limits.runs)),
            limits,
        }
    }

    /// Carries out a request by `run`, alone or with others. `run` has one result for each request.
    pub(in crate::store) async fn carry_out<W, F>(&self, request: Arc<R>, run: W) -> Result<T, E>
    where
        W: Fn(Vec<Arc<R>>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Vec<T>, E>> + Send,
    {
        if request.rows() > self.limits.rows_of_one {
            return alone(request, &run).await;
        }
        if let Ok(_turn) = self.turns.try_acquire() {
            return alone(request, &run).await;
        }
        let (ticket, mut answered) = self.enqueue(request);
        let mut is_waiting = true;
        while is_waiting {
            let turn = tokio::select! {
                biased;
                answer = &mut answered => return answer.unwrap_or_else(|_| Err(lost())),
                turn = Arc::clone(&self.turns).acquire_owned() => turn,
            };
            let turn = turn.map_err(|_| lost::<E>())?;
            let batch;
            (batch, is_waiting) = self.take(ticket);
            start(batch, Some(turn), run.clone());
        }
        answered.await.unwrap_or_else(|_| Err(lost()))
    }

    fn enqueue(&self, request: Arc<R>) -> (u64, oneshot::Receiver<Result<T, E>>) {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.lock();
        let ticket = waiting.next_ticket;
        waiting.next_ticket += 1;
        waiting.queue.push_back(Queued {
            ticket,
            request,
            answer,
            span: Span::current(),
        });
        (ticket, answered)
    }

    /// The requests that can run together now, first come, first served; and whether `ticket` still waits.
    fn take(&self, ticket: u64) -> (Vec<Queued<R, T, E>>, bool) {
        let mut waiting = self.lock();
        let mut company = Company::of_nobody(self.limits);
        let (mut batch, mut rest) = (Vec::new(), VecDeque::new());
        for queued in waiting.queue.drain(..) {
            if queued.answer.is_closed() {
                continue;
            }
            if company.admits(&*queued.request) {
                batch.push(queued);
            } else {
                rest.push_back(queued);
            }
        }
        let still_waits = rest.iter().any(|queued| queued.ticket == ticket);
        waiting.queue = rest;
        (batch, still_waits)
    }

    /// The queue is changed by single calls only, so a panic elsewhere cannot have left it half changed.
    fn lock(&self) -> MutexGuard<'_, Waiting<R, T, E>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn alone<R, T, E, W, F>(request: Arc<R>, run: &W) -> Result<T, E>
where
    E: From<StoreError>,
    W: Fn(Vec<Arc<R>>) -> F,
    F: Future<Output = Result<Vec<T>, E>>,
{
    run(vec![request]).await?.pop().ok_or_else(lost)
}

/// Runs a batch in a task of its own, since it belongs to none of its callers.
fn start<R, T, E, W, F>(batch: Vec<Queued<R, T, E>>, turn: Option<OwnedSemaphorePermit>, run: W)
where
    R: Request,
    T: Send + 'static,
    E: AsStoreError + From<StoreError> + Clone + Send + 'static,
    W: Fn(Vec<Arc<R>>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Vec<T>, E>> + Send,
{
    let Some(first) = batch.first() else {
        return;
    };
    let span = first.span.clone();
    let task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
        let failed = together(batch, &run).await;
        drop(turn);
        for queued in failed {
            start(vec![queued], None, run.clone());
        }
    });
    spawn(task.instrument(span));
}

/// Runs a batch and answers its callers. Returns those that have to be run by themselves.
async fn together<R, T, E, W, F>(mut batch: Vec<Queued<R, T, E>>, run: &W) -> Vec<Queued<R, T, E>>
where
    E: AsStoreError + Clone,
    W: Fn(Vec<Arc<R>>) -> F,
    F: Future<Output = Result<Vec<T>, E>>,
{
    let requests = batch
        .iter()
        .map(|queued| Arc::clone(&queued.request))
        .collect();
    let all_gone = async {
        for queued in &mut batch {
            queued.answer.closed().await;
        }
    };
    let outcome = tokio::select! {
        biased;
        outcome = run(requests) => outcome,
        () = all_gone => return Vec::new(),
    };
    match outcome {
        Ok(results) => {
            for (queued, result) in batch.into_iter().zip(results) {
                // A caller that has gone meanwhile learns of it by a retry.
                let _ = queued.answer.send(Ok(result));
            }
            Vec::new()
        }
        Err(error) => {
            if batch.len() > 1 && error.is_refusal() {
                return batch;
            }
            for queued in batch {
                let _ = queued.answer.send(Err(error.clone()));
            }
            Vec::new()
        }
    }
}

/// Cannot be but when the program ends.
fn lost<E: From<StoreError>>() -> E {
    unavailable("the run of this request was lost").into()
}
