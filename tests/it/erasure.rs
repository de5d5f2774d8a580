//! Gone means gone (rule 12): what nobody can see or ask back is erased, all of it and nothing else.

mod claims;
mod promises;
mod remains;
mod remembered;
mod traffic;
mod vacuums;
