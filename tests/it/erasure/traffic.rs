//! Erasing while everybody goes on: sending, deleting, clearing, undoing one deletion after the other,
//! leaving and joining again, and reading, with two rounds of the background jobs under way all the time
//! and a clock that jumps.
//!
//! Each user does one thing after the other, so the user knows what must be visible: everything from the lowest
//! position that is not cleared, or was restored, without a gap.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use conversation_service::proto::{ConversationId, DeletionResult, RestorationOutcome};
use proptest::{
    collection::vec,
    prelude::{Just, any, prop_oneof},
    sample::subsequence,
    strategy::{Strategy, ValueTree as _},
    test_runner::{Config, RngSeed, TestRunner},
};
use tokio::{sync::watch, task::JoinHandle};
use tonic::Code;

use crate::support::{
    client::Client,
    clock::TestClock,
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    errors::reason,
    ids::{c2c, group},
    rounds::Rounds,
    server::{TestServer, config},
    stored::{Stored, marked, markers},
};

const SEED: u64 = 20_231_114;
const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
const GROUP: &str = "everybody";
const WINDOW: Duration = Duration::from_hours(1);
const RETENTION: Duration = Duration::from_hours(3);
/// How far the clock jumps at a time.
const JUMP: Duration = Duration::from_mins(7);
/// How many things each user does.
const DEEDS: usize = 130;
/// How many things happen at least from one round to the next.
const BETWEEN_ROUNDS: usize = 4;

/// An action of a user. Chats are numbered, and the last one is the group.
#[derive(Clone, Debug)]
enum Deed {
    Send {
        chat: usize,
        length: usize,
    },
    Delete {
        chats: Vec<usize>,
        clear: bool,
    },
    Clear {
        chats: Vec<usize>,
    },
    /// The last deletion, or the one before that, and so on.
    Restore {
        back: usize,
    },
    /// Leaves the group and joins it again.
    Rejoin,
    Read {
        chat: usize,
    },
    Jump,
}

/// One user, and what they know.
struct User {
    name: &'static str,
    client: Client,
    clock: TestClock,
    chats: Vec<Chat>,
    /// Their deletions: which, until when, and of which chats.
    deletions: Vec<(String, i64, Vec<usize>)>,
    next: Arc<AtomicU32>,
}

struct Chat {
    id: ConversationId,
    canonical: String,
    /// Everything above these two can be read.
    cleared: u64,
    joined: u64,
    /// The highest position that they know of.
    known: u64,
    /// The list leaves it out up to here.
    hidden: u64,
    /// The deletions that took something and can be undone, the last one on top.
    taken: Vec<Taken>,
    /// Their own messages: position and number of the marker.
    sent: Vec<(u64, u32)>,
}

/// A deletion, and how the chat stood before it.
struct Taken {
    by: String,
    cleared: u64,
    hidden: u64,
}

impl Chat {
    /// Everything above this can be read.
    fn floor(&self) -> u64 {
        self.cleared.max(self.joined)
    }
}

async fn nothing_that_can_be_seen_or_asked_back_is_erased_amid_traffic(database: TestDatabase) {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        ..Config::default()
    });
    let clock = TestClock::new();
    let mut servers = Vec::new();
    for _ in 0..2 {
        let mut config = config(&database);
        config.deletion.restore_window = WINDOW;
        config.jobs.change_retention = RETENTION;
        servers.push(TestServer::start_with(config, &clock).await);
    }
    servers[0].client().await.join(GROUP, &USERS).await;
    let rounds = [
        Rounds::on(&database, &clock, RETENTION).await,
        Rounds::on(&database, &clock, RETENTION).await,
    ];
    let deeds = watch::Sender::new(0);
    let purging: Vec<_> = rounds
        .iter()
        .cloned()
        .map(|rounds| purge(rounds, deeds.subscribe()))
        .collect();

    let next = Arc::new(AtomicU32::new(0));
    let mut living = Vec::new();
    for (place, name) in USERS.into_iter().enumerate() {
        let plan = vec(deed(), DEEDS)
            .new_tree(&mut runner)
            .expect("nothing is filtered out");
        let client = servers[place % servers.len()].client().await;
        let user = User::new(name, client, &clock, &next);
        living.push(user.live(plan.current(), deeds.clone()));
    }
    let users = concurrently(living).await;
    drop(deeds);
    let mut erased_meanwhile = 0;
    for purging in purging {
        erased_meanwhile += purging.await.expect("no round fails");
    }
    assert!(
        erased_meanwhile > 0,
        "the traffic was too short for anything to be erased"
    );

    clock.advance(WINDOW);
    concurrently(rounds.map(|rounds| async move { rounds.run().await })).await;
    exactly_what_somebody_reads_is_left(&database, users).await;
}

/// Round after round, as long as anybody does anything; returns how many messages they erased.
fn purge(rounds: Rounds, mut deeds: watch::Receiver<usize>) -> JoinHandle<u64> {
    #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
    tokio::spawn(async move {
        let mut erased = 0;
        let mut seen = 0;
        let is_enough = |seen| move |done: &usize| *done >= seen + BETWEEN_ROUNDS;
        while deeds.wait_for(is_enough(seen)).await.is_ok() {
            seen = *deeds.borrow();
            erased += rounds.run().await.messages;
        }
        erased
    })
}

async fn exactly_what_somebody_reads_is_left(database: &TestDatabase, users: Vec<User>) {
    let mut readable: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut sent = Vec::new();
    for mut user in users {
        for place in 0..user.chats.len() {
            let seqs = user.read(place).await;
            let chat = &user.chats[place];
            readable
                .entry(chat.canonical.clone())
                .or_default()
                .extend(seqs);
            let numbered = chat.sent.iter();
            sent.extend(numbered.map(|(seq, number)| (chat.canonical.clone(), *seq, *number)));
        }
    }
    readable.retain(|_, seqs| !seqs.is_empty());
    let stored = Stored::open(database).await;
    assert_eq!(stored.messages().await, readable);
    let left = sent
        .iter()
        .filter(|(chat, seq, _)| readable.get(chat).is_some_and(|seqs| seqs.contains(seq)));
    let left: BTreeSet<u32> = left.map(|(_, _, number)| *number).collect();
    assert_eq!(markers(&stored.everything().await), left);
}

impl User {
    fn new(name: &'static str, client: Client, clock: &TestClock, next: &Arc<AtomicU32>) -> Self {
        let chat = |id, canonical| Chat {
            id,
            canonical,
            cleared: 0,
            joined: 0,
            hidden: 0,
            known: 0,
            taken: Vec::new(),
            sent: Vec::new(),
        };
        let mut chats: Vec<_> = USERS
            .into_iter()
            .map(|other| {
                let (one, two) = (name.min(other), name.max(other));
                chat(c2c(other), format!("C2C\n{one}\n{two}"))
            })
            .collect();
        chats.push(chat(group(GROUP), format!("GROUP\n{GROUP}")));
        Self {
            name,
            client,
            clock: clock.clone(),
            chats,
            deletions: Vec::new(),
            next: Arc::clone(next),
        }
    }

    async fn live(mut self, plan: Vec<Deed>, deeds: watch::Sender<usize>) -> Self {
        for deed in plan {
            match deed {
                Deed::Send { chat, length } => self.send(chat, length).await,
                Deed::Delete { chats, clear } => {
                    let now = self.clock.now();
                    let deletion = self.client.delete(self.name, self.ids(&chats)).clear(clear);
                    let deletion = deletion.await;
                    self.took(
                        chats,
                        now.as_micros(),
                        deletion.deletion_id,
                        &deletion.results,
                    );
                }
                Deed::Clear { chats } => {
                    let now = self.clock.now();
                    let clearing = self.client.clear_history(self.name, self.ids(&chats)).await;
                    self.took(
                        chats,
                        now.as_micros(),
                        clearing.deletion_id,
                        &clearing.results,
                    );
                }
                Deed::Restore { back } => self.restore(back).await,
                Deed::Rejoin => self.rejoin().await,
                Deed::Read { chat } => drop(self.read(chat).await),
                Deed::Jump => self.clock.advance(JUMP),
            }
            deeds.send_modify(|deeds| *deeds += 1);
        }
        self
    }

    fn ids(&self, chats: &[usize]) -> Vec<ConversationId> {
        chats
            .iter()
            .map(|chat| self.chats[*chat].id.clone())
            .collect()
    }

    async fn send(&mut self, chat: usize, length: usize) {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let chat = &mut self.chats[chat];
        let words = marked(number, length);
        let message = self.client.send(self.name, chat.id.clone(), &words).await;
        chat.sent.push((message.seq, number));
        chat.known = message.seq;
    }

    /// Records the effects of a deletion that began at `time` or later.
    fn took(&mut self, chats: Vec<usize>, time: i64, id: String, results: &[DeletionResult]) {
        for (place, result) in chats.iter().zip(results) {
            let chat = &mut self.chats[*place];
            let after = (result.cleared_through, result.hidden_through);
            if after != (chat.cleared, chat.hidden) {
                chat.taken.push(Taken {
                    by: id.clone(),
                    cleared: chat.cleared,
                    hidden: chat.hidden,
                });
                (chat.cleared, chat.hidden) = after;
            }
            chat.known = chat
                .known
                .max(result.hidden_through)
                .max(result.cleared_through);
        }
        let until = time + i64::try_from(WINDOW.as_micros()).expect("an hour");
        self.deletions.push((id, until, chats));
    }

    async fn restore(&mut self, back: usize) {
        let Some((id, until, chats)) = self.deletions.iter().rev().nth(back).cloned() else {
            return;
        };
        let response = self.client.restore(self.name, &id, "").await;
        let may_be_late = self.clock.now().as_micros() >= until;
        let results = match response {
            Ok(response) => response.results,
            Err(status) => {
                assert_eq!(
                    (status.code(), reason(&status).as_str(), may_be_late),
                    (Code::FailedPrecondition, "RESTORE_WINDOW_EXPIRED", true)
                );
                return;
            }
        };
        for (place, result) in chats.into_iter().zip(results) {
            let chat = &mut self.chats[place];
            let depth = chat.taken.iter().rev().position(|taken| taken.by == id);
            match (depth, result.outcome()) {
                (Some(0), RestorationOutcome::Restored) => {
                    if let Some(taken) = chat.taken.pop() {
                        chat.cleared = taken.cleared;
                        chat.hidden = chat.hidden.min(taken.hidden);
                    }
                }
                // The window has closed between the look at it and the undoing.
                (Some(0), RestorationOutcome::Superseded) => {
                    assert!(may_be_late, "{} in {:?}", self.name, chat.canonical);
                    chat.taken.clear();
                }
                (Some(_), outcome) => assert_eq!(outcome, RestorationOutcome::Superseded),
                (None, _) => {}
            }
            self.read(place).await;
        }
    }

    /// Leaves the group and joins it again. The next message of the user shows where their history begins.
    async fn rejoin(&mut self) {
        let place = self.chats.len() - 1;
        let left = self.read(place).await.last().copied();
        self.client.leave(GROUP, &[self.name]).await;
        self.client.join(GROUP, &[self.name]).await;
        self.send(place, 20).await;
        let chat = &mut self.chats[place];
        chat.taken.clear();
        let history = self.client.history(self.name, chat.id.clone()).await;
        let first = history.last().expect("they read their own message").seq;
        assert!(left < Some(first), "what was before the end is gone");
        chat.joined = first - 1;
        self.read(place).await;
    }

    /// Reads a history: nothing is missing from it.
    async fn read(&mut self, place: usize) -> Vec<u64> {
        let chat = &mut self.chats[place];
        let history = self.client.history(self.name, chat.id.clone()).await;
        let seqs: Vec<u64> = history.iter().rev().map(|message| message.seq).collect();
        let floor = chat.floor();
        let head = seqs.last().copied().unwrap_or(floor).max(chat.known);
        let expected: Vec<u64> = (floor + 1..=head).collect();
        assert_eq!(seqs, expected, "{} in {:?}", self.name, chat.canonical);
        chat.known = head;
        seqs
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let chat = || 0..=USERS.len();
    let chats = || {
        let all: Vec<usize> = chat().collect();
        subsequence(all, 1..=4).prop_shuffle()
    };
    prop_oneof![
        10 => (chat(), prop_oneof![Just(20_usize), Just(500), Just(5_000)])
            .prop_map(|(chat, length)| Deed::Send { chat, length }),
        4 => (chats(), any::<bool>()).prop_map(|(chats, clear)| Deed::Delete { chats, clear }),
        2 => chats().prop_map(|chats| Deed::Clear { chats }),
        6 => (0..4_usize).prop_map(|back| Deed::Restore { back }),
        4 => chat().prop_map(|chat| Deed::Read { chat }),
        1 => Just(Deed::Rejoin),
        2 => Just(Deed::Jump),
    ]
}

on_every_database!(nothing_that_can_be_seen_or_asked_back_is_erased_amid_traffic);
