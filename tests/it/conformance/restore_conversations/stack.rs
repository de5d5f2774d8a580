//! Deletions of one conversation after another: undone from the last to the first, they leave no trace.

use conversation_service::proto::{RestorationOutcome, RestorationResult, change::Kind};

use super::Service;
use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    rows::Rows,
};

const RESTORED: RestorationOutcome = RestorationOutcome::Restored;
const SUPERSEDED: RestorationOutcome = RestorationOutcome::Superseded;
const NOTHING_TAKEN: RestorationOutcome = RestorationOutcome::NothingTaken;

/// The parts of a conversation that can be deleted or cleared.
#[derive(Clone, Copy, Debug)]
enum Taking {
    Entry,
    History,
    Both,
}

impl Taking {
    const ALL: [Self; 3] = [Self::Entry, Self::History, Self::Both];

    /// Takes it from alice's chat with this friend; returns the deletion's ID.
    async fn from(self, service: &Service, friend: &str) -> String {
        let client = &service.client;
        match self {
            Self::Entry => {
                let deletion = client.delete("alice", [c2c(friend)]).clear(false).await;
                deletion.deletion_id
            }
            Self::History => {
                let clearing = client.clear_history("alice", [c2c(friend)]).await;
                clearing.deletion_id
            }
            Self::Both => client.delete("alice", [c2c(friend)]).await.deletion_id,
        }
    }
}

async fn the_second_deletion_is_undone_and_then_the_first(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 2).await;
    let first = Taking::Both.from(&service, "bob").await;
    service.chat("bob", &c2c("alice"), 1).await;
    let before_second = service.sight("alice", &[c2c("bob")]).await;
    let second = Taking::Both.from(&service, "bob").await;

    assert_eq!(client.restored("alice", &first).await, [SUPERSEDED]);
    assert_eq!(client.listed("alice").await, []);
    assert_eq!(client.restored("alice", &second).await, [RESTORED]);
    assert_eq!(service.sight("alice", &[c2c("bob")]).await, before_second);
    assert_eq!(client.restored("alice", &first).await, [RESTORED]);
    assert_eq!(service.readable("alice", c2c("bob")).await, [1, 2, 3]);
    assert_eq!(client.entry("alice", c2c("bob")).await.unread_count, 3);
    // Undoing again finds everything in its place.
    for id in [&second, &first] {
        assert_eq!(client.restored("alice", id).await, [RESTORED]);
    }
}

async fn hiding_and_then_clearing_can_both_be_undone(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 3).await;
    let before = service.sight("alice", &[c2c("bob")]).await;
    let hidden = Taking::Entry.from(&service, "bob").await;
    let cleared = Taking::History.from(&service, "bob").await;
    assert_eq!(client.restored("alice", &cleared).await, [RESTORED]);
    assert_eq!(service.readable("alice", c2c("bob")).await, [1, 2, 3]);
    assert_eq!(client.listed("alice").await, []);
    assert_eq!(client.restored("alice", &hidden).await, [RESTORED]);
    assert_eq!(service.sight("alice", &[c2c("bob")]).await, before);
}

/// Every sequence of three deletions of any kind, with and without messages between them. A twin of the
/// conversation, from which nothing is ever taken, shows what there must be in the end.
async fn every_sequence_undone_in_reverse_ends_where_it_began(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    for number in 0..27 * 4 {
        let takings = [number % 3, number / 3 % 3, number / 9 % 3].map(|kind| Taking::ALL[kind]);
        let messages = [number / 27 % 2, number / 54];
        let friend = format!("friend {number}");
        let twin = format!("twin {number}");
        let say = async |count| {
            service.chat(&friend, &c2c("alice"), count).await;
            service.chat(&twin, &c2c("alice"), count).await;
        };
        let stands = async |friend: &str| {
            let seqs = service.readable("alice", c2c(friend)).await;
            let found = client.get("alice", [c2c(friend)]).await;
            let unread = found.conversations.first().map(|one| one.unread_count);
            (seqs, unread)
        };
        say(2).await;
        let mut taken = Vec::new();
        for (place, taking) in takings.into_iter().enumerate() {
            taken.push(taking.from(&service, &friend).await);
            if let Some(between) = messages.get(place) {
                say(*between).await;
            }
        }
        let what = format!("{takings:?} with {messages:?} messages between");
        for id in taken.iter().rev() {
            let outcomes = client.restored("alice", id).await;
            assert!(
                outcomes == [RESTORED] || outcomes == [NOTHING_TAKEN],
                "{outcomes:?} in {what}"
            );
        }
        assert_eq!(stands(&friend).await, stands(&twin).await, "{what}");
    }
    Rows::of(&database).await.assert_whole().await;
}

async fn what_was_undone_is_superseded_while_a_later_deletion_is_in_force(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 2).await;
    let first = Taking::Both.from(&service, "bob").await;
    client.restored("alice", &first).await;
    let later = Taking::Both.from(&service, "bob").await;
    assert_eq!(client.restored("alice", &first).await, [SUPERSEDED]);
    client.restored("alice", &later).await;
    assert_eq!(client.restored("alice", &first).await, [RESTORED]);
    assert_eq!(service.readable("alice", c2c("bob")).await, [1, 2]);
}

async fn a_repetition_that_takes_nothing_is_not_on_the_stack(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 2).await;
    let first = Taking::Entry.from(&service, "bob").await;
    service.chat("bob", &c2c("alice"), 1).await;
    let second = Taking::Both.from(&service, "bob").await;
    let again = Taking::Both.from(&service, "bob").await;
    assert_eq!(client.restored("alice", &again).await, [NOTHING_TAKEN]);
    for id in [second, first] {
        assert_eq!(client.restored("alice", &id).await, [RESTORED]);
    }
    assert_eq!(service.readable("alice", c2c("bob")).await, [1, 2, 3]);
}

async fn what_was_read_between_deletions_stays_read(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 2).await;
    let first = Taking::Entry.from(&service, "bob").await;
    service.chat("bob", &c2c("alice"), 2).await;
    client.read("alice", [c2c("bob")]).seen(c2c("bob"), 3).await;
    let second = Taking::Both.from(&service, "bob").await;
    for id in [second, first] {
        client.restored("alice", &id).await;
    }
    let entry = client.entry("alice", c2c("bob")).await;
    assert_eq!((entry.unread_count, entry.last_seq), (1, 4));
}

async fn after_joining_again_no_earlier_deletion_can_be_undone(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    client.join("g", &["alice", "bob"]).await;
    let mut deletions = Vec::new();
    for _ in 0..2 {
        service.chat("bob", &group("g"), 2).await;
        let deletion = client.delete("alice", [group("g")]).await;
        deletions.push(deletion.deletion_id);
    }
    let last = deletions.last().expect("two were made");
    assert_eq!(client.restored("alice", last).await, [RESTORED]);
    client.leave("g", &["alice"]).await;
    client.join("g", &["alice"]).await;
    for deletion in &deletions {
        assert_eq!(client.restored("alice", deletion).await, [SUPERSEDED]);
    }
    service.chat("bob", &group("g"), 1).await;
    let before = service.sight("alice", &[group("g")]).await;
    let deletion = client.delete("alice", [group("g")]).await.deletion_id;
    assert_eq!(client.restored("alice", &deletion).await, [RESTORED]);
    assert_eq!(service.sight("alice", &[group("g")]).await, before);
}

async fn what_erasing_has_begun_on_is_not_said_to_be_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 2).await;
    let deletion = Taking::Both.from(&service, "bob").await;
    let undone = Taking::Both.from(&service, "bob").await;
    let rows = Rows::of(&database).await;
    rows.run("UPDATE members SET undo_ended = 2, kept_after = NULL WHERE user_id = 'alice'")
        .await;
    assert_eq!(client.restored("alice", &deletion).await, [SUPERSEDED]);
    assert_eq!(client.restored("alice", &undone).await, [NOTHING_TAKEN]);
    assert_eq!(service.readable("alice", c2c("bob")).await, [0; 0]);
}

async fn a_pin_without_room_stays_out_and_the_answer_says_so(database: TestDatabase) {
    let service = Service::start_with_pins(&database, 2).await;
    let client = &service.client;
    for friend in ["a", "b", "c"] {
        service.chat(friend, &c2c("alice"), 1).await;
    }
    client.pin("alice", ["a", "b"].map(c2c)).await;
    let deletion = Taking::Both.from(&service, "a").await;
    client.pin("alice", [c2c("c")]).await;
    let restored = client.restore("alice", &deletion, "").await;
    let result = RestorationResult {
        conversation_id: Some(c2c("a")),
        outcome: RESTORED.into(),
        pin_left_out: true,
    };
    assert_eq!(restored.expect("in time").results, [result]);
    assert!(!client.entry("alice", c2c("a")).await.pinned);
}

async fn as_many_pins_come_back_as_there_is_room_for_in_the_order_of_the_deletion(
    database: TestDatabase,
) {
    let service = Service::start_with_pins(&database, 4).await;
    let client = &service.client;
    for friend in ["a", "b", "c", "d", "e", "f"] {
        service.chat(friend, &c2c("alice"), 1).await;
    }
    client.pin("alice", ["a", "b", "c", "d"].map(c2c)).await;
    // E was not pinned, and the deletion takes the others in an order of its own.
    let deletion = client.delete("alice", ["d", "e", "a", "c"].map(c2c)).await;
    client.pin("alice", [c2c("f")]).await;
    let restored = client.restore("alice", &deletion.deletion_id, "").await;
    let left_out: Vec<_> = restored
        .expect("in time")
        .results
        .iter()
        .map(|result| (result.outcome(), result.pin_left_out))
        .collect();
    let out = [false, false, false, true].map(|left_out| (RESTORED, left_out));
    assert_eq!(left_out, out);
    let pinned = client.list_all("alice").await.into_iter();
    let pinned: Vec<_> = pinned
        .filter(|entry| entry.pinned)
        .filter_map(|entry| entry.conversation_id)
        .collect();
    assert_eq!(pinned.len(), 4, "{pinned:?}");
    assert!(!pinned.contains(&c2c("c")), "{pinned:?}");
    // The event for the other clients says the same.
    let mut watcher = client.follow("alice", "tablet", Some(3)).await;
    let event = watcher.change().await;
    let kind = event.change.and_then(|change| change.kind);
    let Some(Kind::ConversationsRestored(back)) = kind else {
        panic!("{kind:?} is no undo");
    };
    let pinned: Vec<_> = back.conversations.iter().map(|one| one.pinned).collect();
    assert_eq!(pinned, [true, false, true, false]);
}

on_every_database!(
    the_second_deletion_is_undone_and_then_the_first,
    hiding_and_then_clearing_can_both_be_undone,
    every_sequence_undone_in_reverse_ends_where_it_began,
    what_was_undone_is_superseded_while_a_later_deletion_is_in_force,
    a_repetition_that_takes_nothing_is_not_on_the_stack,
    what_was_read_between_deletions_stays_read,
    after_joining_again_no_earlier_deletion_can_be_undone,
    what_erasing_has_begun_on_is_not_said_to_be_back,
    a_pin_without_room_stays_out_and_the_answer_says_so,
    as_many_pins_come_back_as_there_is_room_for_in_the_order_of_the_deletion,
);
