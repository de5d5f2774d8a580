//! The model told afterwards: all messages are known, and each change of a user is replayed as of how
//! far the conversations had gone when it was made.

use conversation_service::proto::{ConversationId, Message};

use super::{Key, Model, Policy, key};

impl Model {
    /// A model in which these messages were sent: each with a name that a participant has for its
    /// conversation, in the order of their positions.
    pub(crate) fn of_messages<'a>(
        policy: Policy,
        messages: impl IntoIterator<Item = (&'a str, &'a ConversationId, &'a Message)>,
    ) -> Self {
        let mut model = Self::with(policy);
        for (participant, id, message) in messages {
            model.store(
                &key(participant, id),
                &message.sender_user_id,
                message.body.clone().expect("a message has a body"),
                message.send_time.expect("a message has a time"),
            );
        }
        model
    }

    /// Goes to where a conversation had come to `head`, the newest message that the user had sent was
    /// `own`, and the user had the conversation, or not. (Of a group, that is a matter of joining.)
    pub(crate) fn look_back(
        &mut self,
        user: &str,
        id: &ConversationId,
        head: u64,
        own: u64,
        is_known: bool,
    ) {
        let key = key(user, id);
        self.heads.insert(key.clone(), head);
        let reaches = is_known && !matches!(key, Key::Group(_));
        if reaches || self.views.contains_key(&(user.to_owned(), key.clone())) {
            let view = self.view(user, &key);
            if reaches {
                view.begin(0);
            }
            if own > view.read_through {
                view.sent(own);
            }
        }
    }

    /// Goes to where all messages have come.
    pub(crate) fn look_ahead(&mut self) {
        self.heads.clear();
    }

    /// How far a conversation is hidden and cleared for a user, and whether it is pinned.
    pub(crate) fn watermarks(&self, user: &str, id: &ConversationId) -> (u64, u64, bool) {
        let view = self.views.get(&(user.to_owned(), key(user, id)));
        view.map_or((0, 0, false), |view| {
            let is_pinned = view.pinned_at.is_some();
            (view.hidden_through, view.cleared_through, is_pinned)
        })
    }
}

/// The name that everybody has for the conversation that `user` calls `id`, as the service writes it
/// down.
pub(crate) fn shared_name(user: &str, id: &ConversationId) -> String {
    key(user, id).canonical()
}
