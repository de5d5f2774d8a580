//! The one integration test binary: everything here talks to the service as a caller would, over a
//! real connection, on every database that the service supports.
//!
//! - [`support`] starts databases, servers and clients;
//! - [`model`] says what the service must answer, independently of how it is built;
//! - [`replay`] feeds real conversations through the API and compares every user's view;
//! - [`properties`] does so for random operations;
//! - [`conformance`] checks the promises of the contract, one by one;
//! - [`watching`] follows a user's changes, and [`convergence`] keeps a copy of a list by them;
//! - [`undo`] takes deletions back;
//! - [`upgrade`] goes on with what a former version has left;
//! - [`erasure`] looks for what must be gone, and for what must not;
//! - [`samples`] does what the samples of the modelled API do;
//! - [`clocks`] sets the clocks of machines wrong;
//! - [`restored`] restores the database from a backup;
//! - [`bounds`] asks for the largest answers and events that there are;
//! - [`errors`] checks what callers are told when something is wrong;
//! - [`fuzz`] sends nearly anything, and checks that it is answered and leaves nothing behind;
//! - [`access`] checks who may call, and how connections are protected;
//! - [`load`] asks for more than the server is set to do at once;
//! - [`statements`] counts and explains what the databases are asked;
//! - [`concurrency`] has many callers, replicas and migrations at once;
//! - [`postgres`] has PostgreSQL as people set it up: roles, defaults, poolers;
//! - [`faults`] takes the database away, slows it down, fills it up and fails it over;
//! - [`crash`] kills the program in the midst of its work;
//! - [`history`] has everything done at once while everything fails, and explains what was answered;
//! - [`deploy`] calls with the client for callers, and checks the files to run the service with;
//! - [`command`] starts, sets and stops it as an operator does;
//! - [`telemetry`] sees of it what an operator sees.

mod access;
mod bounds;
mod clocks;
mod command;
mod concurrency;
mod conformance;
mod convergence;
mod crash;
mod deploy;
mod erasure;
mod errors;
mod faults;
mod fuzz;
mod history;
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
mod undo;
mod upgrade;
mod watching;
