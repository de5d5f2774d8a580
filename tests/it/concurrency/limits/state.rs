//! The user's view after each revision, as the answers describe it.
//!
//! In the order of their revisions, the requests behave as if they were made one after the other. So
//! each answer follows from the requests before it, except where it depends on when messages came. The
//! same holds for the event that the user's other clients receive.

use std::collections::{HashMap, HashSet};

use conversation_service::{
    domain::MAX_FOLDERS,
    proto::{
        ChangeOutcome, ConversationId, ConversationMarks, ConversationReading,
        ConversationWatermarks, ConversationsDeleted, ConversationsMarked, ConversationsMuted,
        ConversationsPinned, ConversationsRead, ConversationsRestored, CustomDataSet,
        DeletionOutcome, Reappearance, RestorationOutcome, change::Kind,
    },
};

use super::{
    PIN_LIMIT,
    request::{Answer, Deletion, Done, Request, Wish},
};

/// The user's view at one revision.
#[derive(Clone)]
pub(super) struct State {
    pub(super) entries: HashMap<ConversationId, Entry>,
    /// In the order in which they were made, each with what is in it in the order in which it was put
    /// in, deleted or not.
    pub(super) folders: Vec<(String, Vec<ConversationId>)>,
}

/// One conversation, as the user's requests have left it.
#[derive(Clone, Default)]
pub(super) struct Entry {
    /// The revision that pinned it.
    pub(super) pinned_at: Option<u64>,
    pub(super) muted: bool,
    pub(super) marks: u64,
    pub(super) data: Vec<u8>,
    pub(super) read: u64,
    pub(super) hidden: u64,
    pub(super) cleared: u64,
    /// The state before each deletion that is not undone, the last deletion on top.
    taken: Vec<Taken>,
}

#[derive(Clone)]
struct Taken {
    by: u64,
    hidden: u64,
    cleared: u64,
    pinned_at: Option<u64>,
}

/// The deletions so far, by their revisions: their conversations, and what they took something from.
pub(super) type Deletions = HashMap<u64, Vec<(ConversationId, bool)>>;

impl State {
    /// A user who has had these conversations and has changed nothing.
    pub(super) fn new(everything: &[ConversationId]) -> Self {
        let entries = everything.iter().cloned();
        Self {
            entries: entries.map(|id| (id, Entry::default())).collect(),
            folders: Vec::new(),
        }
    }

    pub(super) fn pins(&self) -> usize {
        let entries = self.entries.values();
        entries.filter(|entry| entry.pinned_at.is_some()).count()
    }

    pub(super) fn filed(&self) -> usize {
        self.folders.iter().map(|(_, ids)| ids.len()).sum()
    }

    /// The folders that a conversation is in.
    pub(super) fn folders_of(&self, id: &ConversationId) -> Vec<&str> {
        let folders = self.folders.iter().filter(|(_, ids)| ids.contains(id));
        folders.map(|(name, _)| name.as_str()).collect()
    }

    /// That no limit is exceeded.
    pub(super) fn keeps_the_limits(&self) {
        assert!(self.pins() <= PIN_LIMIT, "{} pins", self.pins());
        let folders = self.folders.len();
        assert!(folders <= usize::from(MAX_FOLDERS), "{folders} folders");
    }

    /// Goes on to the next revision, and returns the change that other clients are notified of, if any.
    pub(super) fn apply(
        &mut self,
        request: &Request,
        answer: &Answer,
        deletions: &mut Deletions,
    ) -> Option<Kind> {
        match &request.wish {
            Wish::Delete { clear, sync } => {
                let deleted = self.delete(request, answer, *clear, deletions);
                deleted.filter(|_| *sync)
            }
            Wish::Restore(deletion) => self.restore(deletion, answer, deletions),
            Wish::CreateFolder
            | Wish::DeleteFolder
            | Wish::RenameFolder(_)
            | Wish::AddToFolder
            | Wish::RemoveFromFolder => self.change_folder(request, answer),
            _ => self.change_settings(request, answer),
        }
    }

    fn change_settings(&mut self, request: &Request, answer: &Answer) -> Option<Kind> {
        let revision = answer.revision;
        let set = |is_news, apply: &mut dyn FnMut()| {
            if is_news {
                apply();
            }
            is_news
        };
        let conversation_ids = self.each(request, answer, |entry, result| match &request.wish {
            Wish::Pin(_) if is_not_listed(result) => false,
            Wish::Pin(pinned) => set(entry.pinned_at.is_some() != *pinned, &mut || {
                entry.pinned_at = pinned.then_some(revision);
            }),
            Wish::Mute(muted) => set(entry.muted != *muted, &mut || entry.muted = *muted),
            Wish::Mark { add, remove } => {
                let marks = (entry.marks | add) & !remove;
                assert_eq!(result.numbers, [marks], "the marks of {result:?}");
                set(entry.marks != marks, &mut || entry.marks = marks)
            }
            Wish::SetData(data) => set(entry.data != *data, &mut || entry.data.clone_from(data)),
            _ => {
                let read = result.numbers[0];
                assert!(read >= entry.read, "a reading went back: {result:?}");
                set(read > entry.read, &mut || entry.read = read)
            }
        });
        if conversation_ids.is_empty() {
            return None;
        }
        let with_numbers = || {
            let known = answer.results.iter().filter(|one| !one.numbers.is_empty());
            let changed = known.filter(|one| is(one, ChangeOutcome::Changed));
            changed.map(|one| (one.id.clone(), one.numbers[0]))
        };
        Some(match &request.wish {
            Wish::Pin(pinned) => Kind::ConversationsPinned(ConversationsPinned {
                conversation_ids,
                pinned: *pinned,
            }),
            Wish::Mute(muted) => Kind::ConversationsMuted(ConversationsMuted {
                conversation_ids,
                muted: *muted,
            }),
            Wish::Mark { .. } => Kind::ConversationsMarked(ConversationsMarked {
                conversations: with_numbers()
                    .map(|(conversation_id, marks)| ConversationMarks {
                        conversation_id,
                        marks,
                    })
                    .collect(),
            }),
            Wish::SetData(data) => Kind::CustomDataSet(CustomDataSet {
                conversation_ids,
                custom_data: data.clone(),
            }),
            _ => Kind::ConversationsRead(ConversationsRead {
                conversations: with_numbers()
                    .map(|(conversation_id, read_through)| ConversationReading {
                        conversation_id,
                        read_through,
                    })
                    .collect(),
            }),
        })
    }

    /// Compares each outcome with what `change` says, and returns what was changed.
    pub(super) fn each(
        &mut self,
        request: &Request,
        answer: &Answer,
        mut change: impl FnMut(&mut Entry, &Done) -> bool,
    ) -> Vec<ConversationId> {
        let answered: Vec<_> = answer
            .results
            .iter()
            .filter_map(|one| one.id.clone())
            .collect();
        if matches!(request.wish, Wish::ReadAll) {
            let distinct: HashSet<_> = answered.iter().collect();
            assert_eq!(distinct.len(), answer.results.len(), "{answer:?}");
        } else {
            assert_eq!(answered, request.ids, "the order of {answer:?}");
        }
        let mut changed = Vec::new();
        for (id, result) in answered.into_iter().zip(&answer.results) {
            let expected = self
                .entries
                .get_mut(&id)
                .map_or(ChangeOutcome::NotFound, |entry| {
                    if change(entry, result) {
                        ChangeOutcome::Changed
                    } else if matches!(request.wish, Wish::Pin(_)) && is_not_listed(result) {
                        // Whether it was listed depends on when messages came; but what is pinned can
                        // always be unpinned.
                        let unpins = matches!(request.wish, Wish::Pin(false));
                        assert!(!unpins || entry.pinned_at.is_none(), "{id:?} is pinned");
                        ChangeOutcome::NotListed
                    } else {
                        ChangeOutcome::Unchanged
                    }
                });
            assert!(
                is(result, expected),
                "{result:?} is {expected:?}: {request:?}"
            );
            if expected == ChangeOutcome::Changed {
                changed.push(id);
            }
        }
        changed
    }

    fn delete(
        &mut self,
        request: &Request,
        answer: &Answer,
        clear: bool,
        deletions: &mut Deletions,
    ) -> Option<Kind> {
        let mut conversations = Vec::new();
        let of_deletion = deletions.entry(answer.revision).or_default();
        assert_eq!(answer.results.len(), request.ids.len(), "{answer:?}");
        for (id, result) in request.ids.iter().zip(&answer.results) {
            assert_eq!(result.id.as_ref(), Some(id), "the order of {answer:?}");
            let said = DeletionOutcome::try_from(result.outcome).expect("an outcome");
            let [hidden, cleared] = result.numbers[..] else {
                panic!("two watermarks, not {result:?}");
            };
            let Some(entry) = self.entries.get_mut(id) else {
                assert_eq!(said, DeletionOutcome::NotFound, "{result:?}");
                of_deletion.push((id.clone(), false));
                continue;
            };
            let hides = hidden > entry.hidden;
            assert!(
                hidden >= entry.hidden && cleared >= entry.cleared,
                "{result:?}"
            );
            assert!(clear || cleared == entry.cleared, "kept: {result:?}");
            let expected = if hides {
                DeletionOutcome::Deleted
            } else {
                DeletionOutcome::AlreadyDeleted
            };
            assert_eq!(said, expected, "{result:?}");
            assert!(!clear || !hides || cleared >= hidden, "{result:?}");
            let takes = hides || cleared > entry.cleared;
            if takes {
                entry.taken.push(Taken {
                    by: answer.revision,
                    hidden: entry.hidden,
                    cleared: entry.cleared,
                    pinned_at: entry.pinned_at.filter(|_| hides),
                });
                (entry.hidden, entry.cleared) = (hidden, cleared);
                if hides {
                    entry.pinned_at = None;
                }
            }
            conversations.push(watermarks(id, entry));
            of_deletion.push((id.clone(), takes));
        }
        (!conversations.is_empty()).then(|| {
            Kind::ConversationsDeleted(ConversationsDeleted {
                conversations,
                clear_history: clear,
                deletion_id: answer.deletion_id.clone(),
                reappearance: Reappearance::OnMessage.into(),
                forgot_settings: false,
            })
        })
    }

    fn restore(
        &mut self,
        deletion: &Deletion,
        answer: &Answer,
        deletions: &Deletions,
    ) -> Option<Kind> {
        let of_deletion = &deletions[&deletion.revision];
        assert_eq!(answer.results.len(), of_deletion.len(), "{answer:?}");
        let mut back = Vec::new();
        let mut pins = Vec::new();
        for ((id, took), result) in of_deletion.iter().zip(&answer.results) {
            assert_eq!(result.id.as_ref(), Some(id), "the order of {answer:?}");
            let entry = self.entries.get_mut(id).filter(|_| *took);
            let expected = entry.map_or(RestorationOutcome::NothingTaken, |entry| {
                let top = entry.taken.pop_if(|taken| taken.by == deletion.revision);
                if let Some(taken) = top {
                    (entry.hidden, entry.cleared) = (taken.hidden, taken.cleared);
                    if let (None, Some(pinned_at)) = (entry.pinned_at, taken.pinned_at) {
                        pins.push((id, pinned_at));
                    }
                }
                // A deletion above the top is undone.
                let top = entry.taken.last().map_or(0, |taken| taken.by);
                if deletion.revision > top {
                    back.push(id);
                    RestorationOutcome::Restored
                } else {
                    RestorationOutcome::Superseded
                }
            });
            let said = RestorationOutcome::try_from(result.outcome).expect("an outcome");
            assert_eq!(said, expected, "{result:?} of {answer:?}");
        }
        // As many come back as there is room for.
        let room = PIN_LIMIT.saturating_sub(self.pins());
        for (id, pinned_at) in pins.into_iter().take(room) {
            let entry = self.entries.get_mut(id).expect("it was there before");
            entry.pinned_at = Some(pinned_at);
        }
        let conversations = back.into_iter().map(|id| watermarks(id, &self.entries[id]));
        let conversations: Vec<_> = conversations.collect();
        (!conversations.is_empty()).then(|| {
            Kind::ConversationsRestored(ConversationsRestored {
                conversations,
                deletion_id: deletion.id.clone(),
                settings: Vec::new(),
            })
        })
    }
}

fn watermarks(id: &ConversationId, entry: &Entry) -> ConversationWatermarks {
    ConversationWatermarks {
        conversation_id: Some(id.clone()),
        hidden_through: entry.hidden,
        cleared_through: entry.cleared,
        pinned: entry.pinned_at.is_some(),
        reappearance: Reappearance::OnMessage.into(),
        settings_forgotten: false,
    }
}

fn is(result: &Done, outcome: ChangeOutcome) -> bool {
    result.outcome == outcome as i32
}

fn is_not_listed(result: &Done) -> bool {
    is(result, ChangeOutcome::NotListed)
}
