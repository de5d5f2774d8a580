//! Real conversations: a busy channel, spoken again through the API.
//!
//! The channel is a group that people join and leave. Who is addressed by name also gets the message
//! in a one-to-one chat, and what the channel notices about somebody reaches them as a system message.
//! Time and again everybody deletes some of their conversations, each in their own way, and the talk
//! goes on. Whatever need not be in order happens at the same time. At the end every list, unread
//! count and history of everybody must be what the model says.

mod log;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use conversation_service::proto::{
    Conversation, ConversationId, DeleteConversationsResponse, Message,
};

use crate::{
    model::{Model, compare},
    support::{
        client::{Client, LARGEST_PAGE},
        clock::TestClock,
        concurrently::concurrently,
        databases::{TestDatabase, on_every_database},
        ids::{c2c, group, text},
        server::TestServer,
    },
};
use log::Event;

/// The group that the channel becomes.
const CHANNEL: &str = "#ubuntu";

/// How many messages may wait to be sent together.
const AT_ONCE: usize = 48;

/// After how many lines of the log people tidy up.
const LINES_BETWEEN_DELETIONS: usize = 450;

/// The largest batch that one deletion may name.
const BATCH: usize = 100;

async fn everybody_sees_june_2006_as_the_model_does(database: TestDatabase) {
    replay(database, include_str!("../data/ubuntu-irc/2006-06-01.log")).await;
}

async fn everybody_sees_september_2007_as_the_model_does(database: TestDatabase) {
    replay(database, include_str!("../data/ubuntu-irc/2007-09-07.log")).await;
}

async fn everybody_sees_april_2008_as_the_model_does(database: TestDatabase) {
    replay(database, include_str!("../data/ubuntu-irc/2008-04-27.log")).await;
}

on_every_database!(
    everybody_sees_june_2006_as_the_model_does,
    everybody_sees_september_2007_as_the_model_does,
    everybody_sees_april_2008_as_the_model_does,
);

async fn replay(database: TestDatabase, log: &str) {
    let clock = TestClock::new();
    let server = TestServer::start(&database, &clock).await;
    let mut channel = Channel {
        client: server.client().await,
        clock,
        minute: None,
        people: people(log),
        waiting: Vec::new(),
        model: Model::default(),
        rounds: 0,
    };
    for (number, event) in log.lines().filter_map(log::event).enumerate() {
        channel.happens(event).await;
        if number % LINES_BETWEEN_DELETIONS == LINES_BETWEEN_DELETIONS - 1 {
            channel.everybody_tidies_up().await;
        }
    }
    channel.speak().await;
    channel.everybody_agrees().await;
    server.stop().await;
}

/// Everybody who speaks, comes or goes.
fn people(log: &str) -> BTreeSet<String> {
    let nick = |event| match event {
        Event::Joined(nick) | Event::Left(nick) | Event::Said { nick, .. } => Some(nick.to_owned()),
        Event::Noticed(_) => None,
    };
    log.lines()
        .filter_map(log::event)
        .filter_map(nick)
        .collect()
}

/// A message that is still to be sent.
struct Speech {
    from: String,
    to: ConversationId,
    words: String,
}

/// The channel as it is spoken again.
struct Channel {
    client: Client,
    clock: TestClock,
    minute: Option<u64>,
    people: BTreeSet<String>,
    waiting: Vec<Speech>,
    model: Model,
    rounds: usize,
}

impl Channel {
    async fn happens(&mut self, event: Event<'_>) {
        match event {
            Event::Joined(nick) => self.joins(nick).await,
            Event::Left(nick) => self.leaves(nick).await,
            Event::Said {
                minute,
                nick,
                words,
            } => {
                self.passes_to(minute).await;
                if !self.model.is_member(nick, CHANNEL) {
                    self.joins(nick).await;
                }
                self.says(nick, words).await;
            }
            Event::Noticed(notice) => {
                let about = notice.split(' ').next().unwrap_or_default();
                if self.people.contains(about) {
                    self.is_told(about, notice).await;
                }
            }
        }
    }

    /// The log's time passes on the service's clock, too.
    async fn passes_to(&mut self, minute: u64) {
        let before = self.minute.replace(minute).unwrap_or(minute);
        if before != minute {
            self.speak().await;
            let passed = (minute + log::CLOCK - before) % log::CLOCK;
            self.clock.advance(Duration::from_secs(60 * passed));
        }
    }

    async fn joins(&mut self, nick: &str) {
        self.speak().await;
        let added = self.client.join(CHANNEL, &[nick]).await;
        assert_eq!(
            usize::try_from(added),
            Ok(self.model.join(CHANNEL, [nick])),
            "{nick} joins"
        );
    }

    async fn leaves(&mut self, nick: &str) {
        self.speak().await;
        let removed = self.client.leave(CHANNEL, &[nick]).await;
        assert_eq!(
            usize::try_from(removed),
            Ok(self.model.leave(CHANNEL, [nick])),
            "{nick} leaves"
        );
    }

    async fn is_told(&mut self, nick: &str, notice: &str) {
        let told = self.client.send_system(&[nick], notice).await;
        let send_time = told[0].send_time.expect("a message has a time");
        let expected = self.model.send_system(nick, text(notice), send_time);
        assert_eq!(told, [expected]);
    }

    async fn says(&mut self, nick: &str, words: &str) {
        let mut to = vec![group(CHANNEL)];
        let addressee = log::addressee(words).filter(|name| self.people.contains(*name));
        to.extend(addressee.map(c2c));
        self.waiting.extend(to.into_iter().map(|to| Speech {
            from: nick.to_owned(),
            to,
            words: words.to_owned(),
        }));
        if self.waiting.len() >= AT_ONCE {
            self.speak().await;
        }
    }

    /// Sends what waits, all at once. In which order the messages of a conversation were stored, the
    /// sequence numbers say; the model then takes them in that order.
    async fn speak(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let sending = waiting.into_iter().map(|speech| {
            let client = self.client.clone();
            async move {
                let sent = client
                    .send(&speech.from, speech.to.clone(), &speech.words)
                    .await;
                (speech, sent)
            }
        });
        let mut sent: Vec<(Speech, Message)> = concurrently(sending).await;
        sent.sort_by_key(|(_, message)| message.seq);
        for (Speech { from, to, words }, message) in sent {
            let send_time = message.send_time.expect("a message has a time");
            let expected = self.model.send(&from, &to, text(words), send_time);
            assert_eq!(Ok(message), expected, "{from} to {to:?}");
        }
    }

    /// Everybody looks at their list and deletes some of it, in a way that changes with the person
    /// and the round.
    async fn everybody_tidies_up(&mut self) {
        self.speak().await;
        self.rounds += 1;
        let users: Vec<String> = self.model.users().into_iter().collect();
        let looking = users.iter().cloned().map(|user| {
            let client = self.client.clone();
            async move { client.list_all(&user).await }
        });
        let lists = concurrently(looking).await;

        let mut requests = Vec::new();
        for (place, (user, list)) in users.iter().zip(&lists).enumerate() {
            let expected = self.model.list(user);
            compare::same(("list", user), list, &expected)
                .unwrap_or_else(|error| panic!("{error}"));
            let habit = Habit::of(place + self.rounds);
            requests.extend(
                list.chunks(BATCH)
                    .filter_map(|batch| habit.tidy(user, batch)),
            );
        }
        let deleting = requests.iter().map(|request| request.ask(&self.client));
        let responses = concurrently(deleting).await;
        for (request, response) in requests.iter().zip(responses) {
            request.compare(&mut self.model, &response);
        }
    }

    async fn everybody_agrees(self) {
        let model = Arc::new(self.model);
        let comparing = model.users().into_iter().map(|user| {
            let (client, model) = (self.client.clone(), Arc::clone(&model));
            async move { compare::everything(&client, &model, &user, LARGEST_PAGE).await }
        });
        for agrees in concurrently(comparing).await {
            agrees.unwrap_or_else(|difference| panic!("{difference}"));
        }
    }
}

/// How somebody deletes conversations.
#[derive(Clone, Copy)]
enum Habit {
    Nothing,
    Everything { clear: Option<bool> },
    AsSeen { clear: bool },
    EveryOther { clear: bool },
}

/// One deletion.
struct Request {
    user: String,
    conversations: Vec<ConversationId>,
    clear: Option<bool>,
    seen: Vec<(ConversationId, u64)>,
}

impl Habit {
    fn of(number: usize) -> Self {
        match number % 7 {
            0 => Self::Everything { clear: None },
            1 => Self::Everything { clear: Some(false) },
            2 => Self::AsSeen { clear: true },
            3 => Self::AsSeen { clear: false },
            4 => Self::EveryOther { clear: true },
            5 => Self::EveryOther { clear: false },
            _ => Self::Nothing,
        }
    }

    /// The deletion that tidies a part of the user's list, if there is one to make.
    fn tidy(self, user: &str, list: &[Conversation]) -> Option<Request> {
        let id = |entry: &Conversation| entry.conversation_id.clone().expect("an entry has an ID");
        let ids = list.iter().map(id);
        let (conversations, clear): (Vec<_>, _) = match self {
            Self::Nothing => return None,
            Self::Everything { clear } => (ids.collect(), clear),
            Self::AsSeen { clear } => (ids.collect(), Some(clear)),
            Self::EveryOther { clear } => (ids.step_by(2).collect(), Some(clear)),
        };
        // They have seen all of it, or not the last one or two messages.
        let seen = match self {
            Self::AsSeen { .. } => list
                .iter()
                .enumerate()
                .map(|(place, entry)| (id(entry), entry.last_seq.saturating_sub(place as u64 % 3)))
                .collect(),
            _ => Vec::new(),
        };
        Some(Request {
            user: user.to_owned(),
            conversations,
            clear,
            seen,
        })
    }
}

impl Request {
    fn ask(&self, client: &Client) -> impl Future<Output = DeleteConversationsResponse> + use<> {
        let mut deletion = client.delete(&self.user, self.conversations.clone());
        if let Some(clear) = self.clear {
            deletion = deletion.clear(clear);
        }
        for (conversation, seq) in &self.seen {
            deletion = deletion.seen(conversation.clone(), *seq);
        }
        deletion.into_future()
    }

    /// Deletes in the model, too, and compares what came of it. A user's deletions may have been
    /// several at once: then their revisions have an order of their own.
    fn compare(&self, model: &mut Model, response: &DeleteConversationsResponse) {
        let clear = self.clear.unwrap_or(true);
        let expected = model.delete(&self.user, &self.conversations, clear, &self.seen);
        assert_eq!(response.results, expected, "{} deletes", self.user);
    }
}
