//! The scenarios to measure, each under its name.

pub mod calls;
pub mod curves;
pub mod deletions;
pub mod groups;
pub mod history;
pub mod messages;
pub mod mix;
pub mod processes;
pub mod replicas;
