//! A user's deletions, and what undoing each would find.

use conversation_service::proto::{
    ConversationId, DeletedConversation, Deletion, DeletionKind, DeletionState, Reappearance,
};

use super::{
    Model, Taking, key,
    past::{Kind, timestamp},
};

impl Model {
    /// The user's deletions and clearings that are remembered, newest first. Which client asked is not told.
    pub(crate) fn trash(&self, user: &str, restorable_only: bool) -> Vec<Deletion> {
        let trash = self
            .deletions(user)
            .map(|revision| self.deletion(user, revision));
        let is_restorable = |deletion: &Deletion| {
            let mut states = deletion
                .conversations
                .iter()
                .map(DeletedConversation::state);
            states.any(|state| state == DeletionState::Restorable)
        };
        trash
            .filter(|deletion| !restorable_only || is_restorable(deletion))
            .collect()
    }

    /// The conversations of a deletion, in its order.
    pub(crate) fn conversations_of_deletion(
        &self,
        user: &str,
        revision: u64,
    ) -> Vec<ConversationId> {
        let ids = self.deletion(user, revision).conversations.into_iter();
        ids.filter_map(|one| one.conversation_id).collect()
    }

    fn deletion(&self, user: &str, revision: u64) -> Deletion {
        let change = &self.past[&(user.to_owned(), revision)];
        let Kind::Taken {
            taking,
            how,
            until,
            conversations,
        } = &change.kind
        else {
            panic!("revision {revision} of {user:?} is no deletion");
        };
        let is_open = until.is_some_and(|until| self.now < until);
        let conversations = conversations.iter().map(|(id, took)| {
            let view = &self.views[&(user.to_owned(), key(user, id))];
            let state = if *took {
                view.state(revision, is_open)
            } else {
                DeletionState::NothingTaken
            };
            DeletedConversation {
                conversation_id: Some(id.clone()),
                state: state.into(),
            }
        });
        let kind = match taking {
            Taking::Entry | Taking::EntryAndHistory => DeletionKind::Deletion,
            Taking::History => DeletionKind::Clearing,
        };
        Deletion {
            deletion_id: revision.to_string(),
            revision,
            delete_time: Some(timestamp(change.time)),
            client_id: String::new(),
            kind: kind.into(),
            clear_history: *taking != Taking::Entry,
            reappearance: if how.never {
                Reappearance::Never
            } else {
                Reappearance::OnMessage
            }
            .into(),
            forgot_settings: how.forget,
            restorable_until: until.map(timestamp),
            conversations: conversations.collect(),
        }
    }
}
