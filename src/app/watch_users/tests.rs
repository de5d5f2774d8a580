//! Users take turns, at whatever pace the client reads. The tests control the time for which the client lets
//! entries wait.

use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;

use super::*;
use crate::{
    app::{Policy, WatchPolicy, create_folder, rename_folder},
    config::Config,
    domain::{FolderName, ManualClock, Origin, Timestamp},
    store,
    sync::Wakes,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// More changes than are read in two turns.
const MANY: i64 = 33;

async fn app(files: &TempDir) -> App {
    let mut config = Config::default();
    let url = format!("sqlite://{}", files.path().join("test.db").display());
    config.database.url = url.parse().expect("the URL of a file");
    // Reads come one after the other, so turns can be seen in the order of the entries.
    config.database.pool_size = 1;
    let store = store::connect(&config.database).await;
    let store = store.expect("the file can be opened");
    store
        .database()
        .migrate()
        .await
        .expect("the schema can be made");
    let (_, sync_deletions) = watch::channel(false);
    App {
        store,
        clock: ManualClock::new(Timestamp::from_micros(1)).clock(),
        policy: Policy {
            sync_deletions,
            restore_window: Duration::ZERO,
            pin_limit: 1,
        },
        wakes: Wakes::new().0,
        watch: WatchPolicy {
            bookmark_interval: Duration::from_hours(1),
            patience: PATIENCE,
        },
    }
}

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a valid ID")
}

/// Makes so many changes of a user.
async fn change(app: &App, name: &str, times: i64) {
    let origin = Origin {
        user: user(name),
        client: None,
        caller: None,
        request: None,
    };
    let folder = |number: i64| FolderName::new(&format!("{number}")).expect("a name");
    let made = create_folder(app, &origin, &folder(1), None).await;
    made.expect("a folder can be made");
    for number in 2..=times {
        let renamed = rename_folder(app, &origin, &folder(number - 1), folder(number)).await;
        renamed.expect("a folder can be renamed");
    }
}

fn follow(watches: &mut UserWatches, names: &[&str]) {
    for name in names {
        watches.add(user(name), Some(Revision::default()));
    }
}

/// Everything until the stream has no more, each entry by its user and revision, or with none for an end. The
/// client lets each wait for so long.
async fn until_the_end(watches: &mut UserWatches, wait: Duration) -> Vec<(String, Option<u64>)> {
    watches.close();
    let mut entries = Vec::new();
    while let Some(entry) = watches.next().await {
        watches.waited(wait);
        entries.push(match entry {
            UserEntry::Event(user, WatchEvent::Bookmark(revision, _)) => {
                (user.to_string(), Some(revision.get()))
            }
            UserEntry::Event(user, WatchEvent::Change(change)) => {
                (user.to_string(), Some(change.revision.get()))
            }
            UserEntry::Ended(user, UserEnd::TooSlow) => (user.to_string(), None),
            UserEntry::Ended(user, end) => panic!("{user}: {end:?}"),
        });
    }
    entries
}

fn of(name: &str, entries: &[(String, Option<u64>)]) -> Vec<Option<u64>> {
    let own = entries.iter().filter(|(user, _)| user == name);
    own.map(|(_, revision)| *revision).collect()
}

#[tokio::test]
async fn users_take_turns_however_much_one_has_to_replay() {
    let files = tempfile::tempdir().expect("a directory can be made");
    let app = app(&files).await;
    change(&app, "much", 8 * MANY).await;
    for name in ["a", "b", "c", "d", "e"] {
        change(&app, name, 1).await;
    }
    let mut watches = UserWatches::new(&app);
    follow(&mut watches, &["much", "a", "b", "c", "d", "e"]);
    let entries = until_the_end(&mut watches, Duration::ZERO).await;
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(of(name, &entries), [Some(0), Some(1)]);
    }
    let last = entries.iter().rposition(|(user, _)| user != "much");
    let last = last.expect("there are others");
    // Their turns come before much's third.
    assert!(last < 6 + 5 + 3 * 16, "after {last} entries");
    let much: Vec<_> = (0..=8 * MANY.unsigned_abs()).map(Some).collect();
    assert_eq!(of("much", &entries), much);
}

#[tokio::test]
async fn a_client_that_reads_slowly_but_reads_loses_no_user_by_that_users_own_changes() {
    let files = tempfile::tempdir().expect("a directory can be made");
    let app = app(&files).await;
    change(&app, "alice", MANY).await;
    let mut watches = UserWatches::new(&app);
    follow(&mut watches, &["alice"]);
    let entries = until_the_end(&mut watches, PATIENCE).await;
    let all: Vec<_> = (0..=MANY.unsigned_abs()).map(Some).collect();
    assert_eq!(of("alice", &entries), all);
}

#[tokio::test]
async fn a_user_whose_changes_wait_for_the_client_for_too_long_ends_alone_and_resumes() {
    let files = tempfile::tempdir().expect("a directory can be made");
    let app = app(&files).await;
    change(&app, "alice", MANY).await;
    let waiting: Vec<_> = (0..2 * READS)
        .map(|number| format!("user {number}"))
        .collect();
    for name in &waiting {
        change(&app, name, 1).await;
    }
    let mut watches = UserWatches::new(&app);
    follow(&mut watches, &["alice"]);
    for name in &waiting {
        watches.add(user(name), Some(Revision::default()));
    }
    // Those whose turn comes at the beginning are read; the others wait while alice's changes are.
    let entries = until_the_end(&mut watches, PATIENCE / 10).await;
    let ended: Vec<_> = entries.iter().filter(|(_, end)| end.is_none()).collect();
    assert!((1..=waiting.len()).contains(&ended.len()), "{ended:?}");
    assert!(!ended.iter().any(|(user, _)| user == "alice"), "{ended:?}");
    assert_eq!(watches.len(), 1 + waiting.len() - ended.len());

    let mut again = UserWatches::new(&app);
    for (name, _) in &ended {
        assert!(!watches.follows(&user(name)));
        again.add(user(name), Some(Revision::default()));
    }
    let resumed = until_the_end(&mut again, Duration::ZERO).await;
    for (name, _) in ended {
        assert_eq!(of(name, &resumed), [Some(0), Some(1)]);
    }
}

#[tokio::test]
async fn nothing_more_is_read_before_what_was_read_is_taken() {
    let files = tempfile::tempdir().expect("a directory can be made");
    let app = app(&files).await;
    let names: Vec<_> = (0..4 * READS)
        .map(|number| format!("user {number}"))
        .collect();
    for name in &names {
        change(&app, name, MANY).await;
    }
    let mut watches = UserWatches::new(&app);
    for name in &names {
        watches.add(user(name), Some(Revision::default()));
    }
    while watches.next().await.is_some() {
        let read = watches.ready.len() + 16 * watches.reads;
        assert!(read <= names.len() + 16 * (READS + 1), "{read} wait");
        // One at least has ended, or nothing would have been there to take.
        assert!(watches.reads < READS, "{} reads go on", watches.reads);
        let is_done = |watched: &Watched| matches!(watched.progress, Progress::Idle(_));
        if watches.ready.is_empty() && watches.users.values().all(is_done) {
            break;
        }
    }
}

#[tokio::test]
async fn nothing_comes_of_a_user_that_was_removed_and_the_others_keep_their_order() {
    let files = tempfile::tempdir().expect("a directory can be made");
    let app = app(&files).await;
    let mut watches = UserWatches::new(&app);
    assert!(watches.is_empty());
    follow(&mut watches, &["alice", "bob", "carol"]);
    let first = watches.next().await;
    assert!(
        matches!(&first, Some(UserEntry::Event(one, _)) if *one == user("alice")),
        "{first:?}"
    );
    // Bob's bookmark is ready, and so is carol's.
    watches.remove(&user("bob"));
    assert!(!watches.is_empty());
    let rest = until_the_end(&mut watches, Duration::ZERO).await;
    assert_eq!(rest, [("carol".to_owned(), Some(0))]);
}

#[tokio::test]
async fn users_that_wait_to_be_looked_up_are_bounded_and_are_looked_up_together() {
    let files = tempfile::tempdir().expect("a directory can be made");
    let app = app(&files).await;
    let mut watches = UserWatches::new(&app);
    for number in 0..ADDED_AT_ONCE {
        assert!(watches.has_room(), "after {number}");
        watches.add(user(&format!("{number}")), None);
    }
    assert!(!watches.has_room());
    watches.look_up();
    assert!(watches.has_room());
    watches.add(user("late"), None);
    watches.look_up();
    assert_eq!(watches.work.len(), 1, "the late one waits");
    let entries = until_the_end(&mut watches, Duration::ZERO).await;
    assert_eq!(entries.len(), ADDED_AT_ONCE + 1);
}

#[tokio::test]
async fn users_that_cannot_be_looked_up_end_and_can_be_added_again() {
    let files = tempfile::tempdir().expect("a directory can be made");
    let app = app(&files).await;
    let mut watches = UserWatches::new(&app);
    let closed = app.store.clone().close().await;
    closed.expect("nothing is under way");
    for _ in 0..2 {
        watches.add(user("alice"), None);
        let entry = watches.next().await;
        assert!(
            matches!(entry, Some(UserEntry::Ended(_, UserEnd::Store(_)))),
            "{entry:?}"
        );
        assert!(watches.is_empty());
    }
}

#[tokio::test]
async fn bookmarks_of_users_that_have_gone_are_dropped_once_there_are_many() {
    const STAY: usize = 100;
    let files = tempfile::tempdir().expect("a directory can be made");
    let app = app(&files).await;
    let mut watches = UserWatches::new(&app);
    for number in 0..STAY {
        watches.add(user(&format!("{number}")), None);
        watches.next().await;
    }
    let most = 2 * (STAY + 1) + ADDED_AT_ONCE;
    for expected in STAY + 1..=most {
        watches.add(user("guest"), None);
        watches.next().await;
        assert_eq!(watches.bookmarks.len(), expected);
        watches.remove(&user("guest"));
    }
    watches.add(user("guest"), None);
    watches.next().await;
    assert_eq!(watches.bookmarks.len(), STAY + 1);
}
