//! Deleting the conversations that match a selector.
//!
//! - [`selectors`]: the conversations that a selector chooses;
//! - [`as_one`]: they are one deletion, with one change, one event and one undo;
//! - [`plans`]: a look beforehand, and the deletion of exactly what it has shown.

mod as_one;
mod plans;
mod selectors;
