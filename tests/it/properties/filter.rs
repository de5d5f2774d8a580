//! The filters of lists and totals.

use conversation_service::proto::{ConversationType, ListFilter, Membership};
use proptest::{
    option,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{select, subsequence},
};
use prost_types::Timestamp;

use super::{folders::folder, settings::MARKS};

#[derive(Clone, Debug)]
pub(super) struct Filter {
    types: Vec<ConversationType>,
    unread_only: bool,
    mark: u64,
    folder: &'static str,
    without_marks: u64,
    membership: Membership,
    /// Active in so many milliseconds.
    active_within: Option<i64>,
}

impl Filter {
    /// As it is at a time, in microseconds.
    pub(super) fn message(&self, now: i64) -> ListFilter {
        ListFilter {
            types: self.types.iter().copied().map(i32::from).collect(),
            unread_only: self.unread_only,
            mark: self.mark,
            folder: self.folder.to_owned(),
            without_marks: self.without_marks,
            membership: self.membership.into(),
            active_since: self.active_within.map(|milliseconds| {
                let micros = now - milliseconds * 1_000;
                let nanos = micros.rem_euclid(1_000_000) * 1_000;
                Timestamp {
                    seconds: micros.div_euclid(1_000_000),
                    nanos: i32::try_from(nanos).expect("less than a second"),
                }
            }),
        }
    }

    pub(super) fn any() -> impl Strategy<Value = Self> {
        let types = [
            ConversationType::C2c,
            ConversationType::Group,
            ConversationType::System,
        ];
        let mark = prop_oneof![3 => Just(0), 1 => select(&MARKS)];
        let folder = prop_oneof![2 => Just(""), 1 => folder()];
        let without_marks = prop_oneof![
            3 => Just(0),
            1 => subsequence(MARKS.to_vec(), 1..=3).prop_map(|marks| marks.iter().sum()),
        ];
        let membership = prop_oneof![
            4 => Just(Membership::Unspecified),
            1 => Just(Membership::Member),
            2 => Just(Membership::Left),
        ];
        (
            subsequence(types.to_vec(), 0..=3),
            any::<bool>(),
            mark,
            folder,
            without_marks,
            membership,
            option::weighted(0.3, prop_oneof![Just(0), 1..30_000_i64]),
        )
            .prop_map(
                |(types, unread_only, mark, folder, without_marks, membership, active_within)| {
                    Self {
                        types,
                        unread_only,
                        mark,
                        folder,
                        without_marks,
                        membership,
                        active_within,
                    }
                },
            )
    }
}
