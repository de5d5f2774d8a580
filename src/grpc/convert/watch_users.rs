//! `WatchUsers`.

use tonic_types::pb;

use super::watch_conversations;
use crate::{
    app::WatchEvent,
    domain::{ClientId, Revision, UserId},
    grpc::violations::{Found, InvalidRequest, Violations},
    proto::{
        AddWatchedUser, RemoveWatchedUser, ViolationReason, WatchConversationsResponse,
        WatchUsersRequest, WatchUsersResponse, WatchedUserEnded, WatchedUserEvent,
        watch_users_request::Step as ProtoStep, watch_users_response::Entry,
    },
};

/// A message of the caller.
pub(crate) struct Message {
    /// The watching client, if the message names it.
    pub(crate) client: Option<ClientId>,
    /// The step; `None` if the message only names the client.
    pub(crate) step: Option<Step>,
}

/// A step of the caller.
pub(crate) enum Step {
    /// Follows a user from a revision that the client knows, or from now on.
    Add(UserId, Option<Revision>),
    /// Follows a user no longer.
    Remove(UserId),
    /// Something that is no user's ID. It ends nothing but itself.
    Invalid(String, InvalidRequest),
}

pub(crate) fn parse(request: WatchUsersRequest) -> Result<Message, InvalidRequest> {
    let WatchUsersRequest { client_id, step } = request;
    let mut violations = Violations::default();
    let client = violations.optional("client_id", &client_id, ClientId::new);
    if step.is_none() && client_id.is_empty() {
        let nothing = "is required, unless the message removes a user or names the client";
        violations.add("add", &Found(ViolationReason::Required, nothing));
    }
    let step = step.map(|step| match step {
        ProtoStep::Add(AddWatchedUser {
            user_id,
            after_revision,
        }) => of_user("add.user_id", user_id, |user| {
            Step::Add(user, after_revision.map(Revision::saturating))
        }),
        ProtoStep::Remove(RemoveWatchedUser { user_id }) => {
            of_user("remove.user_id", user_id, Step::Remove)
        }
    });
    violations.finish(Some(Message { client, step }))
}

/// The step that `step` makes of a user.
fn of_user(path: &str, user_id: String, step: impl FnOnce(UserId) -> Step) -> Step {
    match UserId::new(&user_id) {
        Ok(user) => step(user),
        Err(error) => Step::Invalid(user_id, InvalidRequest::one(path, &error)),
    }
}

/// The violation of a message that names another client than the first one has.
pub(crate) fn another_client() -> InvalidRequest {
    let fault = Found(
        ViolationReason::Conflict,
        "must be that of the first message, or empty",
    );
    InvalidRequest::one("client_id", &fault)
}

pub(crate) fn render_event(user: &UserId, event: WatchEvent) -> WatchUsersResponse {
    let WatchConversationsResponse {
        revision,
        time,
        client_id,
        change,
    } = watch_conversations::render(event);
    let event = WatchedUserEvent {
        user_id: user.to_string(),
        revision,
        time,
        client_id,
        change,
    };
    WatchUsersResponse {
        entry: Some(Entry::Event(event)),
    }
}

pub(crate) fn render_ended(user_id: String, status: pb::Status) -> WatchUsersResponse {
    let ended = WatchedUserEnded {
        user_id,
        status: Some(status),
    };
    WatchUsersResponse {
        entry: Some(Entry::Ended(ended)),
    }
}
