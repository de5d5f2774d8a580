//! Databases that a former version has filled: they are migrated, and everything in them is read back
//! through the API.
//!
//! The schema of the former version is checked in, as it was dumped; the rows are written by SQL, as
//! that version wrote them, and each test adds those that it is about: see [`former::Former`].

mod changes;
mod deletions;
mod former;
mod memberships;
