//! The record of changes: to undo them, to answer their retries, and to erase the messages that they have
//! put out of everybody's sight.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use conversation_service::proto::{ConversationId, RestorationOutcome, RestorationResult};
use prost_types::Timestamp;
use ring::digest::{SHA256, digest};

use super::{
    Key, Model, Taking, key,
    view::{Forgotten, How},
};

/// The settings of the deployment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policy {
    /// How long a deletion can be undone.
    pub(crate) window: Duration,
    /// How long changes are remembered.
    pub(crate) retention: Duration,
    /// How many conversations a user can pin.
    pub(crate) pin_limit: usize,
}

/// A deletion is not undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRestored {
    /// The ID is none that the service gives.
    Malformed,
    /// The ID names no deletion.
    Unknown,
    /// It is too late.
    Expired,
    /// The conversation at this place of the request is not of the deletion, and perhaps others are not.
    NotOfDeletion(usize),
}

/// How much a round of the background jobs has removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) messages: u64,
    pub(crate) changes: u64,
}

/// One change of a user. Times are microseconds.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) time: i64,
    pub(super) kind: Kind,
    /// When what it has cleared is due to be erased, until that has been seen to.
    pub(super) due: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A deletion or clearing: until when it can be undone, and from what it took something.
    Taken {
        taking: Taking,
        how: How,
        until: Option<i64>,
        conversations: Vec<(ConversationId, bool)>,
    },
    /// Anything else: nothing undoes it.
    Plain,
}

impl Model {
    /// A model of a deployment that has decided so.
    pub(crate) fn with(policy: Policy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// Undoes a deletion or clearing for some of its conversations, or for all of them if none are named.
    pub(crate) fn restore(
        &mut self,
        user: &str,
        deletion_id: &str,
        part: &[ConversationId],
    ) -> Result<Vec<RestorationResult>, NotRestored> {
        let number: u64 = deletion_id.parse().map_err(|_| NotRestored::Malformed)?;
        if number.to_string() != deletion_id {
            return Err(NotRestored::Malformed);
        }
        if number == 0 || number > self.revision(user) {
            return Err(NotRestored::Unknown);
        }
        let conversations = match self.past.get(&(user.to_owned(), number)) {
            None => return Err(NotRestored::Expired),
            Some(Change {
                kind: Kind::Plain, ..
            }) => return Err(NotRestored::Unknown),
            Some(Change {
                kind:
                    Kind::Taken {
                        until,
                        conversations,
                        ..
                    },
                ..
            }) => {
                if until.is_none_or(|until| self.now >= until) {
                    return Err(NotRestored::Expired);
                }
                conversations.clone()
            }
        };
        let conversations = if part.is_empty() {
            conversations
        } else {
            let of_deletion = |(place, id): (usize, &ConversationId)| {
                let found = conversations.iter().find(|(of_it, _)| of_it == id);
                found.cloned().ok_or(NotRestored::NotOfDeletion(place))
            };
            let chosen = part.iter().enumerate().map(of_deletion);
            chosen.collect::<Result<_, _>>()?
        };
        let revision = self.record(user, Kind::Plain, None);
        let mut results = Vec::new();
        for (id, took) in conversations {
            let key = key(user, &id);
            let head = self.head(&key);
            let view = self.view(user, &key);
            let was_pinned = view.pinned_at.is_some();
            let (outcome, forgotten) = if took {
                view.restore(number, head)
            } else {
                (RestorationOutcome::NothingTaken, Forgotten::default())
            };
            self.put_back(user, &key, &forgotten.places);
            // There may be room for some pins and not for those that come later.
            let is_pinned = self.view(user, &key).pinned_at.is_some();
            if is_pinned && !was_pinned {
                self.view(user, &key).set_by = revision;
            }
            let pin_left_out = is_pinned && !was_pinned && self.pins(user) > self.policy.pin_limit;
            if pin_left_out {
                self.view(user, &key).pinned_at = None;
            }
            results.push(RestorationResult {
                conversation_id: Some(id),
                outcome: outcome.into(),
                pin_left_out,
            });
        }
        Ok(results)
    }

    /// The background jobs do all that is due now.
    pub(crate) fn round(&mut self) -> Removed {
        let is_due = |due: i64| due <= self.now;
        let mut cleared = Vec::new();
        for ((user, revision), change) in &mut self.past {
            if change.due.is_some_and(is_due) {
                change.due = None;
                if let Kind::Taken { conversations, .. } = &change.kind {
                    let took = conversations.iter().filter(|(_, took)| *took);
                    let of_user = |(id, _): &(ConversationId, bool)| (user.clone(), key(user, id));
                    cleared.extend(took.map(|one| (of_user(one), *revision)));
                }
            }
        }
        for (of_user, revision) in &cleared {
            if let Some(view) = self.views.get_mut(of_user) {
                view.forget(*revision);
            }
        }
        let mut keys: BTreeSet<Key> = BTreeSet::new();
        for (of_user, revision) in cleared {
            if self
                .views
                .get(&of_user)
                .is_some_and(|view| view.is_over(revision))
            {
                keys.insert(of_user.1);
            }
        }
        let rejoined = self.rejoined.extract_if(.., |_, due| *due <= self.now);
        keys.extend(rejoined.map(|(key, _)| key));

        let before = self.erased.len();
        for key in keys {
            let kept = self.kept(&key);
            let all = 1..=self.head(&key);
            self.erased.extend(
                all.filter(|seq| !kept.contains(seq))
                    .map(|seq| (key.clone(), seq)),
            );
        }
        let retention = i64::try_from(self.policy.retention.as_micros()).unwrap_or(i64::MAX);
        let horizon = self.now.saturating_sub(retention);
        let remembered = self.past.len();
        self.past
            .retain(|_, change| change.due.is_some() || change.time >= horizon);
        Removed {
            messages: (self.erased.len() - before) as u64,
            changes: (remembered - self.past.len()) as u64,
        }
    }

    /// Whether the change is still remembered.
    pub(crate) fn remembers(&self, user: &str, revision: u64) -> bool {
        self.past.contains_key(&(user.to_owned(), revision))
    }

    /// The revisions of the user's deletions and clearings that are remembered, newest first.
    pub(crate) fn deletions(&self, user: &str) -> impl Iterator<Item = u64> {
        let changes = self
            .past
            .iter()
            .rev()
            .filter(move |((of, _), _)| of == user);
        let deletions = changes.filter(|(_, change)| matches!(change.kind, Kind::Taken { .. }));
        deletions.map(|((_, revision), _)| *revision)
    }

    /// Until when a deletion can be undone.
    pub(crate) fn restorable_until(&self, user: &str, revision: u64) -> Option<Timestamp> {
        match self.past.get(&(user.to_owned(), revision))?.kind {
            Kind::Taken { until, .. } => until.map(timestamp),
            Kind::Plain => None,
        }
    }

    /// Whether a message is gone.
    pub(crate) fn is_erased(&self, user: &str, id: &ConversationId, seq: u64) -> bool {
        self.erased.contains(&(key(user, id), seq))
    }

    /// The sequence numbers of the messages that have to be there, by the canonical text of their
    /// conversation.
    pub(crate) fn stored(&self) -> BTreeMap<String, BTreeSet<u64>> {
        let keys = self.messages.keys().map(|key| {
            let all = 1..=self.head(key);
            let left = all.filter(|seq| !self.erased.contains(&(key.clone(), *seq)));
            (key.canonical(), left.collect::<BTreeSet<_>>())
        });
        keys.filter(|(_, left)| !left.is_empty()).collect()
    }

    /// The same of the messages that somebody can read now.
    pub(crate) fn readable(&self) -> BTreeMap<String, BTreeSet<u64>> {
        let mut readable: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for ((_, key), view) in &self.views {
            let visible = view.visible(self.head(key));
            readable.entry(key.canonical()).or_default().extend(visible);
        }
        readable.retain(|_, visible| !visible.is_empty());
        readable
    }

    /// The messages that somebody can read, or could after an undo.
    pub(super) fn kept(&self, key: &Key) -> BTreeSet<u64> {
        let head = self.head(key);
        let views = self.views.iter().filter(|((_, of), _)| of == key);
        views.flat_map(|(_, view)| view.kept(head)).collect()
    }

    /// Makes the next revision of a user.
    pub(super) fn record(&mut self, user: &str, kind: Kind, due: Option<i64>) -> u64 {
        let revision = self.revisions.entry(user.to_owned()).or_default();
        *revision += 1;
        let change = Change {
            time: self.now,
            kind,
            due,
        };
        self.past.insert((user.to_owned(), *revision), change);
        *revision
    }
}

impl Key {
    /// The tie-breaker between entries of the same time.
    pub(super) fn hash(&self) -> Vec<u8> {
        digest(&SHA256, self.canonical().as_bytes()).as_ref()[..16].to_vec()
    }

    /// How the service writes it down.
    pub(super) fn canonical(&self) -> String {
        match self {
            Self::C2c(one, other) => format!("C2C\n{one}\n{other}"),
            Self::Group(group) => format!("GROUP\n{group}"),
            Self::System(user) => format!("@TIM#SYSTEM\n{user}"),
        }
    }
}

/// A time in microseconds, as the protocol has it.
pub(super) fn timestamp(micros: i64) -> Timestamp {
    Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).expect("below a second"),
    }
}
