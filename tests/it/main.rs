//! The one integration test binary: everything here talks to the service as a caller would, over a
//! real connection, on every database that the service supports.
//!
//! - [`support`] starts databases, servers and clients;
//! - [`model`] says what the service must answer, independently of how it is built;
//! - [`replay`] feeds real conversations through the API and compares every user's view;
//! - [`properties`] does so for random operations.

mod model;
mod properties;
mod replay;
mod support;
