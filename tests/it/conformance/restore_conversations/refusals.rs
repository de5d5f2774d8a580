//! Deletions that cannot be undone, and why.

use std::time::Duration;

use conversation_service::proto::RestorationOutcome;
use tonic::Code;

use super::{RETENTION, Service, WINDOW};
use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::c2c,
    rounds::Rounds,
    server::config,
    stage::Stage,
};

const UNKNOWN: (Code, &str) = (Code::NotFound, "DELETION_NOT_FOUND");
const EXPIRED: (Code, &str) = (Code::FailedPrecondition, "RESTORE_WINDOW_EXPIRED");

async fn undo_ends_at_the_exact_microsecond(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    for chat in ["bob", "carol"] {
        service.chat(chat, &c2c("alice"), 1).await;
    }
    let late = client.delete("alice", [c2c("bob")]).await;
    let timely = client.clear_history("alice", [c2c("carol")]).await;
    let until = late.restorable_until.expect("undo is on");
    let ends = service.clock.now().saturating_add(WINDOW).as_micros();
    assert_eq!(
        until.seconds * 1_000_000 + i64::from(until.nanos / 1_000),
        ends
    );
    assert_eq!(timely.restorable_until, Some(until));

    let moment = Duration::from_micros(1);
    service.clock.advance(WINDOW);
    service.clock.set_back(moment);
    let outcomes = client.restored("alice", &timely.deletion_id).await;
    assert_eq!(outcomes, [RestorationOutcome::Restored]);
    service.clock.advance(moment);
    let before = service.sight("alice", &[c2c("bob")]).await;
    let refusal = client.restore("alice", &late.deletion_id, "").await;
    refused(refusal, EXPIRED.0, EXPIRED.1);
    // A deletion that is undone already is no exception.
    let refusal = client.restore("alice", &timely.deletion_id, "").await;
    refused(refusal, EXPIRED.0, EXPIRED.1);
    assert_eq!(service.sight("alice", &[c2c("bob")]).await, before);
    let listing = client.list_in_pages("alice", None, 10).await;
    assert_eq!(listing.expect("a list").revision, 3, "nothing has changed");
}

async fn a_window_of_nothing_turns_undo_off(database: TestDatabase) {
    let service = Service::start_with(&database, Duration::ZERO).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 1).await;
    let clearing = client.clear_history("alice", [c2c("bob")]).await;
    let deletion = client.delete("alice", [c2c("bob")]).await;
    assert_eq!(
        (clearing.restorable_until, deletion.restorable_until),
        (None, None)
    );
    for id in [clearing.deletion_id, deletion.deletion_id] {
        refused(client.restore("alice", &id, "").await, EXPIRED.0, EXPIRED.1);
    }
}

async fn only_the_own_deletions_have_ids_that_mean_anything(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 1).await;
    service.chat("bob", &c2c("carol"), 1).await;
    for _ in 0..3 {
        client.delete("carol", [c2c("bob")]).await;
    }
    let deletion = client.delete("alice", [c2c("bob")]).await;
    let of_carol = client.delete("carol", [c2c("bob")]).await.deletion_id;
    client.restored("alice", &deletion.deletion_id).await;
    let restoration = "2";
    let wrong = [
        "",
        "-1",
        "+1",
        "01",
        " 1",
        "1 ",
        "x",
        "18446744073709551616",
    ];
    for id in wrong {
        let refusal = client.restore("alice", id, "").await;
        let status = refused(refusal, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(violated(&status), ["deletion_id"], "{id:?}");
    }
    for id in ["0", "3", restoration, &of_carol] {
        let refusal = client.restore("alice", id, "").await;
        refused(refusal, UNKNOWN.0, UNKNOWN.1);
    }
    // A stranger who has changed nothing.
    let refusal = client.restore("mallory", &deletion.deletion_id, "").await;
    refused(refusal, UNKNOWN.0, UNKNOWN.1);
    // Carol's own deletion of the same number is another one.
    let outcomes = client.restored("carol", &deletion.deletion_id).await;
    assert_eq!(outcomes, [RestorationOutcome::Restored]);
    assert_eq!(client.listed("carol").await, [c2c("bob")]);
}

async fn what_the_log_has_forgotten_is_too_late_to_undo(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 1).await;
    let deletion = client.delete("alice", [c2c("bob")]).await;
    client.restored("alice", &deletion.deletion_id).await;
    let rounds = Rounds::on(&database, &service.clock, RETENTION).await;
    service.clock.advance(RETENTION + Duration::from_micros(1));
    assert_eq!(rounds.run().await.changes, 2);
    // The number of the restoration, too: that it was one, nobody knows any more.
    for id in ["1", "2"] {
        refused(client.restore("alice", id, "").await, EXPIRED.0, EXPIRED.1);
    }
    let refusal = client.restore("alice", "3", "").await;
    refused(refusal, UNKNOWN.0, UNKNOWN.1);
}

on_every_database!(
    undo_ends_at_the_exact_microsecond,
    a_window_of_nothing_turns_undo_off,
    only_the_own_deletions_have_ids_that_mean_anything,
    what_the_log_has_forgotten_is_too_late_to_undo,
    undo_ends_with_the_restore_window_and_is_not_offered_without_one,
);

async fn undo_ends_with_the_restore_window_and_is_not_offered_without_one(database: TestDatabase) {
    let Stage { client, server, .. } = Stage::open(&database).await;
    let sent = client.send("bob", c2c("alice"), "hi").await;
    let sent_at = sent.send_time.expect("a message has a time").seconds;
    let deletion = client.delete("alice", [c2c("bob")]).await;
    let until = deletion.restorable_until.expect("undo is on");
    assert_eq!(until.seconds, sent_at + 24 * 60 * 60);
    drop(client);
    server.stop().await;

    let mut config = config(&database);
    config.deletion.restore_window = Duration::ZERO;
    let Stage { client, .. } = Stage::open_with(config).await;
    let deletion = client.delete("alice", [c2c("bob")]).await;
    assert_eq!(deletion.restorable_until, None);
}
