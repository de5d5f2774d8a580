//! Makes the entries of a user's list from stored rows.

use std::collections::HashMap;

use super::AppError;
use crate::{
    domain::{self, ConversationKey, ListEntry, ListFilter, Message, PageSize, UserId},
    store::{Head, Latest, Member, Store, StoreError},
};

/// An entry of a user's list with its newest visible message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Everything but the message.
    pub entry: ListEntry,
    /// The newest message that the user can see.
    pub last_message: Option<Message>,
}

/// A listed row, and the newest message that has reached its user.
pub(super) struct Listed {
    pub(super) member: Member,
    pub(super) latest: Latest,
}

/// Those of a user's rows that are listed, and the heads that had to be read to know it: those of
/// large groups, whose members have no copy.
pub(super) async fn listed(
    store: &Store,
    members: Vec<Member>,
) -> Result<(Vec<Listed>, HashMap<ConversationKey, Head>), StoreError> {
    let without_copy = members.iter().filter(|member| member.latest.is_none());
    let heads = store
        .heads()
        .of_keys(without_copy.map(|member| member.key).collect())
        .await?;
    let mut listed = Vec::with_capacity(members.len());
    for member in members {
        let latest = member.latest_in(&heads)?;
        if member.view.is_listed(latest.seq) {
            listed.push(Listed { member, latest });
        }
    }
    Ok((listed, heads))
}

/// Adds those heads that are not among `heads` yet.
pub(super) async fn with_heads(
    store: &Store,
    listed: &[Listed],
    mut heads: HashMap<ConversationKey, Head>,
) -> Result<HashMap<ConversationKey, Head>, StoreError> {
    let keys = listed.iter().map(|listed| listed.member.key);
    let missing = keys.filter(|key| !heads.contains_key(key)).collect();
    heads.extend(store.heads().of_keys(missing).await?);
    Ok(heads)
}

/// The entries for listed rows, each with its newest visible message. `heads` are those that are known
/// already.
pub(super) async fn conversations(
    store: &Store,
    user: &UserId,
    listed: Vec<Listed>,
    heads: HashMap<ConversationKey, Head>,
) -> Result<Vec<Conversation>, AppError> {
    let heads = with_heads(store, &listed, heads).await?;
    let positions = listed
        .iter()
        .filter_map(|Listed { member, latest }| {
            Some((member.key, *member.view.visible(latest.seq)?.end()))
        })
        .collect();
    let mut messages = store.messages().at(positions).await?;
    listed
        .into_iter()
        .map(|Listed { member, latest }| {
            let conversation_id = member.id_in(user, &heads)?;
            let last_message = messages
                .remove(&member.key)
                .map(|message| message.seen_as(conversation_id.clone()));
            let entry = ListEntry {
                conversation_id,
                view: member.view,
                head: latest.seq,
                activity: latest.time,
                pinned_at: member.pinned_at,
                muted: member.muted,
                marks: member.marks,
                custom_data: member.custom_data,
                folders: member.folders,
            };
            Ok(Conversation {
                entry,
                last_message,
            })
        })
        .collect()
}

/// A page of listed rows, each with its position, in their order: as many entries as there are to be, if their
/// messages fit into one answer; and the position after which the next page begins, unless it is the last.
pub(super) async fn page<P>(
    store: &Store,
    user: &UserId,
    mut placed: Vec<(P, Listed)>,
    size: PageSize,
    heads: HashMap<ConversationKey, Head>,
) -> Result<(Vec<Conversation>, Option<P>), AppError> {
    let reaches_the_end = placed.len() <= size.get();
    placed.truncate(size.get());
    let (mut positions, listed): (Vec<_>, _) = placed.into_iter().unzip();
    let mut conversations = conversations(store, user, listed, heads).await?;
    let fitting = domain::fitting(conversations.iter().map(Conversation::body_bytes));
    let is_last = reaches_the_end && fitting == conversations.len();
    conversations.truncate(fitting);
    positions.truncate(fitting);
    let next = if is_last { None } else { positions.pop() };
    Ok((conversations, next))
}

impl Conversation {
    /// The bytes of its message's body.
    fn body_bytes(&self) -> usize {
        let message = self.last_message.as_ref();
        message.map_or(0, |message| message.body.size())
    }
}

impl Listed {
    pub(super) fn unread(&self) -> u64 {
        self.member.view.unread(self.latest.seq)
    }

    /// Whether it has what the filter asks of messages. A large group's row is asked only here: the
    /// database does not know it from the row.
    pub(super) fn passes(&self, filter: &ListFilter) -> bool {
        let Latest { seq, time } = self.latest;
        let is_active = |since| time >= since && self.member.view.visible(seq).is_some();
        (!filter.unread_only || self.unread() > 0) && filter.active_since.is_none_or(is_active)
    }
}
