//! The requests of callers, drawn at random: by few users, so that they meet.

use conversation_service::proto::{
    AddToFolderRequest, ClearHistoryRequest, ConversationId, CreateFolderRequest,
    DeleteConversationsRequest, DeleteFolderRequest, MarkConversationsReadRequest,
    MarkConversationsRequest, MuteConversationsRequest, PinConversationsRequest, Reappearance,
    RemoveFromFolderRequest, RenameFolderRequest, RestoreConversationsRequest, SeenThrough,
    SendMessageRequest, SendSystemMessageRequest, SetCustomDataRequest,
};
use rand::{RngExt as _, rngs::StdRng};

use super::recording::{Asked, Membership, Recorder};
use crate::{
    properties::requests::{Answer, Request},
    support::ids::{c2c, group, system, text},
};

/// Those who write and change something.
pub(super) const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// Members of the large group who only read.
pub(super) const CROWD: [&str; 8] = ["1", "2", "3", "4", "5", "6", "7", "8"];

/// A group whose members' rows have copies of its head, and one that has too many members for that.
pub(super) const SMALL_GROUP: &str = "team";
pub(super) const LARGE_GROUP: &str = "hall";

/// So few pins that there is often no room for another.
pub(super) const PIN_LIMIT: usize = 2;

const FOLDERS: [&str; 4] = ["work", "family", "sport", "misc"];
const MARKS: [u64; 5] = [1, 2, 8, 1 << 32, 1 << 63];
const CLIENTS: [&str; 3] = ["", "phone", "web"];

/// Everything that a user may have in the list.
pub(super) fn conversations() -> Vec<ConversationId> {
    let chats = USERS.into_iter().map(c2c);
    chats
        .chain([group(SMALL_GROUP), group(LARGE_GROUP), system()])
        .collect()
}

/// Whether a user only reads a conversation: the system's, the chat with the next user, and for one of them the
/// groups. Only such a conversation is told to stay away: the user's own message would list it again, and nobody
/// could say afterwards whether it came before the deletion or after it.
fn only_reads(user: &str, id: &ConversationId) -> bool {
    let next = USERS.iter().cycle().skip_while(|one| **one != user).nth(1);
    let is_in_groups = user != USERS[3];
    [SMALL_GROUP, LARGE_GROUP].map(group).contains(id) && !is_in_groups
        || *id == system()
        || next.is_some_and(|next| *id == c2c(*next))
}

/// Draws for one caller.
pub(super) struct Drawing {
    caller: u64,
    names: u64,
    dice: StdRng,
}

impl Drawing {
    pub(super) fn new(caller: u64, dice: StdRng) -> Self {
        Self {
            caller,
            names: 0,
            dice,
        }
    }

    /// Something to ask for. It gets a name that nothing else has.
    pub(super) fn draw(&mut self, recorder: &Recorder) -> Asked {
        let user = self.one_of(&USERS);
        match self.dice.random_range(0..42) {
            0..13 => self.message(user),
            13 => self.announcement(),
            14..19 => self.deletion(recorder, user),
            19..21 => self.clearing(recorder, user),
            21..26 => self.restoration(recorder, user),
            26..33 => Asked::Change(self.setting(recorder, user)),
            33..35 => self.membership(),
            _ => Asked::Change(self.filing(user)),
        }
    }

    fn message(&mut self, user: &str) -> Asked {
        let mut to = conversations();
        to.retain(|id| !only_reads(user, id));
        let name = self.name();
        Asked::Message(SendMessageRequest {
            sender_user_id: user.to_owned(),
            conversation_id: Some(self.one_of(&to)),
            body: Some(text(format!("the message {name}"))),
            client_message_id: name,
        })
    }

    fn announcement(&mut self) -> Asked {
        let users = self.some(&USERS);
        let name = self.name();
        Asked::Announcement(SendSystemMessageRequest {
            user_ids: users.into_iter().map(ToOwned::to_owned).collect(),
            body: Some(text(format!("the announcement {name}"))),
            client_message_id: name,
        })
    }

    /// Most join, so that most are in the groups.
    fn membership(&mut self) -> Asked {
        let joins = self.dice.random_ratio(3, 5);
        let mut users = self.some(&USERS);
        users.truncate(if joins { 4 } else { 1 });
        Asked::Membership(Membership {
            group: self.one_of(&[SMALL_GROUP, LARGE_GROUP]),
            users,
            joins,
            request_id: self.name(),
        })
    }

    fn deletion(&mut self, recorder: &Recorder, user: &str) -> Asked {
        let mut conversation_ids = self.victims();
        let reappearance = if self.dice.random_ratio(1, 3) {
            conversation_ids.retain(|id| only_reads(user, id));
            Reappearance::Never
        } else {
            Reappearance::Unspecified
        };
        if conversation_ids.is_empty() {
            conversation_ids.push(system());
        }
        Asked::Change(Request::Delete(DeleteConversationsRequest {
            user_id: user.to_owned(),
            seen_through: self.seen(recorder, user, &conversation_ids),
            conversation_ids,
            clear_history: self.one_of(&[None, Some(true), Some(false)]),
            request_id: self.name(),
            client_id: self.one_of(&CLIENTS).to_owned(),
            sync_to_other_clients: self.one_of(&[None, Some(true), Some(true), Some(false)]),
            reappearance: reappearance.into(),
            forget_settings: self.dice.random_ratio(1, 4),
        }))
    }

    fn clearing(&mut self, recorder: &Recorder, user: &str) -> Asked {
        let conversation_ids = self.victims();
        Asked::Change(Request::Clear(ClearHistoryRequest {
            user_id: user.to_owned(),
            seen_through: self.seen(recorder, user, &conversation_ids),
            conversation_ids,
            request_id: self.name(),
            client_id: self.one_of(&CLIENTS).to_owned(),
            sync_to_other_clients: self.one_of(&[None, Some(true), Some(true), Some(false)]),
        }))
    }

    /// One of the user's deletions, rather a recent one; the deletion of something if there is none.
    fn restoration(&mut self, recorder: &Recorder, user: &str) -> Asked {
        let deletions = recorder.history_of_changes(|request, answer| {
            let (deleter, deletion) = match (request, answer) {
                (Request::Delete(request), Answer::Delete(answer)) => {
                    (&request.user_id, &answer.deletion_id)
                }
                (Request::Clear(request), Answer::Clear(answer)) => {
                    (&request.user_id, &answer.deletion_id)
                }
                _ => return None,
            };
            (deleter == user).then(|| deletion.clone())
        });
        let recent = &deletions[deletions.len().saturating_sub(6)..];
        if recent.is_empty() {
            return self.deletion(recorder, user);
        }
        let which = self.dice.random_range(0..recent.len());
        Asked::Change(Request::Restore(RestoreConversationsRequest {
            user_id: user.to_owned(),
            deletion_id: recent[which].clone(),
            request_id: self.name(),
            client_id: self.one_of(&CLIENTS).to_owned(),
            conversation_ids: Vec::new(),
        }))
    }

    fn setting(&mut self, recorder: &Recorder, user: &str) -> Request {
        let (user_id, request_id) = (user.to_owned(), self.name());
        let client_id = self.one_of(&CLIENTS).to_owned();
        let conversation_ids = self.victims();
        match self.dice.random_range(0..10) {
            0..2 => Request::Read(MarkConversationsReadRequest {
                user_id,
                seen_through: self.seen(recorder, user, &conversation_ids),
                conversation_ids,
                all: false,
                request_id,
                client_id,
                filter: None,
            }),
            2 => Request::Read(MarkConversationsReadRequest {
                user_id,
                conversation_ids: Vec::new(),
                all: true,
                seen_through: Vec::new(),
                request_id,
                client_id,
                filter: None,
            }),
            3..7 => Request::Pin(PinConversationsRequest {
                user_id,
                // Few, so that there is sometimes room.
                conversation_ids: conversation_ids.into_iter().take(2).collect(),
                pinned: self.dice.random_ratio(2, 3),
                request_id,
                client_id,
            }),
            7 => Request::Mute(MuteConversationsRequest {
                user_id,
                conversation_ids,
                muted: self.dice.random_ratio(1, 2),
                request_id,
                client_id,
            }),
            8 => {
                let add_marks = self.one_of(&MARKS);
                let remove_marks = self.one_of(&MARKS) & !add_marks;
                Request::Mark(MarkConversationsRequest {
                    user_id,
                    conversation_ids,
                    add_marks,
                    remove_marks,
                    request_id,
                    client_id,
                })
            }
            _ => Request::SetCustomData(SetCustomDataRequest {
                user_id,
                conversation_ids,
                custom_data: self.one_of(&[&b""[..], b"draft", &[0, 255]]).to_vec(),
                request_id,
                client_id,
            }),
        }
    }

    fn filing(&mut self, user: &str) -> Request {
        let (user_id, request_id) = (user.to_owned(), self.name());
        let client_id = self.one_of(&CLIENTS).to_owned();
        let name = self.one_of(&FOLDERS).to_owned();
        let conversation_ids = self.victims();
        match self.dice.random_range(0..7) {
            0..2 => Request::CreateFolder(CreateFolderRequest {
                user_id,
                name,
                conversation_ids,
                request_id,
                client_id,
            }),
            2 => Request::DeleteFolder(DeleteFolderRequest {
                user_id,
                name,
                request_id,
                client_id,
            }),
            3 => Request::RenameFolder(RenameFolderRequest {
                user_id,
                name,
                new_name: self.one_of(&FOLDERS).to_owned(),
                request_id,
                client_id,
            }),
            4..6 => Request::AddToFolder(AddToFolderRequest {
                user_id,
                name,
                conversation_ids,
                request_id,
                client_id,
            }),
            _ => Request::RemoveFromFolder(RemoveFromFolderRequest {
                user_id,
                name,
                conversation_ids,
                request_id,
                client_id,
            }),
        }
    }

    /// Some of the conversations that a user may have, and now and then one that nobody has.
    fn victims(&mut self) -> Vec<ConversationId> {
        let mut all = conversations();
        if self.dice.random_ratio(1, 10) {
            all.push(c2c("nobody"));
        }
        self.some(&all)
    }

    /// How far the user has seen one of these, sometimes.
    fn seen(
        &mut self,
        recorder: &Recorder,
        user: &str,
        ids: &[ConversationId],
    ) -> Vec<SeenThrough> {
        if self.dice.random_ratio(2, 3) {
            return Vec::new();
        }
        let id = self.one_of(ids);
        let seq = recorder.head(user, &id);
        vec![SeenThrough {
            conversation_id: Some(id),
            seq: seq.saturating_sub(self.dice.random_range(0..4)),
        }]
    }

    /// At least one of these, each at most once, in any order.
    fn some<T: Clone>(&mut self, all: &[T]) -> Vec<T> {
        let mut left = all.to_vec();
        let count = self.dice.random_range(1..=left.len().min(4));
        let taken = (0..count).map(|_| left.swap_remove(self.dice.random_range(0..left.len())));
        taken.collect()
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.dice.random_range(0..all.len())].clone()
    }

    /// A UUID that nothing else has.
    fn name(&mut self) -> String {
        self.names += 1;
        format!("{:08x}-0000-4000-8000-{:012x}", self.caller, self.names)
    }
}
