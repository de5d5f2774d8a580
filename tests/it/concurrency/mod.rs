//! Many callers at once: nothing that was acknowledged is lost, and nobody is told to try again.

mod cancelled;
mod circles;
mod crossing;
mod limits;
mod migrations;
mod planned;
mod retries;
mod traffic;
