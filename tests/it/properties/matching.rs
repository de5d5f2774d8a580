//! Selectors, and how they are drawn.

use conversation_service::proto::{
    DeleteMatchingConversationsRequest, ListFilter, Reappearance, Selector,
};
use proptest::{
    collection::vec,
    option,
    prelude::{Strategy, any},
    sample::select,
};
use prost_types::Timestamp;

use super::{
    filter::Filter,
    operation::{Target, how, ids, target},
};
use crate::model::How;

/// The conditions of the conversations to delete.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    filter: Option<Filter>,
    /// Not active for so many milliseconds.
    inactive_for: Option<i64>,
    include_pinned: bool,
    include_unread: bool,
    excluded: Vec<Target>,
    clear: Option<bool>,
    how: How,
    limit: u32,
}

impl Chosen {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        (
            option::weighted(0.3, Filter::any()),
            option::weighted(0.3, -1..20_000_i64),
            any::<bool>(),
            any::<bool>(),
            vec(target(), 0..3),
            (any::<Option<bool>>(), how()),
            select(&[0, 1, 2, 3, 1_000]),
        )
            .prop_map(
                |(
                    filter,
                    inactive_for,
                    include_pinned,
                    include_unread,
                    excluded,
                    (clear, how),
                    limit,
                )| {
                    let mut distinct: Vec<Target> = Vec::new();
                    for one in excluded {
                        if !distinct.contains(&one) {
                            distinct.push(one);
                        }
                    }
                    Self {
                        filter,
                        inactive_for,
                        include_pinned,
                        include_unread,
                        excluded: distinct,
                        clear,
                        how,
                        limit,
                    }
                },
            )
    }

    /// As it is asked at a time, in microseconds.
    pub(super) fn request(&self, user: &str, now: i64) -> DeleteMatchingConversationsRequest {
        let filter = self.filter.as_ref().map(|filter| filter.message(now));
        let inactive_before = self.inactive_for.map(|milliseconds| {
            let micros = now - milliseconds * 1_000;
            let nanos = micros.rem_euclid(1_000_000) * 1_000;
            Timestamp {
                seconds: micros.div_euclid(1_000_000),
                nanos: i32::try_from(nanos).expect("less than a second"),
            }
        });
        let set = |filter: &ListFilter| *filter != ListFilter::default();
        let has_condition = filter.as_ref().is_some_and(set) || inactive_before.is_some();
        DeleteMatchingConversationsRequest {
            user_id: user.to_owned(),
            selector: Some(Selector {
                filter,
                inactive_before,
                all: !has_condition,
                include_pinned: self.include_pinned,
                include_unread: self.include_unread,
                excluded: ids(&self.excluded),
            }),
            clear_history: self.clear,
            reappearance: if self.how.never {
                Reappearance::Never.into()
            } else {
                Reappearance::Unspecified.into()
            },
            forget_settings: self.how.forget,
            limit: self.limit,
            dry_run: false,
            plan: String::new(),
            request_id: String::new(),
            client_id: String::new(),
            sync_to_other_clients: None,
        }
    }
}
