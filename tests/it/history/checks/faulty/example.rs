//! A history that is in order, and what it is made of.

use conversation_service::proto::{
    Change, ChangeOutcome, ChangeResult, ConversationId, ConversationReading, ConversationsMuted,
    ConversationsRead, DeleteConversationsRequest, DeleteConversationsResponse, DeletionOutcome,
    DeletionResult, MarkConversationsReadRequest, MarkConversationsReadResponse, Message,
    MuteConversationsRequest, MuteConversationsResponse, ReadResult, SendMessageRequest,
    WatchConversationsResponse, change::Kind,
};
use prost_types::Timestamp;

use crate::history::checks::{Rule, check, replay};
use crate::{
    history::{
        found::{Found, StoredMessage},
        recording::{Asked, Call, History, Moment, Outcome, Stream, Told, Watched},
    },
    model::shared_name,
    properties::requests::{Answer, Request},
    support::ids::{c2c, text},
};

/// A history and what was found after it.
#[derive(Clone)]
pub(super) struct Example {
    pub(super) history: History,
    pub(super) found: Found,
}

/// The calls of an example, in the order in which they were made.
pub(super) const FIRST_MESSAGE: usize = 0;
pub(super) const SECOND_MESSAGE: usize = 1;
pub(super) const DELETION: usize = 2;
pub(super) const MUTING: usize = 3;
pub(super) const LAST_MESSAGE: usize = 4;

/// Alice writes to Bob twice. He deletes the chat, mutes it and writes back, and she reads that.
pub(super) fn example() -> Example {
    let calls = vec![
        message("alice", "bob", 1),
        message("alice", "bob", 2),
        deletion("bob", "alice", 1, 2),
        muting("bob", "alice", 2),
        message("bob", "alice", 3),
        reading("alice", "bob", 1, 3),
    ];
    let mut history = History::default();
    for (call, began) in calls.into_iter().zip((1..).step_by(10)) {
        history.calls.push(Call {
            began,
            ended: Some(began + 5),
            ..call
        });
    }
    let mut found = Found::default();
    let chat = chat();
    found.heads.insert(chat.clone(), 3);
    for (seq, sender) in (1..).zip(["alice", "alice", "bob"]) {
        let stored = StoredMessage {
            sender: sender.to_owned(),
            client_message_id: format!("{sender} {seq}"),
        };
        found.messages.insert((chat.clone(), seq), stored);
    }
    for (user, revisions) in [("alice", 1), ("bob", 2)] {
        found.revisions.insert(user.to_owned(), revisions);
        for revision in 1..=revisions {
            let id = format!("{user} {revision}");
            found.changes.insert((user.to_owned(), revision), id);
        }
        found.listed.insert(user.to_owned(), [chat.clone()].into());
    }
    let muted = Kind::ConversationsMuted(ConversationsMuted {
        conversation_ids: vec![c2c("alice")],
        muted: true,
    });
    let read = Kind::ConversationsRead(ConversationsRead {
        conversations: vec![ConversationReading {
            conversation_id: Some(c2c("bob")),
            read_through: 3,
        }],
    });
    for (user, told) in [("bob", event(2, muted)), ("alice", event(1, read))] {
        history.watched.push(Watched {
            user: user.to_owned(),
            streams: vec![Stream {
                after: 0,
                events: vec![bookmark(0), told.clone(), bookmark(2)],
            }],
        });
        history.replayed.insert(user.to_owned(), vec![told]);
    }
    Example { history, found }
}

/// The one name of the chat for both users.
pub(super) fn chat() -> String {
    shared_name("alice", &c2c("bob"))
}

fn call(asked: Asked, told: Told) -> Call {
    Call {
        asked,
        began: 0,
        ended: None,
        outcome: Outcome::Done(told),
        tries: 1,
        again: Vec::new(),
    }
}

pub(super) fn message(from: &str, to: &str, seq: u64) -> Call {
    let body = Some(text("hi"));
    let asked = Asked::Message(SendMessageRequest {
        sender_user_id: from.to_owned(),
        conversation_id: Some(c2c(to)),
        body: body.clone(),
        client_message_id: format!("{from} {seq}"),
    });
    let stored = Message {
        conversation_id: Some(c2c(to)),
        seq,
        sender_user_id: from.to_owned(),
        send_time: Some(Timestamp::default()),
        body,
    };
    call(asked, Told::Stored(vec![stored]))
}

pub(super) fn deletion(user: &str, of: &str, revision: u64, through: u64) -> Call {
    let request = DeleteConversationsRequest {
        user_id: user.to_owned(),
        conversation_ids: vec![c2c(of)],
        request_id: format!("{user} {revision}"),
        ..DeleteConversationsRequest::default()
    };
    let answer = DeleteConversationsResponse {
        results: vec![DeletionResult {
            conversation_id: Some(c2c(of)),
            outcome: DeletionOutcome::Deleted.into(),
            hidden_through: through,
            cleared_through: through,
        }],
        deletion_id: revision.to_string(),
        restorable_until: None,
        revision,
    };
    call(
        Asked::Change(Request::Delete(request)),
        Told::Changed(Answer::Delete(answer)),
    )
}

pub(super) fn muting(user: &str, of: &str, revision: u64) -> Call {
    let request = MuteConversationsRequest {
        user_id: user.to_owned(),
        conversation_ids: vec![c2c(of)],
        muted: true,
        request_id: format!("{user} {revision}"),
        client_id: String::new(),
    };
    let answer = MuteConversationsResponse {
        results: vec![ChangeResult {
            conversation_id: Some(c2c(of)),
            outcome: ChangeOutcome::Changed.into(),
        }],
        revision,
    };
    call(
        Asked::Change(Request::Mute(request)),
        Told::Changed(Answer::Mute(answer)),
    )
}

fn reading(user: &str, of: &str, revision: u64, through: u64) -> Call {
    let request = MarkConversationsReadRequest {
        user_id: user.to_owned(),
        conversation_ids: vec![c2c(of)],
        request_id: format!("{user} {revision}"),
        ..MarkConversationsReadRequest::default()
    };
    let answer = MarkConversationsReadResponse {
        results: vec![ReadResult {
            conversation_id: Some(c2c(of)),
            outcome: ChangeOutcome::Changed.into(),
            read_through: through,
        }],
        revision,
        more: false,
    };
    call(
        Asked::Change(Request::Read(request)),
        Told::Changed(Answer::Read(answer)),
    )
}

pub(super) fn event(revision: u64, kind: Kind) -> WatchConversationsResponse {
    WatchConversationsResponse {
        revision,
        change: Some(Change { kind: Some(kind) }),
        ..WatchConversationsResponse::default()
    }
}

pub(super) fn bookmark(revision: u64) -> WatchConversationsResponse {
    WatchConversationsResponse {
        revision,
        ..WatchConversationsResponse::default()
    }
}

impl Example {
    pub(super) fn call(&mut self, number: usize) -> &mut Call {
        &mut self.history.calls[number]
    }

    pub(super) fn times(&mut self, number: usize, began: Moment, ended: Moment) {
        let call = self.call(number);
        (call.began, call.ended) = (began, Some(ended));
    }

    pub(super) fn events(&mut self, user: usize) -> &mut Vec<WatchConversationsResponse> {
        &mut self.history.watched[user].streams[0].events
    }

    /// The answer to the deletion.
    pub(super) fn deleted(&mut self) -> &mut DeletionResult {
        match &mut self.call(DELETION).outcome {
            Outcome::Done(Told::Changed(Answer::Delete(answer))) => &mut answer.results[0],
            other => panic!("it is a deletion: {other:?}"),
        }
    }

    pub(super) fn rules(&self) -> Vec<Rule> {
        let mut violations = check(&self.history, &self.found);
        replay::check(&self.history, &mut violations);
        violations.rules()
    }
}

/// That a user has read a chat so far.
pub(super) fn reading_event(id: &ConversationId, read_through: u64) -> WatchConversationsResponse {
    let conversations = vec![ConversationReading {
        conversation_id: Some(id.clone()),
        read_through,
    }];
    event(
        1,
        Kind::ConversationsRead(ConversationsRead { conversations }),
    )
}
