//! Marking conversations read.
//!
//! - [`reach`]: how far reading reaches, and that it only ever goes forward;
//! - [`all`]: reading everything, so many conversations a call.

mod all;
mod reach;
