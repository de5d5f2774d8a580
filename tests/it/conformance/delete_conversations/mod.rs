//! Deleting conversations.
//!
//! - [`per_user`]: the calling user's view changes, and nobody else's;
//! - [`all_or_nothing`]: a request is checked as a whole before anything of it happens;
//! - [`hiding`]: the conversation leaves every list, and the user's settings stay;
//! - [`clearing`]: its history, cleared or kept;
//! - [`forgetting`]: its settings, taken as well if the request says so;
//! - [`seen_through`]: a deletion reaches no further than the user has seen;
//! - [`reappearing`]: a newer message brings the conversation back;
//! - [`staying_away`]: with `REAPPEARANCE_NEVER` it does not;
//! - [`unlisted`]: the index of lists is left in the background, and entered again;
//! - [`repeating`]: repetitions and races lower no watermark;
//! - [`retries`]: a request with a `request_id` is carried out once.

mod all_or_nothing;
mod clearing;
mod forgetting;
mod hiding;
mod per_user;
mod reappearing;
mod repeating;
mod retries;
mod seen_through;
mod staying_away;
mod unlisted;
