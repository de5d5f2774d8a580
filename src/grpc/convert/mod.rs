//! Between the protocol and the domain, one file for each RPC and one for each thing that several
//! RPCs have in common.
//!
//! Requests are taken apart field by field, so a new field does not compile until it is parsed. All
//! violations are collected before a request is refused.

pub(super) mod clear_history;
pub(super) mod delete_conversations;
pub(super) mod get_conversations;
pub(super) mod group_members;
pub(super) mod list_conversations;
pub(super) mod list_messages;
pub(super) mod restore_conversations;
pub(super) mod send_message;
pub(super) mod send_system_message;
pub(super) mod watch_conversations;

mod batch;
mod conversation;
mod conversation_id;
mod deletion;
mod message;
mod origin;
mod time;
