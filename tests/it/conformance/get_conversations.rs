//! Looking conversations up.

use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::c2c,
    stage::Stage,
};

on_every_database!(a_deleted_conversation_is_missing_when_looked_up,);

async fn a_deleted_conversation_is_missing_when_looked_up(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("carol", c2c("alice"), "hi").await;
    client.delete("alice", [c2c("bob")]).await;

    let ids = [c2c("nobody"), c2c("carol"), c2c("bob")];
    let found = client.get("alice", ids).await;
    let carol = found.conversations[0].conversation_id.clone();
    assert_eq!((found.conversations.len(), carol), (1, Some(c2c("carol"))));
    assert_eq!(found.missing, [c2c("nobody"), c2c("bob")]);
}
