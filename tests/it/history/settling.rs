//! When all is quiet: what is in doubt is asked again, and so is everything that was answered; then the
//! history is checked, and what the service answers is compared with the replay of it.

use std::{sync::Arc, time::Duration};

use super::{
    checks::{self, Rule, Violations, changes, replay},
    clients::ask,
    drawing::{PIN_LIMIT, USERS},
    found::Found,
    joined,
    recording::{Asked, History, Outcome, Recorder},
    watchers::WATCHER,
};
use crate::{
    model::{compare, shared_name},
    support::{
        client::{Client, LARGEST_PAGE},
        clock::TestClock,
        databases::{Backend, TestDatabase},
        rows::Rows,
        server::{TestServer, config},
    },
};

/// A finished history, and its violations of the rules.
pub(super) struct Afterwards {
    pub(super) history: History,
    pub(super) violations: Violations,
}

/// Settles what is in doubt, and checks everything. No replica runs any more.
pub(super) async fn settle(database: &TestDatabase, recorder: &Arc<Recorder>) -> Afterwards {
    let rows = Rows::of(database).await;
    until_quiet(database, &rows).await;
    let server = serve(database).await;
    let client = server.client().await;

    ask_what_is_in_doubt(recorder, &client, &Found::read(&rows).await).await;
    for call in recorder.calls(|call| call.told().is_some()) {
        ask(recorder, &client, call).await;
    }
    let history = History {
        joined: joined(),
        ..recorder.history()
    };
    let afterwards = examine(history, &client, &rows).await;
    server.stop().await;
    rows.close().await;
    afterwards
}

/// A server whose watchers soon know that there is nothing more.
pub(super) async fn serve(database: &TestDatabase) -> TestServer {
    let mut settings = config(database);
    settings.pin_limit = u32::try_from(PIN_LIMIT).expect("the limit is small");
    settings.watch.bookmark_interval = Duration::from_millis(20);
    TestServer::start_with(settings, &TestClock::at_present()).await
}

/// Waits until nothing that a killed replica has begun is still under way in the database.
async fn until_quiet(database: &TestDatabase, rows: &Rows) {
    if database.backend() == Backend::Postgres {
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'conversation-service'";
        rows.until(busy, |busy| busy == 0).await;
    }
}

/// Asks again for each message that may have been stored, for each joining or leaving that may have been
/// done, and for each change that is in the log. A change that is not there was not made, and will not be.
async fn ask_what_is_in_doubt(recorder: &Recorder, client: &Client, found: &Found) {
    for call in recorder.calls(|call| call.outcome == Outcome::InDoubt) {
        let was_made = match recorder.asked(call) {
            Asked::Message(_) | Asked::Announcement(_) | Asked::Membership(_) => true,
            Asked::Change(request) => {
                let name = changes::name(&request);
                found.changes.values().any(|id| *id == name)
            }
        };
        if was_made {
            ask(recorder, client, call).await;
        }
    }
}

/// Checks what was seen against what the database holds and the service answers now.
pub(super) async fn examine(mut history: History, client: &Client, rows: &Rows) -> Afterwards {
    let mut found = Found::read(rows).await;
    for user in USERS {
        let list = client.listed(user).await;
        let list = list.iter().map(|id| shared_name(user, id));
        found.listed.insert(user.to_owned(), list.collect());
        let revision = client.revision(user).await;
        match client.events(user, WATCHER, 0, revision).await {
            Ok(events) => drop(history.replayed.insert(user.to_owned(), events)),
            Err(status) => history
                .failures
                .push(format!("replaying {user}: {status:?}")),
        }
    }
    let mut violations = checks::check(&history, &found);
    let models = replay::check(&history, &mut violations);
    for (user, model) in models {
        if let Err(difference) = compare::everything(client, &model, user, LARGEST_PAGE).await {
            violations.add(Rule::State, difference);
        }
    }
    Afterwards {
        history,
        violations,
    }
}
