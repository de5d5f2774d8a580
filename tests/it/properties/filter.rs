//! The filters of lists and totals.

use conversation_service::proto::{ConversationType, ListFilter};
use proptest::{
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{select, subsequence},
};

use super::{folders::folder, settings::MARKS};

#[derive(Clone, Debug)]
pub(super) struct Filter {
    types: Vec<ConversationType>,
    unread_only: bool,
    mark: u64,
    folder: &'static str,
}

impl Filter {
    pub(super) fn message(&self) -> ListFilter {
        ListFilter {
            types: self.types.iter().copied().map(i32::from).collect(),
            unread_only: self.unread_only,
            mark: self.mark,
            folder: self.folder.to_owned(),
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
        (
            subsequence(types.to_vec(), 0..=3),
            any::<bool>(),
            mark,
            folder,
        )
            .prop_map(|(types, unread_only, mark, folder)| Self {
                types,
                unread_only,
                mark,
                folder,
            })
    }
}
