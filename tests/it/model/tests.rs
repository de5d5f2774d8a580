//! What a reader of the model would look up twice; the service itself is what tests the rest.

use conversation_service::proto::DeletionOutcome;
use prost_types::Timestamp;

use super::{Model, NotAMember};
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
