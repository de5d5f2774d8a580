//! The conversation lists of a chat product's users: a service that stores messages, and knows for every user
//! which conversations are listed and how much of each history the user can still read. Its main task is to
//! delete conversations correctly.
//!
//! # The map
//!
//! | module | what it holds |
//! |---|---|
//! | [`domain`] | the rules, as plain values and pure functions; depends on `std`, and on a hash function |
//! | [`app`] | the use cases, one file each, named like the RPC |
//! | [`grpc`] | the transport: parse, run the use case, render; errors to statuses |
//! | [`store`] | the database: SQLite or PostgreSQL; the tables as entities (`src/store/entity`), a room for each subject (all final texts: `src/store/statements/*.sql`), migrations |
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
//!    `server -> tls -> access -> domain`; `grpc` uses `access` and `tls` as well. The transport contains no
//!    SQL, and the store does not know the protocol. [`metrics`] and [`telemetry`] know neither, and every
//!    module may use them. `tests/it/arrows.rs` checks the whole order, and that of the store's rooms.
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
//! 9. Every list has a limit and a total order. So does the work at one time: a call beyond the limit is
//!    refused (`grpc::limits`), no queue is unbounded, and no caller gets everything. Data that waits for a
//!    peer is bounded in bytes and in time, and the oldest is cut off first (`peers`).
//! 10. Neither the content of a message nor a credential ever reaches a log, a trace, a metric, an error or
//!     a `Debug` form. No ID and no caller's name is a label of a metric.
//! 11. Access is closed by default: once callers are named, only services that `grpc::access` lists can be
//!     called.
//!
//! # What makes deletion right
//!
//! A user's row in `members` holds positions ("watermarks") in the shared log of a conversation: hidden
//! through, cleared through, read through. Everything that a user sees is computed from them and from the
//! conversation's head ([`domain::View`]), so nothing can drift. Deleting moves watermarks, however long the
//! history is.
//!
//! - *No message is lost.* A message gets its position while its head is locked, so positions commit
//!   in order. A deletion reaches only to a head that it has read before; what commits later has a
//!   higher position.
//! - *Watermarks never fall*, except by undoing and showing. A statement compares them with the row while it
//!   writes it.
//! - *Staying away is a rule of the row*, beside the watermarks: a deletion sets it in its statement, and the
//!   user's own message, which writes the row anyway, ends it.
//! - *Retries are exact.* The statement that makes a change also records it. The first answer is made from
//!   that record, and so is the answer to every retry.
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
//! When many requests come at once, `store::database::coalesce` merges their first round trips into one, and
//! their second ones into another. A request waits only for a free permit, and none fails because of another.
//!
//! # Lists of any length
//!
//! A user may have 10,000 conversations. A page of the list is read from an index of the user's rows, in list
//! order, as far as the page goes. For that, a row has to know when its conversation was last active, although
//! a message must not write a row for each member of a large group:
//!
//! - A message copies the new head into the rows of the members where they are few: both sides of a
//!   one-to-one chat, a system conversation's owner, up to eight members of a group. That is the most
//!   that a message writes.
//! - The members of a larger group have no copy. A list reads their rows, which say so, and the heads
//!   of their groups. Each such group costs a list about as much as one more entry. Few users are in many.
//! - A member who left keeps a copy.
//!
//! Why it is right: head and copies change in one transaction that holds the lock of the head, and
//! joining and leaving hold it too, so a copy is never behind its head. Nothing else is stored that could be
//! derived: when a user asks, the list and the unread counts are computed from the watermarks, in the database
//! if there is a copy (`store::lists`), and otherwise by [`domain::View`]. A page and the user's revision come
//! from one snapshot.
//!
//! A page begins after the position at which the previous page ended ([`domain::ListPosition`]). It reads the
//! rows that it shows and one more. The token has that position, the first page's revision and a time, and a
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
//! transaction locks the head, notes with the group who is a member now, raises the revisions of all users whose
//! membership changes, moves their rows and records a change for each ([`store`] says why this order of locks has no
//! circle). A message asks the group alone who may send and whom it reaches. The request itself
//! is remembered with the group (`store::groups`).
//!
//! # Undoing, following and erasing
//!
//! - *Undo* puts back what a deletion took. The record of a deletion says what it took, and which deletion came
//!   before; the row of `members` has only the revision of the last one. So the deletions of a conversation
//!   form a stack, a deletion is superseded if it is not the last, and undoing is one guarded update.
//! - *Following*: the record of a change is also its event. A watcher reads the log from its last revision on;
//!   [`sync`] only wakes it, and a lost wake only causes a delay. Requests are bounded so that no event is
//!   larger than a client accepts. A stream of many users is one task with one
//!   ear, and its users take turns ([`app::UserWatches`]).
//! - *Erasing*: a message that lies in no view and in none that undoing could bring back never comes into
//!   one again, so it can be erased without a lock on views (`store::erasure` has the argument). Its name
//!   is remembered for as long as it may be delivered again (`store::messages::remembered`).
//! - *Promises* are recorded with the change: until when it can be undone, and until when it is kept. Settings
//!   that are changed later apply to later changes.
//!
//! # When the database is away, slow or full
//!
//! - *Away*: `store::database::connections` asks once a second whether the database is there and can be written
//!   to. While it is not, health says so and nothing waits for it; when it is back, all connections are
//!   new ones.
//! - *Slow*: a call ends at its deadline, its statement ends within two seconds of it and is rolled back.
//! - *Full*: changes are refused, and reads work.
//! - *Gone*: a SQLite file that was deleted or replaced is not used any more (`store::database::sqlite_file`).
//! - *Restored from a backup*: revisions start above all earlier ones
//!   (`store::users`), so clients do not mistake new changes for lost ones.
//! - *Its clock jumps*: erasing goes by the time that has really passed ([`jobs::due`]).
//!
//! A caller whose call fails in the middle of a change asks again with the same ID, and learns whether the change
//! was made.
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
//! conversation's (they may be on different machines), and any use of message rows to delete. One statement names
//! tables of both without joining them: on one PostgreSQL it stores a message and its copies, in one round trip.

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
