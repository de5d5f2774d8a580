//! The use cases: one file each, named like its RPC. Plain functions from domain values to domain
//! values; they know the store and neither protocol nor transport.

mod add_group_members;
mod add_to_folder;
mod clear_history;
mod create_folder;
mod delete_conversations;
mod delete_folder;
mod delete_matching_conversations;
mod deletion;
mod entries;
mod error;
mod folders;
mod get_conversations;
mod get_unread_count;
mod line;
mod list_conversations;
mod list_deletions;
mod list_folders;
mod list_hidden_conversations;
mod list_messages;
mod mark_conversations;
mod mark_conversations_read;
mod membership;
mod mute_conversations;
mod pin_conversations;
mod remove_from_folder;
mod remove_group_members;
mod rename_folder;
mod replay;
mod restore_conversations;
mod send_message;
mod send_system_message;
mod set_custom_data;
mod show_conversations;
mod watch_conversations;
mod watch_users;

use std::time::Duration;

use tokio::sync::watch;

use crate::{
    domain::{Batch, Clock, ConversationId, ConversationKey, UserId},
    store::Store,
    sync::Wakes,
};

pub use add_group_members::add_group_members;
pub use add_to_folder::add_to_folder;
pub use clear_history::clear_history;
pub use create_folder::create_folder;
pub use delete_conversations::{History, delete_conversations};
pub use delete_folder::delete_folder;
pub use delete_matching_conversations::{
    DeleteMatchingConversations, Matched, Matching, MatchingOutcome, delete_matching_conversations,
};
pub use deletion::DeletionRequest;
pub use entries::Conversation;
pub use error::AppError;
pub use get_conversations::{Found, get_conversations};
pub use get_unread_count::get_unread_count;
pub use list_conversations::{ConversationPage, ListConversations, list_conversations};
pub use list_deletions::{DeletionPage, ListDeletions, WhichDeletions, list_deletions};
pub use list_folders::list_folders;
pub use list_hidden_conversations::{
    HiddenConversation, HiddenPage, ListHiddenConversations, list_hidden_conversations,
};
pub use list_messages::{ListMessages, MessagePage, list_messages};
pub use mark_conversations::mark_conversations;
pub use mark_conversations_read::{MarkConversationsRead, Which, mark_conversations_read};
pub use mute_conversations::mute_conversations;
pub use pin_conversations::pin_conversations;
pub use remove_from_folder::remove_from_folder;
pub use remove_group_members::remove_group_members;
pub use rename_folder::rename_folder;
pub use restore_conversations::{RestoreConversations, restore_conversations};
pub use send_message::{Recipient, SendMessage, send_message};
pub use send_system_message::{SendSystemMessage, send_system_message};
pub use set_custom_data::set_custom_data;
pub use show_conversations::show_conversations;
pub use watch_conversations::{Watch, WatchConversations, WatchEnd, WatchEvent, WatchPolicy};
pub use watch_users::{UserEnd, UserEntry, UserWatches};

/// The dependencies of every use case.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub store: Store,
    /// Where the time comes from.
    pub clock: Clock,
    /// The rules that the deployment decides.
    pub policy: Policy,
    /// The watchers to wake after a change.
    pub wakes: Wakes,
    /// The rules of watching.
    pub watch: WatchPolicy,
}

/// The rules that a deployment decides.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whether a user's other clients are notified of deletions when the request does not say. It may
    /// change while the service runs.
    pub sync_deletions: watch::Receiver<bool>,
    /// How long a deletion can be undone; zero turns undo off.
    pub restore_window: Duration,
    /// The most pins of a user.
    pub pin_limit: u32,
}

/// Conversations of `user` with the keys of their rows.
fn keyed(
    user: &UserId,
    conversations: Batch<ConversationId>,
) -> Vec<(ConversationId, ConversationKey)> {
    let keyed = conversations.into_iter().map(|id| {
        let key = ConversationKey::of(&id, user);
        (id, key)
    });
    keyed.collect()
}
