//! Between the protocol and the domain, one file for each RPC and one for each thing that several
//! RPCs have in common.
//!
//! Requests are taken apart field by field, so a new field does not compile until it is parsed. All
//! violations are collected before a request is refused. Parsing a request for a change begins with
//! [`origin::parse`], which reads the fields that all of them have, and ends with
//! [`origin::Asker::asking`], which digests what this one means.

pub(super) mod add_to_folder;
pub(super) mod clear_history;
pub(super) mod create_folder;
pub(super) mod delete_conversations;
pub(super) mod delete_folder;
pub(super) mod delete_matching_conversations;
pub(super) mod get_conversations;
pub(super) mod get_unread_count;
pub(super) mod group_members;
pub(super) mod list_conversations;
pub(super) mod list_deletions;
pub(super) mod list_folders;
pub(super) mod list_hidden_conversations;
pub(super) mod list_messages;
pub(super) mod mark_conversations;
pub(super) mod mark_conversations_read;
pub(super) mod mute_conversations;
pub(super) mod pin_conversations;
pub(super) mod remove_from_folder;
pub(super) mod rename_folder;
pub(super) mod restore_conversations;
pub(super) mod send_message;
pub(super) mod send_system_message;
pub(super) mod set_custom_data;
pub(super) mod show_conversations;
pub(super) mod watch_conversations;
pub(super) mod watch_users;

mod batch;
mod change;
mod change_request;
mod change_result;
mod conversation;
mod conversation_id;
mod deletion;
mod filter;
mod folder;
mod meaning;
mod message;
mod origin;
mod seen_through;
mod selector;
mod time;
