//! A host that breaks promises behind the service's back: a file that goes away, a database that
//! acknowledges too early, a network where somebody else answers.

mod postgres;
mod sqlite;
