//! The same of folders, and what is shown of them.

use std::collections::HashMap;

use conversation_service::{
    domain::MAX_FOLDER_CONVERSATIONS,
    proto::{
        AddedToFolder, ConversationId, Folder, FolderCreated, FolderDeleted, FolderRenamed,
        RemovedFromFolder, change::Kind,
    },
};

use super::{
    request::{Answer, Request, Wish},
    state::State,
};

impl State {
    pub(super) fn change_folder(&mut self, request: &Request, answer: &Answer) -> Option<Kind> {
        let name = request.folder.clone();
        let mut place = self.folders.iter().position(|(known, _)| *known == name);
        if matches!(request.wish, Wish::CreateFolder) {
            assert_eq!(place, None, "{name} exists: {request:?}");
            place = Some(self.folders.len());
            self.folders.push((name.clone(), Vec::new()));
        }
        let place = place.unwrap_or_else(|| panic!("{name} does not exist: {request:?}"));
        let mut ids = std::mem::take(&mut self.folders[place].1);
        let conversation_ids = self.each(request, answer, |_, result| {
            let id = result.id.as_ref().expect("it was compared");
            let is_in = ids.contains(id);
            match request.wish {
                Wish::RemoveFromFolder => ids.retain(|other| other != id),
                _ if !is_in => ids.push(id.clone()),
                _ => {}
            }
            is_in == matches!(request.wish, Wish::RemoveFromFolder)
        });
        self.folders[place].1 = ids;
        if !matches!(request.wish, Wish::RemoveFromFolder) {
            self.has_room_for(&conversation_ids);
        }

        let mut shown_as = name.clone();
        let kind = match &request.wish {
            Wish::CreateFolder => Some(Kind::FolderCreated(FolderCreated {
                name,
                conversation_ids,
            })),
            Wish::DeleteFolder => Some(Kind::FolderDeleted(FolderDeleted { name })),
            Wish::RenameFolder(new_name) => {
                let others = self.folders.iter().filter(|(known, _)| *known != name);
                let taken = others
                    .map(|(known, _)| known)
                    .any(|known| known == new_name);
                assert!(!taken, "{new_name} exists: {request:?}");
                self.folders[place].0.clone_from(new_name);
                shown_as.clone_from(new_name);
                (name != *new_name).then(|| {
                    Kind::FolderRenamed(FolderRenamed {
                        name,
                        new_name: new_name.clone(),
                    })
                })
            }
            Wish::AddToFolder if !conversation_ids.is_empty() => {
                Some(Kind::AddedToFolder(AddedToFolder {
                    name,
                    conversation_ids,
                }))
            }
            Wish::RemoveFromFolder if !conversation_ids.is_empty() => {
                Some(Kind::RemovedFromFolder(RemovedFromFolder {
                    name,
                    conversation_ids,
                }))
            }
            _ => None,
        };
        let shown = answer.folder.as_ref().expect("the folder is returned");
        assert_eq!(shown.name, shown_as, "{answer:?}");
        self.shows_folder(place, &shown.conversation_ids);
        if matches!(request.wish, Wish::DeleteFolder) {
            self.folders.remove(place);
        }
        kind
    }

    /// That there was room for what was put into folders. What is hidden does not count, and whether what
    /// was deleted has come back is not known here: so this counts what was certainly shown.
    fn has_room_for(&self, added: &[ConversationId]) {
        let is_shown = |id: &&ConversationId| self.entries[*id].hidden == 0;
        let in_folders = self.folders.iter().flat_map(|(_, ids)| ids);
        let shown = in_folders.filter(is_shown).count();
        assert!(
            !added.iter().any(|id| is_shown(&id)) || shown <= usize::from(MAX_FOLDER_CONVERSATIONS),
            "{shown} in folders"
        );
    }

    /// That these are the folders. What is in them is shown as far as it is listed: it is all there,
    /// in order, but for what was deleted before.
    pub(super) fn shows_folders(&self, shown: &[Folder]) {
        let names: Vec<_> = self.folders.iter().map(|(name, _)| name).collect();
        let shown_names: Vec<_> = shown.iter().map(|folder| &folder.name).collect();
        assert_eq!(shown_names, names);
        for (place, folder) in shown.iter().enumerate() {
            self.shows_folder(place, &folder.conversation_ids);
        }
    }

    fn shows_folder(&self, place: usize, shown: &[ConversationId]) {
        let (name, ids) = &self.folders[place];
        let mut shown = shown.iter().peekable();
        for id in ids {
            if shown.next_if_eq(&id).is_none() {
                let may_be_missing = self.entries[id].hidden > 0;
                assert!(may_be_missing, "{id:?} is missing in {name}");
            }
        }
        assert_eq!(shown.next(), None, "{name} shows more than {ids:?}");
    }

    /// That these are exactly the folders, with these newest messages.
    pub(super) fn is_shown_as(&self, shown: &[Folder], heads: &HashMap<ConversationId, u64>) {
        let folders = self.folders.iter().map(|(name, ids)| {
            let listed = ids.iter().filter(|id| heads[id] > self.entries[id].hidden);
            Folder {
                name: name.clone(),
                conversation_ids: listed.cloned().collect(),
            }
        });
        assert_eq!(shown, folders.collect::<Vec<_>>());
    }
}
