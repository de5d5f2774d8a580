//! Sending a message.
//!
//! - [`storing`]: a message takes the next position, once, and reaches both sides;
//! - [`arrivals`]: it writes the rows of a few members, and never those of many.

mod arrivals;
mod storing;
