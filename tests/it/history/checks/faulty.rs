//! Each check can fail: these tests break a correct history in every way that a check has to find.

mod example;

use conversation_service::proto::{ChangeOutcome, DeletionOutcome, WatchConversationsResponse};

use self::example::{
    DELETION, Example, FIRST_MESSAGE, LAST_MESSAGE, MUTING, SECOND_MESSAGE, chat, deletion,
    example, message, muting, reading_event,
};
use super::{Rule, Violations, replay};
use crate::{
    history::{
        found::StoredMessage,
        recording::{Call, Outcome, Told},
    },
    properties::requests::Answer,
    support::ids::c2c,
};

/// Spoils the example, and checks which rules are found to be broken.
#[track_caller]
fn breaks(rules: &[Rule], spoil: impl FnOnce(&mut Example)) {
    let mut example = example();
    spoil(&mut example);
    assert_eq!(example.rules(), rules);
}

#[test]
fn a_history_that_is_in_order_breaks_no_rule() {
    breaks(&[], |_| {});
    let mut violations = Violations::default();
    let models = replay::check(&example().history, &mut violations);
    let bob = models["bob"].list("bob");
    assert_eq!((bob.len(), bob[0].last_seq, bob[0].muted), (1, 3, true));
}

#[test]
fn an_answer_that_should_never_be_is_found() {
    breaks(&[Rule::Answers], |example| {
        example.history.failures.push("INTERNAL".to_owned());
    });
}

#[test]
fn a_message_that_is_gone_is_found_unless_everybody_has_cleared_it() {
    breaks(&[Rule::Messages], |example| {
        example.found.messages.remove(&(chat(), 1));
    });
    breaks(&[], |example| {
        let mut clearing = deletion("alice", "bob", 2, 3);
        (clearing.began, clearing.ended) = (70, Some(75));
        example.history.calls.push(clearing);
        let alice = "alice".to_owned();
        example.found.revisions.insert(alice.clone(), 2);
        let id = "alice 2".to_owned();
        example.found.changes.insert((alice.clone(), 2), id);
        example.found.listed.remove(&alice);
        example.found.messages.remove(&(chat(), 1));
    });
}

#[test]
fn positions_that_are_given_twice_left_out_or_beyond_the_head_are_found() {
    breaks(&[Rule::Messages], |example| {
        // So that the order is no matter.
        let (began, ended) = (1, Some(100));
        let again = message("alice", "bob", 2);
        example.history.calls.push(Call {
            began,
            ended,
            ..again
        });
    });
    breaks(&[Rule::Messages, Rule::Replay], |example| {
        example.call(FIRST_MESSAGE).outcome = Outcome::Refused("FULL".to_owned());
        let (call, chat) = (SECOND_MESSAGE, chat());
        example.times(call, 11, 16);
        example.found.messages.remove(&(chat, 1));
        // Somebody else cannot have stored it either.
        example.history.calls[FIRST_MESSAGE].asked = muting("bob", "alice", 9).asked;
    });
    breaks(&[Rule::Messages], |example| {
        let chat = chat();
        example.found.heads.insert(chat, 2);
    });
}

#[test]
fn a_message_of_nobody_and_one_that_is_stored_twice_are_found() {
    breaks(&[Rule::Messages], |example| {
        let chat = chat();
        let stranger = StoredMessage {
            sender: "alice".to_owned(),
            client_message_id: "another".to_owned(),
        };
        example.found.messages.insert((chat.clone(), 4), stranger);
        example.found.heads.insert(chat, 4);
    });
    breaks(&[Rule::Messages], |example| {
        let chat = chat();
        let first = example.found.messages[&(chat.clone(), 1)].clone();
        example.found.messages.insert((chat, 2), first);
    });
}

#[test]
fn a_change_that_is_gone_given_twice_or_of_nobody_is_found() {
    breaks(&[Rule::Changes], |example| {
        example.found.changes.remove(&("bob".to_owned(), 1));
    });
    breaks(&[Rule::Changes], |example| {
        let again = Call {
            began: 1,
            ended: Some(100),
            ..deletion("bob", "carol", 2, 0)
        };
        example.history.calls.push(again);
    });
    breaks(&[Rule::Changes], |example| {
        let at = ("bob".to_owned(), 3);
        example.found.changes.insert(at, "another".to_owned());
        example.found.revisions.insert("bob".to_owned(), 3);
    });
    breaks(&[Rule::Changes], |example| {
        example.found.revisions.insert("bob".to_owned(), 1);
    });
}

#[test]
fn a_revision_that_is_left_out_is_found() {
    breaks(&[Rule::Changes], |example| {
        example.found.revisions.insert("bob".to_owned(), 3);
    });
}

#[test]
fn a_change_and_a_message_before_what_had_ended_are_found() {
    breaks(&[Rule::Order], |example| {
        // The muting has the higher revision.
        example.times(MUTING, 17, 19);
        example.times(DELETION, 22, 26);
    });
    breaks(&[Rule::Order], |example| {
        example.times(FIRST_MESSAGE, 11, 13);
        example.times(SECOND_MESSAGE, 1, 10);
    });
    // At the same time, either may be the first.
    breaks(&[], |example| {
        example.times(MUTING, 17, 30);
        example.times(DELETION, 22, 26);
    });
}

#[test]
fn a_retry_that_is_answered_otherwise_is_found() {
    breaks(&[Rule::Retries], |example| {
        let other = message("alice", "bob", 4).outcome;
        example.call(FIRST_MESSAGE).again.push(other);
    });
    breaks(&[Rule::Retries], |example| {
        let reason = "RESTORE_WINDOW_EXPIRED".to_owned();
        let refused = Outcome::Refused(reason);
        example.call(DELETION).again.push(refused);
    });
    breaks(&[], |example| {
        let same = example.call(DELETION).outcome.clone();
        example.call(DELETION).again.push(same);
    });
}

#[test]
fn a_deletion_that_hides_what_was_sent_after_it_is_found() {
    breaks(&[Rule::Hiding, Rule::Replay], |example| {
        example.deleted().hidden_through = 3;
        example.found.listed.remove("bob");
    });
    breaks(&[Rule::Hiding], |example| {
        example.found.listed.insert("alice".to_owned(), [].into());
    });
    // A message that is sent meanwhile may be before or after the deletion.
    breaks(&[], |example| {
        example.times(LAST_MESSAGE, 22, 46);
        let deleted = example.deleted();
        (deleted.hidden_through, deleted.cleared_through) = (3, 3);
        example.found.listed.remove("bob");
    });
}

#[test]
fn an_answer_that_no_moment_explains_is_found() {
    // Both messages had been acknowledged.
    breaks(&[Rule::Replay], |example| {
        let deleted = example.deleted();
        (deleted.hidden_through, deleted.cleared_through) = (1, 1);
    });
    breaks(&[Rule::Replay], |example| {
        example.deleted().outcome = DeletionOutcome::AlreadyDeleted.into();
    });
    // It had not been muted before.
    breaks(&[Rule::Replay, Rule::Watching], |example| {
        let Outcome::Done(Told::Changed(Answer::Mute(answer))) = &mut example.call(MUTING).outcome
        else {
            panic!("it is a muting");
        };
        answer.results[0].outcome = ChangeOutcome::Unchanged.into();
    });
}

#[test]
fn events_that_are_missing_repeated_out_of_order_or_other_than_before_are_found() {
    // To nobody.
    breaks(&[Rule::Watching], |example| {
        example.events(0).remove(1);
        example.history.replayed.insert("bob".to_owned(), vec![]);
    });
    // Only to the one who watched.
    breaks(&[Rule::Watching], |example| {
        example.events(0).remove(1);
    });
    breaks(&[Rule::Watching], |example| {
        let again = example.events(0)[1].clone();
        example.events(0).insert(2, again);
    });
    breaks(&[Rule::Watching], |example| {
        // A bookmark before an event that it covers.
        example.events(0).swap(1, 2);
    });
    breaks(&[Rule::Watching], |example| {
        example.events(0)[1].client_id = "another".to_owned();
    });
    // An event that nobody should receive.
    breaks(&[Rule::Watching], |example| {
        let muted = example.events(0)[1].clone();
        let told = WatchConversationsResponse {
            revision: 1,
            ..muted
        };
        example.events(0).insert(1, told.clone());
        let replayed = &mut example.history.replayed;
        replayed
            .entry("bob".to_owned())
            .or_default()
            .insert(0, told);
    });
    // Of another reading.
    breaks(&[Rule::Watching], |example| {
        let read = reading_event(&c2c("bob"), 2);
        example.events(1)[1] = read.clone();
        let alice = "alice".to_owned();
        example.history.replayed.insert(alice, vec![read]);
    });
    // An event that was not heard when the watcher stopped may still come.
    breaks(&[], |example| {
        example.events(1).truncate(1);
    });
}
