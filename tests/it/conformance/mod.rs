//! The promises of the contract. Every test runs on every database, through a real server.
//!
//! An RPC's promises are in the module of its name. The six RPCs of folders share [`folders`], and
//! `RemoveGroupMembers` is in [`add_group_members`].
//!
//! These modules check one promise for many RPCs:
//!
//! - [`retries`]: a change with a `request_id` is carried out once, and every retry gets the first answer;
//! - [`settings`]: settings survive a deletion, and make nothing appear;
//! - [`text_ids`]: IDs in their text form mean what the typed ones mean;
//! - [`times`]: times never run backward within a conversation;
//! - [`large_groups`], [`growing_groups`]: groups of more than eight members look like any other;
//! - [`large_pages`]: a page of large messages is shorter;
//! - [`sequences`]: every short sequence of steps on one conversation leaves what the model says.
//!
//! The answers to wrong requests are in [`errors`](crate::errors).

mod add_group_members;
mod clear_history;
mod delete_conversations;
mod delete_matching_conversations;
mod folders;
mod get_conversations;
mod get_unread_count;
mod growing_groups;
mod large_groups;
mod large_pages;
mod list_conversations;
mod list_deletions;
mod list_hidden_conversations;
mod list_messages;
mod mark_conversations;
mod mark_conversations_read;
mod mute_conversations;
mod pin_conversations;
mod restore_conversations;
mod retries;
mod send_message;
mod send_system_message;
mod sequences;
mod set_custom_data;
mod settings;
mod show_conversations;
mod text_ids;
mod times;
mod watch_conversations;
mod watch_users;
