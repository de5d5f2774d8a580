//! The use cases: one file each, named like its RPC. Plain functions from domain values to domain
//! values; they know the store and neither protocol nor transport.

mod add_group_members;
mod clear_history;
mod delete_conversations;
mod deletion;
mod entries;
mod error;
mod get_conversations;
mod list_conversations;
mod list_messages;
mod remove_group_members;
mod restore_conversations;
mod send_message;
mod send_system_message;
mod watch_conversations;

use std::time::Duration;

use crate::{domain::Clock, store::Store, sync::Wakes};

pub use add_group_members::add_group_members;
pub use clear_history::clear_history;
pub use delete_conversations::{History, delete_conversations};
pub use deletion::DeletionRequest;
pub use entries::Conversation;
pub use error::AppError;
pub use get_conversations::{Found, get_conversations};
pub use list_conversations::{ConversationPage, ListConversations, list_conversations};
pub use list_messages::{ListMessages, MessagePage, list_messages};
pub use remove_group_members::remove_group_members;
pub use restore_conversations::restore_conversations;
pub use send_message::{Recipient, SendMessage, send_message};
pub use send_system_message::{SendSystemMessage, send_system_message};
pub use watch_conversations::{Watch, WatchConversations, WatchEnd, WatchEvent, WatchPolicy};

/// What every use case needs.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub store: Store,
    /// Where the time comes from.
    pub clock: Clock,
    /// What the deployment has decided.
    pub policy: Policy,
    /// Who is told of changes.
    pub wakes: Wakes,
    /// The rules of watching.
    pub watch: WatchPolicy,
}

/// The rules that a deployment decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether a user's other clients are told of deletions when the request does not say.
    pub sync_deletions: bool,
    /// How long a deletion can be undone; zero turns undo off.
    pub restore_window: Duration,
}
