//! Makes another request with the same `request_id`, or the same request in other words.

use conversation_service::proto::{
    AddToFolderRequest, ClearHistoryRequest, ConversationId, ConversationType,
    DeleteConversationsRequest, MuteConversationsRequest, PinConversationsRequest, Reappearance,
    RemoveFromFolderRequest, SeenThrough,
};

use super::request::{Fields, Request};
use crate::{model::restated, properties::operation::Change, support::ids::c2c};

/// Every type of conversation.
const EVERY_TYPE: [i32; 3] = [
    ConversationType::C2c as i32,
    ConversationType::Group as i32,
    ConversationType::System as i32,
];

impl Request {
    /// Another request of the same name.
    pub(in crate::properties) fn changed(self, change: Change) -> Self {
        let (same, changed) = match change {
            Change::Sense => (self.clone(), self.opposite()),
            Change::Method => (self.clone(), self.of_other_method()),
            Change::Conversations => (self.clone(), self.with_another_conversation()),
            Change::Seen => (self.clone(), self.seen_otherwise()),
            Change::Rule => (self.clone(), self.with_another_rule()),
            Change::Words => (self.clone(), self),
        };
        if changed == same {
            return same.in_other_words();
        }
        changed
    }

    /// The same request in the words that stand for all that mean the same.
    pub(super) fn restated(&self) -> Self {
        let mut request = self.clone();
        match &mut request {
            Self::Delete(request) => {
                request.clear_history.get_or_insert(true);
                request.set_reappearance(rule(request.reappearance()));
            }
            Self::Read(request) if request.all => {
                let filter = request.filter.get_or_insert_default();
                filter.unread_only = true;
                filter.types.sort_unstable();
                filter.types.dedup();
                if filter.types.len() == EVERY_TYPE.len() {
                    filter.types.clear();
                }
            }
            _ => {}
        }
        if let Self::DeleteMatching(request) = &mut request {
            request.clear_history.get_or_insert(true);
            request.set_reappearance(rule(request.reappearance()));
            if request.limit == 0 {
                request.limit = 1_000;
            }
            request.selector = request.selector.take().map(restated);
        }
        let Fields { seen, client, .. } = request.fields();
        client.clear();
        if let Some(seen) = seen {
            seen.sort_by_key(|seen| format!("{seen:?}"));
        }
        request
    }

    /// It is asked by another client, says what need not be said, and says it in another order.
    fn in_other_words(mut self) -> Self {
        match &mut self {
            Self::Delete(request) => {
                request.clear_history.get_or_insert(true);
                request.set_reappearance(rule(request.reappearance()));
            }
            Self::Read(request) if request.all => {
                let filter = request.filter.get_or_insert_default();
                filter.unread_only = !filter.unread_only;
                if filter.types.is_empty() {
                    filter.types.extend(EVERY_TYPE);
                }
                filter.types.reverse();
            }
            _ => {}
        }
        if let Self::DeleteMatching(request) = &mut self {
            request.clear_history.get_or_insert(true);
            if let Some(selector) = &mut request.selector {
                selector.all = true;
                selector.excluded.reverse();
            }
        }
        let Fields { seen, client, .. } = self.fields();
        client.push('x');
        if let Some(seen) = seen {
            seen.reverse();
        }
        self
    }

    /// It asks for what undoes it, or for something else of its kind.
    fn opposite(mut self) -> Self {
        match &mut self {
            Self::Delete(r) => r.clear_history = Some(!r.clear_history.unwrap_or(true)),
            Self::Pin(r) => r.pinned = !r.pinned,
            Self::Mute(r) => r.muted = !r.muted,
            Self::Mark(r) => std::mem::swap(&mut r.add_marks, &mut r.remove_marks),
            Self::SetCustomData(r) if r.custom_data.is_empty() => r.custom_data.push(b'x'),
            Self::SetCustomData(r) => r.custom_data.clear(),
            Self::RenameFolder(r) => "something else".clone_into(&mut r.new_name),
            Self::CreateFolder(r) => "something else".clone_into(&mut r.name),
            Self::Read(r) if r.all => {
                let filter = r.filter.get_or_insert_default();
                match filter.without_marks {
                    0 => filter.without_marks = 1,
                    _ => filter.without_marks = 0,
                }
            }
            Self::DeleteMatching(r) => r.clear_history = Some(!r.clear_history.unwrap_or(true)),
            Self::DeleteFolder(_)
            | Self::AddToFolder(_)
            | Self::RemoveFromFolder(_)
            | Self::Read(_)
            | Self::Clear(_)
            | Self::Show(_)
            | Self::Restore(_) => {}
        }
        self
    }

    /// It says the same to another method, where there is one that takes it.
    fn of_other_method(self) -> Self {
        match self {
            Self::Delete(r) => Self::Clear(ClearHistoryRequest {
                user_id: r.user_id,
                conversation_ids: r.conversation_ids,
                request_id: r.request_id,
                client_id: r.client_id,
                sync_to_other_clients: r.sync_to_other_clients,
                seen_through: r.seen_through,
            }),
            Self::Clear(r) => Self::Delete(DeleteConversationsRequest {
                user_id: r.user_id,
                conversation_ids: r.conversation_ids,
                clear_history: None,
                request_id: r.request_id,
                client_id: r.client_id,
                sync_to_other_clients: r.sync_to_other_clients,
                seen_through: r.seen_through,
                reappearance: Reappearance::Unspecified.into(),
                forget_settings: false,
            }),
            Self::Show(r) => Self::Clear(ClearHistoryRequest {
                user_id: r.user_id,
                conversation_ids: r.conversation_ids,
                request_id: r.request_id,
                client_id: r.client_id,
                sync_to_other_clients: None,
                seen_through: Vec::new(),
            }),
            Self::Pin(r) => Self::Mute(MuteConversationsRequest {
                user_id: r.user_id,
                conversation_ids: r.conversation_ids,
                muted: r.pinned,
                request_id: r.request_id,
                client_id: r.client_id,
            }),
            Self::Mute(r) => Self::Pin(PinConversationsRequest {
                user_id: r.user_id,
                conversation_ids: r.conversation_ids,
                pinned: r.muted,
                request_id: r.request_id,
                client_id: r.client_id,
            }),
            Self::CreateFolder(r) if !r.conversation_ids.is_empty() => {
                Self::AddToFolder(AddToFolderRequest {
                    user_id: r.user_id,
                    name: r.name,
                    conversation_ids: r.conversation_ids,
                    request_id: r.request_id,
                    client_id: r.client_id,
                })
            }
            Self::AddToFolder(r) => Self::RemoveFromFolder(RemoveFromFolderRequest {
                user_id: r.user_id,
                name: r.name,
                conversation_ids: r.conversation_ids,
                request_id: r.request_id,
                client_id: r.client_id,
            }),
            Self::RemoveFromFolder(r) => Self::AddToFolder(AddToFolderRequest {
                user_id: r.user_id,
                name: r.name,
                conversation_ids: r.conversation_ids,
                request_id: r.request_id,
                client_id: r.client_id,
            }),
            request => request,
        }
    }

    fn with_another_rule(mut self) -> Self {
        if let Self::Delete(request) = &mut self {
            if request.reappearance() == Reappearance::Never {
                request.forget_settings = !request.forget_settings;
                return self;
            }
            request.set_reappearance(match request.reappearance() {
                Reappearance::Never => Reappearance::Unspecified,
                Reappearance::Unspecified | Reappearance::OnMessage => Reappearance::Never,
            });
        }
        self
    }

    fn with_another_conversation(mut self) -> Self {
        if !self.is_about_all()
            && let Some(conversations) = self.fields().conversations
        {
            conversations.push(stranger());
        }
        self
    }

    /// It says less of how far the user has seen; or something, if it says nothing.
    fn seen_otherwise(mut self) -> Self {
        let Fields {
            conversations,
            seen,
            ..
        } = self.fields();
        if let (Some(conversations), Some(seen)) = (conversations, seen)
            && seen.pop().is_none()
        {
            let first = conversations.first().cloned();
            seen.push(SeenThrough {
                conversation_id: Some(first.unwrap_or_else(stranger)),
                seq: 0,
            });
        }
        self
    }

    /// Whether it names no conversations because it means all.
    pub(in crate::properties) fn is_about_all(&self) -> bool {
        matches!(self, Self::Read(request) if request.all)
    }
}

/// The rule that a deletion asks for, said in full.
fn rule(asked: Reappearance) -> Reappearance {
    match asked {
        Reappearance::Unspecified => Reappearance::OnMessage,
        said => said,
    }
}

fn stranger() -> ConversationId {
    c2c("somebody else")
}
