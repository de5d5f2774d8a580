//! A service that owns, for every user of a chat product, the list of that user's conversations and
//! what of each conversation's history the user can still see; above all, one that gets deleting
//! conversations right.
//!
//! # The map
//!
//! | module | what it holds |
//! |---|---|
//! | [`domain`] | the rules, as plain values and pure functions; depends on `std`, and on a hash function |
//! | [`app`] | the use cases, one file each, named like the RPC |
//! | [`grpc`] | the transport: parse, run the use case, render; errors to statuses |
//! | [`store`] | the database: SQLite or PostgreSQL; a room for each subject (all final texts: `src/store/statements/*.sql`), migrations |
//! | [`sync`] | wakes the watchers of a user; the database is the truth |
//! | [`jobs`] | erasing what nobody can see, trimming the log; a table of every job |
//! | [`server`] | connects, migrates, assembles, accepts connections, serves |
//! | [`access`] | callers, their credentials and roles |
//! | [`tls`] | certificates, read again when they change |
//! | `peers` | what the other ends of connections may hold: shares, and budgets of what waits for them |
//! | [`lifecycle`] | signals, draining, tracked tasks |
//! | [`machine`] | this machine's clocks |
//! | [`command_line`] | commands and flags, with their help |
//! | [`config`] | settings from defaults, file, environment and flags |
//! | [`reload`] | follows the settings file: callers, `sync_deletions`, log lines |
//! | [`telemetry`] | log lines and traces |
//! | [`metrics`] | metrics, and the port on which they are read |
//! | [`health_probe`], [`demo`] | the commands of the same names |
//! | [`proto`] | the generated protocol |
//! | [`client`] | the client for other services; the feature `client` compiles nothing else |
//!
//! # Invariants
//!
//! 1. Dependencies point one way: `main -> server -> {grpc, jobs, sync, store}`,
//!    `grpc -> app -> {sync, store, domain}`, `{jobs, sync} -> store -> {config, domain}`, and
//!    `server -> tls -> access -> domain`, which `grpc` knows as well. The transport knows no SQL, the
//!    store no protocol. [`metrics`] and [`telemetry`] know neither, and anybody may count and trace.
//!    `tests/it/arrows.rs` has the whole order, and that of the store's rooms.
//! 2. Input is parsed once, at the edge. Inside, a [`domain::ConversationId`] is always valid, and
//!    numbers that could be swapped have types of their own.
//! 3. There is one [`store::Store`] for both databases. Code asks which one it has in `store::database` alone.
//! 4. A change is one statement or one transaction. It may run again after contention, so it has no
//!    other effect.
//! 5. One file maps errors to statuses. The driver's words go to the log and nowhere else.
//! 6. A row that does not parse is an error, never a panic.
//! 7. Time and environment are passed in; tests turn the clock by hand. Every time that is stored or
//!    promised is the database's ([`domain::Clock`]); this machine's wall clock is only compared with it.
//! 8. Every task is tracked and notified when to stop, or has callers that wait for it and ends with the
//!    last of them. There is no global state but the destination of log lines and of traces, which is a
//!    process's own; metrics belong to a server.
//! 9. Every list has a limit and a total order. The work that is done at once has a limit, too: a call
//!    beyond it is refused (`grpc::limits`), nothing queues up without a bound, and no caller has all of
//!    it. The data that waits for a peer is bounded in bytes and in time, and the eldest is cut off first
//!    (`peers`).
//! 10. Neither the content of a message nor a credential ever reaches a log, a trace, a metric, an error or
//!     a `Debug` form. No ID and no caller's name is a label of a metric.
//! 11. A service that no caller is known to need is closed: if `grpc::access` does not list it, it cannot
//!     be called once callers are named.
//!
//! # What makes deletion right
//!
//! A user's row in `members` holds positions ("watermarks") in the shared log of a conversation: hidden
//! through, cleared through, read through. Everything a user is shown is derived from them and from the
//! conversation's head ([`domain::View`]), so nothing can drift, and deleting means moving watermarks,
//! however long the history is.
//!
//! - *No message is lost.* A message gets its position while its head is locked, so positions commit
//!   in order. A deletion reaches only to a head that it has read before; what commits later has a
//!   higher position.
//! - *Watermarks never fall*, but for undoing and showing. They are compared with the row at the moment it is
//!   written.
//! - *Staying away is a rule of the row*, beside the watermarks: a deletion sets it in its statement, and the
//!   user's own message, which writes the row anyway, ends it.
//! - *Retries are exact.* The change is recorded in the same statement that makes it. The first answer
//!   is made of what that statement says it has recorded, and every retry is read from there.
//! - *One order of changes.* Every change of a user raises the user's revision, which locks the user's
//!   row until it commits. So revisions have neither gaps nor duplicates, and two changes of one user
//!   cannot deadlock.
//!
//! # One deletion, from bytes to rows
//!
//! 1. `grpc::boundary` gives the call its ID and its deadline, and `grpc::access` lets it in, or not;
//!    `grpc::call` watches it to its end.
//! 2. `grpc::convert::delete_conversations` parses the request, or names every violation.
//! 3. [`app::delete_conversations()`] reads how far the conversations go, by key: the first round trip.
//! 4. `store::changes::deletions` holds the rule, as SQL over one row of `members`; `store::changes` makes it
//!    part of one statement that looks for an earlier run of the request, raises the revision, moves
//!    the watermarks and records the change: the second round trip (on SQLite the steps are statements
//!    of one transaction).
//! 5. The record of the change becomes the response, now and for every retry.
//!
//! When many come at once, `store::database::coalesce` merges their first round trips into one, and their second
//! ones into another. A request waits for nothing but a free slot, and none fails because of another.
//!
//! # Lists of any length
//!
//! A user may have 10,000 conversations, and the list is wanted now. It is read from an index of the
//! user's rows, in list order, as far as the page goes. For that a row has to know when its
//! conversation was active last, without a message writing a row for each member of a large group:
//!
//! - A message copies the new head into the rows of the members where they are few: both sides of a
//!   one-to-one chat, a system conversation's owner, up to eight members of a group. That is the most
//!   that a message writes.
//! - The members of a larger group have no copy. A list reads their rows, which say so, and the heads
//!   of their groups. Few users are in many large groups; each such group costs a list about what one more
//!   entry costs.
//! - A member who left keeps a copy.
//!
//! Why it is right: head and copies change in one transaction that holds the lock of the head, and
//! joining and leaving hold it too, so a copy is never behind its head. Nothing else is stored that
//! could be derived: what is listed and what is unread is worked out from the watermarks in the moment
//! of asking, in the database where there is a copy (`store::lists`) and by [`domain::View`] where there
//! is none. A page and the user's revision are of one snapshot.
//!
//! A page begins after the place at which the page before ended ([`domain::ListPosition`]), and reads what
//! it shows and one row more. The token carries that place, the first page's revision and a time, and a
//! digest of the request. What moved up meanwhile is found by that time: it lies so far back that every
//! message that was under way at the first page is later (`store::messages::under_way`).
//!
//! # Settings, pins and folders
//!
//! Reading, pinning, muting and marking are rules over one row, like deletions. A limit over several
//! rows (pins, folders, what is in folders) is counted after the change, in a transaction that holds
//! the user's lock from its first statement on, and taken back with the transaction. It counts what the
//! user sees of it, and only what adds to it is refused. Undoing a deletion pins again what it has
//! unpinned as far as there is room, and says where there was none. A deletion that takes the settings as well is
//! such a transaction, too: what it takes is read under the user's lock and recorded with it
//! (`store::changes::deletions`).
//!
//! # Deleting by selector
//!
//! A deletion by selector chooses from the list, so it is a transaction that holds the user's lock from its
//! first statement on: no setting changes while it chooses. What it does then is a deletion like any other. A
//! plan names what was shown, by keys and positions, and the user's revision. The statement that deletes
//! compares each row with it: the position, for messages, and the revision of the last setting
//! (`members.changed_by`). So a plan needs no memory on the server (`store::changes::deletions::matching`).
//!
//! # Joining and leaving
//!
//! Joining and leaving a group is a change of each user concerned, made by the group's caller: one
//! transaction locks the head, raises the revisions of all users whose membership changes, moves their rows
//! and records a change for each ([`store`] says why this order of locks has no circle). The request itself
//! is remembered with the group (`store::groups`).
//!
//! # Undoing, following and erasing
//!
//! - *Undo* puts back what a deletion took. That is recorded with the deletion, and with it the deletion
//!   before; the row of `members` has the revision of the last one alone. So deletions of a conversation
//!   are a stack, superseded is a revision that is not the last, and undoing is one guarded update.
//! - *Following*: the record of a change is also the event of it. A watcher reads the log from where it
//!   is; [`sync`] only tells it when to look, and losing a wake costs time and nothing else. Requests are
//!   bounded so that no event is larger than a client takes. A stream of many users is one task with one
//!   ear, and its users take turns ([`app::UserWatches`]).
//! - *Erasing*: a message that lies in no view and in none that undoing could bring back never comes into
//!   one again, so it can be erased without a lock on views (`store::erasure` has the argument). Its name
//!   is remembered for as long as it may be delivered again (`store::messages::remembered`).
//! - *Promises* are recorded with what they were made for: until when a change can be undone, until when
//!   it is kept. Settings of later go for later changes.
//!
//! # When the database is away, slow or full
//!
//! - *Away*: `store::database::connections` asks once a second whether the database is there and can be written
//!   to. While it is not, health says so and nothing waits for it; when it is back, all connections are
//!   new ones.
//! - *Slow*: a call ends at its deadline, its statement within two seconds of it, and what it has begun
//!   is rolled back.
//! - *Full*: changes are refused, readings go on.
//! - *Gone*: a SQLite file that was deleted or replaced is not used any more (`store::database::sqlite_file`).
//!
//! - *Restored from a backup*: revisions begin anew above all that were ever given out
//!   (`store::users`), so nothing of the lost history is taken for what comes.
//! - *Its clock jumps*: what is erased goes by the time that has really passed ([`jobs::due`]).
//!
//! A caller that is refused in the midst of a change asks again with the same ID and learns what became of
//! it.
//!
//! # When nobody reads the log
//!
//! Nothing waits: lines are written by a thread of their own and dropped when there are too many
//! (`telemetry::writer`). A caller cannot fill the log either: every field is bounded, and refusals that
//! repeat themselves are counted (`grpc::refusals`).
//!
//! # A new RPC
//!
//! `CONTRIBUTING.md` lists every place that has to know of it.
//!
//! # What is deliberately absent
//!
//! Caches in memory, stored counters, registration of users or groups, joins between a user's tables and a
//! conversation's (they may be on different machines), and any use of message rows to delete.

#[cfg(feature = "server")]
pub mod access;
#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod command_line;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod demo;
pub mod domain;
#[cfg(feature = "server")]
pub mod grpc;
#[cfg(feature = "server")]
pub mod health_probe;
#[cfg(feature = "server")]
pub mod jobs;
#[cfg(feature = "server")]
pub mod lifecycle;
#[cfg(feature = "server")]
pub mod machine;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
mod peers;
#[cfg(all(test, feature = "server"))]
mod reference;
#[cfg(feature = "server")]
pub mod reload;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod sync;
#[cfg(feature = "server")]
pub mod telemetry;
#[cfg(feature = "server")]
pub mod tls;

/// The generated messages, clients and servers of `conversation.v1`, documented by the protocol.
#[expect(clippy::pedantic, reason = "generated")]
#[cfg_attr(
    feature = "client",
    expect(clippy::allow_attributes_without_reason, reason = "generated")
)]
#[cfg_attr(
    feature = "server",
    expect(clippy::allow_attributes, reason = "generated")
)]
pub mod proto {
    tonic::include_proto!("conversation.v1");
}
