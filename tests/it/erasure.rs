//! Gone means gone (rule 12): exactly the messages that nobody can see or get back are erased.

mod claims;
mod promises;
mod remains;
mod remembered;
mod traffic;
mod vacuums;
mod views;
