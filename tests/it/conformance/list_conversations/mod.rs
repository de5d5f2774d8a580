//! Listing conversations.
//!
//! - [`entries`]: the entries of a list, and their order;
//! - [`filters`]: conditions on a list, which must all hold;
//! - [`paging`]: each entry that keeps its place is listed once;
//! - [`moving`]: so it is while others move, and all that moved can be asked for;
//! - [`moving_pins`]: so it is while pins are set and removed;
//! - [`refreshing`]: the conversations that are active since a time.

mod entries;
mod filters;
mod moving;
mod moving_pins;
mod paging;
mod refreshing;
