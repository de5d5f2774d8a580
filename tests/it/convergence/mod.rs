//! A client that lists and then watches keeps a copy that is the server's list.
//!
//! Eight writers change everything at random (messages, deletions, pins, settings and folders), on two
//! replicas (SQLite: on one server), while a follower for each user watches, hangs up, comes back from
//! old revisions, and finds its server restarted. On PostgreSQL the second replica is a process of its
//! own that is killed (`kill -9`), and a third is on a machine whose clock is a day behind. The writers repeat what failed under its request ID, so it is known
//! what was done.
//!
//! The copy is built from the first list and the events alone. It is compared with the server's list
//! whenever it comes to the revision of one, and exactly when all is quiet; what came is compared,
//! event by event, with what comes again, and in the end with a replay from the beginning.
//!
//! The writers also add users to a group and remove them.
//!
//! Meanwhile somebody lists, page by page and on every replica, and then asks for what has been active
//! since: see [`listing`].
//!
//! The seed is fixed and stands in every failure; `TEST_SEED` sets another one.

mod copy;
mod follower;
mod listing;
mod settings;
mod writer;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use conversation_service::proto::{
    ConversationId, ListFoldersRequest, ListFoldersResponse, MarkConversationsReadRequest,
    conversation_id::Id,
};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{
    copy::{Copy, Messages},
    follower::Follower,
    writer::Writer,
};
use crate::{
    clocks::{HOUR, Machine},
    model::shared_name,
    support::{
        client::{Client, LARGEST_PAGE},
        clock::TestClock,
        concurrently::concurrently,
        databases::{Backend, TestDatabase, on_every_database},
        dice::seed,
        ids::{c2c, group},
        process::Process,
        server::{TestServer, config},
        stage::Assembled,
    },
};

on_every_database!(a_copy_made_of_a_list_and_events_is_the_servers_list);

/// Where randomness begins, if `TEST_SEED` does not say otherwise.
const SEED: u64 = 20_231_114;
const WRITERS: u64 = 8;
const USERS: [&str; 3] = ["alice", "bob", "carol"];
const TEAM: &str = "team";
/// How often everything comes to rest and is compared exactly.
const ROUNDS: usize = 4;
/// How many operations each writer does in a round.
const OPERATIONS: usize = 40;
/// How long the whole may take before it counts as a hang.
const PATIENCE: Duration = Duration::from_mins(2);

/// The state that writers and followers share.
struct World {
    /// The replicas that serve.
    clients: Mutex<Vec<Client>>,
    /// The messages that are known to be stored.
    messages: Mutex<Messages>,
    /// How many operations the writers have done.
    done: watch::Sender<usize>,
}

impl World {
    /// One of the replicas.
    fn client(&self, number: usize) -> Client {
        let clients = lock(&self.clients);
        clients[number % clients.len()].clone()
    }

    async fn serve_with(&self, one: &TestServer, others: Option<&(Process, Assembled)>) {
        let mut clients = vec![one.client().await];
        if let Some((two, behind)) = others {
            clients.push(two.client().await);
            clients.push(behind.client().await);
        }
        *lock(&self.clients) = clients;
    }

    /// The messages as they are known now.
    fn messages(&self) -> Messages {
        lock(&self.messages).clone()
    }

    fn has_sent(&self, sender: &str, name: String, seq: u64) {
        let mut messages = lock(&self.messages);
        let head = messages.heads.entry(name.clone()).or_default();
        *head = seq.max(*head);
        let own = messages.own.entry((sender.to_owned(), name)).or_default();
        *own = seq.max(*own);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of the lock panics")
}

/// Everything that a user may have in the list.
fn conversations(user: &str) -> Vec<ConversationId> {
    let friends = (0..4).map(|number| c2c(format!("friend {number}")));
    let users = USERS.iter().filter(|other| **other != user);
    friends
        .chain(users.map(|other| c2c(*other)))
        .chain([group(TEAM)])
        .collect()
}

async fn a_copy_made_of_a_list_and_events_is_the_servers_list(database: TestDatabase) {
    let seed = seed(SEED);
    let converged = timeout(PATIENCE, converge(&database, seed)).await;
    converged.unwrap_or_else(|_| panic!("TEST_SEED={seed}: it hangs"));
}

async fn converge(database: &TestDatabase, seed: u64) {
    let mut settings = config(database);
    settings.watch.bookmark_interval = Duration::from_millis(20);
    settings.watch.poll_interval = Duration::from_millis(100);
    let mut one = TestServer::start_with(settings.clone(), &TestClock::at_present()).await;
    let mut others = match database.backend() {
        Backend::Sqlite => None,
        Backend::Postgres => {
            let behind = Machine::ahead_by(-25 * HOUR).clock();
            let behind = Assembled::with_clock(&settings, behind).await;
            Some((Process::start(database).await, behind))
        }
    };
    let world = Arc::new(World {
        clients: Mutex::default(),
        messages: Mutex::default(),
        done: watch::Sender::default(),
    });
    world.serve_with(&one, others.as_ref()).await;
    world.client(0).join(TEAM, &USERS).await;
    let writers = (0..WRITERS).map(|number| Writer::new(&world, seed, number));
    // So that there is something in the lists that the copies begin with.
    let mut writers = write(writers.collect()).await;
    show_everything(&world).await;
    let mut followers = Vec::new();
    for (user, number) in USERS.into_iter().zip(0..) {
        let client = world.client(0);
        let listing = client.list_in_pages(user, None, LARGEST_PAGE).await;
        let listing = listing.expect("the list can be read");
        let copy = Copy::of(user, &listing, list_folders(&client, user).await);
        followers.push(Follower::new(&world, user, copy, seed ^ number));
    }

    for round in 1..=ROUNDS {
        let calm = CancellationToken::new();
        let following = followers
            .into_iter()
            .map(|follower| follower.follow(calm.clone()));
        let following = concurrently(following.collect::<Vec<_>>());
        let writing = async {
            let written = write(writers).await;
            calm.cancel();
            written
        };
        let killing = async {
            let half = operations_of(round) + operations_of(1) / 2;
            let mut done = world.done.subscribe();
            let done = done.wait_for(|done| *done >= half).await;
            done.expect("the world goes on");
            if let Some((process, behind)) = others.take() {
                others = Some((process.kill_and_restart().await, behind));
                world.serve_with(&one, others.as_ref()).await;
            }
        };
        let listing = world.list_over_and_over(calm.clone());
        let told;
        (followers, writers, told, ()) = tokio::join!(following, writing, listing, killing);
        assert!(told > 0, "no list said anything");
        if others.is_none() {
            one = one.restart().await;
            world.serve_with(&one, None).await;
        }
    }
    for follower in &mut followers {
        follower.got_everything_once(&writers).await;
    }
}

/// Brings everything into the lists, and marks all of it read, so that a list says all there is.
async fn show_everything(world: &World) {
    let client = world.client(0);
    client.join(TEAM, &USERS).await;
    for user in USERS {
        for id in conversations(user) {
            let (sender, to) = match id.id.as_ref().expect("an ID") {
                Id::C2cUserId(other) => (other.as_str(), c2c(user)),
                _ => (user, id.clone()),
            };
            let sent = client.send(sender, to, "hi").await;
            world.has_sent(sender, shared_name(user, &id), sent.seq);
        }
    }
    for user in USERS {
        // No message of another lists what stays away.
        client.show(user, conversations(user)).await;
        let request = MarkConversationsReadRequest {
            user_id: user.to_owned(),
            all: true,
            ..MarkConversationsReadRequest::default()
        };
        let read = client
            .conversations
            .clone()
            .mark_conversations_read(request)
            .await;
        read.expect("everything can be read");
    }
}

async fn list_folders(client: &Client, user: &str) -> ListFoldersResponse {
    let request = ListFoldersRequest {
        user_id: user.to_owned(),
    };
    let folders = client.conversations.clone().list_folders(request).await;
    folders.expect("the folders can be read").into_inner()
}

/// How many operations have been done after that many rounds.
fn operations_of(rounds: usize) -> usize {
    rounds * OPERATIONS * usize::try_from(WRITERS).expect("few")
}

async fn write(writers: Vec<Writer>) -> Vec<Writer> {
    let writing = writers.into_iter().map(|writer| writer.write(OPERATIONS));
    concurrently(writing.collect::<Vec<_>>()).await
}
