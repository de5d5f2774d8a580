//! Databases of former versions: they are migrated, and all their data is read back through the API.
//!
//! The schema of the former version is checked in, as it was dumped; the rows are written by SQL, as
//! that version wrote them, and each test adds those that it is about: see [`former::Former`].

mod changes;
mod deletions;
mod former;
mod memberships;
