//! Changes that wait at the same time are carried out together, and each as if it had been alone.

use tokio::task::JoinSet;

use super::{requests::Request, world::Done};
use crate::{
    history::checks::watching::contradiction,
    model::{Model, compare::same},
    support::{
        client::Client,
        databases::TestDatabase,
        rows::{Rows, is_sqlite},
    },
};

/// A client of all users that asks for nothing itself.
const WATCHER: &str = "watcher";

/// Has these requests of different users wait for each other, and compares the answers and the events
/// with what the model says of one after the other.
pub(super) async fn carry_out(
    client: &Client,
    database: &TestDatabase,
    model: &mut Model,
    requests: Vec<Request>,
) -> Done {
    let (holder, onlooker) = (Rows::of(database).await, Rows::of(database).await);
    let gate = if is_sqlite(database) {
        "BEGIN IMMEDIATE"
    } else {
        "BEGIN; LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"
    };
    holder.run(gate).await;
    let mut waiting = JoinSet::new();
    for request in requests {
        let client = client.clone();
        waiting.spawn(async move { (request.send(&client).await, request) });
    }
    if !is_sqlite(database) {
        onlooker.until_waiting(|count| count > 0).await;
    }
    // A later call on the same connection is answered after they have come this far.
    for _ in 0..3 {
        client.unread("nobody").await;
    }
    holder.run("COMMIT").await;
    let answers = waiting.join_all().await;
    holder.close().await;
    onlooker.close().await;

    for (answer, request) in answers {
        let (user, _) = request.name();
        let answer = match (answer, request.carry_out(model)) {
            (Ok(answer), Ok(expected)) => {
                same(("together", &request), &answer, &expected)?;
                answer
            }
            (answer, Err(refusal)) => {
                refusal.is_of(answer)?;
                continue;
            }
            (Err(status), Ok(_)) => return Err(format!("{request:?}: {status:?}")),
        };
        let revision = model.revision(&user);
        let events = client.events(&user, WATCHER, revision - 1, revision).await;
        let events = events.map_err(|status| format!("the event of {request:?}: {status:?}"))?;
        if let Some(what) = contradiction(&request, &answer, events.first(), false) {
            return Err(what);
        }
    }
    Ok(())
}
