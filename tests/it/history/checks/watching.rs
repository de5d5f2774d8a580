//! Watchers are notified of every change that concerns them, once, in the order of revisions. Whenever
//! they ask again, they get the same events.

use std::collections::{BTreeMap, BTreeSet};

use conversation_service::proto::{
    Change, ChangeOutcome, ConversationId, ConversationWatermarks, DeletionOutcome, DeletionResult,
    RestorationOutcome, RestorationResult, ShowOutcome, ShowResult, WatchConversationsResponse,
    change::Kind,
};

use super::{Rule, Violations, changes};
use crate::{
    history::recording::{History, Watched},
    properties::requests::{Answer, Request},
    support::watcher::is_bookmark,
};

pub(super) fn check(history: &History, violations: &mut Violations) {
    for watched in &history.watched {
        check_streams(history, watched, violations);
    }
    for (user, events) in &history.replayed {
        let told: BTreeMap<u64, _> = events.iter().map(|event| (event.revision, event)).collect();
        let of_user = (user.clone(), 0)..=(user.clone(), u64::MAX);
        let acknowledged = changes::acknowledged(history);
        for ((_, revision), call) in acknowledged.range(of_user) {
            let (request, answer) = call.changed().expect("it was made");
            let event = told.get(revision).copied();
            if let Some(what) = contradiction(request, answer, event, false) {
                violations.add(Rule::Watching, what);
            }
        }
    }
}

/// The events of one watcher come in order and once, and are the same when they are replayed.
fn check_streams(history: &History, watched: &Watched, violations: &mut Violations) {
    let user = &watched.user;
    let mut heard: BTreeMap<u64, &WatchConversationsResponse> = BTreeMap::new();
    let mut position = 0;
    for stream in &watched.streams {
        position = stream.after;
        for event in &stream.events {
            let is_in_order = if is_bookmark(event) {
                event.revision >= position
            } else {
                event.revision > position
            };
            if !is_in_order {
                let what = format!("{user} was told after {position}: {event:?}");
                violations.add(Rule::Watching, what);
            }
            position = event.revision;
            if !is_bookmark(event) && heard.insert(event.revision, event).is_some() {
                let what = format!("{user} was told twice: {event:?}");
                violations.add(Rule::Watching, what);
            }
        }
    }
    let Some(replayed) = history.replayed.get(user) else {
        return;
    };
    let joined = history.joined(user);
    let until_now = replayed
        .iter()
        .filter(|event| event.revision <= position && event.revision > joined)
        .map(|event| (event.revision, event));
    let replayed: BTreeMap<_, _> = until_now.collect();
    let revisions = heard.keys().chain(replayed.keys());
    let revisions: BTreeSet<_> = revisions.filter(|revision| **revision > joined).collect();
    for revision in revisions {
        let (first, again) = (heard.get(revision), replayed.get(revision));
        if first != again {
            violations.add(
                Rule::Watching,
                format!("{user} was told first {first:?}, then {again:?}"),
            );
        }
    }
}

/// Whether the clients that have not made a change are notified of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    Always,
    Never,
    /// That depends on what the answer does not say.
    Open,
}

/// The fault in the event of a change, or in its absence. `is_told` says whether the deployment notifies
/// of deletions whose request does not say.
pub(crate) fn contradiction(
    request: &Request,
    answer: &Answer,
    event: Option<&WatchConversationsResponse>,
    is_told: bool,
) -> Option<String> {
    let telling = telling(request, answer, is_told);
    let Some(event) = event else {
        let is_missing = telling == Telling::Always;
        return is_missing.then(|| format!("nobody was told of {request:?}, {answer:?}"));
    };
    let change = event.change.as_ref();
    let fits = change.is_some_and(|change| says_the_same(change, request, answer));
    let is_wrong = telling == Telling::Never || !fits;
    is_wrong.then(|| format!("{event:?} was told of {request:?}, {answer:?}"))
}

fn telling(request: &Request, answer: &Answer, is_told: bool) -> Telling {
    let always_if = |is_told: bool| {
        if is_told {
            Telling::Always
        } else {
            Telling::Never
        }
    };
    match (request, answer) {
        (Request::Delete(request), Answer::Delete(answer)) => telling_of_deletion(
            request.sync_to_other_clients.unwrap_or(is_told),
            &answer.results,
        ),
        (Request::Clear(request), Answer::Clear(answer)) => telling_of_deletion(
            request.sync_to_other_clients.unwrap_or(is_told),
            &answer.results,
        ),
        (_, Answer::Restore(answer)) => {
            let mut outcomes = answer.results.iter().map(RestorationResult::outcome);
            if outcomes.any(|outcome| outcome == RestorationOutcome::Restored) {
                // An earlier undo may have put all of it back.
                Telling::Open
            } else {
                Telling::Never
            }
        }
        (_, Answer::Show(answer)) => {
            let mut outcomes = answer.results.iter().map(ShowResult::outcome);
            always_if(outcomes.any(|outcome| outcome == ShowOutcome::Shown))
        }
        (_, Answer::CreateFolder(_) | Answer::DeleteFolder(_)) => Telling::Always,
        (Request::RenameFolder(request), _) => always_if(request.name != request.new_name),
        (_, answer) => always_if(!changed(answer).is_empty()),
    }
}

fn telling_of_deletion(is_told: bool, results: &[DeletionResult]) -> Telling {
    if is_told && had(results).next().is_some() {
        Telling::Always
    } else {
        Telling::Never
    }
}

/// The results of a deletion for the conversations that its user has or had.
fn had(results: &[DeletionResult]) -> impl Iterator<Item = &DeletionResult> {
    results
        .iter()
        .filter(|result| result.outcome() != DeletionOutcome::NotFound)
}

/// The conversations that the answer says are changed.
fn changed(answer: &Answer) -> Vec<ConversationId> {
    macro_rules! changed {
        ($answer:ident) => {{
            let results = $answer.results.iter();
            let changed = results.filter(|result| result.outcome() == ChangeOutcome::Changed);
            changed
                .filter_map(|result| result.conversation_id.clone())
                .collect()
        }};
    }
    match answer {
        Answer::Read(answer) => changed!(answer),
        Answer::Pin(answer) => changed!(answer),
        Answer::Mute(answer) => changed!(answer),
        Answer::Mark(answer) => changed!(answer),
        Answer::SetCustomData(answer) => changed!(answer),
        Answer::CreateFolder(answer) => changed!(answer),
        Answer::AddToFolder(answer) => changed!(answer),
        Answer::RemoveFromFolder(answer) => changed!(answer),
        Answer::Delete(_)
        | Answer::DeleteMatching(_)
        | Answer::Clear(_)
        | Answer::Restore(_)
        | Answer::Show(_)
        | Answer::DeleteFolder(_)
        | Answer::RenameFolder(_) => Vec::new(),
    }
}

/// Whether an event says what was asked for and answered.
fn says_the_same(change: &Change, request: &Request, answer: &Answer) -> bool {
    let Some(kind) = &change.kind else {
        return false;
    };
    match (kind, request, answer) {
        (Kind::ConversationsDeleted(told), Request::Delete(request), Answer::Delete(answer)) => {
            told.deletion_id == answer.deletion_id
                && told.clear_history == request.clear_history.unwrap_or(true)
                && tells(&told.conversations, &answer.results)
        }
        (Kind::HistoryCleared(told), _, Answer::Clear(answer)) => {
            told.deletion_id == answer.deletion_id && tells(&told.conversations, &answer.results)
        }
        (Kind::ConversationsRestored(told), _, Answer::Restore(answer)) => {
            let restored = |id: &Option<ConversationId>| {
                let mut results = answer.results.iter();
                results.any(|result| {
                    result.conversation_id == *id
                        && result.outcome() == RestorationOutcome::Restored
                })
            };
            let mut told = told.conversations.iter();
            told.all(|told| restored(&told.conversation_id))
        }
        (Kind::ConversationsShown(told), _, Answer::Show(answer)) => {
            let shown = answer.results.iter();
            let shown = shown.filter(|result| result.outcome() == ShowOutcome::Shown);
            let told = told.conversations.iter();
            told.map(|told| {
                &told
                    .conversation
                    .as_ref()
                    .expect("it is set")
                    .conversation_id
            })
            .eq(shown.map(|result| &result.conversation_id))
        }
        (Kind::ConversationsRead(told), _, Answer::Read(answer)) => {
            let changed = answer.results.iter();
            let changed = changed.filter(|result| result.outcome() == ChangeOutcome::Changed);
            let told = told.conversations.iter();
            told.map(|told| (&told.conversation_id, told.read_through))
                .eq(changed.map(|result| (&result.conversation_id, result.read_through)))
        }
        (Kind::ConversationsMarked(told), _, Answer::Mark(answer)) => {
            let changed = answer.results.iter();
            let changed = changed.filter(|result| result.outcome() == ChangeOutcome::Changed);
            let told = told.conversations.iter();
            told.map(|told| (&told.conversation_id, told.marks))
                .eq(changed.map(|result| (&result.conversation_id, result.marks)))
        }
        (Kind::ConversationsPinned(told), Request::Pin(request), _) => {
            told.pinned == request.pinned && told.conversation_ids == changed(answer)
        }
        (Kind::ConversationsMuted(told), Request::Mute(request), _) => {
            told.muted == request.muted && told.conversation_ids == changed(answer)
        }
        (Kind::CustomDataSet(told), Request::SetCustomData(request), _) => {
            told.custom_data == request.custom_data && told.conversation_ids == changed(answer)
        }
        (Kind::FolderCreated(told), Request::CreateFolder(request), _) => {
            told.name == request.name && told.conversation_ids == changed(answer)
        }
        (Kind::AddedToFolder(told), Request::AddToFolder(request), _) => {
            told.name == request.name && told.conversation_ids == changed(answer)
        }
        (Kind::RemovedFromFolder(told), Request::RemoveFromFolder(request), _) => {
            told.name == request.name && told.conversation_ids == changed(answer)
        }
        (Kind::FolderDeleted(told), Request::DeleteFolder(request), _) => told.name == request.name,
        (Kind::FolderRenamed(told), Request::RenameFolder(request), _) => {
            (&told.name, &told.new_name) == (&request.name, &request.new_name)
        }
        _ => false,
    }
}

/// Whether these are all the conversations that a deletion has found, as they stand after it.
fn tells(told: &[ConversationWatermarks], results: &[DeletionResult]) -> bool {
    let told = told.iter().map(|told| {
        (
            &told.conversation_id,
            told.hidden_through,
            told.cleared_through,
        )
    });
    told.eq(had(results).map(|result| {
        let through = (result.hidden_through, result.cleared_through);
        (&result.conversation_id, through.0, through.1)
    }))
}
