//! The points that a reader of the model would look up twice; the service itself tests the rest.

use std::time::Duration;

use conversation_service::proto::{ChangeOutcome, DeletionOutcome, ListFilter};
use prost_types::Timestamp;

use super::{Model, NotAMember, NotFiled, Policy, TooManyPins};
use crate::support::ids::{c2c, group, text};

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

#[test]
fn a_deleted_chat_returns_with_the_next_message_and_only_for_its_reader() {
    let mut model = Model::default();
    for seconds in 1..=3 {
        model
            .send("bob", &c2c("alice"), text("hi"), at(seconds))
            .expect("no group");
    }
    let deleted = model.delete("alice", &[c2c("bob")], true, &[]);
    assert_eq!(deleted[0].outcome(), DeletionOutcome::Deleted);
    assert_eq!(
        (deleted[0].hidden_through, deleted[0].cleared_through),
        (3, 3)
    );
    assert_eq!(model.list("alice"), []);
    assert_eq!(model.list("bob").len(), 1);

    model
        .send("bob", &c2c("alice"), text("still there?"), at(4))
        .expect("no group");
    let list = model.list("alice");
    assert_eq!((list[0].last_seq, list[0].unread_count), (4, 1));
    assert_eq!(model.history("alice", &c2c("bob")).len(), 1);
    assert_eq!(model.history("bob", &c2c("alice")).len(), 4);
    assert_eq!((model.revision("alice"), model.revision("bob")), (1, 0));
}

#[test]
fn a_group_is_seen_from_joining_to_leaving() {
    let mut model = Model::default();
    assert_eq!(model.join("g", ["alice", "bob"]), 2);
    model
        .send("alice", &group("g"), text("one"), at(1))
        .expect("a member");
    assert_eq!(model.join("g", ["bob", "carol"]), 1);
    assert_eq!(model.list("carol"), []);
    model
        .send("alice", &group("g"), text("two"), at(2))
        .expect("a member");
    assert_eq!(model.leave("g", ["bob"]), 1);
    model
        .send("alice", &group("g"), text("three"), at(3))
        .expect("a member");

    assert_eq!(model.list("alice")[0].unread_count, 0);
    assert_eq!(model.list("bob")[0].last_seq, 2);
    assert_eq!(model.list("carol")[0].unread_count, 2);
    assert_eq!(
        model.send("bob", &group("g"), text("?"), at(4)),
        Err(NotAMember)
    );
    assert_eq!(model.join("g", ["bob"]), 1);
    assert_eq!(model.history("bob", &group("g")), []);
}

#[test]
fn an_undo_pins_again_at_the_old_place_if_there_is_room() {
    let mut model = Model::with(Policy {
        window: Duration::from_mins(1),
        pin_limit: 2,
        ..Policy::default()
    });
    let friends = ["bob", "carol", "dave"];
    for (seconds, friend) in (1..).zip(friends) {
        model
            .send(friend, &c2c("alice"), text("hi"), at(seconds))
            .expect("no group");
    }
    let listed = |model: &Model| -> Vec<_> {
        let list = model.list("alice").into_iter();
        list.map(|entry| {
            (
                entry.conversation_id.expect("an entry has an ID"),
                entry.pinned,
            )
        })
        .collect()
    };
    for friend in ["bob", "carol"] {
        let pinned = model.pin("alice", &[c2c(friend)], true).expect("room");
        assert_eq!(pinned[0].outcome(), ChangeOutcome::Changed);
    }
    let no_room = model.pin("alice", &[c2c("dave")], true);
    assert_eq!(no_room, Err(TooManyPins { limit: 2 }));
    assert_eq!(model.revision("alice"), 2);
    let in_order = [
        (c2c("carol"), true),
        (c2c("bob"), true),
        (c2c("dave"), false),
    ];
    assert_eq!(listed(&model), in_order);

    model.delete("alice", &[c2c("bob")], true, &[]);
    model.restore("alice", "3", &[]).expect("in time");
    assert_eq!(listed(&model), in_order);

    model.delete("alice", &[c2c("bob")], true, &[]);
    model.pin("alice", &[c2c("dave")], true).expect("room");
    model.restore("alice", "5", &[]).expect("in time");
    assert_eq!(
        listed(&model),
        [
            (c2c("dave"), true),
            (c2c("carol"), true),
            (c2c("bob"), false)
        ]
    );
}

#[test]
fn a_folder_shows_what_is_listed_and_only_what_is_not_muted_counts() {
    let mut model = Model::default();
    for (seconds, friend) in (1..).zip(["bob", "carol"]) {
        model
            .send(friend, &c2c("alice"), text("hi"), at(seconds))
            .expect("no group");
    }
    let all = ["carol", "stranger", "bob"].map(c2c);
    let (folder, results) = model.create_folder("alice", "work", &all).expect("a name");
    assert_eq!(folder.conversation_ids, [c2c("carol"), c2c("bob")]);
    assert_eq!(results[1].outcome(), ChangeOutcome::NotFound);
    assert_eq!(
        model.create_folder("alice", "work", &[]),
        Err(NotFiled::NameTaken)
    );

    model.mute("alice", &[c2c("bob")], true);
    let work = ListFilter {
        folder: "work".to_owned(),
        ..ListFilter::default()
    };
    assert_eq!(model.unread_count("alice", &work).unread_count, 1);
    model.delete("alice", &[c2c("carol")], false, &[]);
    assert_eq!(model.folders("alice")[0].conversation_ids, [c2c("bob")]);
    assert_eq!(model.unread_count("alice", &work).unread_count, 0);

    assert_eq!(
        model.rename_folder("alice", "home", "work"),
        Err(NotFiled::NoFolder)
    );
    model
        .rename_folder("alice", "work", "home")
        .expect("it exists");
    assert_eq!(model.list_filtered("alice", &work), []);
    assert_eq!(model.list("alice")[0].folders, ["home"]);
    assert_eq!(model.revision("alice"), 4);
}

#[test]
fn reading_reaches_as_far_as_was_seen_and_never_back() {
    let mut model = Model::default();
    for seconds in 1..=3 {
        model
            .send("bob", &c2c("alice"), text("hi"), at(seconds))
            .expect("no group");
    }
    let mut read = |seen| {
        let results = model.read("alice", &[c2c("bob")], &[(c2c("bob"), seen)]);
        let unread = model.list("alice")[0].unread_count;
        (results[0].outcome(), results[0].read_through, unread)
    };
    assert_eq!(read(2), (ChangeOutcome::Changed, 2, 1));
    assert_eq!(read(1), (ChangeOutcome::Unchanged, 2, 1));
    assert_eq!(read(9), (ChangeOutcome::Changed, 3, 0));
    assert_eq!(model.read_all("alice", &ListFilter::default(), &[]), []);
}
