//! What the contract promises, by subject. Every test runs on every database, through a real server.

mod all_or_nothing;
mod arrivals;
mod clearing;
mod filters;
mod folder_limits;
mod folders;
mod groups;
mod growing_groups;
mod hiding;
mod large_groups;
mod listing;
mod moving;
mod moving_pins;
mod paging;
mod per_user;
mod pins;
mod reading;
mod reappearing;
mod repeating;
mod retries;
mod seen_through;
mod sending;
mod settings;
mod system;
mod times;
mod unread;
