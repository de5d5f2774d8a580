//! The requests to the coalescer, and the answers that everybody must get.

use std::sync::{Arc, Mutex};

use shuttle::future::{block_on, spawn, yield_now};

use super::runs::{Coalescer, Limits, Request, RowsOfAUser, Users};
use crate::{domain::UserId, store::database::error::StoreError};

/// More than there are turns, so that some wait and go together, and some do not fit.
const CALLERS: usize = 6;

const LIMITS: Limits = Limits {
    runs: 1,
    rows_of_one: 2,
    rows: 3,
    rows_of_a_user: RowsOfAUser::One,
};

/// A request that is answered by its number.
struct Numbered {
    number: usize,
    user: UserId,
}

impl Request for Numbered {
    fn rows(&self) -> usize {
        1 + self.number % 2
    }

    fn excludes(&self) -> Option<&str> {
        Some(self.user.as_str())
    }

    fn users(&self) -> Users<'_> {
        if self.number.is_multiple_of(3) {
            Users::MembersOf("a group")
        } else {
            Users::These(vec![self.user.as_str()])
        }
    }
}

type Runs = Coalescer<Numbered, usize, StoreError>;

/// The runs, each by its numbers.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Vec<usize>>>>);

impl Log {
    fn note(&self, numbers: &[usize]) {
        let mut runs = self.0.lock().expect("nothing panics");
        runs.push(numbers.to_vec());
    }

    fn how_often(&self, number: usize) -> usize {
        let runs = self.0.lock().expect("nothing panics");
        runs.iter().flatten().filter(|it| **it == number).count()
    }
}

/// The result of a run that has these numbers.
type Outcome = fn(Vec<usize>) -> Result<Vec<usize>, StoreError>;

async fn ask(
    runs: Arc<Runs>,
    number: usize,
    log: Log,
    outcome: Outcome,
) -> Result<usize, StoreError> {
    // Two requests of one user, which never run together.
    let user = UserId::new(&format!("user {}", number % 4)).expect("a valid ID");
    let run = move |batch: Vec<Arc<Numbered>>| {
        let log = log.clone();
        async move {
            let numbers: Vec<_> = batch.iter().map(|request| request.number).collect();
            log.note(&numbers);
            yield_now().await;
            outcome(numbers)
        }
    };
    let request = Arc::new(Numbered { number, user });
    runs.carry_out(request, run).await
}

fn all(outcome: Outcome, gives_up: fn(usize) -> bool) -> Vec<Option<Result<usize, StoreError>>> {
    let (runs, log) = (Arc::new(Runs::new(LIMITS)), Log::default());
    let answers = block_on(async {
        let mut asking = Vec::new();
        for number in 0..CALLERS {
            let asked = ask(Arc::clone(&runs), number, log.clone(), outcome);
            asking.push(spawn(asked));
        }
        for (number, asked) in asking.iter().enumerate() {
            if gives_up(number) {
                asked.abort();
            }
        }
        let mut answers = Vec::new();
        for asked in asking {
            answers.push(asked.await.ok());
        }
        // A newcomer is answered in every interleaving.
        let later = ask(Arc::clone(&runs), CALLERS, log.clone(), Ok).await;
        assert_eq!(later.ok(), Some(CALLERS));
        answers
    });
    for number in 0..=CALLERS {
        let often = log.how_often(number);
        assert!(often <= 2, "{number} ran {often} times");
    }
    answers
}

pub(in super::super) fn everybody_waits() {
    let answers = all(Ok, |_| false);
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.and_then(Result::ok), Some(number));
    }
}

pub(in super::super) fn some_give_up() {
    let answers = all(Ok, |number| number % 2 == 0);
    for (number, answer) in answers.into_iter().enumerate() {
        if number % 2 == 1 {
            assert_eq!(answer.and_then(Result::ok), Some(number));
        } else if let Some(answer) = answer {
            assert_eq!(answer.ok(), Some(number));
        }
    }
}

pub(in super::super) fn one_is_refused() {
    let outcome = |numbers: Vec<usize>| {
        if numbers.contains(&3) {
            Err(crate::store::database::coalesce::tests::refusal())
        } else {
            Ok(numbers)
        }
    };
    let answers = all(outcome, |_| false);
    for (number, answer) in answers.into_iter().enumerate() {
        let expected = (number != 3).then_some(number);
        assert_eq!(answer.and_then(Result::ok), expected);
    }
}
