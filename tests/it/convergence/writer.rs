//! A writer: it changes at random what it can, and repeats under the same name what has failed.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use conversation_service::proto::{
    AddGroupMembersRequest, ClearHistoryRequest, ConversationId, DeleteConversationsRequest,
    DeletionOutcome, DeletionResult, Reappearance, RemoveGroupMembersRequest, RestorationOutcome,
    RestorationResult, RestoreConversationsRequest, SeenThrough, SendMessageRequest,
    ShowConversationsRequest, ShowOutcome, ShowResult, conversation_id::Id,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tonic::{Code, Response, Status};

use super::{TEAM, USERS, World, conversations, shared_name};
use crate::support::{client::Client, ids::text};

/// How often an operation is tried: once on each replica, and once more after a restart, would do.
const TRIES: usize = 20;

/// One of several that write at the same time.
pub(super) struct Writer {
    world: Arc<World>,
    pub(super) random: StdRng,
    number: u64,
    /// How many operations have got a name.
    names: u64,
    /// Its deletions and clearings: the user, the ID, and of which conversations.
    deletions: Vec<(&'static str, String, Vec<ConversationId>)>,
    /// The revisions of users that have certainly changed something.
    pub(super) certain: BTreeSet<(&'static str, u64)>,
    /// Those that have certainly changed nothing, so that nobody is told of them.
    pub(super) idle: BTreeSet<(&'static str, u64)>,
}

impl Writer {
    pub(super) fn new(world: &Arc<World>, seed: u64, number: u64) -> Self {
        Self {
            world: Arc::clone(world),
            random: StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(number)),
            number,
            names: 0,
            deletions: Vec::new(),
            certain: BTreeSet::new(),
            idle: BTreeSet::new(),
        }
    }

    /// Does a number of operations.
    pub(super) async fn write(mut self, operations: usize) -> Self {
        for _ in 0..operations {
            let user = USERS[self.random.random_range(0..USERS.len())];
            match self.random.random_range(0..20) {
                0..5 => self.send(user).await,
                5..8 => self.delete(user).await,
                8 => self.clear(user).await,
                9 => self.show(user).await,
                10..12 => self.restore().await,
                12..16 => self.set(user).await,
                16 => self.change_members().await,
                _ => self.file(user).await,
            }
            self.world.done.send_modify(|done| *done += 1);
        }
        self
    }

    async fn send(&mut self, user: &'static str) {
        let ids = conversations(user);
        let id = ids[self.random.random_range(0..ids.len())].clone();
        // Friends write, too.
        let (sender, to) = match id.id.clone() {
            Some(Id::C2cUserId(friend)) if self.random.random_bool(0.5) => {
                (friend, crate::support::ids::c2c(user))
            }
            _ => (user.to_owned(), id.clone()),
        };
        let request = SendMessageRequest {
            sender_user_id: sender,
            conversation_id: Some(to),
            body: Some(text("hi")),
            client_message_id: self.name(),
        };
        let sent = self.until_settled(async |client: Client| {
            client.messages.clone().send_message(request.clone()).await
        });
        let sent = match sent.await {
            Ok(sent) => sent,
            Err(status) => {
                let is_to_group = matches!(id.id, Some(Id::GroupId(_)));
                assert!(is_to_group, "who has left cannot send: {status:?}");
                return;
            }
        };
        let seq = sent.message.expect("what was stored is returned").seq;
        self.world
            .has_sent(&request.sender_user_id, shared_name(user, &id), seq);
    }

    /// Adds users to the group, or removes some.
    async fn change_members(&mut self) {
        let mut user_ids: Vec<_> = USERS.iter().map(ToString::to_string).collect();
        user_ids.retain(|_| self.random.random_bool(0.5));
        if user_ids.is_empty() {
            user_ids.push(USERS[0].to_owned());
        }
        let (group_id, request_id) = (TEAM.to_owned(), self.name());
        if self.random.random_bool(0.6) {
            let request = AddGroupMembersRequest {
                group_id,
                user_ids,
                request_id,
            };
            self.until_done(async |client: Client| {
                client
                    .groups
                    .clone()
                    .add_group_members(request.clone())
                    .await
            })
            .await;
        } else {
            let request = RemoveGroupMembersRequest {
                group_id,
                user_ids,
                request_id,
            };
            self.until_done(async |client: Client| {
                let mut groups = client.groups.clone();
                groups.remove_group_members(request.clone()).await
            })
            .await;
        }
    }

    async fn delete(&mut self, user: &'static str) {
        let conversation_ids = self.some(user);
        let request = DeleteConversationsRequest {
            user_id: user.to_owned(),
            seen_through: self.seen(user, &conversation_ids),
            conversation_ids,
            clear_history: [None, Some(true), Some(false)][self.random.random_range(0..3)],
            request_id: self.name(),
            client_id: self.client_id(),
            sync_to_other_clients: Some(true),
            reappearance: self.rule().into(),
            forget_settings: self.random.random_bool(0.3),
        };
        let deleted = self
            .until_done(async |client: Client| {
                let mut conversations = client.conversations.clone();
                conversations.delete_conversations(request.clone()).await
            })
            .await;
        let mut outcomes = deleted.results.iter().map(DeletionResult::outcome);
        if outcomes.any(|outcome| outcome == DeletionOutcome::Deleted) {
            self.certain.insert((user, deleted.revision));
        }
        let ids = deleted.results.into_iter();
        let ids = ids.filter_map(|result| result.conversation_id).collect();
        self.deletions.push((user, deleted.deletion_id, ids));
    }

    async fn show(&mut self, user: &'static str) {
        let request = ShowConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids: self.some(user),
            request_id: self.name(),
            client_id: self.client_id(),
        };
        let shown = self
            .until_done(async |client: Client| {
                let mut conversations = client.conversations.clone();
                conversations.show_conversations(request.clone()).await
            })
            .await;
        let mut outcomes = shown.results.iter().map(ShowResult::outcome);
        if outcomes.any(|outcome| outcome == ShowOutcome::Shown) {
            self.certain.insert((user, shown.revision));
        }
    }

    fn rule(&mut self) -> Reappearance {
        if self.random.random_bool(0.3) {
            Reappearance::Never
        } else {
            Reappearance::Unspecified
        }
    }

    async fn clear(&mut self, user: &'static str) {
        let conversation_ids = self.some(user);
        let request = ClearHistoryRequest {
            user_id: user.to_owned(),
            seen_through: self.seen(user, &conversation_ids),
            conversation_ids,
            request_id: self.name(),
            client_id: self.client_id(),
            sync_to_other_clients: Some(true),
        };
        let cleared = self
            .until_done(async |client: Client| {
                let mut conversations = client.conversations.clone();
                conversations.clear_history(request.clone()).await
            })
            .await;
        let ids = cleared.results.into_iter();
        let ids = ids.filter_map(|result| result.conversation_id).collect();
        self.deletions.push((user, cleared.deletion_id, ids));
    }

    /// Undoes one of its deletions, rather a recent one.
    async fn restore(&mut self) {
        let recent = self.deletions.len().saturating_sub(4);
        if recent == self.deletions.len() {
            return;
        }
        let which = self.random.random_range(recent..self.deletions.len());
        let (user, deletion_id, mut part) = self.deletions[which].clone();
        // Often all of it, otherwise some.
        if self.random.random_bool(0.5) {
            part.clear();
        }
        part.retain(|_| self.random.random_bool(0.5));
        let request = RestoreConversationsRequest {
            user_id: user.to_owned(),
            deletion_id,
            request_id: self.name(),
            client_id: self.client_id(),
            conversation_ids: part,
        };
        let restored = self
            .until_done(async |client: Client| {
                let mut conversations = client.conversations.clone();
                conversations.restore_conversations(request.clone()).await
            })
            .await;
        let mut outcomes = restored.results.iter().map(RestorationResult::outcome);
        if outcomes.any(|outcome| outcome == RestorationOutcome::Restored) {
            self.certain.insert((user, restored.revision));
        }
    }

    /// Some of a user's conversations, in any order.
    pub(super) fn some(&mut self, user: &str) -> Vec<ConversationId> {
        let mut ids = conversations(user);
        for _ in 0..self.random.random_range(1..ids.len()) {
            ids.remove(self.random.random_range(0..ids.len()));
        }
        let turn = self.random.random_range(0..ids.len());
        ids.rotate_left(turn);
        ids
    }

    /// How far the user has seen one of them, sometimes.
    pub(super) fn seen(&mut self, user: &str, ids: &[ConversationId]) -> Vec<SeenThrough> {
        if self.random.random_bool(0.7) {
            return Vec::new();
        }
        let id = ids[self.random.random_range(0..ids.len())].clone();
        let heads = self.world.messages().heads;
        let head = heads.get(&shared_name(user, &id)).copied().unwrap_or(0);
        let seq = head.saturating_sub(self.random.random_range(0..3));
        let conversation_id = Some(id);
        vec![SeenThrough {
            conversation_id,
            seq,
        }]
    }

    pub(super) fn client_id(&mut self) -> String {
        ["", "phone", "web"][self.random.random_range(0..3)].to_owned()
    }

    /// A UUID that nobody else uses.
    pub(super) fn name(&mut self) -> String {
        self.names += 1;
        format!("{:08x}-0000-4000-8000-{:012x}", self.number, self.names)
    }

    /// Asks one replica, and another one as long as that fails.
    pub(super) async fn until_done<T, F>(&mut self, ask: impl Fn(Client) -> F) -> T
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let done = self.until_settled(ask).await;
        done.unwrap_or_else(|status| panic!("nothing forbids it: {status:?}"))
    }

    /// The same for what may be refused because of what others have done. Then nothing was done, also
    /// not by a try before whose answer was lost.
    pub(super) async fn until_settled<T, F>(
        &mut self,
        ask: impl Fn(Client) -> F,
    ) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let first: usize = self.random.random_range(0..2);
        let mut failure = None;
        for attempt in first..first + TRIES {
            match ask(self.world.client(attempt)).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) if is_refusal(status.code()) => return Err(status),
                Err(status) => failure = Some(status),
            }
        }
        panic!("failed by all replicas: {failure:?}");
    }
}

fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::AlreadyExists | Code::NotFound | Code::FailedPrecondition
    )
}
