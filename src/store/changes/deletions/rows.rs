//! The input of the rules of deleting and undoing, a row for each conversation.

use std::collections::HashMap;

use super::{
    DeletionTarget,
    detail::Detail,
    forgetting::{Forgotten, is_forgotten},
    record::{Before, after, before},
};
use crate::{
    domain::{ConversationKey, Reappearance, Revision, Seq, Taking, UserId},
    store::{
        database::{
            error::StoreError,
            input::{InputColumn, InputRow},
        },
        entity::value::stored_reappearance,
        heads::Head,
        log::Recorded,
    },
};

/// A conversation to delete or clear: its newest position, and how far the list entry and the history
/// shall go; 0 leaves them alone. A clearing leaves the rule of reappearing alone, too.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct TargetRow {
    key: ConversationKey,
    head: i64,
    hide_through: i64,
    clear_through: i64,
    reappearance: Option<Reappearance>,
}

impl InputRow for TargetRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::integer("head", |row| row.head),
        InputColumn::integer("hide_through", |row| row.hide_through),
        InputColumn::integer("clear_through", |row| row.clear_through),
        InputColumn::optional_integer("stays_away", |row| {
            row.reappearance
                .map(|rule| stored_reappearance(rule).into())
        }),
    ];
}

impl TargetRow {
    pub(super) const fn key(&self) -> ConversationKey {
        self.key
    }

    pub(super) fn of(target: &DeletionTarget, taking: Taking, reappearance: Reappearance) -> Self {
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
            reappearance: match taking {
                Taking::Entry | Taking::EntryAndHistory => Some(reappearance),
                Taking::History => None,
            },
        }
    }
}

/// The same of a deletion that is made in steps; and whether the conversation is in a folder, and the revision at
/// which a plan showed it, if one did.
#[derive(Debug)]
pub(in crate::store) struct SteppedRow {
    pub(super) target: TargetRow,
    pub(super) is_filed: bool,
    pub(super) planned_at: Option<Revision>,
}

impl InputRow for SteppedRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.target.key),
        InputColumn::integer("head", |row| row.target.head),
        InputColumn::integer("hide_through", |row| row.target.hide_through),
        InputColumn::integer("clear_through", |row| row.target.clear_through),
        InputColumn::optional_integer("stays_away", |row| {
            row.target
                .reappearance
                .map(|rule| stored_reappearance(rule).into())
        }),
        InputColumn::integer("filed", |row| i64::from(row.is_filed)),
        InputColumn::optional_integer("planned_at", |row| row.planned_at.map(Revision::to_stored)),
    ];
}

/// A conversation of a deletion that is to be undone.
#[derive(Debug)]
pub(in crate::store) struct UndoneRow {
    key: ConversationKey,
    /// The deletion, if it has taken something.
    deletion: Option<Revision>,
    /// Its record of how the conversation stood before; `None` of a former version.
    before: Option<Before>,
    /// The conversation's newest position, if it may have to stay away again.
    head: Option<Seq>,
    /// The settings that it has taken.
    forgotten: Option<Forgotten>,
    /// The product's own data among them.
    data: Option<Vec<u8>>,
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
        InputColumn::optional_integer("away_before", |row| {
            let rule = row.before?.reappearance?;
            Some(stored_reappearance(rule).into())
        }),
        InputColumn::optional_integer("head", |row| row.head.map(Seq::to_stored)),
        InputColumn::integer("muted_before", |row| {
            i64::from(row.forgotten().is_some_and(|forgotten| forgotten.muted))
        }),
        InputColumn::integer("marks_before", |row| {
            row.forgotten().map_or(0, |forgotten| forgotten.marks)
        }),
        InputColumn::optional_bytes("data_before", |row| row.data.clone()),
    ];
}

impl UndoneRow {
    /// The rows of a deletion's conversations.
    pub(super) fn of(user: &UserId, deletion: &Recorded) -> Result<Vec<Self>, StoreError> {
        let error = || deletion.inconsistent("results");
        let detail = Detail::of(deletion)?;
        let rows = deletion.conversations.iter().map(|conversation| {
            let forgotten = detail
                .forgotten(conversation.place)
                .filter(|_| is_forgotten(conversation));
            let data = forgotten.map(Forgotten::custom_data);
            let data = data.map(|data| data.ok_or_else(|| deletion.inconsistent("detail")));
            let took = after(conversation).ok_or_else(error)?.has_changed;
            Ok(Self {
                key: ConversationKey::of(&conversation.id, user),
                deletion: took.then_some(deletion.revision),
                before: before(conversation).ok_or_else(error)?,
                head: None,
                forgotten: forgotten.cloned(),
                data: data.transpose()?.flatten(),
            })
        });
        rows.collect()
    }

    pub(super) const fn key(&self) -> ConversationKey {
        self.key
    }

    pub(super) const fn forgotten(&self) -> Option<&Forgotten> {
        self.forgotten.as_ref()
    }

    /// Its key, if undoing may let the conversation stay away again. It does not where it is listed, and
    /// that the row of a member of a large group does not tell.
    pub(super) fn may_stay_away(&self) -> Option<ConversationKey> {
        let before = self.before?;
        (before.reappearance == Some(Reappearance::Never)).then_some(self.key)
    }

    /// With the conversation's newest position, where it is known.
    pub(super) fn with_head(self, heads: &HashMap<ConversationKey, Head>) -> Self {
        let head = heads.get(&self.key).map(|head| head.last_seq);
        Self { head, ..self }
    }
}
