//! The parameters of the statements that make changes: the values that every change has, and the rows of
//! its kind, each with its user.

use std::{sync::Arc, time::Duration};

use super::Change;
use crate::{
    domain::{Revision, Timestamp},
    store::{
        database::input::{Input, InputColumn, InputRow, Shape},
        entity::value::stored_synchronisation,
        log,
    },
};

/// The columns of `changes` that are known before the change is made.
impl InputRow for Change {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |change| change.origin.user.to_string()),
        InputColumn::optional_bytes("request_id", |change| {
            let request = change.origin.request;
            request.map(|request| request.id.0.to_vec())
        }),
        InputColumn::optional_bytes("request_digest", |change| {
            let request = change.origin.request;
            request.map(|request| request.digest.0.to_vec())
        }),
        InputColumn::optional_text("client_id", |change| {
            change.origin.client.as_ref().map(ToString::to_string)
        }),
        InputColumn::integer("kind", |change| i64::from(change.kind as i16)),
        InputColumn::integer("changed_at", |change| change.time.as_micros()),
        InputColumn::integer("synced", |change| {
            stored_synchronisation(change.synchronisation).into()
        }),
        InputColumn::optional_integer("restorable_until", |change| {
            change.restorable_until.map(Timestamp::as_micros)
        }),
        InputColumn::optional_integer("erasable_from", |change| {
            change.erasable_from.map(Timestamp::as_micros)
        }),
        InputColumn::optional_integer("unlists", |change| change.kind.unlists().then_some(1)),
        InputColumn::optional_integer("undoes", |change| change.undoes.map(Revision::to_stored)),
        InputColumn::text("conversations", |change| {
            log::conversation_ids(&change.conversations)
        }),
        InputColumn::optional_text("detail", |change| change.detail.clone()),
        InputColumn::optional_text("caller", |change| {
            change.origin.caller.as_ref().map(ToString::to_string)
        }),
    ];
}

/// Until when a change is kept.
struct Kept(i64);

impl InputRow for Kept {
    const COLUMNS: &'static [InputColumn<Self>] =
        &[InputColumn::integer("kept_until", |kept| kept.0)];
}

/// The key by which a change is recognised when its request comes again.
pub(super) struct Asked {
    user: String,
    request: Option<Vec<u8>>,
}

impl InputRow for Asked {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |asked| asked.user.clone()),
        InputColumn::optional_bytes("request_id", |asked| asked.request.clone()),
    ];
}

/// The revision that a change makes: known once it was raised.
pub(super) struct Raised(pub(super) i64);

impl InputRow for Raised {
    const COLUMNS: &'static [InputColumn<Self>] =
        &[InputColumn::integer("revision", |raised| raised.0)];
}

/// The results of a change, worked out by the caller.
pub(super) struct Results(pub(super) String);

impl InputRow for Results {
    const COLUMNS: &'static [InputColumn<Self>] =
        &[InputColumn::text("results", |results| results.0.clone())];
}

/// The user of a row of a kind's input.
struct Owner(String);

impl InputRow for Owner {
    const COLUMNS: &'static [InputColumn<Self>] =
        &[InputColumn::text("user_id", |owner| owner.0.clone())];
}

/// The changes in the order of their users, in which their rows are locked.
pub(super) fn sorted(batch: &[Arc<Change>]) -> Vec<&Change> {
    let mut sorted: Vec<&Change> = batch.iter().map(Arc::as_ref).collect();
    sorted.sort_unstable_by(|one, other| one.origin.user.cmp(&other.origin.user));
    sorted
}

/// The columns of [`changes`].
pub(super) fn changes_shape() -> Shape {
    Shape::of::<Change>().beside(&Shape::of::<Kept>())
}

/// The values of these changes that are known before they are made. The changes are kept for at least
/// `retention`.
pub(super) fn changes(changes: &[&Change], retention: Duration) -> Input {
    let kept: Vec<_> = changes
        .iter()
        .map(|change| Kept(change.kept_until(retention).as_micros()))
        .collect();
    Input::of(&changes.iter().copied()).beside(Input::of(&kept.iter()))
}

pub(super) fn asked(changes: &[&Change]) -> Input {
    let asked: Vec<_> = changes
        .iter()
        .map(|change| Asked {
            user: change.origin.user.to_string(),
            request: change.origin.request.map(|request| request.id.0.to_vec()),
        })
        .collect();
    Input::of(&asked.iter())
}

/// The columns of [`owned`].
pub(super) fn owned_shape(rows: &Shape) -> Shape {
    Shape::of::<Owner>().beside(rows)
}

/// The rows of several changes, each with its user.
pub(super) fn owned(changes: &[&Change]) -> Input {
    let owners: Vec<_> = changes
        .iter()
        .flat_map(|change| {
            let owner = || Owner(change.origin.user.to_string());
            std::iter::repeat_with(owner).take(change.conversations.len())
        })
        .collect();
    let rows = Input::joined(changes.iter().map(|change| &change.input));
    Input::of(&owners.iter()).beside(rows)
}

/// The columns of [`raised`].
pub(super) fn raised_shape(rows: &Shape) -> Shape {
    Shape::of::<Raised>().beside(&owned_shape(rows))
}

/// The same, each with the revision that its change makes, too.
pub(super) fn raised(changes: &[&Change], revisions: &[i64]) -> Input {
    let revisions: Vec<_> = changes
        .iter()
        .zip(revisions)
        .flat_map(|(change, revision)| {
            std::iter::repeat_with(|| Raised(*revision)).take(change.conversations.len())
        })
        .collect();
    Input::of(&revisions.iter()).beside(owned(changes))
}
