//! Requests that are carried out together when many come at once.
//!
//! Only so many runs are under way at a time. Who comes while there is room runs at once, alone, in
//! their own task, so without load nothing is different. Who comes while there is none waits; and who
//! gets a turn takes all along that wait. There is no timer: nobody waits for company.
//!
//! Nobody fails because of another: when requests that ran together fail and the database says that
//! nothing was done, each is run again by itself. And nobody works for those who have given up: a run
//! ends with the last of its callers.
//!
//! Nobody has to wait much longer than alone: what runs together has a limited number of rows. Where
//! runs can be under way at once, on PostgreSQL, changes of many rows stay out of it altogether. Their
//! cost is in their rows and not in their round trips, and others would wait for them.

mod primitives;
mod runs;

pub(super) use self::runs::{Coalescer, Limits, Request};

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;
