//! The one integration test binary: everything here talks to the service as a caller would, over a
//! real connection, on every database that the service supports.
//!
//! Foundations:
//! - [`support`] starts databases, servers and clients;
//! - [`model`] is a second, simple implementation of the rules, to compare the service with.
//!
//! The contract:
//! - [`conformance`] checks its promises one by one, by RPC;
//! - [`errors`] checks the errors that callers get for wrong requests;
//! - [`samples`] runs the samples of the API that this one is modelled on;
//! - [`bounds`] measures the largest answers and events;
//! - [`erasure`] checks that erased messages are gone, and that no other message is.
//!
//! The service against the model:
//! - [`properties`] runs random operations;
//! - [`replay`] feeds real chat logs through the API;
//! - [`convergence`] keeps a copy of a list by following a user's changes;
//! - [`history`] records calls while processes and networks fail, and checks that the answers can be explained.
//!
//! Concurrency and failures:
//! - [`concurrency`] runs many callers, replicas and migrations at once;
//! - [`crash`] kills the program at any point of its work;
//! - [`faults`] makes the database unreachable, slow or full, and fails it over;
//! - [`hosts`] breaks durability and trust of the database's machine;
//! - [`clocks`] sets the clocks of machines wrong;
//! - [`restored`] restores the database from a backup;
//! - [`upgrade`] migrates databases of former versions.
//!
//! Untrusted and excessive input:
//! - [`access`] checks who may call, and how connections are protected;
//! - [`fuzz`] sends malformed and random input;
//! - [`hostile`] attacks the server beside a caller that behaves;
//! - [`load`] sends more calls than the server admits.
//!
//! The database:
//! - [`statements`] counts the statements of each call, and checks their plans;
//! - [`postgres`] uses PostgreSQL with restricted roles, other defaults and a pooler.
//!
//! The operator's view, and the repository:
//! - [`command`] starts, configures and stops the program;
//! - [`telemetry`] reads its metrics, traces and log;
//! - [`deploy`] checks the client crate and the files in `deploy/`;
//! - [`arrows`] checks the dependencies between modules;
//! - [`documents`] checks the links and sessions of the documents, and [`words`] their terms.

mod access;
mod arrows;
mod bounds;
mod clocks;
mod command;
mod concurrency;
mod conformance;
mod convergence;
mod crash;
mod deploy;
mod documents;
mod erasure;
mod errors;
mod faults;
mod fuzz;
mod history;
mod hostile;
mod hosts;
mod load;
mod model;
mod postgres;
mod properties;
mod replay;
mod restored;
mod samples;
mod statements;
mod support;
mod telemetry;
mod upgrade;
mod words;
