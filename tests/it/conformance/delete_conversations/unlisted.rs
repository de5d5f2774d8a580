//! A deleted conversation leaves the index that lists are read from, in the background. Everything that lists it
//! again brings it back there.

use std::time::Duration;

use conversation_service::proto::{Reappearance, RestorationOutcome};

use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    rounds::Rounds,
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    a_message_lists_it_again,
    undoing_lists_it_again,
    showing_lists_it_again,
    what_came_before_the_background_job_stays_listed,
    a_conversation_that_stays_away_leaves_the_index_until_its_user_writes,
    a_deletion_that_ends_staying_away_lists_what_was_not_seen,
    a_group_of_which_one_is_a_member_again_is_listed_by_its_next_message,
    what_is_hidden_is_found_before_and_after,
);

const RETENTION: Duration = Duration::from_hours(168);

/// A stage on which alice has a chat with bob and one with carol.
struct Scene {
    stage: Stage,
    rounds: Rounds,
    rows: Rows,
}

impl Scene {
    async fn open(database: &TestDatabase) -> Self {
        let stage = Stage::open(database).await;
        for friend in ["bob", "carol"] {
            stage.client.send(friend, c2c("alice"), "hi").await;
        }
        Self {
            rounds: Rounds::on(database, &stage.clock, RETENTION).await,
            rows: Rows::of(database).await,
            stage,
        }
    }

    fn client(&self) -> &Client {
        &self.stage.client
    }

    /// Runs the background jobs; as many rows of alice's are in the index afterwards.
    async fn round(&self, in_the_index: i64) {
        self.rounds.run().await;
        self.rows.assert_whole().await;
        assert_eq!(self.rows.in_lists_index("alice").await, in_the_index);
        let waiting = "SELECT count(*) FROM changes WHERE unlists IS NOT NULL";
        assert_eq!(self.rows.number(waiting).await, 0);
    }

    /// Asserts that the chat with bob is listed beside the one with carol, and how much is unread in all.
    async fn assert_listed(&self, unread: u64) {
        let listed = self.client().listed("alice").await;
        assert_eq!(listed.len(), 2, "{listed:?}");
        assert!(listed.contains(&c2c("bob")), "{listed:?}");
        assert_eq!(self.client().unread("alice").await, unread);
        self.rows.assert_whole().await;
    }
}

async fn a_message_lists_it_again(database: TestDatabase) {
    let scene = Scene::open(&database).await;
    let client = scene.client();
    client.delete("alice", [c2c("bob")]).await;
    scene.round(1).await;
    assert_eq!(client.listed("alice").await, [c2c("carol")]);
    client.send("bob", c2c("alice"), "again").await;
    scene.assert_listed(2).await;
    // And a round later, too.
    scene.round(2).await;
    scene.assert_listed(2).await;
}

async fn undoing_lists_it_again(database: TestDatabase) {
    let scene = Scene::open(&database).await;
    let client = scene.client();
    let deletion = client.delete("alice", [c2c("bob")]).await.deletion_id;
    scene.round(1).await;
    assert_eq!(
        client.restored("alice", &deletion).await,
        [RestorationOutcome::Restored]
    );
    scene.assert_listed(2).await;
    scene.round(2).await;
    // A second deletion takes it out once more.
    client.delete("alice", [c2c("bob")]).await;
    scene.round(1).await;
    assert_eq!(client.listed("alice").await, [c2c("carol")]);
}

async fn showing_lists_it_again(database: TestDatabase) {
    let scene = Scene::open(&database).await;
    let client = scene.client();
    client.delete("alice", [c2c("bob")]).await;
    scene.round(1).await;
    client.show("alice", [c2c("bob")]).await;
    assert!(client.listed("alice").await.contains(&c2c("bob")));
    scene.round(2).await;
    assert!(client.listed("alice").await.contains(&c2c("bob")));
}

async fn what_came_before_the_background_job_stays_listed(database: TestDatabase) {
    let scene = Scene::open(&database).await;
    let client = scene.client();
    client.delete("alice", [c2c("bob")]).await;
    client.send("bob", c2c("alice"), "at once").await;
    scene.round(2).await;
    scene.assert_listed(2).await;
}

async fn a_conversation_that_stays_away_leaves_the_index_until_its_user_writes(
    database: TestDatabase,
) {
    let scene = Scene::open(&database).await;
    let client = scene.client();
    let never = client.delete("alice", [c2c("bob")]);
    never.reappearing(Reappearance::Never).await;
    scene.round(1).await;
    for text in ["are", "you", "there?"] {
        client.send("bob", c2c("alice"), text).await;
        scene.round(1).await;
    }
    assert_eq!(client.listed("alice").await, [c2c("carol")]);
    client.send("alice", c2c("bob"), "yes").await;
    scene.assert_listed(1).await;
    scene.round(2).await;
}

async fn a_deletion_that_ends_staying_away_lists_what_was_not_seen(database: TestDatabase) {
    let scene = Scene::open(&database).await;
    let client = scene.client();
    let never = client.delete("alice", [c2c("bob")]);
    never.reappearing(Reappearance::Never).await;
    for text in ["are", "you", "there?"] {
        client.send("bob", c2c("alice"), text).await;
    }
    scene.round(1).await;
    let seen = client.delete("alice", [c2c("bob")]).seen(c2c("bob"), 3);
    seen.reappearing(Reappearance::OnMessage).await;
    scene.assert_listed(2).await;
    scene.round(2).await;
    scene.assert_listed(2).await;
}

async fn a_group_of_which_one_is_a_member_again_is_listed_by_its_next_message(
    database: TestDatabase,
) {
    let scene = Scene::open(&database).await;
    let client = scene.client();
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "welcome").await;
    scene.round(3).await;
    client.leave("crew", &["alice"]).await;
    client.delete("alice", [group("crew")]).await;
    scene.round(2).await;
    client.join("crew", &["alice"]).await;
    scene.round(2).await;
    client.send("bob", group("crew"), "welcome back").await;
    assert!(client.listed("alice").await.contains(&group("crew")));
    scene.round(3).await;
}

async fn what_is_hidden_is_found_before_and_after(database: TestDatabase) {
    let scene = Scene::open(&database).await;
    let client = scene.client();
    client.delete("alice", [c2c("bob")]).await;
    scene.round(1).await;
    scene.stage.clock.advance(Duration::from_secs(1));
    client.delete("alice", [c2c("carol")]).await;
    for _ in 0..2 {
        let (hidden, _) = client
            .hidden_in_pages("alice", &[], 1)
            .await
            .expect("readable");
        let mut hidden: Vec<_> = hidden
            .into_iter()
            .filter_map(|hidden| hidden.conversation?.conversation_id)
            .collect();
        hidden.sort_by_key(|id| format!("{id:?}"));
        assert_eq!(hidden, [c2c("bob"), c2c("carol")]);
        scene.round(0).await;
    }
}
