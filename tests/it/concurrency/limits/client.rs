//! One of the user's clients: it does at random what a client may do.

use std::sync::Arc;

use conversation_service::proto::{
    AddToFolderRequest, ConversationId, CreateFolderRequest, DeleteConversationsRequest,
    DeleteFolderRequest, MarkConversationsReadRequest, MarkConversationsRequest,
    MuteConversationsRequest, PinConversationsRequest, RemoveFromFolderRequest,
    RenameFolderRequest, RestoreConversationsRequest, SetCustomDataRequest,
};
use tonic::Status;

use super::{CLIENTS, STRANGER, USER, World};
use crate::{
    properties::requests::{Answer, Fields, Request},
    support::{dice::Dice, ids::c2c},
};

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
    pub(super) status: Status,
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
            let Fields {
                user, name, client, ..
            } = request.fields();
            USER.clone_into(user);
            *client = format!("client {}", self.number);
            let is_named = self.dice.once_in(4);
            if is_named {
                let id = uuid::Uuid::from_u128(u128::from(self.number) << 64 | u128::from(number));
                *name = id.to_string();
            }
            self.carry_out(request, is_named, &mut deeds).await;
        }
        deeds
    }

    /// Asks one replica; if the request has a name, both at once, as an impatient client does.
    async fn carry_out(&mut self, request: Request, is_named: bool, deeds: &mut Deeds) {
        let replicas = &self.world.replicas;
        let which = usize::try_from(self.dice.below(2)).expect("a small number");
        let first = self.world.known();
        let mut answers = vec![];
        if is_named {
            let twice = tokio::join!(request.send(&replicas[0]), request.send(&replicas[1]));
            answers.extend([twice.0, twice.1]);
        } else {
            answers.push(request.send(&replicas[which]).await);
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
            self.world.has_made(answer.revision());
            if let Answer::Delete(answer) = answer {
                self.world.remember(answer.deletion_id.clone());
            }
            deeds.made.push((request.clone(), (*answer).clone()));
            // Once a request was carried out, asking again is no reason to refuse it.
            last = last.min(answer.revision() - 1);
        }
        let refusals = answers.into_iter().filter_map(Result::err);
        deeds.refused.extend(refusals.map(|status| Refusal {
            request: request.clone(),
            status,
            first,
            last,
        }));
    }

    /// A request of no user and no client yet.
    fn request(&mut self) -> Request {
        match self.dice.below(100) {
            0..16 => self.pinning(true, 16),
            16..24 => self.pinning(false, 10),
            24..29 => Request::Delete(DeleteConversationsRequest {
                conversation_ids: self.some(6),
                clear_history: Some(self.dice.once_in(2)),
                sync_to_other_clients: Some(!self.dice.once_in(4)),
                ..DeleteConversationsRequest::default()
            }),
            29..44 => match self.world.recent_deletion(&mut self.dice) {
                Some(deletion_id) => Request::Restore(RestoreConversationsRequest {
                    deletion_id,
                    ..RestoreConversationsRequest::default()
                }),
                None => self.pinning(true, 16),
            },
            44..82 => self.filing(),
            82..87 => Request::Read(MarkConversationsReadRequest {
                conversation_ids: self.some(30),
                ..MarkConversationsReadRequest::default()
            }),
            87..89 => Request::Read(MarkConversationsReadRequest {
                all: true,
                ..MarkConversationsReadRequest::default()
            }),
            89..92 => Request::Mute(MuteConversationsRequest {
                conversation_ids: self.some(30),
                muted: self.dice.once_in(2),
                ..MuteConversationsRequest::default()
            }),
            92..96 => {
                let mut marks = [1 << self.dice.below(4), 1 << (32 + self.dice.below(2))];
                if self.dice.once_in(2) {
                    marks.reverse();
                }
                Request::Mark(MarkConversationsRequest {
                    conversation_ids: self.some(30),
                    add_marks: marks[0],
                    remove_marks: marks[1],
                    ..MarkConversationsRequest::default()
                })
            }
            _ => Request::SetCustomData(SetCustomDataRequest {
                conversation_ids: self.some(30),
                custom_data: self.dice.one_of(&[&b""[..], b"x", b"xx"]).to_vec(),
                ..SetCustomDataRequest::default()
            }),
        }
    }

    fn pinning(&mut self, pinned: bool, most: u64) -> Request {
        Request::Pin(PinConversationsRequest {
            conversation_ids: self.some(most),
            pinned,
            ..PinConversationsRequest::default()
        })
    }

    fn filing(&mut self) -> Request {
        let name = self.folder();
        match self.dice.below(38) {
            what @ 0..14 => Request::CreateFolder(CreateFolderRequest {
                name,
                conversation_ids: if what < 6 { vec![] } else { self.some(40) },
                ..CreateFolderRequest::default()
            }),
            14..17 => Request::DeleteFolder(DeleteFolderRequest {
                name,
                ..DeleteFolderRequest::default()
            }),
            17..21 => Request::RenameFolder(RenameFolderRequest {
                name,
                new_name: self.folder(),
                ..RenameFolderRequest::default()
            }),
            21..33 => Request::AddToFolder(AddToFolderRequest {
                name,
                conversation_ids: self.some(100),
                ..AddToFolderRequest::default()
            }),
            _ => Request::RemoveFromFolder(RemoveFromFolderRequest {
                name,
                conversation_ids: self.some(20),
                ..RemoveFromFolderRequest::default()
            }),
        }
    }

    fn folder(&mut self) -> String {
        format!("folder {}", self.dice.below(NAMES))
    }

    /// Up to so many conversations, in any order; now and then one that the user never had.
    fn some(&mut self, most: u64) -> Vec<ConversationId> {
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
