//! A database with its servers, the model of it, and how each operation is done to both.

mod looks;
mod members;
mod messages;

use std::{collections::BTreeMap, time::Duration};

use conversation_service::{
    config::Config,
    proto::{
        Conversation, DeleteMatchingConversationsRequest, GetConversationsRequest, Message,
        MessageBody, SendSystemMessageRequest, SendSystemMessageResponse,
    },
};
use tonic::Status;

use members::Memberships;

use super::{
    operation::{CROWD, GROUPS, Operation, REPLICAS, Step, Target, USERS, Words, ids},
    requests::{self, Request, Requests},
    together,
};
use crate::{
    model::{
        Model, Policy, Removed,
        compare::{self, Difference, same},
    },
    support::{
        client::{Client, LARGEST_PAGE, in_any_order},
        clock::TestClock,
        databases::TestDatabase,
        rounds::Rounds,
        server::{TestServer, config},
        stored::Stored,
    },
};

/// So short that every run sees deletions that can be undone and deletions that cannot, and changes that
/// are remembered and changes that are not. And so few pins that there is often no room for another.
const POLICY: Policy = Policy {
    window: Duration::from_secs(20),
    retention: Duration::from_mins(1),
    pin_limit: 2,
};

/// Longer than any window that a replica is set to.
const LONGEST_WINDOW: Duration = Duration::from_secs(40);

/// So often that a test soon knows that there is nothing more to be told.
const BOOKMARKS: Duration = Duration::from_millis(20);

pub(super) type Done = Result<(), Difference>;

/// A user's name for a message in a conversation.
type MessageName = (&'static str, String, u8);

pub(super) struct World {
    servers: Vec<TestServer>,
    /// The settings of each of them.
    policies: Vec<Policy>,
    clients: Vec<Client>,
    clock: TestClock,
    /// How far the clock is behind what it has shown before.
    behind: Duration,
    model: Model,
    /// The named messages, and what they were answered with.
    said: BTreeMap<MessageName, (MessageBody, Message)>,
    announced: Vec<(SendSystemMessageRequest, SendSystemMessageResponse)>,
    requests: Requests,
    /// The looks of which the last ones are carried out, with their plans.
    looks: Vec<DeleteMatchingConversationsRequest>,
    memberships: Memberships,
    rounds: Vec<Rounds>,
    stored: Stored,
    database: TestDatabase,
}

impl World {
    pub(super) async fn new(database: TestDatabase) -> Self {
        let clock = TestClock::new();
        let mut servers = Vec::new();
        let mut clients = Vec::new();
        let mut rounds = Vec::new();
        for _ in 0..REPLICAS {
            let mut config = config(&database);
            set(&mut config, POLICY);
            config.watch.bookmark_interval = BOOKMARKS;
            let server = TestServer::start_with(config, &clock).await;
            clients.push(server.client().await);
            servers.push(server);
            rounds.push(Rounds::on(&database, &clock, POLICY.retention).await);
        }
        Self {
            servers,
            policies: vec![POLICY; REPLICAS],
            clients,
            clock,
            behind: Duration::ZERO,
            model: Model::with(POLICY),
            said: BTreeMap::new(),
            announced: Vec::new(),
            requests: Requests::default(),
            looks: Vec::new(),
            memberships: Memberships::default(),
            rounds,
            stored: Stored::open(&database).await,
            database,
        }
    }

    /// Does one operation, then compares what one user sees.
    pub(super) async fn take(&mut self, step: &Step) -> Done {
        let client = self.clients[step.replica].clone();
        self.model.policy = self.policies[step.replica];
        self.operate(&client, &step.operation).await?;
        // Through another server than the one that has changed something.
        let other = &self.clients[(step.replica + 1) % REPLICAS];
        compare::overview(other, &self.model, step.onlooker, step.page_size).await?;
        // Time may have passed.
        self.model.now = self.clock.now().as_micros();
        let restorable_only = step.page_size % 2 == 1;
        let (onlooker, page_size) = (step.onlooker, step.page_size);
        compare::trash(other, &self.model, onlooker, page_size, restorable_only).await
    }

    /// Compares what everybody sees, and stops the servers in order.
    pub(super) async fn end(mut self) -> Done {
        self.pass(LONGEST_WINDOW + POLICY.retention);
        self.model.now = self.clock.now().as_micros();
        self.round(0).await?;
        same("what is left", &self.model.stored(), &self.model.readable())?;
        for user in USERS {
            compare::overview(&self.clients[0], &self.model, user, 3).await?;
            let chats = USERS.into_iter().map(Target::C2c);
            let groups = GROUPS.into_iter().map(Target::Group);
            for target in chats.chain(groups).chain([Target::System]) {
                let client = &self.clients[1];
                compare::history(client, &self.model, user, &target.id(), LARGEST_PAGE).await?;
            }
        }
        drop(self.clients);
        for server in self.servers {
            server.stop().await;
        }
        Ok(())
    }

    #[expect(clippy::too_many_lines, reason = "a few lines for each kind of change")]
    async fn operate(&mut self, client: &Client, operation: &Operation) -> Done {
        self.model.now = self.clock.now().as_micros();
        match operation {
            Operation::Say {
                from,
                to,
                words,
                name,
            } => self.say(client, from, *to, *words, *name).await,
            Operation::Announce { to, words } => self.announce(client, to, *words).await,
            Operation::RepeatAnnouncement(which) => self.repeat_announcement(client, *which).await,
            Operation::Join { group, users, name } => self.join(client, group, users, *name).await,
            Operation::Leave { group, users, name } => {
                self.leave(client, group, users, *name).await
            }
            Operation::Crowd { group } => {
                self.join(client, group, &CROWD, None).await?;
                self.leave(client, group, &CROWD, None).await
            }
            Operation::Look { user, chosen } => self.look(client, user, chosen).await,
            Operation::Delete { .. }
            | Operation::DeleteMatching { .. }
            | Operation::DeleteShown { .. }
            | Operation::ClearHistory { .. }
            | Operation::Restore { .. }
            | Operation::Show { .. }
            | Operation::Set { .. }
            | Operation::File { .. }
            | Operation::RepeatChange(_)
            | Operation::ReuseChangeName(..) => match self.request(operation) {
                Some(request) => self.requests.ask(client, &mut self.model, request).await,
                None => Ok(()),
            },
            Operation::Round { replica } => self.round(*replica).await,
            Operation::List {
                user,
                filter,
                page_size,
            } => {
                let filter = Some(filter.message(self.model.now));
                compare::list(client, &self.model, user, filter, *page_size).await
            }
            Operation::ListHidden {
                user,
                types,
                page_size,
            } => compare::hidden(client, &self.model, user, types, *page_size).await,
            Operation::CountUnread { user, filter } => {
                let filter = Some(filter.message(self.model.now));
                compare::unread_count(client, &self.model, user, filter).await
            }
            Operation::ListMeanwhile {
                user,
                page_size,
                from,
                to,
            } => {
                self.list_meanwhile(client, user, *page_size, from, *to)
                    .await
            }
            Operation::Get { user, targets } => self.get(client, user, targets).await,
            Operation::Read {
                user,
                target,
                page_size,
            } => compare::history(client, &self.model, user, &target.id(), *page_size).await,
            Operation::Refused(fault) => fault.commit(client, &self.model).await,
            Operation::Pass { milliseconds } => {
                self.pass(Duration::from_millis(*milliseconds));
                Ok(())
            }
            Operation::SetBack { milliseconds } => {
                let time = Duration::from_millis(*milliseconds);
                self.clock.set_back(time);
                self.behind += time;
                Ok(())
            }
            Operation::Together(changes) => {
                let changes = changes.iter();
                let requests = changes.map(|(user, asked)| asked.request(&self.model, user));
                let requests = requests.collect();
                together::carry_out(client, &self.database, &mut self.model, requests).await
            }
            Operation::Reconfigure {
                replica,
                window_seconds,
                pin_limit,
            } => {
                let policy = &mut self.policies[*replica];
                policy.window = Duration::from_secs(*window_seconds);
                policy.pin_limit = *pin_limit;
                let server = self.servers.remove(*replica);
                let server = server.restart_with(|config| set(config, *policy)).await;
                self.clients[*replica] = server.client().await;
                self.servers.insert(*replica, server);
                Ok(())
            }
            Operation::Restart { replica } => {
                let server = self.servers.remove(*replica).restart().await;
                self.clients[*replica] = server.client().await;
                self.servers.insert(*replica, server);
                Ok(())
            }
        }
    }

    /// The request, if the operation is a change and there is something to repeat if it repeats.
    fn request(&self, operation: &Operation) -> Option<Request> {
        let model = &self.model;
        match operation {
            Operation::Delete {
                user,
                victims,
                clear,
                how,
                name,
            } => Some(requests::deletion(
                model, user, victims, *clear, *how, *name,
            )),
            Operation::ClearHistory {
                user,
                victims,
                name,
            } => Some(requests::clearing(model, user, victims, *name)),
            Operation::Restore {
                user,
                which,
                part,
                name,
            } => Some(requests::restoration(model, user, *which, *part, *name)),
            Operation::Set {
                user,
                setting,
                name,
            } => Some(setting.request(model, user, *name)),
            Operation::Show {
                user,
                targets,
                name,
            } => Some(requests::showing(user, targets, *name)),
            Operation::File { user, filing, name } => Some(filing.request(model, user, *name)),
            Operation::RepeatChange(which) => self.requests.earlier(*which),
            Operation::ReuseChangeName(which, change) => {
                let request = self.requests.earlier(*which)?;
                Some(request.changed(*change))
            }
            _ => self.deletion_by_selector(operation),
        }
    }

    /// Exactly what nobody can see or ask back any more goes, as far as it is due.
    async fn round(&mut self, replica: usize) -> Done {
        let erased = self.rounds[replica].run().await;
        let removed = Removed {
            messages: erased.messages,
            changes: erased.changes,
        };
        let expected = self.model.round();
        self.memberships.forget(self.clock.now(), POLICY.retention);
        let stored = self.stored.messages().await;
        same("stored messages", &stored, &self.model.stored())?;
        same("round", &removed, &expected)
    }

    fn pass(&mut self, time: Duration) {
        self.clock.advance(time);
        self.behind = self.behind.saturating_sub(time);
    }

    /// An entry that keeps its place is listed once and in order, whatever arrives between two pages. A reader
    /// that then asks once for what has been active since has missed nothing.
    async fn list_meanwhile(
        &mut self,
        client: &Client,
        user: &str,
        page_size: i32,
        from: &'static str,
        to: Target,
    ) -> Done {
        let failed = |status: Status| format!("{status:?}");
        let stood = self.model.list(user);
        let page = client.list_page(user, None, page_size, String::new()).await;
        let page = page.map_err(failed)?;
        let shown = page.conversations.len();
        same("first page", &&page.conversations[..], &&stood[..shown])?;
        self.say(client, from, to, Words::Text(0), None).await?;
        let listing = client.rest_of_list(user, None, page_size, page).await;
        let listing = listing.map_err(failed)?;
        let moved: Vec<_> = self
            .model
            .list(user)
            .into_iter()
            .filter(|entry| !stood.contains(entry))
            .filter_map(|entry| entry.conversation_id)
            .collect();
        let unmoved = |list: &[Conversation]| -> Vec<_> {
            let ids = list
                .iter()
                .filter_map(|entry| entry.conversation_id.clone());
            ids.filter(|id| !moved.contains(id)).collect()
        };
        same(
            ("list with a message meanwhile", user),
            &unmoved(&listing.conversations),
            &unmoved(&stood),
        )?;
        let others = unmoved(&listing.conversations).len();
        if listing.conversations.len() > others + moved.len() {
            return Err(format!("{moved:?} came again though it moved up"));
        }
        same(
            ("what was listed and then refreshed", user),
            &in_any_order(client.refreshed(user, None, listing).await),
            &in_any_order(self.model.list(user)),
        )
    }

    async fn get(&self, client: &Client, user: &str, targets: &[Target]) -> Done {
        let ids = ids(targets);
        let request = GetConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids: ids.clone(),
        };
        let response = client
            .conversations
            .clone()
            .get_conversations(request)
            .await;
        let response = response
            .map_err(|status| format!("{status:?}"))?
            .into_inner();
        same(("get", user), &response, &self.model.get(user, &ids))
    }
}

/// Has a server follow a policy.
fn set(config: &mut Config, policy: Policy) {
    config.deletion.restore_window = policy.window;
    config.jobs.change_retention = policy.retention;
    config.pin_limit = u32::try_from(policy.pin_limit).expect("the limit is small");
}
