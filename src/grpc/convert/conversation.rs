//! Entries of a user's list.

use super::{conversation_id, message, time};
use crate::{
    app::Conversation,
    domain::{ListEntry, Membership},
    proto,
};

pub(super) fn render(conversation: Conversation) -> proto::Conversation {
    let Conversation {
        entry,
        last_message,
    } = conversation;
    let ListEntry {
        conversation_id,
        view,
        head,
        activity,
        pinned_at,
        muted,
        marks,
        custom_data,
        folders,
    } = entry;
    proto::Conversation {
        conversation_id: Some(conversation_id::render(&conversation_id)),
        last_message: last_message.map(message::render),
        last_seq: view.last(head).get(),
        unread_count: view.unread(head),
        pinned: pinned_at.is_some(),
        muted,
        marks: marks.bits(),
        custom_data: custom_data.into_bytes(),
        update_time: Some(time::render(activity)),
        folders: folders.iter().map(ToString::to_string).collect(),
        membership: membership(view.membership()).into(),
    }
}

pub(super) const fn membership(membership: Membership) -> proto::Membership {
    match membership {
        Membership::Member => proto::Membership::Member,
        Membership::Left => proto::Membership::Left,
    }
}
