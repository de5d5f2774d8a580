//! The operations of the store, by the names that metrics and traces have for them.
//!
//! `tests/it/statements` uses all of the service and looks whether each operation is here.

use std::{fs, path::Path};

/// Each operation and what it does, by their names.
pub(super) const OPERATIONS: &[(&str, &str)] = &[
    (
        "append",
        "stores the messages that wait at the same time, up to a limit, and moves their heads",
    ),
    (
        "backlog",
        "counts the erasures that are due, for the metrics of the purge",
    ),
    (
        "begin_incarnation",
        "makes revisions start above all earlier ones after a backup was restored: the command `after-restore`",
    ),
    (
        "change_folder",
        "creates, renames or deletes a folder, or changes what is in it",
    ),
    (
        "changes_after",
        "reads a user's changes after a revision, for a watcher",
    ),
    (
        "claim_changes",
        "claims deletions and clearings whose erasure is due, for one replica",
    ),
    (
        "claim_conversations",
        "claims conversations with messages to erase, for one replica",
    ),
    ("delete", "deletes or clears conversations"),
    ("delete_matching", "deletes by selector"),
    (
        "deletions",
        "reads a page of a user's deletions, for `ListDeletions`",
    ),
    (
        "deletions_that_unlist",
        "finds the deletions that are still in the index of lists",
    ),
    (
        "end_undo",
        "ends the undo of a user's deletions whose restore window has passed",
    ),
    ("erase", "erases messages that nobody can see"),
    (
        "finish_changes",
        "marks deletions and clearings that a round of the purge has finished",
    ),
    (
        "finish_conversation",
        "marks a conversation that a round of the purge has finished",
    ),
    ("folders", "reads a user's folders and what is in them"),
    (
        "forget",
        "makes a deletion that takes the settings as well (`forget_settings`)",
    ),
    ("heads", "reads the heads of conversations"),
    ("hidden", "reads a page of a user's hidden conversations"),
    ("join", "makes users members of a group"),
    (
        "known_clock",
        "reads what is known of the machine's clock, on SQLite",
    ),
    ("leave", "ends users' membership of a group"),
    ("list", "reads a page of a user's list"),
    ("mark", "changes the marks of conversations"),
    ("members", "reads a user's rows of given conversations"),
    (
        "members_of_group",
        "reads who is or was a member of a group, for erasing",
    ),
    ("message_page", "reads a page of a history"),
    ("migrate", "brings the schema up to date"),
    ("mute", "mutes or unmutes conversations"),
    (
        "newest",
        "reads the heads and newest messages of a page of conversations",
    ),
    (
        "notify",
        "notifies other replicas of changes, on PostgreSQL",
    ),
    (
        "oldest_unseen",
        "finds the oldest message of a conversation that is to be erased",
    ),
    (
        "pass_on",
        "notes conversations whose views have to be looked at, for erasing",
    ),
    ("pin", "pins or unpins conversations"),
    (
        "positions",
        "reads how far conversations go, for the calls that ask at the same time",
    ),
    ("read", "marks conversations read"),
    (
        "recorded",
        "reads the record of one change, such as the deletion to undo",
    ),
    (
        "recorded_of_request",
        "looks for an earlier run of a request",
    ),
    (
        "remember_clock",
        "keeps what is known of the machine's clock, on SQLite",
    ),
    ("restorable", "finds out which deletions can be undone now"),
    ("restore", "undoes a deletion or clearing"),
    ("revision", "reads the revision of a user"),
    (
        "revisions",
        "reads the revisions of all watched users, in case a notification was lost",
    ),
    (
        "select",
        "chooses the conversations that a selector matches",
    ),
    ("set_custom_data", "sets the custom data of conversations"),
    ("show", "lists hidden conversations again"),
    (
        "standings",
        "finds out what undoing deletions would put back",
    ),
    ("time", "asks the database for its time, on PostgreSQL"),
    (
        "to_remember",
        "finds the messages to erase that may be delivered again",
    ),
    (
        "trim_changes",
        "removes changes that were kept for as long as was promised",
    ),
    (
        "trim_erased_messages",
        "forgets the names of erased messages that will not be delivered again",
    ),
    (
        "trim_group_requests",
        "forgets requests to groups that will not be retried",
    ),
    (
        "trust_clock",
        "believes a clock that has jumped: the command `purge --trust-clock`, on SQLite",
    ),
    (
        "unlist",
        "takes the conversations of a deletion out of the index of lists",
    ),
    ("unread", "adds up a user's unread messages"),
    (
        "unseen",
        "reads users' views of conversations, to find messages that lie in none",
    ),
    (
        "vacuum",
        "rewrites the SQLite file after something was erased",
    ),
    (
        "vacuums",
        "reads or notes when the SQLite file was last rewritten",
    ),
];

/// The sources of the store, in one text.
fn sources(directory: &Path) -> String {
    let mut sources = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources += &self::sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources += &fs::read_to_string(&path).unwrap();
        }
    }
    sources
}

#[test]
fn the_store_has_every_operation_that_is_documented() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"));
    for (name, _) in OPERATIONS {
        let is_there = sources.contains(&format!("\"{name}\""));
        assert!(is_there, "the store has no operation {name}");
    }
}
