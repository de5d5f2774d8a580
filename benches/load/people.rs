//! The data set: which users talk with each other, and in which order their conversations are deleted.

use conversation_service::{
    domain::{ConversationId as Id, UserId},
    proto::{ConversationId, DeleteConversationsRequest, SendMessageRequest, conversation_id},
};
use prost::{Message as _, bytes::Bytes};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::{
    direct_messages::Stored,
    support::{Outcome, c2c, message},
};

/// The most conversations of one request.
pub const MOST: usize = 100;
pub const SEND: &str = "/conversation.v1.MessageService/SendMessage";
pub const DELETE: &str = "/conversation.v1.ConversationService/DeleteConversations";

/// The users.
#[derive(Debug, Clone)]
pub struct People {
    /// How the users' names begin.
    pub name: String,
    pub users: usize,
    /// Of each user, or of the median one.
    pub conversations: usize,
    /// In each conversation.
    pub messages: usize,
    pub likeness: Likeness,
}

/// How much the users are like each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// A circle, in which each talks with the nearest on both sides. Calls are of each as often.
    Alike,
    /// The lengths of lists are even on a logarithmic scale around the median, and the longest is [`SPREAD`] times the
    /// shortest. Everybody talks with friends of their own. Calls are of few users: the second one makes half as many
    /// as the first, the third one a third (Zipf).
    Spread,
}

/// The longest list by the shortest, where lists differ.
const SPREAD: f64 = 1_000.0;

impl People {
    pub fn user(&self, number: usize) -> String {
        format!("{}-{:06}", self.name, number % self.users)
    }

    /// How many conversations a user has.
    pub fn conversations_of(&self, user: usize) -> usize {
        match self.likeness {
            Likeness::Alike => self.conversations,
            Likeness::Spread => {
                // The fractions of multiples of the golden ratio lie evenly, in no order.
                let even = (user as f64 * 0.618_033_988_749_895).fract();
                let length = self.conversations as f64 * SPREAD.powf(even - 0.5);
                (length as usize).max(1)
            }
        }
    }

    /// The user of the next call.
    pub fn draw(&self, random: &mut StdRng) -> usize {
        match self.likeness {
            Likeness::Alike => random.random_range(0..self.users),
            Likeness::Spread => {
                let rank = (self.users as f64).powf(random.random::<f64>());
                (rank as usize - 1).min(self.users - 1)
            }
        }
    }

    /// The other side of a user's conversation.
    pub fn friend(&self, user: usize, conversation: usize) -> String {
        if self.likeness == Likeness::Spread {
            return format!("{}~{conversation:05}", self.user(user));
        }
        let distance = conversation / 2 + 1;
        self.user(if conversation.is_multiple_of(2) {
            user + distance
        } else {
            user + self.users - distance
        })
    }

    /// Everyone's first conversations, then everyone's second ones, and so on.
    pub fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        // In a circle, every other one is a pair already.
        let step = match self.likeness {
            Likeness::Alike => 2,
            Likeness::Spread => 1,
        };
        let most = (0..self.users).map(|user| self.conversations_of(user));
        let conversations = (0..most.max().unwrap_or(0)).step_by(step);
        conversations.flat_map(move |conversation| {
            let users = 0..self.users;
            let users = users.filter(move |user| conversation < self.conversations_of(*user));
            users.map(move |user| (self.user(user), self.friend(user, conversation)))
        })
    }
}

/// The name and the key of a conversation of these two, as the service stores them.
pub fn stored(user: &UserId, other: &UserId) -> Outcome<(String, Uuid)> {
    let canonical = Id::C2c(other.clone()).canonical(user).into_text();
    let key = Uuid::from_slice(&digest(&SHA256, canonical.as_bytes()).as_ref()[..16])?;
    Ok((canonical, key))
}

pub fn user_id(user: &str) -> Outcome<UserId> {
    Ok(UserId::new(user)?)
}

/// One call, in the forms in which those that are compared want it.
#[derive(Debug, Clone)]
pub struct Call {
    pub path: &'static str,
    /// The request as it goes over the wire.
    pub request: Bytes,
    pub user: String,
    pub request_id: Vec<u8>,
    pub request_digest: Vec<u8>,
    /// The conversations, as all their members share them, and their keys.
    pub canonical_ids: Vec<String>,
    pub keys: Vec<Uuid>,
    /// Their text forms, as the log of changes keeps them.
    pub texts: String,
}

impl Call {
    /// A deletion as the contract has it by default: the history goes too. It can be retried.
    pub fn deletion(user: String, others: &[String]) -> Outcome<Self> {
        let request = DeleteConversationsRequest {
            user_id: user,
            conversation_ids: others.iter().map(|other| c2c(other)).collect(),
            request_id: Uuid::from_u128(rand::random()).to_string(),
            ..DeleteConversationsRequest::default()
        };
        Self::of_deletion(&request)
    }

    /// A deletion of one-to-one conversations.
    pub fn of_deletion(request: &DeleteConversationsRequest) -> Outcome<Self> {
        let user = user_id(&request.user_id)?;
        let others = request.conversation_ids.iter().map(|id| match &id.id {
            Some(conversation_id::Id::C2cUserId(other)) => user_id(other),
            _ => Err("not a one-to-one conversation".into()),
        });
        let others = others.collect::<Outcome<Vec<_>>>()?;
        let stored = others.iter().map(|other| stored(&user, other));
        let (canonical_ids, keys) = stored.collect::<Outcome<Vec<_>>>()?.into_iter().unzip();
        let texts: Vec<_> = others.iter().map(|other| format!("C2C{other}")).collect();
        let request_id: Uuid = request.request_id.parse()?;
        let encoded = Bytes::from(request.encode_to_vec());
        Ok(Self {
            path: DELETE,
            request_id: request_id.as_bytes().to_vec(),
            request_digest: digest(&SHA256, &encoded).as_ref()[..16].to_vec(),
            request: encoded,
            canonical_ids,
            keys,
            texts: serde_json::to_string(&texts)?,
            user: request.user_id.clone(),
        })
    }

    /// Any other call.
    pub fn of(path: &'static str, request: &impl prost::Message) -> Self {
        Self {
            path,
            request: Bytes::from(request.encode_to_vec()),
            user: String::new(),
            request_id: Vec::new(),
            request_digest: Vec::new(),
            canonical_ids: Vec::new(),
            keys: Vec::new(),
            texts: String::new(),
        }
    }
}

/// Hands out deletions so that each conversation is deleted once between two resets, users in random
/// order. One user in five has single conversations deleted, the others as many as a request may have.
pub struct Supply {
    pub people: People,
    singles: Part,
    batches: Part,
}

/// Some of the people, and requests of one size.
struct Part {
    users: Vec<usize>,
    size: usize,
    next: usize,
}

impl Supply {
    pub fn new(people: People) -> Self {
        let mut users: Vec<_> = (0..people.users).collect();
        users.shuffle(&mut StdRng::seed_from_u64(1));
        let part = |users: &[usize], size| Part {
            users: users.to_vec(),
            size,
            next: 0,
        };
        let (few, many) = users.split_at(people.users / 5);
        Self {
            singles: part(few, 1),
            batches: part(many, MOST),
            people,
        }
    }

    fn part(&self, size: usize) -> &Part {
        if size == 1 {
            &self.singles
        } else {
            &self.batches
        }
    }

    /// How many requests of this size, which is 1 or [`MOST`], there are between two resets.
    pub fn capacity(&self, size: usize) -> usize {
        self.part(size).users.len() * (self.people.conversations / size)
    }

    /// Whether so many requests of this size are left.
    pub fn has(&self, size: usize, count: usize) -> bool {
        self.part(size).next + count <= self.capacity(size)
    }

    /// Begins again: all conversations are listed again.
    pub fn reset(&mut self) {
        (self.singles.next, self.batches.next) = (0, 0);
    }

    /// How many conversations were handed out since.
    pub fn handed_out(&self) -> usize {
        self.singles.next + self.batches.next * MOST
    }

    /// The next requests.
    pub fn take(&mut self, size: usize, count: usize) -> Outcome<Vec<Call>> {
        let part = self.part(size);
        let calls = (part.next..part.next + count).map(|number| {
            let user = part.users[number % part.users.len()];
            let first = number / part.users.len() * part.size;
            let friends: Vec<_> = (first..first + part.size)
                .map(|conversation| self.people.friend(user, conversation))
                .collect();
            Call::deletion(self.people.user(user), &friends)
        });
        let calls = calls.collect::<Outcome<_>>()?;
        if size == 1 {
            self.singles.next += count;
        } else {
            self.batches.next += count;
        }
        Ok(calls)
    }
}

/// A conversation with a group.
pub fn group(id: &str) -> ConversationId {
    ConversationId {
        id: Some(conversation_service::proto::conversation_id::Id::GroupId(
            id.to_owned(),
        )),
    }
}

/// The call that sends a message of this name, which can be retried.
pub fn sending(sender: &str, to: ConversationId, name: &str) -> Call {
    let request = SendMessageRequest {
        conversation_id: Some(to),
        client_message_id: name.to_owned(),
        ..message(sender, "")
    };
    Call::of(SEND, &request)
}

/// The message of a request from one user to another, as it is stored.
pub fn stored_by(request: &SendMessageRequest) -> Outcome<Stored> {
    let to = request
        .conversation_id
        .as_ref()
        .and_then(|id| id.id.as_ref());
    let Some(conversation_id::Id::C2cUserId(recipient)) = to else {
        return Err("no message to a user".into());
    };
    stored_between(
        &request.sender_user_id,
        recipient,
        &request.client_message_id,
    )
}

/// A message from one user to another, as it is stored.
pub fn stored_between(sender: &str, recipient: &str, name: &str) -> Outcome<Stored> {
    let (canonical_id, key) = stored(&user_id(sender)?, &user_id(recipient)?)?;
    Ok(Stored {
        sender: sender.to_owned(),
        recipient: recipient.to_owned(),
        canonical_id,
        key: key.as_bytes().to_vec(),
        client_message_id: name.to_owned(),
    })
}
