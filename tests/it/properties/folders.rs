//! Changes of a user's folders, and how they are drawn.

use conversation_service::proto::{
    AddToFolderRequest, CreateFolderRequest, DeleteFolderRequest, RemoveFromFolderRequest,
    RenameFolderRequest,
};
use proptest::{
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{Index, select},
};

use super::{
    operation::{Target, ids, targets},
    requests::{Request, uuid},
};
use crate::model::Model;

/// The names of folders: few, so that they are there and are not, and odd. One is called like a user
/// and a group, two look the same, and one is as long as a name may be.
const FOLDERS: [&str; 4] = [
    "alice",
    "e\u{301} %_|\\{\"a\",'b'}",
    "\u{e9} %_|\\{\"a\",'b'}",
    "🗂️🗂️🗂️🗂️ for",
];

type Name = &'static str;

/// Which folder is meant: one of those that the user has, if there are any, or the one of this name,
/// whether it is there or not.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Present(Index),
    Called(Name),
}

#[derive(Clone, Debug)]
pub(super) enum Filing {
    Create(Name, Vec<Target>),
    Delete(Which),
    Rename(Which, Name),
    Add(Which, Vec<Target>),
    Remove(Which, Vec<Target>),
}

impl Which {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            2 => any::<Index>().prop_map(Self::Present),
            1 => folder().prop_map(Self::Called),
        ]
    }

    fn name(self, model: &Model, user: &str) -> String {
        match self {
            Self::Called(name) => name.to_owned(),
            Self::Present(which) => {
                let mut folders = model.folders(user);
                if folders.is_empty() {
                    return FOLDERS[0].to_owned();
                }
                folders.swap_remove(which.index(folders.len())).name
            }
        }
    }
}

impl Filing {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let contents = prop_oneof![3 => targets(), 1 => Just(Vec::new())];
        prop_oneof![
            7 => (folder(), contents).prop_map(|(name, targets)| Self::Create(name, targets)),
            1 => Which::any().prop_map(Self::Delete),
            3 => (Which::any(), folder()).prop_map(|(which, new_name)| Self::Rename(which, new_name)),
            6 => (Which::any(), targets()).prop_map(|(which, targets)| Self::Add(which, targets)),
            3 => (Which::any(), targets()).prop_map(|(which, targets)| Self::Remove(which, targets)),
        ]
    }

    /// How it is asked for.
    pub(super) fn request(&self, model: &Model, user: &str, name: Option<u8>) -> Request {
        let (user_id, request_id, client_id) = (user.to_owned(), uuid(name), String::new());
        match self {
            Self::Create(name, targets) => Request::CreateFolder(CreateFolderRequest {
                user_id,
                name: (*name).to_owned(),
                conversation_ids: ids(targets),
                request_id,
                client_id,
            }),
            Self::Delete(which) => Request::DeleteFolder(DeleteFolderRequest {
                user_id,
                name: which.name(model, user),
                request_id,
                client_id,
            }),
            Self::Rename(which, new_name) => Request::RenameFolder(RenameFolderRequest {
                user_id,
                name: which.name(model, user),
                new_name: (*new_name).to_owned(),
                request_id,
                client_id,
            }),
            Self::Add(which, targets) => Request::AddToFolder(AddToFolderRequest {
                user_id,
                name: which.name(model, user),
                conversation_ids: ids(targets),
                request_id,
                client_id,
            }),
            Self::Remove(which, targets) => Request::RemoveFromFolder(RemoveFromFolderRequest {
                user_id,
                name: which.name(model, user),
                conversation_ids: ids(targets),
                request_id,
                client_id,
            }),
        }
    }
}

pub(super) fn folder() -> impl Strategy<Value = Name> {
    prop_oneof![1 => Just(FOLDERS[0]), 1 => select(&FOLDERS)]
}
