//! Many clients of one user at once: no limit is ever exceeded by one, and no revision is lost.
//!
//! Sixteen clients pin, file, read, delete and undo at random, on two replicas (SQLite: on one server),
//! some of them everything twice, while others write to the user and the user's groups become large.
//! Onlookers count rows, read lists and watch. In the end the answers are put in the order of their
//! revisions and played through: each answer, each refusal, each event, each list that was read, and
//! what is there at last have to be what the requests before them make.

mod client;
mod filing;
mod onlookers;
mod others;
mod request;
mod shown;
mod state;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use conversation_service::proto::{
    ConversationId, GetUnreadCountRequest, WatchConversationsResponse,
};
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{
    client::{Deeds, OneOfMany},
    onlookers::Seen,
    request::Deletion,
    state::{Deletions, State},
};
use super::circles::assert_no_deadlock;
use crate::support::{
    client::Client,
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    dice::{Dice, seed},
    rows::{Rows, is_sqlite},
    server::{TestServer, config},
};

on_every_database!(many_clients_of_one_user_exceed_no_limit_and_lose_no_revision);

/// Where randomness begins, if `TEST_SEED` does not say otherwise.
const SEED: u64 = 20_231_114;
const USER: &str = "user";
/// Somebody with whom the user never had a conversation.
const STRANGER: &str = "stranger";
const CLIENTS: u64 = 16;
const PIN_LIMIT: usize = 50;
/// How many changes an onlooker waits for, so as not to hold the clients up.
const CHANGES_BETWEEN_LOOKS: u64 = 6;
/// How long the whole may take before it counts as a hang.
const PATIENCE: Duration = Duration::from_mins(3);

/// Each limit: its subject, the statement that counts it, and the most that there may be.
const LIMITS: [(&str, &str, i64); 2] = [
    (
        "pins",
        "SELECT count(*) FROM members WHERE user_id = 'user' AND pinned_at IS NOT NULL",
        50,
    ),
    (
        "folders",
        "SELECT count(*) FROM folders WHERE user_id = 'user'",
        20,
    ),
];

/// The state that everybody in the test shares.
struct World {
    replicas: [Client; 2],
    clock: TestClock,
    /// All the conversations of the user.
    everything: Vec<ConversationId>,
    /// The newest message of each.
    heads: Mutex<HashMap<ConversationId, u64>>,
    deletions: Mutex<Vec<Deletion>>,
    /// The latest revision that an answer has named.
    made: watch::Sender<u64>,
    /// The clients have done their work.
    over: CancellationToken,
}

impl World {
    fn known(&self) -> u64 {
        *self.made.borrow()
    }

    fn has_made(&self, revision: u64) {
        self.made.send_modify(|known| *known = revision.max(*known));
    }

    /// Waits until some more was changed; `None` when nothing will be any more. Returns what is known.
    async fn next_changes(&self) -> Option<u64> {
        let due = self.known() + CHANGES_BETWEEN_LOOKS;
        let mut made = self.made.subscribe();
        tokio::select! {
            // Read from what was waited for: it is locked as long as it is held.
            made = made.wait_for(|made| *made >= due) => made.ok().map(|made| *made),
            () = self.over.cancelled() => None,
        }
    }

    fn has_sent(&self, id: &ConversationId, seq: u64) {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let head = heads.entry(id.clone()).or_default();
        *head = seq.max(*head);
        // So that lists have an order.
        self.clock.advance(Duration::from_millis(1));
    }

    fn remember(&self, deletion: Deletion) {
        let mut deletions = self
            .deletions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        deletions.push(deletion);
    }

    /// One of the latest deletions.
    fn recent_deletion(&self, dice: &mut Dice) -> Option<Deletion> {
        let deletions = self
            .deletions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let recent = &deletions[deletions.len().saturating_sub(6)..];
        (!recent.is_empty()).then(|| dice.one_of(recent).clone())
    }
}

async fn many_clients_of_one_user_exceed_no_limit_and_lose_no_revision(database: TestDatabase) {
    let seed = seed(SEED);
    let done = timeout(PATIENCE, work_and_check(&database, seed)).await;
    done.unwrap_or_else(|_| panic!("TEST_SEED={seed}: it hangs"));
    if !is_sqlite(&database) {
        assert_no_deadlock(&database).await;
    }
    Rows::of(&database).await.assert_whole().await;
}

async fn work_and_check(database: &TestDatabase, seed: u64) {
    let clock = TestClock::new();
    let mut settings = config(database);
    settings.watch.bookmark_interval = Duration::from_millis(100);
    settings.pin_limit = u32::try_from(PIN_LIMIT).expect("a small number");
    let one = TestServer::start_with(settings.clone(), &clock).await;
    // SQLite belongs to one process.
    let other = if is_sqlite(database) {
        None
    } else {
        Some(TestServer::start_with(settings, &clock).await)
    };
    let client = one.client().await;
    let replica = match &other {
        Some(other) => other.client().await,
        None => client.clone(),
    };
    let world = Arc::new(World {
        replicas: [client, replica],
        clock,
        everything: others::everything(),
        heads: Mutex::default(),
        deletions: Mutex::default(),
        made: watch::Sender::default(),
        over: CancellationToken::new(),
    });
    let client = &world.replicas[0];
    others::found_groups(client).await;
    // Joining them was a change each.
    let first = client.revision(USER).await;
    world.has_made(first);
    for id in &world.everything {
        others::write_to(&world, client, id).await;
    }

    let mut senders = JoinSet::new();
    for number in 0..2 {
        let dice = Dice::new(seed ^ (1_000 + number as u64));
        senders.spawn(others::keep_writing(Arc::clone(&world), number, dice));
    }
    senders.spawn(others::come_and_go(Arc::clone(&world)));
    let mut readers = JoinSet::new();
    for replica in 0..2 {
        readers.spawn(onlookers::read_lists(Arc::clone(&world), replica));
    }
    let mut counting = JoinSet::new();
    let rows = Rows::of(database).await;
    counting.spawn(onlookers::count_rows(Arc::clone(&world), rows));
    let watcher = world.replicas[1]
        .follow(USER, "onlooker", Some(first))
        .await;
    let mut watching = JoinSet::new();
    watching.spawn(onlookers::take_in(Arc::clone(&world), watcher));
    let mut working = JoinSet::new();
    for number in 0..CLIENTS {
        let client = OneOfMany {
            world: Arc::clone(&world),
            number,
            dice: Dice::new(seed.wrapping_mul(31).wrapping_add(number)),
        };
        working.spawn(client.work());
    }

    let deeds = working.join_all().await;
    world.over.cancel();
    senders.join_all().await;
    let lists = readers.join_all().await;
    let events = watching.join_all().await.concat();
    let most = counting.join_all().await;
    let states = play_through(&deeds, &events, first);
    check_refusals(&deeds, &states);
    check_seen(&world, &states, &lists).await;
    for ((what, _, limit), most) in LIMITS.iter().zip(most[0]) {
        assert!(
            most > limit * 9 / 10,
            "there were never more than {most} {what}"
        );
    }
    drop(world);
    one.stop().await;
    if let Some(other) = other {
        other.stop().await;
    }
}

/// The user's view at each revision, from the answers, all of which came after the `first`. Every answer
/// and every event is checked.
fn play_through(deeds: &[Deeds], events: &[WatchConversationsResponse], first: u64) -> Vec<State> {
    let mut made: Vec<_> = deeds.iter().flat_map(|deeds| &deeds.made).collect();
    made.sort_by_key(|(_, answer)| answer.revision);
    let revisions: Vec<_> = made.iter().map(|(_, answer)| answer.revision).collect();
    let expected: Vec<_> = (first + 1..=first + revisions.len() as u64).collect();
    assert_eq!(
        revisions, expected,
        "revisions have no gap and no duplicate"
    );

    let mut events = events.iter().peekable();
    let mut deletions = Deletions::new();
    let before = usize::try_from(first).expect("a small number") + 1;
    let mut states = vec![State::new(&others::everything()); before];
    for (request, answer) in made {
        let mut state = states.last().expect("the first").clone();
        let expected = state.apply(request, answer, &mut deletions);
        state.keeps_the_limits();
        states.push(state);
        let event = events.next_if(|event| event.revision <= answer.revision);
        let told = event.map(|event| {
            assert_eq!(
                event.revision, answer.revision,
                "{event:?} comes late or twice"
            );
            assert_eq!(event.client_id, request.by, "{event:?}");
            event.change.as_ref().and_then(|change| change.kind.clone())
        });
        assert_eq!(
            told.flatten(),
            expected,
            "of {request:?}, answered {answer:?}"
        );
    }
    assert_eq!(events.next(), None, "nothing else has changed");
    states
}

/// Every refusal was right when it was decided, and every limit was reached.
fn check_refusals(deeds: &[Deeds], states: &[State]) {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for refusal in deeds.iter().flat_map(|deeds| &deeds.refused) {
        let revisions = states.iter().zip(0..=refusal.last);
        let mut possible = revisions.filter(|(_, revision)| *revision >= refusal.first);
        assert!(
            possible.any(|(state, _)| state.justifies(&refusal.request, &refusal.reason)),
            "there was no reason: {refusal:?}"
        );
        *reasons.entry(&refusal.reason).or_default() += 1;
    }
    for reason in [
        "PIN_LIMIT_REACHED",
        "FOLDER_LIMIT_REACHED",
        "FOLDER_CONVERSATION_LIMIT_REACHED",
    ] {
        assert!(reasons.contains_key(reason), "never {reason}: {reasons:?}");
    }
}

/// Every list was that of its revision, and what is there at last is that of the last.
async fn check_seen(world: &World, states: &[State], seen: &[Seen]) {
    let at = |revision: u64| &states[usize::try_from(revision).expect("a small number")];
    for seen in seen {
        for list in &seen.lists {
            at(list.revision).shows_list(list);
        }
        for folders in &seen.folders {
            at(folders.revision).shows_folders(&folders.folders);
        }
    }
    let heads = world
        .heads
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let state = states.last().expect("the first");
    for client in &world.replicas {
        let list = onlookers::list(client).await;
        let folders = onlookers::list_folders(client).await;
        let revision = states.len() as u64 - 1;
        assert_eq!((list.revision, folders.revision), (revision, revision));
        state.is_listed_as(&list, &heads);
        state.is_shown_as(&folders.folders, &heads);
        let request = GetUnreadCountRequest {
            user_id: USER.to_owned(),
            filter: None,
        };
        let unread = client.conversations.clone().get_unread_count(request).await;
        let unread = unread.expect("it can be counted").into_inner();
        assert_eq!(unread.unread_count, state.unread(&heads));
    }
}
