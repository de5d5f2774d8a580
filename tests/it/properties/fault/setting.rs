//! The faults that one kind of change can have: marks, data, names of folders.

use conversation_service::proto::{
    AddToFolderRequest, CreateFolderRequest, DeleteFolderRequest, ListFilter,
    MarkConversationsReadRequest, MarkConversationsRequest, RenameFolderRequest,
    SetCustomDataRequest,
};
use proptest::{
    prelude::{Strategy, prop_oneof},
    sample::select,
};

use crate::properties::{
    operation::{Target, ids},
    requests::Request,
};

/// Texts that are not the name of a folder.
const NO_NAMES: [&str; 6] = [
    "",
    " work",
    "work ",
    "a\u{7}b",
    "123456789 123456789 123456789 123",
    "éééééééééééééééé!",
];

#[derive(Clone, Copy, Debug)]
pub(in crate::properties) enum WrongSetting {
    ReadTheseAndAll,
    ReadTheseByFilter,
    Marks {
        add: u64,
        remove: u64,
        at: &'static str,
    },
    LongData,
    CreateFolder(&'static str),
    DeleteFolder(&'static str),
    AddToFolder(&'static str),
    RenameFolder(&'static str),
    RenameFolderTo(&'static str),
}

impl WrongSetting {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let marks = |add, remove, at| Self::Marks { add, remove, at };
        let name = || select(&NO_NAMES);
        prop_oneof![
            8 => select(vec![
                Self::ReadTheseAndAll,
                Self::ReadTheseByFilter,
                Self::LongData,
                marks(0, 0, "add_marks"),
                marks(1 << 63 | 1, 1 << 63, "add_marks"),
                marks(1 << 4, 1, "add_marks"),
                marks(1, u64::MAX - 1, "remove_marks"),
            ]),
            1 => name().prop_map(Self::CreateFolder),
            1 => name().prop_map(Self::DeleteFolder),
            1 => name().prop_map(Self::AddToFolder),
            1 => name().prop_map(Self::RenameFolder),
            1 => name().prop_map(Self::RenameFolderTo),
        ]
    }

    /// The request with this fault, and where it is.
    pub(super) fn request(self, user: &str, targets: &[Target]) -> (Request, &'static str) {
        let user_id = user.to_owned();
        let conversation_ids = ids(targets);
        match self {
            Self::ReadTheseAndAll => {
                let request = MarkConversationsReadRequest {
                    user_id,
                    conversation_ids,
                    all: true,
                    ..MarkConversationsReadRequest::default()
                };
                (Request::Read(request), "conversation_ids")
            }
            Self::ReadTheseByFilter => {
                let request = MarkConversationsReadRequest {
                    user_id,
                    conversation_ids,
                    filter: Some(ListFilter::default()),
                    ..MarkConversationsReadRequest::default()
                };
                (Request::Read(request), "filter")
            }
            Self::Marks { add, remove, at } => {
                let request = MarkConversationsRequest {
                    user_id,
                    conversation_ids,
                    add_marks: add,
                    remove_marks: remove,
                    ..MarkConversationsRequest::default()
                };
                (Request::Mark(request), at)
            }
            Self::LongData => {
                let request = SetCustomDataRequest {
                    user_id,
                    conversation_ids,
                    custom_data: vec![b'x'; 257],
                    ..SetCustomDataRequest::default()
                };
                (Request::SetCustomData(request), "custom_data")
            }
            Self::CreateFolder(name) => {
                let request = CreateFolderRequest {
                    user_id,
                    name: name.to_owned(),
                    conversation_ids,
                    ..CreateFolderRequest::default()
                };
                (Request::CreateFolder(request), "name")
            }
            Self::DeleteFolder(name) => {
                let request = DeleteFolderRequest {
                    user_id,
                    name: name.to_owned(),
                    ..DeleteFolderRequest::default()
                };
                (Request::DeleteFolder(request), "name")
            }
            Self::AddToFolder(name) => {
                let request = AddToFolderRequest {
                    user_id,
                    name: name.to_owned(),
                    conversation_ids,
                    ..AddToFolderRequest::default()
                };
                (Request::AddToFolder(request), "name")
            }
            Self::RenameFolder(name) => {
                let request = RenameFolderRequest {
                    user_id,
                    name: name.to_owned(),
                    new_name: "work".to_owned(),
                    ..RenameFolderRequest::default()
                };
                (Request::RenameFolder(request), "name")
            }
            Self::RenameFolderTo(new_name) => {
                let request = RenameFolderRequest {
                    user_id,
                    name: "work".to_owned(),
                    new_name: new_name.to_owned(),
                    ..RenameFolderRequest::default()
                };
                (Request::RenameFolder(request), "new_name")
            }
        }
    }
}
