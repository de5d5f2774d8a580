//! Requests that are carried out together when many come at once.
//!
//! A limited number of runs are under way at a time. A request that finds a free permit runs at once,
//! alone, in its caller's task, so without load nothing is different. A request without a free permit
//! waits; the next one to get a permit runs all that are waiting and fit into one run. There is no timer:
//! no request waits for company.
//!
//! No request fails because of another: when requests that ran together fail and the database says that
//! nothing was done, each is run again by itself. And no run works for callers that have given up: it ends
//! with the last of its callers.
//!
//! No request has to wait much longer than alone: a run has a limited number of rows. Where runs can be
//! under way at once, on PostgreSQL, changes of many rows stay out of it altogether. Their cost is in their
//! rows and not in their round trips, and others would wait for them.

mod primitives;
mod runs;

pub(in crate::store) use self::runs::{Coalescer, Limits, Request, RowsOfAUser, Users};

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;
