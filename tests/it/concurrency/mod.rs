//! Many callers at once: no acknowledged change is lost, and no call has to be retried.

mod cancelled;
mod circles;
mod crossing;
mod limits;
mod memberships;
mod migrations;
mod planned;
mod retries;
mod traffic;
