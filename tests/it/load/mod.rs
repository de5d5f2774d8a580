//! More than the server is set to do at once: what is refused, what waits, and what goes on as always.

mod connections;
mod shedding;
