//! Requests of many users that wait at the same time: carried out together, and answered as if each had
//! been alone.

use std::pin::Pin;

use conversation_service::proto::ConversationId;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use uuid::Uuid;

use super::Observed;
use crate::support::{
    client::{AnyChange, Client},
    concurrently::concurrently,
    databases::{TestDatabase, on_one_server},
    errors::reason,
    ids::c2c,
    rows::{Rows, is_sqlite},
};

on_one_server!(
    waiting_requests_run_together_and_are_answered_as_if_alone,
    requests_of_one_user_are_carried_out_one_after_the_other,
    a_request_that_fails_does_not_fail_the_others,
    a_pin_beyond_the_limit_does_not_fail_the_others,
    what_was_given_up_while_it_waited_is_not_carried_out,
);

const USERS: usize = 30;

/// A call that is still to be made.
pub(super) type Call<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Keeps all changes and messages from being carried out until it is opened.
struct Gate {
    holder: Rows,
    onlooker: Rows,
}

impl Gate {
    async fn close(database: &TestDatabase) -> Self {
        let (holder, onlooker) = (Rows::of(database).await, Rows::of(database).await);
        let lock = if is_sqlite(database) {
            "BEGIN IMMEDIATE"
        } else {
            "BEGIN; LOCK TABLE users, conversations IN SHARE ROW EXCLUSIVE MODE"
        };
        holder.run(lock).await;
        Self { holder, onlooker }
    }

    /// Waits until the requests that `client` has made so far wait here.
    async fn until_all_wait(&self, client: &Client, database: &TestDatabase) {
        if !is_sqlite(database) {
            self.onlooker.until_waiting(|count| count > 0).await;
        }
        // A later call on the same connection is answered after they have come this far.
        for _ in 0..3 {
            client.unread("nobody").await;
        }
    }

    async fn open(self) {
        self.holder.run("COMMIT").await;
    }
}

fn user(number: usize) -> String {
    format!("user {number}")
}

/// Everyone has a chat with each of three friends, with a message in it.
async fn furnish(client: &Client) {
    for number in 0..USERS {
        for friend in 0..3 {
            let friend = format!("friend {friend} of {number}");
            client.send(&friend, c2c(user(number)), "hi").await;
        }
    }
}

/// One chat of a user, or several.
fn chats(number: usize) -> Vec<ConversationId> {
    let friends = 0..=number % 3;
    friends
        .map(|friend| c2c(format!("friend {friend} of {number}")))
        .collect()
}

/// A user's change of the given kind, of one chat or of several.
fn change(client: &Client, kind: usize, number: usize) -> Box<dyn AnyChange> {
    let (user, ids) = (user(number), chats(number));
    match kind {
        0 => Box::new(client.delete(&user, ids)),
        1 => Box::new(client.read(&user, ids)),
        2 => Box::new(client.unpin(&user, ids)),
        3 => Box::new(client.mute(&user, ids)),
        4 => Box::new(client.mark(&user, ids, 1 << 33, 0)),
        _ => Box::new(client.set_data(&user, ids, vec![u8::try_from(number).unwrap_or(0); number])),
    }
}
/// How many kinds [`change`] knows.
const KINDS: usize = 6;

/// Asks for these at once, behind a gate.
pub(super) async fn at_once(
    observed: &Observed,
    database: &TestDatabase,
    changes: Vec<Box<dyn AnyChange>>,
) -> Vec<Result<Vec<u8>, Status>> {
    let calls = changes.into_iter();
    let calls = calls.map(|change| -> Call<_> { Box::pin(async move { change.bytes().await }) });
    made_at_once(observed, database, calls.collect()).await
}

/// Makes these calls at once, behind a gate.
pub(super) async fn made_at_once<T: Send + 'static>(
    observed: &Observed,
    database: &TestDatabase,
    calls: Vec<Call<T>>,
) -> Vec<T> {
    let gate = Gate::close(database).await;
    let mut waiting = JoinSet::new();
    for (place, call) in calls.into_iter().enumerate() {
        waiting.spawn(async move { (place, call.await) });
    }
    gate.until_all_wait(&observed.client, database).await;
    gate.open().await;
    let mut answers = waiting.join_all().await;
    answers.sort_unstable_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Has changes of every kind carried out together.
pub(super) async fn use_every_kind(observed: &Observed, database: &TestDatabase) {
    furnish(&observed.client).await;
    for kind in 0..KINDS {
        let changes = (0..USERS).map(|number| change(&observed.client, kind, number));
        for answer in at_once(observed, database, changes.collect()).await {
            answer.expect("it is accepted");
        }
    }
}

async fn waiting_requests_run_together_and_are_answered_as_if_alone(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    furnish(client).await;
    for kind in 0..KINDS {
        let named = |number| {
            let id = Uuid::from_u128((kind * USERS + number) as u128);
            change(client, kind, number).named(&id.to_string())
        };
        // Some were carried out before.
        let mut expected = Vec::new();
        for number in (0..USERS).step_by(5) {
            expected.push(named(number).bytes().await.expect("it is accepted"));
        }
        observed.recorder.take();
        let answers = at_once(&observed, &database, (0..USERS).map(named).collect()).await;
        let statements = observed.recorder.take().len();
        assert!(statements < 2 * USERS, "{statements} for {USERS} requests");
        let answers: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.expect("it is accepted"))
            .collect();
        let early: Vec<_> = answers.iter().step_by(5).cloned().collect();
        assert_eq!(
            early, expected,
            "retries among them are answered as at first"
        );
        // Each answer is the one that a retry gets, alone.
        for (number, answer) in answers.iter().enumerate() {
            let retry = named(number).bytes().await;
            assert_eq!(retry.expect("it is accepted"), *answer);
        }
        let revision = u64::try_from(kind + 1).expect("a small number");
        for number in 0..USERS {
            assert_eq!(client.revision(&user(number)).await, revision);
        }
    }
    // Each user has the change that was asked for them, and nobody else's.
    for number in 0..USERS {
        let ids = (0..3).map(|friend| c2c(format!("friend {friend} of {number}")));
        let deleted = number % 3 + 1;
        assert_eq!(client.list_all(&user(number)).await.len(), 3 - deleted);
        for (friend, id) in ids.enumerate() {
            client
                .send(
                    &format!("friend {friend} of {number}"),
                    c2c(user(number)),
                    "again",
                )
                .await;
            let entry = client.entry(&user(number), id).await;
            let meant = friend < deleted;
            assert_eq!(entry.muted, meant);
            assert_eq!(entry.marks, if meant { 1 << 33 } else { 0 });
            let data = if meant { number } else { 0 };
            assert_eq!(entry.custom_data.len(), data);
            assert_eq!(entry.unread_count, if meant { 1 } else { 2 });
        }
    }
    Rows::of(&database).await.assert_whole().await;
}

async fn requests_of_one_user_are_carried_out_one_after_the_other(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    furnish(client).await;
    let changes = (0..USERS).map(|_| change(client, 3, 2)).collect();
    let answers = at_once(&observed, &database, changes).await;
    let mut distinct: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.expect("it is accepted"))
        .collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), USERS, "each has a revision of its own");
    assert_eq!(client.revision(&user(2)).await, USERS as u64);
    Rows::of(&database).await.assert_whole().await;
}

async fn a_request_that_fails_does_not_fail_the_others(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    furnish(client).await;
    let rows = Rows::of(&database).await;
    rows.run(if is_sqlite(&database) {
        "CREATE TRIGGER bad BEFORE INSERT ON changes WHEN NEW.user_id = 'user 20' \
         BEGIN SELECT RAISE(ABORT, 'refused'); END"
    } else {
        "CREATE FUNCTION bad() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'refused'; END $$; \
         CREATE TRIGGER bad BEFORE INSERT ON changes FOR EACH ROW \
         WHEN (NEW.user_id = 'user 20') EXECUTE FUNCTION bad()"
    })
    .await;
    for kind in [0, 3] {
        let changes = (0..USERS).map(|number| change(client, kind, number));
        let answers = at_once(&observed, &database, changes.collect()).await;
        for (number, answer) in answers.into_iter().enumerate() {
            let code = answer.map_or_else(|status| status.code(), |_| Code::Ok);
            let expected = if number == 20 {
                Code::Internal
            } else {
                Code::Ok
            };
            assert_eq!(code, expected, "{number}");
        }
    }
    for number in 0..USERS {
        let expected = if number == 20 { 0 } else { 2 };
        assert_eq!(client.revision(&user(number)).await, expected);
    }
    rows.assert_whole().await;
}

async fn a_pin_beyond_the_limit_does_not_fail_the_others(database: TestDatabase) {
    let observed = Observed::open_with_pins(&database, 2).await;
    let client = &observed.client;
    furnish(client).await;
    let pins = (0..USERS)
        .map(|number| -> Box<dyn AnyChange> { Box::new(client.pin(&user(number), chats(number))) });
    // On PostgreSQL pins do not wait for each other: so many would take all connections.
    let answers = if is_sqlite(&database) {
        at_once(&observed, &database, pins.collect()).await
    } else {
        concurrently(pins.map(|pin| pin.bytes())).await
    };
    for (number, answer) in answers.into_iter().enumerate() {
        let count = chats(number).len();
        let fits = count <= 2;
        match answer {
            Ok(_) => assert!(fits, "{number}"),
            Err(status) => {
                assert!(!fits, "{number}: {status}");
                assert_eq!(reason(&status), "PIN_LIMIT_REACHED");
            }
        }
        assert_eq!(client.revision(&user(number)).await, u64::from(fits));
        let list = client.list_all(&user(number)).await;
        let pinned = list.iter().filter(|entry| entry.pinned).count();
        assert_eq!(pinned, if fits { count } else { 0 });
    }
    Rows::of(&database).await.assert_whole().await;
}

async fn what_was_given_up_while_it_waited_is_not_carried_out(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    furnish(client).await;
    let gate = Gate::close(&database).await;
    let mut kept = JoinSet::new();
    let mut given_up = JoinSet::new();
    for number in 0..USERS {
        let change = change(client, 3, number);
        let waiting = if number % 2 == 0 {
            &mut kept
        } else {
            &mut given_up
        };
        waiting.spawn(async move { change.bytes().await });
    }
    gate.until_all_wait(client, &database).await;
    given_up.shutdown().await;
    gate.until_all_wait(client, &database).await;
    gate.open().await;
    for answer in kept.join_all().await {
        answer.expect("it is accepted");
    }
    for number in 0..USERS {
        // Those that were under way already when their callers left may have been carried out.
        let revision = client.revision(&user(number)).await;
        assert!(revision == 1 || number % 2 == 1, "{number}");
    }
    let rows = Rows::of(&database).await;
    let done = rows.number("SELECT count(*) FROM changes").await;
    assert!(done < 30, "{done} were carried out");
    rows.assert_whole().await;
}
