use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sea_orm::{DbErr, RuntimeErr};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    runs::{Company, RowsOfAUser, Users},
    *,
};
use crate::{
    domain::UserId,
    store::database::{connections::unavailable, error::StoreError},
};

/// A request that is answered by its number.
struct Numbered {
    number: usize,
    rows: usize,
    user: UserId,
}

impl Request for Numbered {
    fn rows(&self) -> usize {
        self.rows
    }

    fn excludes(&self) -> Option<&str> {
        Some(self.user.as_str())
    }
}

type Runs = Coalescer<Numbered, usize, StoreError>;
type Outcome = Result<Vec<usize>, StoreError>;

const LIMITS: Limits = Limits {
    runs: 2,
    rows_of_one: 10,
    rows: 20,
    rows_of_a_user: RowsOfAUser::Any,
};

/// A coalescer whose runs are reported and wait until the gate is open.
#[derive(Clone)]
struct Stage {
    runs: Arc<Runs>,
    gate: watch::Sender<bool>,
    begun: mpsc::UnboundedSender<Vec<usize>>,
    outcome: fn(&[usize]) -> Outcome,
}

impl Stage {
    fn new(outcome: fn(&[usize]) -> Outcome) -> (Self, mpsc::UnboundedReceiver<Vec<usize>>) {
        let (begun, begins) = mpsc::unbounded_channel();
        let stage = Self {
            runs: Arc::new(Coalescer::new(LIMITS)),
            gate: watch::Sender::new(false),
            begun,
            outcome,
        };
        (stage, begins)
    }

    async fn ask(self, number: usize, rows: usize, user: usize) -> Result<usize, StoreError> {
        let user = UserId::new(&format!("user {user}")).expect("a valid ID");
        let request = Arc::new(Numbered { number, rows, user });
        let runs = Arc::clone(&self.runs);
        let run = move |batch: Vec<Arc<Numbered>>| {
            let numbers: Vec<_> = batch.iter().map(|request| request.number).collect();
            let (mut gate, begun) = (self.gate.subscribe(), self.begun.clone());
            let outcome = self.outcome;
            async move {
                begun.send(numbers.clone()).expect("the test listens");
                let open = gate.wait_for(|open| *open).await;
                open.expect("the gate is there");
                // As long as an answer is on its way, others get on.
                for _ in 0..numbers.len() {
                    tokio::task::yield_now().await;
                }
                outcome(&numbers)
            }
        };
        runs.carry_out(request, run).await
    }

    /// Asks, and lets the request get as far as it can.
    async fn ask_in<'a>(
        &self,
        asking: &'a mut JoinSet<(usize, Result<usize, StoreError>)>,
        number: usize,
        rows: usize,
        user: usize,
    ) -> &'a mut JoinSet<(usize, Result<usize, StoreError>)> {
        let asked = self.clone().ask(number, rows, user);
        asking.spawn(async move { (number, asked.await) });
        // On the one thread of the test, a request that was there before comes first.
        tokio::task::yield_now().await;
        asking
    }

    fn open(&self) {
        self.gate.send_replace(true);
    }
}

#[expect(clippy::unnecessary_wraps, reason = "other runs fail")]
fn echo(numbers: &[usize]) -> Outcome {
    Ok(numbers.to_vec())
}

/// The error of a database that has refused a statement.
pub(super) fn refusal() -> StoreError {
    let refused = sqlx::Error::Database(Box::new(Refused));
    DbErr::Query(RuntimeErr::SqlxError(refused.into())).into()
}

#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;

impl sqlx::error::DatabaseError for Refused {
    fn message(&self) -> &'static str {
        "refused"
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> sqlx::error::ErrorKind {
        sqlx::error::ErrorKind::Other
    }
}

/// Asks for these, each of one row and of a user of its own, and opens the gate.
async fn ask_all(stage: &Stage, numbers: std::ops::Range<usize>) -> Vec<Result<usize, StoreError>> {
    let mut asking = JoinSet::new();
    for number in numbers {
        stage.ask_in(&mut asking, number, 1, number).await;
    }
    stage.open();
    let mut answers = asking.join_all().await;
    answers.sort_unstable_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn all_begun(begins: &mut mpsc::UnboundedReceiver<Vec<usize>>) -> Vec<Vec<usize>> {
    std::iter::from_fn(|| begins.try_recv().ok()).collect()
}

#[tokio::test]
async fn who_comes_while_there_is_room_runs_alone_and_who_waits_goes_together() {
    let (stage, mut begins) = Stage::new(echo);
    let answers = ask_all(&stage, 0..8).await;
    let answers: Vec<_> = answers.into_iter().map(|it| it.expect("it runs")).collect();
    assert_eq!(answers, (0..8).collect::<Vec<_>>());
    let begun = all_begun(&mut begins);
    assert_eq!(begun, [vec![0], vec![1], vec![2, 3, 4, 5, 6, 7]]);
}

#[tokio::test]
async fn a_run_is_bounded_and_has_no_two_requests_of_one_user() {
    let (stage, mut begins) = Stage::new(echo);
    let mut asking = JoinSet::new();
    // The first two have the turns. Of user 5 there are two; the last of the others finds no room.
    for (number, rows, user) in [
        (0, 1, 0),
        (1, 1, 1),
        (2, 9, 5),
        (3, 1, 5),
        (4, 9, 6),
        (5, 3, 7),
    ] {
        stage.ask_in(&mut asking, number, rows, user).await;
    }
    // This one needs no turn.
    stage.ask_in(&mut asking, 6, 11, 8).await;
    stage.open();
    assert_eq!(asking.join_all().await.len(), 7);
    let begun = all_begun(&mut begins);
    assert_eq!(begun, [vec![0], vec![1], vec![6], vec![2, 4], vec![3, 5]]);
}

#[tokio::test]
async fn a_request_that_the_database_refuses_fails_alone() {
    let (stage, mut begins) = Stage::new(|numbers| {
        if numbers.contains(&4) {
            Err(refusal())
        } else {
            echo(numbers)
        }
    });
    let answers = ask_all(&stage, 0..6).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.ok(), (number != 4).then_some(number));
    }
    let begun: BTreeSet<_> = all_begun(&mut begins).into_iter().collect();
    let alone = (0..6).map(|number| vec![number]);
    assert_eq!(begun, alone.chain([vec![2, 3, 4, 5]]).collect());
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let (stage, mut begins) = Stage::new(|numbers| {
        if numbers.len() > 1 {
            Err(unavailable("the connection is gone"))
        } else {
            echo(numbers)
        }
    });
    let answers = ask_all(&stage, 0..5).await;
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    assert_eq!(failed, 3, "all that ran together are told");
    assert_eq!(all_begun(&mut begins).len(), 3);
}

#[tokio::test]
async fn nobody_works_for_those_who_have_given_up() {
    let (stage, mut begins) = Stage::new(echo);
    let mut first = JoinSet::new();
    stage.ask_in(&mut first, 0, 1, 0).await;
    stage.ask_in(&mut first, 1, 1, 1).await;
    let mut waiting = JoinSet::new();
    for number in 2..5 {
        stage.ask_in(&mut waiting, number, 1, number).await;
    }
    // While they wait: they are left out.
    let mut last = JoinSet::new();
    stage.ask_in(&mut last, 5, 1, 5).await;
    waiting.shutdown().await;
    drop(first);
    let begun = [
        begins.recv().await,
        begins.recv().await,
        begins.recv().await,
    ];
    assert_eq!(
        begun.map(Option::unwrap_or_default),
        [vec![0], vec![1], vec![5]]
    );
    // While they run: the turn comes back, though the gate is shut.
    last.shutdown().await;
    let mut next = JoinSet::new();
    for number in 6..8 {
        stage.ask_in(&mut next, number, 1, number).await;
        assert_eq!(begins.recv().await, Some(vec![number]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_answered_however_many_come_and_go() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let (stage, mut begins) = Stage::new(|numbers| {
        RUNS.fetch_add(1, Ordering::Relaxed);
        echo(numbers)
    });
    stage.open();
    let mut asking = JoinSet::new();
    for number in 0..20_000 {
        let asked = stage.clone().ask(number, 1 + number % 3, number % 50);
        let give_up = number % 7 == 0;
        asking.spawn(async move {
            if give_up {
                let patience = std::time::Duration::from_micros(number as u64 % 100);
                let _ = tokio::time::timeout(patience, asked).await;
            } else {
                assert_eq!(asked.await.ok(), Some(number));
            }
        });
    }
    asking.join_all().await;
    assert!(RUNS.load(Ordering::Relaxed) < 20_000, "some ran together");
    let mut once = BTreeSet::new();
    for number in all_begun(&mut begins).into_iter().flatten() {
        assert!(once.insert(number), "{number} ran twice");
    }
}

/// A request that locks the rows of these users.
struct Locking(Users<'static>);

impl Request for Locking {
    fn rows(&self) -> usize {
        1
    }

    fn excludes(&self) -> Option<&str> {
        None
    }

    fn users(&self) -> Users<'_> {
        self.0.clone()
    }
}

/// The requests that run with the first one, if a run may lock so many rows of a user.
fn company_of_the_first(rows_of_a_user: RowsOfAUser, requests: &[Users<'static>]) -> Vec<usize> {
    let mut company = Company::of_nobody(Limits {
        rows_of_a_user,
        ..LIMITS
    });
    let requests = requests.iter().enumerate();
    let admitted = requests.filter(|(_, users)| company.admits(&Locking((*users).clone())));
    admitted.map(|(number, _)| number).collect()
}

#[test]
fn a_run_locks_one_row_of_a_user_where_it_may_lock_no_more() {
    let these = |users: &[&'static str]| Users::These(users.to_vec());
    let group = Users::MembersOf;
    let requests = [
        these(&["anna", "bob"]),
        these(&["bob", "carol"]),
        group("team"),
        these(&["dave"]),
        group("hall"),
        group("team"),
        these(&["carol", "dave"]),
    ];
    let one = |requests: &[Users<'static>]| company_of_the_first(RowsOfAUser::One, requests);
    assert_eq!(one(&requests), [0, 3]);
    assert_eq!(one(&requests[1..]), [0, 2]);
    assert_eq!(one(&requests[2..]), [0, 3]);
    let any = company_of_the_first(RowsOfAUser::Any, &requests);
    assert_eq!(any, [0, 1, 2, 3, 4, 5, 6]);
}
