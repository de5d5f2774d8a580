//! `members`: each user's view of each conversation. Of the users' family; its shard key is `user_id`.
//!
//! The positions here and the conversation's head are all that tells what is listed, visible and unread.

use sea_orm::entity::prelude::*;

use super::value::Flag;
use crate::domain::{
    ConversationKey, ConversationKind, CustomData, Marks, Reappearance, Revision, Seq, Timestamp,
    UserId,
};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "members")]
pub(in crate::store) struct Model {
    /// The user.
    #[sea_orm(primary_key)]
    pub(in crate::store) user_id: UserId,
    /// The conversation.
    #[sea_orm(primary_key)]
    pub(in crate::store) conversation_key: ConversationKey,
    /// The kind of the conversation.
    pub(in crate::store) kind: ConversationKind,
    /// Where the membership began: only what is newer was ever meant for the user. 0 except in groups.
    pub(in crate::store) joined_after: Seq,
    /// Where the membership ended; NULL while it lasts.
    pub(in crate::store) left_at: Option<Seq>,
    /// Whether an earlier stay has shown the user anything.
    pub(in crate::store) appeared_before: Flag,
    /// Deleted through here.
    pub(in crate::store) hidden_through: Seq,
    /// Cleared through here.
    pub(in crate::store) cleared_through: Seq,
    /// Read through here.
    pub(in crate::store) read_through: Seq,
    /// Whether newer messages leave the conversation unlisted.
    pub(in crate::store) stays_away: Reappearance,
    /// Not listed while `last_seq` is at most this: tells in which of two indices the row is.
    pub(in crate::store) unlisted_through: Seq,
    /// A copy of the head's newest position; NULL for a member of a large group, who reads the head.
    pub(in crate::store) last_seq: Option<Seq>,
    /// A copy of the head's time.
    pub(in crate::store) last_time: Option<Timestamp>,
    /// The revision that has pinned the conversation; NULL if it is not pinned.
    pub(in crate::store) pinned_at: Option<Revision>,
    /// Whether it is left out of unread totals.
    pub(in crate::store) muted: Flag,
    /// The user's marks.
    pub(in crate::store) marks: Marks,
    /// The product's own data; NULL if there is none.
    pub(in crate::store) custom_data: Option<CustomData>,
    /// The revision of the last change of a setting, a pin or a folder.
    pub(in crate::store) changed_by: Option<Revision>,
    /// The revision of the last reading.
    pub(in crate::store) read_by: Option<Revision>,
    /// The deletion that is to be undone next.
    pub(in crate::store) taken_by: Option<Revision>,
    /// Where the history would begin if all was undone that can be; NULL: where it is cleared.
    pub(in crate::store) kept_after: Option<Seq>,
    /// Deletions up to this revision can never be undone.
    pub(in crate::store) undo_ended: Option<Revision>,
    /// `hidden_through` before the last deletion. As all that is called `prev_…`, for the statement that records
    /// the deletion, and of deletions of the first version all that is known.
    pub(in crate::store) prev_hidden_through: Option<Seq>,
    /// `cleared_through` before it.
    pub(in crate::store) prev_cleared_through: Option<Seq>,
    /// `pinned_at` before it.
    pub(in crate::store) prev_pinned_at: Option<Revision>,
    /// `taken_by` before it.
    pub(in crate::store) prev_taken_by: Option<Revision>,
    /// `stays_away` before it, or before a later one that took nothing.
    pub(in crate::store) prev_stays_away: Option<Reappearance>,
    /// The deletion that was undone last; the first version alone wrote and read it.
    pub(in crate::store) restored_deletion: Option<Revision>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
