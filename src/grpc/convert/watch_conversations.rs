//! `WatchConversations`.

use super::{change, time};
use crate::{
    app::{WatchConversations, WatchEvent},
    domain::{ClientId, RecordedChange, Revision, UserId},
    grpc::violations::{InvalidRequest, Violations},
    proto::{WatchConversationsRequest, WatchConversationsResponse},
};

pub(crate) fn parse(
    request: WatchConversationsRequest,
) -> Result<WatchConversations, InvalidRequest> {
    let WatchConversationsRequest {
        user_id,
        client_id,
        after_revision,
    } = request;
    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(&user_id));
    let client = violations.optional("client_id", &client_id, ClientId::new);
    violations.finish(user.map(|user| WatchConversations {
        user,
        client,
        after: after_revision.map(Revision::saturating),
    }))
}

pub(crate) fn render(event: WatchEvent) -> WatchConversationsResponse {
    match event {
        WatchEvent::Bookmark(revision, at) => WatchConversationsResponse {
            revision: revision.get(),
            time: Some(time::render(at)),
            client_id: String::new(),
            change: None,
        },
        WatchEvent::Change(RecordedChange {
            revision,
            time: at,
            client,
            change,
        }) => WatchConversationsResponse {
            revision: revision.get(),
            time: Some(time::render(at)),
            client_id: client.map(|client| client.to_string()).unwrap_or_default(),
            change: Some(change::render(revision, change)),
        },
    }
}
