//! `AddGroupMembers`, and `RemoveGroupMembers`, which takes back what it does.
//!
//! - [`sight`]: a member sees the messages that are sent during the membership;
//! - [`changes`]: joining and leaving are changes of the user, with a revision, an event and exact retries.

mod changes;
mod sight;
