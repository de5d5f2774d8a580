//! Listing the deletions of a user, to undo them.
//!
//! - [`states`]: the deletions, and what undoing each would find;
//! - [`pages`]: where each page goes on, and how much one looks at.

mod pages;
mod states;
