//! The record of each conversation of a deletion or its undoing.
//!
//! The record of a deletion says how the conversation stands since, for retries and events, and how it
//! stood before, for undoing. Further numbers may follow those that are here; records that end earlier
//! were written by former versions.

use crate::{
    domain::{Reappearance, Revision, Seq},
    store::{changes::ResultField, entity::value::reappearance, log::RecordedConversation},
};

/// How a conversation stands after a deletion or its undoing.
pub(in crate::store) struct After {
    pub(in crate::store) hidden_through: Seq,
    pub(in crate::store) cleared_through: Seq,
    /// Whether the change has taken something from it or put something back.
    pub(in crate::store) has_changed: bool,
    pub(in crate::store) is_pinned: bool,
}

/// How a conversation stood before a deletion that took something from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Before {
    pub(in crate::store) hidden_through: Seq,
    pub(in crate::store) cleared_through: Seq,
    /// The pin that the deletion has taken away.
    pub(in crate::store) pinned_at: Option<Revision>,
    /// The deletion that is beneath it: to be undone next.
    pub(in crate::store) taken_by: Option<Revision>,
    /// The rule that stood; `None` of a version that knew only one.
    pub(in crate::store) reappearance: Option<Reappearance>,
}

fn field(sql: &str, absent: Option<i64>) -> ResultField {
    ResultField {
        sql: sql.to_owned(),
        absent,
    }
}

/// The fields that are recorded for every conversation: the outcome, how far the entry and the history go, and 1 if
/// something was taken or put back, and if the conversation is pinned. `absent` is the outcome where the user has no
/// such row.
fn after_fields(outcome: &str, absent: i64, changed: &str) -> [ResultField; 5] {
    [
        field(outcome, Some(absent)),
        field("m.hidden_through", Some(0)),
        field("m.cleared_through", Some(0)),
        field(changed, Some(0)),
        field("CASE WHEN m.pinned_at IS NULL THEN 0 ELSE 1 END", Some(0)),
    ]
}

fn stays_away() -> ResultField {
    field("m.stays_away", Some(0))
}

/// The fields that a deletion records. `took` names whether it has taken something: then they say how the
/// conversation stood before, too.
pub(super) fn taken_fields(outcome: &str, absent: i64) -> Vec<ResultField> {
    let before = |column| field(&format!("CASE WHEN took THEN {column} END"), None);
    let changed = "CASE WHEN took THEN 1 ELSE 0 END";
    let mut fields = Vec::from(after_fields(outcome, absent, changed));
    fields.extend([
        before("m.prev_hidden_through"),
        before("m.prev_cleared_through"),
        before("m.prev_pinned_at"),
        before("m.prev_taken_by"),
        stays_away(),
        before("m.prev_stays_away"),
    ]);
    fields
}

/// The fields that undoing records. `is_back` names whether the deletion is undone.
pub(super) fn restored_fields(outcome: &str, absent: i64) -> Vec<ResultField> {
    let changed = "CASE WHEN is_back THEN 1 ELSE 0 END";
    let mut fields = Vec::from(after_fields(outcome, absent, changed));
    // Whether its pin was left out. A row that undoing was to pin has its revision, also if there was no room.
    let left_out = "CASE WHEN m.changed_by = {revision} AND m.pinned_at IS NULL THEN 1 ELSE 0 END";
    fields.push(field(left_out, Some(0)));
    fields.push(stays_away());
    fields
}

/// Reads how a conversation stands after a deletion or its undoing. The first records ended before the
/// pin; there were none then.
pub(in crate::store) fn after(conversation: &RecordedConversation) -> Option<After> {
    let [hidden_through, cleared_through, changed, rest @ ..] = &conversation.numbers[..] else {
        return None;
    };
    Some(After {
        hidden_through: Seq::from_stored((*hidden_through)?)?,
        cleared_through: Seq::from_stored((*cleared_through)?)?,
        has_changed: (*changed)? != 0,
        is_pinned: rest.first().is_some_and(|pinned| *pinned == Some(1)),
    })
}

/// Reads how a conversation stood before a deletion; `None` if the deletion took nothing, or was
/// recorded when that was not. The outer `None` is a record that does not parse.
#[expect(clippy::option_option, reason = "two reasons to have nothing")]
pub(in crate::store) fn before(conversation: &RecordedConversation) -> Option<Option<Before>> {
    let [
        _,
        _,
        _,
        _,
        Some(hidden),
        cleared,
        pinned_at,
        taken_by,
        ref further @ ..,
    ] = conversation.numbers[..]
    else {
        return Some(None);
    };
    let revision = |number: Option<i64>| match number {
        Some(number) => Revision::from_stored(number).map(Some),
        None => Some(None),
    };
    Some(Some(Before {
        hidden_through: Seq::from_stored(hidden)?,
        cleared_through: Seq::from_stored(cleared?)?,
        pinned_at: revision(pinned_at)?,
        taken_by: revision(taken_by)?,
        reappearance: further.get(1).copied().flatten().map(reappearance),
    }))
}

/// The rule by which a conversation comes back since a deletion.
pub(in crate::store) fn reappearance_since_deletion(
    conversation: &RecordedConversation,
) -> Reappearance {
    reappearance_at(conversation, 8)
}

/// The same since the undoing of one.
pub(in crate::store) fn reappearance_since_undo(
    conversation: &RecordedConversation,
) -> Reappearance {
    reappearance_at(conversation, 5)
}

/// Former versions knew one rule, and recorded nothing of it.
fn reappearance_at(conversation: &RecordedConversation, place: usize) -> Reappearance {
    let number = conversation.numbers.get(place).copied().flatten();
    reappearance(number.unwrap_or(0))
}

/// Whether the pin of a conversation that was put back was left out.
pub(super) fn is_pin_left_out(conversation: &RecordedConversation) -> bool {
    conversation.numbers.get(4) == Some(&Some(1))
}
