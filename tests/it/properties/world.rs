//! A database with its servers, the model of it, and how each operation is done to both.

use std::{collections::BTreeMap, time::Duration};

use conversation_service::proto::{
    Conversation, GetConversationsRequest, Message, MessageBody, SendMessageRequest,
    SendSystemMessageRequest, SendSystemMessageResponse,
};
use proptest::sample::Index;

use super::{
    fault::{is_no_member, is_refused},
    operation::{GROUPS, Operation, REPLICAS, Step, Target, USERS, Words},
    requests::{self, Requests},
};
use crate::{
    model::{
        Model, NotAMember, Policy, Removed,
        compare::{self, Difference, same},
    },
    support::{
        client::{Client, LARGEST_PAGE},
        clock::TestClock,
        databases::TestDatabase,
        rounds::Rounds,
        server::{TestServer, config},
        stored::Stored,
    },
};

/// So short that every run sees deletions that can be undone and deletions that cannot, and changes that
/// are remembered and changes that are not.
const POLICY: Policy = Policy {
    window: Duration::from_secs(20),
    retention: Duration::from_mins(1),
};

type Done = Result<(), Difference>;

/// A user's name for a message in a conversation.
type MessageName = (&'static str, String, u8);

pub(super) struct World {
    servers: Vec<TestServer>,
    clients: Vec<Client>,
    clock: TestClock,
    /// How far the clock is behind what it has shown before.
    behind: Duration,
    model: Model,
    /// The named messages, and what they were answered with.
    said: BTreeMap<MessageName, (MessageBody, Message)>,
    announced: Vec<(SendSystemMessageRequest, SendSystemMessageResponse)>,
    requests: Requests,
    rounds: Vec<Rounds>,
    stored: Stored,
    _database: TestDatabase,
}

impl World {
    pub(super) async fn new(database: TestDatabase) -> Self {
        let clock = TestClock::new();
        let mut servers = Vec::new();
        let mut clients = Vec::new();
        let mut rounds = Vec::new();
        for _ in 0..REPLICAS {
            let mut config = config(&database);
            config.deletion.restore_window = POLICY.window;
            let server = TestServer::start_with(config, &clock).await;
            clients.push(server.client().await);
            servers.push(server);
            rounds.push(Rounds::on(&database, &clock, POLICY.retention).await);
        }
        Self {
            servers,
            clients,
            clock,
            behind: Duration::ZERO,
            model: Model::with(POLICY),
            said: BTreeMap::new(),
            announced: Vec::new(),
            requests: Requests::default(),
            rounds,
            stored: Stored::open(&database).await,
            _database: database,
        }
    }

    /// Does one operation, then compares what one user sees.
    pub(super) async fn take(&mut self, step: &Step) -> Done {
        let client = self.clients[step.replica].clone();
        self.operate(&client, &step.operation).await?;
        // Through another server than the one that has changed something.
        let other = &self.clients[(step.replica + 1) % REPLICAS];
        compare::list(other, &self.model, step.onlooker, None, step.page_size).await
    }

    /// Compares what everybody sees, and stops the servers in order.
    pub(super) async fn end(mut self) -> Done {
        self.pass(POLICY.window + POLICY.retention);
        self.model.now = self.clock.now().as_micros();
        self.round(0).await?;
        same("what is left", &self.model.stored(), &self.model.readable())?;
        for user in USERS {
            compare::list(&self.clients[0], &self.model, user, None, 3).await?;
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
            Operation::Join { group, users } => {
                let added = client.join(group, users).await;
                let expected = self.model.join(group, users.iter().copied());
                same("added_count", &usize::try_from(added), &Ok(expected))
            }
            Operation::Leave { group, users } => {
                let removed = client.leave(group, users).await;
                let expected = self.model.leave(group, users.iter().copied());
                same("removed_count", &usize::try_from(removed), &Ok(expected))
            }
            Operation::Delete {
                user,
                victims,
                clear,
                name,
            } => {
                let request = requests::deletion(&self.model, user, victims, *clear, *name);
                self.requests.ask(client, &mut self.model, request).await
            }
            Operation::ClearHistory {
                user,
                victims,
                name,
            } => {
                let request = requests::clearing(&self.model, user, victims, *name);
                self.requests.ask(client, &mut self.model, request).await
            }
            Operation::Restore { user, which, name } => {
                let request = requests::restoration(&self.model, user, *which, *name);
                self.requests.ask(client, &mut self.model, request).await
            }
            Operation::RepeatChange(which) => match self.requests.earlier(*which) {
                Some(request) => self.requests.ask(client, &mut self.model, request).await,
                None => Ok(()),
            },
            Operation::ReuseChangeName(which, change) => match self.requests.earlier(*which) {
                Some(request) => {
                    let request = request.changed(*change);
                    self.requests.ask(client, &mut self.model, request).await
                }
                None => Ok(()),
            },
            Operation::Round { replica } => self.round(*replica).await,
            Operation::List {
                user,
                filter,
                page_size,
            } => {
                let filter = Some(filter.message());
                compare::list(client, &self.model, user, filter, *page_size).await
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
            Operation::Refused(fault) => fault.commit(client).await,
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
            Operation::Restart { replica } => {
                let server = self.servers.remove(*replica).restart().await;
                self.clients[*replica] = server.client().await;
                self.servers.insert(*replica, server);
                Ok(())
            }
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
        let stored = self.stored.messages().await;
        same("stored messages", &stored, &self.model.stored())?;
        same("round", &removed, &expected)
    }

    fn pass(&mut self, time: Duration) {
        self.clock.advance(time);
        self.behind = self.behind.saturating_sub(time);
    }

    async fn say(
        &mut self,
        client: &Client,
        from: &'static str,
        to: Target,
        words: Words,
        name: Option<u8>,
    ) -> Done {
        let request = SendMessageRequest {
            sender_user_id: from.to_owned(),
            conversation_id: Some(to.id()),
            body: Some(words.body()),
            client_message_id: name.map(|name| format!("m{name}")).unwrap_or_default(),
        };
        let name = name.map(|name| (from, format!("{to:?}"), name));
        let earlier = name.as_ref().and_then(|name| self.said.get(name));
        let is_erased = earlier.is_some_and(|(_, message)| self.is_erased(from, message));
        if earlier.is_some() && (is_erased || !self.may_send(from, to)) {
            // The contract does not say which comes first, the retry or the membership; nor what
            // becomes of the retry when the message has been erased.
            return Ok(());
        }
        let response = client.messages.clone().send_message(request).await;
        let response = response.map(|response| response.into_inner().message.unwrap_or_default());
        if let Some((body, message)) = earlier {
            return if *body == words.body() {
                same(
                    "retried message",
                    &response.map_err(|status| status.code()),
                    &Ok(message.clone()),
                )
            } else {
                is_refused(response, "CLIENT_MESSAGE_ID_REUSED", "client_message_id")
            };
        }
        let sent = match response {
            Err(status) if !self.may_send(from, to) => return is_no_member(&status),
            response => response.map_err(|status| format!("{status:?}"))?,
        };
        let send_time = sent.send_time.ok_or("a message has no time")?;
        let expected = self.model.send(from, &to.id(), words.body(), send_time);
        same("message", &Ok::<_, NotAMember>(sent.clone()), &expected)?;
        self.said
            .extend(name.map(|name| (name, (words.body(), sent))));
        Ok(())
    }

    fn is_erased(&self, user: &str, message: &Message) -> bool {
        let id = message.conversation_id.clone().unwrap_or_default();
        self.model.is_erased(user, &id, message.seq)
    }

    fn may_send(&self, user: &str, to: Target) -> bool {
        match to {
            Target::Group(group) => self.model.is_member(user, group),
            Target::C2c(_) => true,
            Target::System => false,
        }
    }

    async fn announce(&mut self, client: &Client, to: &[&'static str], words: Words) -> Done {
        let request = SendSystemMessageRequest {
            user_ids: to.iter().map(ToString::to_string).collect(),
            body: Some(words.body()),
            client_message_id: format!("announcement {}", self.announced.len()),
        };
        let response = client
            .messages
            .clone()
            .send_system_message(request.clone())
            .await;
        let response = response
            .map_err(|status| format!("{status:?}"))?
            .into_inner();
        let times = response
            .messages
            .iter()
            .map(|message| message.send_time.unwrap_or_default());
        let expected: Vec<_> = to
            .iter()
            .zip(times)
            .map(|(user, time)| self.model.send_system(user, words.body(), time))
            .collect();
        same("system messages", &response.messages, &expected)?;
        self.announced.push((request, response));
        Ok(())
    }

    async fn repeat_announcement(&self, client: &Client, which: Index) -> Done {
        if self.announced.is_empty() {
            return Ok(());
        }
        let (request, first) = which.get(&self.announced);
        let mut sent = request.user_ids.iter().zip(&first.messages);
        if sent.any(|(user, message)| self.is_erased(user, message)) {
            return Ok(());
        }
        let again = client
            .messages
            .clone()
            .send_system_message(request.clone())
            .await;
        let again = again
            .map(tonic::Response::into_inner)
            .map_err(|status| format!("{status:?}"));
        same("repeated system messages", &again, &Ok(first.clone()))
    }

    /// The list stays as it stood at the first page, whatever arrives before the next.
    async fn list_meanwhile(
        &mut self,
        client: &Client,
        user: &str,
        page_size: i32,
        from: &'static str,
        to: Target,
    ) -> Done {
        let stood = self.model.list(user);
        let page = client.list_page(user, None, page_size, String::new()).await;
        let page = page.map_err(|status| format!("{status:?}"))?;
        let shown = page.conversations.len();
        // The service tells by the time which messages came after the first page: this is only
        // promised while the clock does not go back.
        self.pass(self.behind + Duration::from_millis(1));
        self.say(client, from, to, Words::Text(0), None).await?;
        let listing = client.rest_of_list(user, None, page_size, page).await;
        let listing = listing
            .map_err(|status| format!("{status:?}"))?
            .conversations;
        let ids = |list: &[Conversation]| -> Vec<_> {
            list.iter()
                .map(|entry| entry.conversation_id.clone())
                .collect()
        };
        same(
            ("list with a message meanwhile", user),
            &ids(&listing),
            &ids(&stood),
        )?;
        same("first page", &&listing[..shown], &&stood[..shown])
    }

    async fn get(&self, client: &Client, user: &str, targets: &[Target]) -> Done {
        let ids: Vec<_> = targets.iter().map(|target| target.id()).collect();
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
