//! What the contract promises, by subject. Every test runs on every database, through a real server.

mod all_or_nothing;
mod clearing;
mod groups;
mod hiding;
mod listing;
mod moving;
mod paging;
mod per_user;
mod reappearing;
mod repeating;
mod retries;
mod seen_through;
mod sending;
mod system;
mod times;
