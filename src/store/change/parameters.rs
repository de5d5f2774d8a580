//! The parameters of the statements that make changes: what every change has, and the rows of its kind.

use std::sync::Arc;

use sea_orm::Value;

use super::Change;
use crate::{
    domain::{Revision, Synchronisation, Timestamp},
    store::{dialect::Column, log},
};

/// The changes in the order of their users, in which their rows are locked.
pub(super) fn sorted(batch: &[Arc<Change>]) -> Vec<&Change> {
    let mut sorted: Vec<&Change> = batch.iter().map(Arc::as_ref).collect();
    sorted.sort_unstable_by(|one, other| one.origin.user.cmp(&other.origin.user));
    sorted
}

/// The columns of `changes` that are known before, for one change.
pub(super) fn scalars(change: &Change) -> Vec<Value> {
    let columns = columns(&[change]);
    columns.into_iter().map(Column::into_value).collect()
}

/// By what a change is recognised when its request comes again: the first two of its columns.
pub(super) fn requests(changes: &[&Change]) -> Vec<Column> {
    vec![
        Column::Texts(each(changes, |change| change.origin.user.to_string())),
        Column::OptionalBytes(each(changes, |change| {
            let request = change.origin.request;
            request.map(|request| request.id.0.to_vec())
        })),
    ]
}

/// The columns of `changes` that are known before, for several changes.
pub(super) fn columns(changes: &[&Change]) -> Vec<Column> {
    let mut columns = requests(changes);
    columns.extend([
        Column::OptionalBytes(each(changes, |change| {
            let request = change.origin.request;
            request.map(|request| request.digest.0.to_vec())
        })),
        Column::OptionalTexts(each(changes, |change| {
            change.origin.client.as_ref().map(ToString::to_string)
        })),
        Column::Integers(each(changes, |change| i64::from(change.kind as i16))),
        Column::Integers(each(changes, |change| change.time.as_micros())),
        Column::Integers(each(changes, |change| match change.synchronisation {
            Synchronisation::OriginOnly => 0,
            Synchronisation::OtherClients => 1,
        })),
        Column::OptionalIntegers(each(changes, |change| {
            change.restorable_until.map(Timestamp::as_micros)
        })),
        Column::OptionalIntegers(each(changes, |change| {
            change.erasable_from.map(Timestamp::as_micros)
        })),
        Column::OptionalIntegers(each(changes, |change| {
            change.undoes.map(Revision::to_stored)
        })),
        Column::Texts(each(changes, |change| {
            log::conversation_ids(&change.conversations)
        })),
        Column::OptionalTexts(each(changes, |change| change.detail.clone())),
        Column::OptionalTexts(each(changes, |change| {
            change.origin.caller.as_ref().map(ToString::to_string)
        })),
    ]);
    columns
}

fn each<T>(changes: &[&Change], of: impl Fn(&Change) -> T) -> Vec<T> {
    changes.iter().map(|change| of(change)).collect()
}

/// The rows of several changes, each with its user and, if they are given, with the revisions.
pub(super) fn input(changes: &[&Change], revisions: Option<&[i64]>) -> Vec<Column> {
    let mut users = Vec::new();
    let mut raised = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        for _ in 0..change.conversations.len() {
            users.push(change.origin.user.to_string());
            raised.extend(revisions.map(|revisions| revisions[index]));
        }
    }
    let mut columns = vec![Column::Texts(users)];
    columns.extend(revisions.map(|_| Column::Integers(raised)));
    let rows = Column::joined(changes.iter().map(|change| &change.input[..]));
    columns.extend(rows.into_owned());
    columns
}
