//! The answers in the order of their revisions, played through in the model.
//!
//! In that order the requests behave as if they were made one after the other. So each answer, each event
//! and each list follows from the requests before it, except for how far the conversations had come: an
//! answer or a list tells that itself, of what it depends on.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use conversation_service::proto::{
    ChangeOutcome, ConversationId, ConversationWatermarks, Folder, ListConversationsResponse,
    ListFoldersResponse, Message, RestorationOutcome, WatchConversationsResponse, change::Kind,
    conversation_id::Id,
};

use super::{PIN_LIMIT, USER, client::Refusal};
use crate::{
    history::checks::watching::contradiction,
    model::{Model, Policy},
    properties::requests::{Answer, Request},
};

/// No deletion is too old to be undone.
const POLICY: Policy = Policy {
    window: Duration::from_hours(24),
    retention: Duration::from_hours(24),
    pin_limit: PIN_LIMIT,
};

/// All messages of each conversation, by position.
pub(super) type Messages = HashMap<ConversationId, BTreeMap<u64, Message>>;

/// The user after one change.
pub(super) struct Played {
    model: Model,
    /// How far each conversation has certainly come.
    heads: HashMap<ConversationId, u64>,
    /// How far each comes in the end.
    newest: HashMap<ConversationId, u64>,
}

impl Played {
    /// The user who was added to these groups, was written to once in each conversation, and has changed
    /// nothing. All the messages came then or later.
    pub(super) fn new(messages: &Messages) -> Self {
        let sent = messages.iter().flat_map(|(id, sent)| {
            let sent = sent.values();
            sent.map(move |message| (USER, id, message))
        });
        let mut model = Model::of_messages(POLICY, sent);
        for id in messages.keys() {
            model.look_back(USER, id, 0, 0, false);
            if let Some(Id::GroupId(name)) = &id.id {
                model.join(name, [USER]);
            }
            model.look_back(USER, id, 1, 0, true);
        }
        let heads = messages.keys().map(|id| (id.clone(), 1));
        let newest = messages.iter();
        let newest = newest.map(|(id, sent)| (id.clone(), sent.len() as u64));
        Self {
            model,
            heads: heads.collect(),
            newest: newest.collect(),
        }
    }

    pub(super) fn revision(&self) -> u64 {
        self.model.revision(USER)
    }

    /// Makes the next change in the model as well, and checks its answer and its event.
    pub(super) fn play(
        &mut self,
        request: &Request,
        answer: &Answer,
        event: Option<&WatchConversationsResponse>,
    ) {
        let mut told = self.told(answer);
        told.retain(|(id, _)| self.heads.contains_key(id));
        for (id, head) in &told {
            assert!(*head <= self.newest[id], "beyond its messages: {answer:?}");
            self.model.look_back(USER, id, *head, 0, true);
        }
        let expected = request.as_answered(answer).carry_out(&mut self.model);
        let expected = expected.unwrap_or_else(|refusal| panic!("{refusal:?}: {request:?}"));
        assert_eq!(
            answer.clone().timeless(),
            expected.timeless(),
            "{request:?}"
        );
        // It says nothing of what is not pinned at its turn.
        let is_unpinning = matches!(request, Request::Pin(request) if !request.pinned);
        for (id, head) in told {
            let known = self.heads.get_mut(&id).expect("others were left out");
            if !is_unpinning {
                *known = head.max(*known);
            }
            self.model.look_back(USER, &id, *known, 0, true);
        }
        self.is_told(request, answer, event);
    }

    /// How far conversations had come, as far as the answer depends on that.
    fn told(&self, answer: &Answer) -> Vec<(ConversationId, u64)> {
        let id = |id: &Option<ConversationId>| id.clone().expect("a result has it");
        match answer {
            // Deletions and reads look before their turn among the user's changes comes.
            Answer::Delete(answer) => {
                let results = answer.results.iter().map(|result| {
                    let id = id(&result.conversation_id);
                    let (_, cleared, _) = self.model.watermarks(USER, &id);
                    // The entry may have been hidden further before.
                    let head = if result.cleared_through > cleared {
                        result.cleared_through
                    } else {
                        result.hidden_through
                    };
                    (id, head)
                });
                results.collect()
            }
            Answer::Read(answer) => {
                let results = answer.results.iter();
                results
                    .map(|result| (id(&result.conversation_id), result.read_through))
                    .collect()
            }
            // So do pins for an entry that they leave alone: it may have been listed since. A pinned one is listed.
            Answer::Pin(answer) => {
                let results = answer.results.iter().map(|result| {
                    let id = id(&result.conversation_id);
                    let (hidden, _, is_pinned) = self.model.watermarks(USER, &id);
                    if is_pinned || result.outcome() != ChangeOutcome::NotListed {
                        self.listed(id)
                    } else {
                        (id, hidden)
                    }
                });
                results.collect()
            }
            Answer::CreateFolder(answer) => self.shown(answer.folder.iter()),
            Answer::DeleteFolder(answer) => self.shown(answer.folder.iter()),
            Answer::RenameFolder(answer) => self.shown(answer.folder.iter()),
            Answer::AddToFolder(answer) => self.shown(answer.folder.iter()),
            Answer::RemoveFromFolder(answer) => self.shown(answer.folder.iter()),
            _ => Vec::new(),
        }
    }

    /// How far it has come at least, because it is listed.
    fn listed(&self, id: ConversationId) -> (ConversationId, u64) {
        let (hidden, ..) = self.model.watermarks(USER, &id);
        let known = self.heads.get(&id).copied().unwrap_or_default();
        (id, known.max(hidden + 1))
    }

    fn shown<'a>(&self, folders: impl Iterator<Item = &'a Folder>) -> Vec<(ConversationId, u64)> {
        let ids = folders.flat_map(|folder| folder.conversation_ids.iter().cloned());
        ids.map(|id| self.listed(id)).collect()
    }

    /// That the other clients are notified of the change as it was made.
    fn is_told(
        &self,
        request: &Request,
        answer: &Answer,
        event: Option<&WatchConversationsResponse>,
    ) {
        assert_eq!(contradiction(request, answer, event, false), None);
        let kind = event.and_then(|event| event.change.as_ref()?.kind.as_ref());
        let conversations: &[ConversationWatermarks] = match kind {
            Some(Kind::ConversationsDeleted(deleted)) => &deleted.conversations,
            Some(Kind::ConversationsRestored(restored)) => &restored.conversations,
            _ => &[],
        };
        for told in conversations {
            let id = told.conversation_id.as_ref().expect("watermarks have it");
            assert_eq!(
                (told.hidden_through, told.cleared_through, told.pinned),
                self.model.watermarks(USER, id),
                "{event:?}"
            );
        }
        if let Answer::Restore(answer) = answer {
            let restored = answer.results.iter();
            let restored =
                restored.filter(|result| result.outcome() == RestorationOutcome::Restored);
            let told = conversations.iter().map(|told| &told.conversation_id);
            assert!(
                told.eq(restored.map(|result| &result.conversation_id)),
                "{event:?} of {answer:?}"
            );
        }
    }

    /// Strikes out the lists and folders of this revision, which must be right, and the refusals that are right
    /// here.
    pub(super) fn explains(
        &self,
        lists: &mut Vec<&ListConversationsResponse>,
        folders: &mut Vec<&ListFoldersResponse>,
        refused: &mut Vec<&Refusal>,
    ) {
        let revision = self.revision();
        for list in lists.extract_if(.., |list| list.revision == revision) {
            self.lists(list);
        }
        for folders in folders.extract_if(.., |folders| folders.revision == revision) {
            self.files(folders);
        }
        refused.retain(|refusal| {
            let may_be_here = (refusal.first..=refusal.last).contains(&revision);
            !may_be_here || !self.justifies(refusal)
        });
    }

    /// That this is the user's list. Its newest messages are those that it shows.
    fn lists(&self, list: &ListConversationsResponse) {
        let mut model = self.model.clone();
        for shown in &list.conversations {
            let id = shown.conversation_id.as_ref().expect("an entry has it");
            assert!(shown.last_seq >= self.heads[id], "an old list: {shown:?}");
            model.look_back(USER, id, shown.last_seq, 0, true);
        }
        let at = list.revision;
        assert_eq!(list.conversations, model.list(USER), "the list at {at}");
    }

    /// That these are the user's folders. A conversation that they show is listed.
    fn files(&self, folders: &ListFoldersResponse) {
        let mut model = self.model.clone();
        for (id, head) in self.shown(folders.folders.iter()) {
            model.look_back(USER, &id, head, 0, true);
        }
        let at = folders.revision;
        assert_eq!(folders.folders, model.folders(USER), "the folders at {at}");
    }

    /// Whether a request could be refused here like this. Room is short if it would be when everything was
    /// listed that ever comes back.
    fn justifies(&self, refusal: &Refusal) -> bool {
        let refused = refusal.request.carry_out(&mut self.end());
        let status = refusal.status.clone();
        refused.is_err_and(|reason| reason.is_of(Err(status)).is_ok())
    }

    /// The model when all messages have come.
    pub(super) fn end(&self) -> Model {
        let mut end = self.model.clone();
        end.look_ahead();
        end
    }
}
