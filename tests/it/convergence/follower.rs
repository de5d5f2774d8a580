//! A client that keeps a copy up to date by watching, on a shaky line.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use conversation_service::proto::WatchConversationsResponse;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{
    World,
    copy::{Copy, Messages},
    list_folders,
    writer::Writer,
};
use crate::support::{
    client::{LARGEST_PAGE, Listing},
    users::{Heard, UsersWatcher},
    watcher::{Watcher, is_bookmark},
};

/// The name that no writer has.
const CLIENT: &str = "follower";

/// A user that nothing happens to.
const OTHER: &str = "somebody else";

/// A stream that a user is followed over.
enum Stream {
    Alone(Watcher),
    Among(UsersWatcher),
}

/// Follows one user.
pub(super) struct Follower {
    world: Arc<World>,
    random: StdRng,
    user: &'static str,
    copy: Copy,
    /// The revision that the copy began with.
    first: u64,
    /// Every change that was taken in.
    taken: BTreeMap<u64, WatchConversationsResponse>,
    stream: Option<Stream>,
    /// How far the present stream has come, and where the next one shall begin.
    position: u64,
    /// A list that the copy has not come to yet, and the messages that were known before.
    ahead: Option<(Listing, Messages)>,
    /// How many lists the copy was compared with.
    compared: usize,
}

impl Follower {
    pub(super) fn new(world: &Arc<World>, user: &'static str, copy: Copy, seed: u64) -> Self {
        Self {
            world: Arc::clone(world),
            random: StdRng::seed_from_u64(seed),
            user,
            first: copy.revision,
            position: copy.revision,
            copy,
            taken: BTreeMap::new(),
            stream: None,
            ahead: None,
            compared: 0,
        }
    }

    /// Follows until all is calm, then to the end, where copy and list must be the same.
    pub(super) async fn follow(mut self, calm: CancellationToken) -> Self {
        loop {
            let event = tokio::select! {
                () = calm.cancelled() => break,
                event = self.hear() => event,
            };
            self.take(event).await;
            if self.random.random_ratio(1, 40) {
                self.hang_up();
            }
        }
        let (list, messages) = (self.list().await, self.world.messages());
        let folders = list_folders(&self.world.client(0), self.user).await;
        // On the replica that sends bookmarks often.
        self.position = self.copy.revision;
        self.stream = self.begin(0).await;
        while self.copy.revision < list.revision {
            let event = self.hear().await;
            self.take(event).await;
        }
        self.copy.is(&list, &folders, &messages);
        self
    }

    /// That what came is what is replayed now, and that it holds all that was certainly changed,
    /// and nothing of what certainly changed nothing.
    pub(super) async fn got_everything_once(&mut self, writers: &[Writer]) {
        assert!(self.compared > 0, "no bookmark met a list");
        let client = self.world.client(0);
        let mut replay = client.follow(self.user, CLIENT, Some(self.first)).await;
        let replayed = replay.changes_through(self.copy.revision).await;
        assert_eq!(self.taken.values().cloned().collect::<Vec<_>>(), replayed);
        for (user, revision) in writers.iter().flat_map(|writer| &writer.certain) {
            if *user == self.user && *revision > self.first {
                assert!(self.taken.contains_key(revision), "{revision} of {user}");
            }
        }
        for (user, revision) in writers.iter().flat_map(|writer| &writer.idle) {
            let was_told = *user == self.user && self.taken.contains_key(revision);
            assert!(!was_told, "{revision} of {user} changed nothing");
        }
    }

    /// Ends the stream, to begin again where it was or somewhere before.
    fn hang_up(&mut self) {
        self.stream = None;
        let back = self.random.random_range(0..60);
        let resumes = self.random.random_bool(0.5);
        let from = self
            .copy
            .revision
            .saturating_sub(if resumes { 0 } else { back });
        self.position = from.max(self.first);
    }

    /// Begins a stream, of the user alone or of many.
    async fn begin(&mut self, replica: usize) -> Option<Stream> {
        let client = self.world.client(replica);
        let after = Some(self.position);
        if self.random.random_bool(0.5) {
            let alone = client.watch(self.user, CLIENT, after).await;
            return alone.ok().map(Stream::Alone);
        }
        let among = UsersWatcher::begin(client.conversations, CLIENT).await;
        let among = among.ok()?;
        among.add(OTHER, None);
        among.add(self.user, after);
        Some(Stream::Among(among))
    }

    /// The next event, from either replica. The future may be dropped and asked for again.
    async fn hear(&mut self) -> WatchConversationsResponse {
        loop {
            if self.stream.is_none() {
                let replica = self.random.random_range(0..2);
                self.stream = self.begin(replica).await;
            }
            let Some(stream) = self.stream.as_mut() else {
                continue;
            };
            match stream.hear(self.user).await {
                Ok(event) => return event,
                Err(status) => {
                    assert!(is_interruption(status.code()), "{status:?}");
                    self.stream = None;
                }
            }
        }
    }

    /// Takes an event in, unless it is known, and checks that none was left out or came twice.
    async fn take(&mut self, event: WatchConversationsResponse) {
        let revision = event.revision;
        assert!(
            revision >= self.position,
            "{event:?} after {}",
            self.position
        );
        let passed = if is_bookmark(&event) {
            Bound::Included(revision)
        } else {
            Bound::Excluded(revision)
        };
        if revision > self.position {
            let mut left_out = self.taken.range((Bound::Excluded(self.position), passed));
            let left_out = left_out.next().map(|(revision, _)| revision);
            assert_eq!(left_out, None, "left out before {event:?}");
        }
        if !is_bookmark(&event) {
            assert!(revision > self.position, "{event:?} came twice");
            if revision <= self.copy.revision {
                assert_eq!(self.taken.get(&revision), Some(&event), "replayed");
            }
        }
        self.position = revision;
        if revision <= self.copy.revision && !(is_bookmark(&event) && self.ahead.is_none()) {
            self.compare_if(|list, copy| list == copy);
            return;
        }
        // The copy stands at every revision until the next that changes it.
        self.compare_if(|list, _| list < revision);
        if is_bookmark(&event) {
            self.copy.revision = revision.max(self.copy.revision);
        } else {
            self.copy.apply(&event);
            self.taken.insert(revision, event.clone());
        }
        self.compare_if(|list, copy| list == copy);
        if is_bookmark(&event) && self.ahead.is_none() {
            let before = self.world.messages();
            let list = self.list().await;
            assert!(
                list.revision >= self.copy.revision,
                "the list is older than the copy"
            );
            self.ahead = Some((list, before));
            self.compare_if(|list, copy| list == copy);
        }
    }

    /// Compares the copy with the list that it was to come to, if it has.
    fn compare_if(&mut self, has_come: impl Fn(u64, u64) -> bool) {
        let copy = self.copy.revision;
        let met = self
            .ahead
            .take_if(|(list, _)| has_come(list.revision, copy));
        if let Some((list, before)) = met {
            self.copy.agrees_with(&list, &before);
            self.compared += 1;
        }
    }

    async fn list(&mut self) -> Listing {
        // The first replica is never killed.
        let client = self.world.client(0);
        let list = client.list_in_pages(self.user, None, LARGEST_PAGE).await;
        list.expect("the list can be read")
    }
}

impl Stream {
    /// The next event of a user. The future may be dropped and asked for again.
    async fn hear(&mut self, user: &str) -> Result<WatchConversationsResponse, Status> {
        let watcher = match self {
            Self::Alone(watcher) => return watcher.hear().await,
            Self::Among(watcher) => watcher,
        };
        loop {
            match watcher.hear().await?.expect("its sending side is open") {
                Heard::Bookmark(of, revision) if of == user => {
                    return Ok(WatchConversationsResponse {
                        revision,
                        ..WatchConversationsResponse::default()
                    });
                }
                Heard::Change(of, change) if of == user => return Ok(change),
                Heard::Ended(of, status) if of == user => return Err(status),
                other => assert!(matches!(other, Heard::Bookmark(of, 0) if of == OTHER)),
            }
        }
    }
}

/// Whether a stream may end like this when its replica is killed or stopped.
fn is_interruption(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled
    )
}
