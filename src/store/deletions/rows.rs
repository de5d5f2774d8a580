//! The input of the rules of deleting and undoing, a row for each conversation.

use super::{
    DeletionTarget,
    record::{Before, after, before},
};
use crate::{
    domain::{Revision, Taking, UserId},
    store::{
        StoreError,
        input::{InputColumn, InputRow},
        key::ConversationKey,
        log::Recorded,
    },
};

/// A conversation to delete or clear: its newest position, and how far the list entry and the history
/// shall go; 0 leaves them alone.
#[derive(Debug)]
pub(in crate::store) struct TargetRow {
    key: ConversationKey,
    head: i64,
    hide_through: i64,
    clear_through: i64,
}

impl InputRow for TargetRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::integer("head", |row| row.head),
        InputColumn::integer("hide_through", |row| row.hide_through),
        InputColumn::integer("clear_through", |row| row.clear_through),
    ];
}

impl TargetRow {
    pub(super) fn of(target: &DeletionTarget, taking: Taking) -> Self {
        let head = target.head.to_stored();
        let reach = target
            .seen_through
            .map_or(head, |seen| seen.to_stored().min(head));
        let (hide_through, clear_through) = match taking {
            Taking::Entry => (reach, 0),
            Taking::EntryAndHistory => (reach, reach),
            Taking::History => (0, reach),
        };
        Self {
            key: target.key,
            head,
            hide_through,
            clear_through,
        }
    }
}

/// A conversation of a deletion that is to be undone.
#[derive(Debug)]
pub(in crate::store) struct UndoneRow {
    key: ConversationKey,
    /// The deletion, if it has taken something.
    deletion: Option<Revision>,
    /// Its record of how the conversation stood before; `None` of a former version.
    before: Option<Before>,
}

impl InputRow for UndoneRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::optional_integer("deletion", |row| row.deletion.map(Revision::to_stored)),
        InputColumn::integer("recorded", |row| i64::from(row.before.is_some())),
        InputColumn::optional_integer("hidden_before", |row| {
            row.before.map(|before| before.hidden_through.to_stored())
        }),
        InputColumn::optional_integer("cleared_before", |row| {
            row.before.map(|before| before.cleared_through.to_stored())
        }),
        InputColumn::optional_integer("pinned_before", |row| {
            row.before?.pinned_at.map(Revision::to_stored)
        }),
        InputColumn::optional_integer("taken_before", |row| {
            row.before?.taken_by.map(Revision::to_stored)
        }),
    ];
}

impl UndoneRow {
    /// The rows of a deletion's conversations.
    pub(super) fn of(user: &UserId, deletion: &Recorded) -> Result<Vec<Self>, StoreError> {
        let error = || deletion.inconsistent("results");
        let rows = deletion.conversations.iter().map(|conversation| {
            let took = after(conversation).ok_or_else(error)?.has_changed;
            Ok(Self {
                key: ConversationKey::of(&conversation.id, user),
                deletion: took.then_some(deletion.revision),
                before: before(conversation).ok_or_else(error)?,
            })
        });
        rows.collect()
    }
}
