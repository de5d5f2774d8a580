//! One of the user's clients: it does at random what a client may do.

use std::sync::Arc;

use conversation_service::proto::ConversationId;
use tonic::Status;

use super::{
    CLIENTS, STRANGER, World,
    request::{Answer, Deletion, Request, Wish},
};
use crate::support::{dice::Dice, errors::reason, ids::c2c};

/// How many requests each client makes.
const REQUESTS: u64 = 50;
/// Some more names than a user may have folders.
const NAMES: u64 = 32;

/// Some client of the user.
pub(super) struct OneOfMany {
    pub(super) world: Arc<World>,
    pub(super) number: u64,
    pub(super) dice: Dice,
}

/// The requests of a client, with their answers or refusals.
#[derive(Default)]
pub(super) struct Deeds {
    pub(super) made: Vec<(Request, Answer)>,
    pub(super) refused: Vec<Refusal>,
}

/// A request that was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) request: Request,
    pub(super) reason: String,
    /// It was decided at one of these revisions: not before what was known when it was asked, and not
    /// after what can have been made when it was answered.
    pub(super) first: u64,
    pub(super) last: u64,
}

impl OneOfMany {
    pub(super) async fn work(mut self) -> Deeds {
        let mut deeds = Deeds::default();
        for number in 0..REQUESTS {
            let mut request = self.request();
            if self.dice.once_in(4) {
                let id = uuid::Uuid::from_u128(u128::from(self.number) << 64 | u128::from(number));
                request.name = id.to_string();
            }
            self.carry_out(request, &mut deeds).await;
        }
        deeds
    }

    /// Asks one replica; if the request has a name, both at once, as an impatient client does.
    async fn carry_out(&mut self, request: Request, deeds: &mut Deeds) {
        let replicas = &self.world.replicas;
        let which = usize::try_from(self.dice.below(2)).expect("a small number");
        let first = self.world.known();
        let mut answers = vec![];
        if request.name.is_empty() {
            answers.push(request.send_to(&replicas[which]).await);
        } else {
            let twice = tokio::join!(request.send_to(&replicas[0]), request.send_to(&replicas[1]));
            answers.extend([twice.0, twice.1]);
        }
        let made: Vec<_> = answers
            .iter()
            .filter_map(|answer| answer.as_ref().ok())
            .collect();
        if let [one, other] = made[..] {
            assert_eq!(one, other, "one request is answered once: {request:?}");
        }
        // Every other client is at one request at most.
        let mut last = self.world.known() + CLIENTS;
        if let Some(answer) = made.first() {
            self.world.has_made(answer.revision);
            if let Wish::Delete { .. } = request.wish {
                self.world.remember(Deletion {
                    revision: answer.revision,
                    id: answer.deletion_id.clone(),
                });
            }
            deeds.made.push((request.clone(), (*answer).clone()));
            // Once a request was carried out, asking again is no reason to refuse it.
            last = last.min(answer.revision - 1);
        }
        let refusals = answers.into_iter().filter_map(Result::err);
        deeds.refused.extend(refusals.map(|status: Status| Refusal {
            request: request.clone(),
            reason: reason(&status),
            first,
            last,
        }));
    }

    fn request(&mut self) -> Request {
        let (wish, most) = match self.dice.below(100) {
            0..16 => (Wish::Pin(true), 16),
            16..24 => (Wish::Pin(false), 10),
            24..29 => {
                let (clear, sync) = (self.dice.once_in(2), !self.dice.once_in(4));
                (Wish::Delete { clear, sync }, 6)
            }
            29..44 => match self.world.recent_deletion(&mut self.dice) {
                Some(deletion) => (Wish::Restore(deletion), 0),
                None => (Wish::Pin(true), 16),
            },
            44..50 => (Wish::CreateFolder, 0),
            50..58 => (Wish::CreateFolder, 40),
            58..61 => (Wish::DeleteFolder, 0),
            61..65 => (Wish::RenameFolder(self.folder()), 0),
            65..77 => (Wish::AddToFolder, 100),
            77..82 => (Wish::RemoveFromFolder, 20),
            82..87 => (Wish::Read, 30),
            87..89 => (Wish::ReadAll, 0),
            89..92 => (Wish::Mute(self.dice.once_in(2)), 30),
            92..96 => {
                let (one, other) = (1 << self.dice.below(4), 1 << (32 + self.dice.below(2)));
                let (add, remove) = if self.dice.once_in(2) {
                    (one, other)
                } else {
                    (other, one)
                };
                (Wish::Mark { add, remove }, 30)
            }
            _ => {
                let data = vec![b'x'; usize::try_from(self.dice.below(3)).expect("a small number")];
                (Wish::SetData(data), 30)
            }
        };
        Request {
            wish,
            ids: self.some(most),
            folder: self.folder(),
            name: String::new(),
            by: format!("client {}", self.number),
        }
    }

    fn folder(&mut self) -> String {
        format!("folder {}", self.dice.below(NAMES))
    }

    /// Up to so many conversations, in any order; now and then one that the user never had.
    fn some(&mut self, most: u64) -> Vec<ConversationId> {
        if most == 0 {
            return Vec::new();
        }
        let mut left = self.world.everything.clone();
        let mut some = Vec::new();
        for _ in 0..=self.dice.below(most) {
            let which = usize::try_from(self.dice.below(left.len() as u64));
            some.push(left.swap_remove(which.expect("a small number")));
        }
        if self.dice.once_in(8) {
            some[0] = c2c(STRANGER);
        }
        some
    }
}
