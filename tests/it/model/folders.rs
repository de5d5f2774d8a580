//! A user's folders. They keep what is deleted at present, but do not show it.

use std::collections::BTreeMap;

use conversation_service::proto::{ChangeOutcome, ChangeResult, ConversationId, Folder};

use super::{Key, Model, id, key, past::Kind, settings::result, view::View};

/// The most folders of a user, the most conversations that they show, and the most that are in them.
const MOST_FOLDERS: usize = 20;
const MOST_SHOWN: usize = 1_000;
const MOST_FILED: usize = 10_000;

/// A folder with all that is in it, each with its place: the change that has put it in, and its place there.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    name: String,
    /// The change that has made it.
    made_by: u64,
    keys: BTreeMap<(u64, usize), Key>,
}

/// A folder, by the change that has made it, and a place in it.
pub(super) type Place = (u64, (u64, usize));

impl Shelf {
    fn contains(&self, key: &Key) -> bool {
        self.keys.values().any(|one| one == key)
    }
}

/// A folder is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFiled {
    /// The user has no folder of this name.
    NoFolder,
    /// The user has a folder of the new name.
    NameTaken,
    TooManyFolders,
    /// The folders would have more conversations than this.
    TooManyConversations {
        limit: usize,
    },
}

impl Model {
    /// The user's folders, oldest first.
    pub(crate) fn folders(&self, user: &str) -> Vec<Folder> {
        let shelves = self.shelves.get(user).into_iter().flatten();
        shelves.map(|shelf| self.shown(user, shelf)).collect()
    }

    /// Makes a folder and puts conversations into it.
    pub(crate) fn create_folder(
        &mut self,
        user: &str,
        name: &str,
        conversations: &[ConversationId],
    ) -> Result<(Folder, Vec<ChangeResult>), NotFiled> {
        if self.shelf(user, name).is_ok() {
            return Err(NotFiled::NameTaken);
        }
        if self.shelves.get(user).map_or(0, Vec::len) == MOST_FOLDERS {
            return Err(NotFiled::TooManyFolders);
        }
        self.has_room(user, name, conversations)?;
        let made_by = self.revision(user) + 1;
        let shelves = self.shelves.entry(user.to_owned()).or_default();
        shelves.push(Shelf {
            name: name.to_owned(),
            made_by,
            keys: BTreeMap::new(),
        });
        self.add_to_folder(user, name, conversations)
    }

    /// Removes a folder; returns it as it was.
    pub(crate) fn delete_folder(&mut self, user: &str, name: &str) -> Result<Folder, NotFiled> {
        let folder = self.folder(user, name)?;
        let revision = self.record(user, Kind::Plain, None);
        let gone: Vec<_> = self.shelf(user, name)?.keys.values().cloned().collect();
        for key in gone {
            self.view(user, &key).set_by = revision;
        }
        let shelves = self.shelves.entry(user.to_owned()).or_default();
        shelves.retain(|shelf| shelf.name != name);
        Ok(folder)
    }

    /// Gives a folder another name, or the one that it has.
    pub(crate) fn rename_folder(
        &mut self,
        user: &str,
        name: &str,
        new_name: &str,
    ) -> Result<Folder, NotFiled> {
        self.shelf(user, name)?;
        if new_name != name && self.shelf(user, new_name).is_ok() {
            return Err(NotFiled::NameTaken);
        }
        self.record(user, Kind::Plain, None);
        new_name.clone_into(&mut self.shelf(user, name)?.name);
        self.folder(user, new_name)
    }

    /// Puts conversations into a folder, behind what is in it.
    pub(crate) fn add_to_folder(
        &mut self,
        user: &str,
        name: &str,
        conversations: &[ConversationId],
    ) -> Result<(Folder, Vec<ChangeResult>), NotFiled> {
        self.shelf(user, name)?;
        self.has_room(user, name, conversations)?;
        self.refile(user, name, conversations, |shelf, key, place| {
            let is_new = !shelf.contains(key);
            if is_new {
                shelf.keys.insert(place, key.clone());
            }
            is_new
        })
    }

    /// Takes conversations out of a folder.
    pub(crate) fn remove_from_folder(
        &mut self,
        user: &str,
        name: &str,
        conversations: &[ConversationId],
    ) -> Result<(Folder, Vec<ChangeResult>), NotFiled> {
        self.refile(user, name, conversations, |shelf, key, _| {
            let before = shelf.keys.len();
            shelf.keys.retain(|_, one| one != key);
            shelf.keys.len() < before
        })
    }

    /// The names of the folders that a conversation is in.
    pub(super) fn folders_with(&self, user: &str, key: &Key) -> Vec<String> {
        let shelves = self.shelves.get(user).into_iter().flatten();
        shelves
            .filter(|shelf| shelf.contains(key))
            .map(|shelf| shelf.name.clone())
            .collect()
    }

    /// Takes a conversation out of all folders. Returns where it was: the folder, by the change that has
    /// made it, and its place there.
    pub(super) fn unfile(&mut self, user: &str, key: &Key) -> Vec<Place> {
        let mut places = Vec::new();
        for shelf in self.shelves.get_mut(user).into_iter().flatten() {
            let taken = shelf.keys.extract_if(.., |_, one| one == key);
            places.extend(taken.map(|(place, _)| (shelf.made_by, place)));
        }
        places
    }

    /// Puts it back where it was, in those of the folders that there still are and that it is not in.
    pub(super) fn put_back(&mut self, user: &str, key: &Key, places: &[Place]) {
        for shelf in self.shelves.get_mut(user).into_iter().flatten() {
            let place = places.iter().find(|(made_by, _)| *made_by == shelf.made_by);
            if let Some((_, place)) = place
                && !shelf.contains(key)
            {
                shelf.keys.insert(*place, key.clone());
            }
        }
    }

    /// Does something with a folder and each of the conversations that the user has; `refile` says
    /// whether that made a difference.
    fn refile(
        &mut self,
        user: &str,
        name: &str,
        conversations: &[ConversationId],
        refile: impl Fn(&mut Shelf, &Key, (u64, usize)) -> bool,
    ) -> Result<(Folder, Vec<ChangeResult>), NotFiled> {
        self.shelf(user, name)?;
        let revision = self.record(user, Kind::Plain, None);
        let mut results = Vec::new();
        for (place, id) in conversations.iter().enumerate() {
            let outcome = if self.known(user, id).is_none() {
                ChangeOutcome::NotFound
            } else if refile(self.shelf(user, name)?, &key(user, id), (revision, place)) {
                self.view(user, &key(user, id)).set_by = revision;
                ChangeOutcome::Changed
            } else {
                ChangeOutcome::Unchanged
            };
            results.push(result(id, outcome));
        }
        Ok((self.folder(user, name)?, results))
    }

    /// Refuses to put these into a folder if there would be too much in the folders. A conversation that is
    /// not listed needs no room among what is shown.
    fn has_room(
        &self,
        user: &str,
        name: &str,
        conversations: &[ConversationId],
    ) -> Result<(), NotFiled> {
        let shelves = self.shelves.get(user).into_iter().flatten();
        let folder = shelves.clone().find(|shelf| shelf.name == name);
        let new = conversations.iter().map(|id| key(user, id)).filter(|key| {
            let view = self.views.get(&(user.to_owned(), key.clone()));
            view.is_some_and(View::is_known) && !folder.is_some_and(|folder| folder.contains(key))
        });
        let new: Vec<_> = new.collect();
        let filed: Vec<_> = shelves.flat_map(|shelf| shelf.keys.values()).collect();
        let shown = |keys: &mut dyn Iterator<Item = &Key>| {
            keys.filter(|key| self.is_listed(user, key)).count()
        };
        let (added, before) = (shown(&mut new.iter()), shown(&mut filed.iter().copied()));
        let limit = if !new.is_empty() && filed.len() + new.len() > MOST_FILED {
            MOST_FILED
        } else if added > 0 && before + added > MOST_SHOWN {
            MOST_SHOWN
        } else {
            return Ok(());
        };
        Err(NotFiled::TooManyConversations { limit })
    }

    fn shelf(&mut self, user: &str, name: &str) -> Result<&mut Shelf, NotFiled> {
        let shelves = self.shelves.get_mut(user).into_iter().flatten();
        let mut named = shelves.filter(|shelf| shelf.name == name);
        named.next().ok_or(NotFiled::NoFolder)
    }

    fn folder(&self, user: &str, name: &str) -> Result<Folder, NotFiled> {
        let mut folders = self.folders(user).into_iter();
        let folder = folders.find(|folder| folder.name == name);
        folder.ok_or(NotFiled::NoFolder)
    }

    /// A folder, as its user sees it.
    fn shown(&self, user: &str, Shelf { name, keys, .. }: &Shelf) -> Folder {
        let listed = keys.values().filter(|key| self.is_listed(user, key));
        Folder {
            name: name.clone(),
            conversation_ids: listed.map(|key| id(user, key)).collect(),
        }
    }
}
