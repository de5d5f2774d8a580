//! `WatchConversations`.

use super::{conversation_id, time};
use crate::{
    app::{WatchConversations, WatchEvent},
    domain::{ChangeKind, ClientId, RecordedChange, Revision, Taking, UserId, Watermarks},
    grpc::violations::{InvalidRequest, Violations},
    proto::{
        self, ConversationWatermarks, ConversationsDeleted, ConversationsRestored, HistoryCleared,
        WatchConversationsRequest, WatchConversationsResponse, change::Kind,
    },
};

pub(crate) fn parse(
    request: &WatchConversationsRequest,
) -> Result<WatchConversations, InvalidRequest> {
    let WatchConversationsRequest {
        user_id,
        client_id,
        after_revision,
    } = request;
    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(user_id));
    let client = violations.optional("client_id", client_id, ClientId::new);
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
        WatchEvent::Change(change) => render_change(change),
    }
}

fn render_change(change: RecordedChange) -> WatchConversationsResponse {
    let RecordedChange {
        revision,
        time: at,
        client,
        kind,
        conversations,
    } = change;
    let conversations = conversations.into_iter().map(render_watermarks).collect();
    let deletion_id = revision.to_string();
    let kind = match kind {
        ChangeKind::Taken(Taking::History, _) => Kind::HistoryCleared(HistoryCleared {
            conversations,
            deletion_id,
        }),
        ChangeKind::Taken(taking @ (Taking::Entry | Taking::EntryAndHistory), _) => {
            Kind::ConversationsDeleted(ConversationsDeleted {
                conversations,
                clear_history: taking == Taking::EntryAndHistory,
                deletion_id,
            })
        }
        ChangeKind::Restored(deletion) => Kind::ConversationsRestored(ConversationsRestored {
            conversations,
            deletion_id: deletion.to_string(),
        }),
    };
    WatchConversationsResponse {
        revision: revision.get(),
        time: Some(time::render(at)),
        client_id: client.map(|client| client.to_string()).unwrap_or_default(),
        change: Some(proto::Change { kind: Some(kind) }),
    }
}

fn render_watermarks(watermarks: Watermarks) -> ConversationWatermarks {
    let Watermarks {
        conversation_id,
        hidden_through,
        cleared_through,
    } = watermarks;
    ConversationWatermarks {
        conversation_id: Some(conversation_id::render(&conversation_id)),
        hidden_through: hidden_through.get(),
        cleared_through: cleared_through.get(),
    }
}
