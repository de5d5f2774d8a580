//! A user's rows, each with the newest message that has reached the user: by the copy in the row or, for the
//! members of large groups, by the conversation's head.

use super::{
    Lists,
    members::{Latest, Member},
};
use crate::{
    domain::{ConversationId, ConversationKey, ListFilter, Seq, UserId, View},
    store::{database::error::StoreError, heads::Head},
};

/// A user's row with its newest message.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) member: Member,
    /// The newest message that has reached the user.
    pub(crate) latest: Latest,
    /// The head, if it had to be read to know that.
    head: Option<Head>,
}

impl Entry {
    /// Whether it is in the user's list.
    pub(crate) fn is_listed(&self) -> bool {
        self.member.view.is_listed(self.latest.seq)
    }

    /// How many of its messages are unread.
    pub(crate) fn unread(&self) -> u64 {
        self.member.view.unread(self.latest.seq)
    }

    /// Whether it has what the filter asks of messages. A large group's row is asked only here: the
    /// database does not know it from the row.
    fn passes(&self, filter: &ListFilter) -> bool {
        let Latest { seq, time } = self.latest;
        let is_active = |since| time >= since && self.member.view.visible(seq).is_some();
        (!filter.unread_only || self.unread() > 0) && filter.active_since.is_none_or(is_active)
    }
}

impl Lists {
    /// Those of these conversations that are in the user's list.
    pub(crate) async fn listed(
        &self,
        user: &UserId,
        keys: Vec<ConversationKey>,
    ) -> Result<Vec<Entry>, StoreError> {
        let members = self.members(user, keys).await?;
        let mut entries = self.with_latest(members).await?;
        entries.retain(Entry::is_listed);
        Ok(entries)
    }

    /// A user's view of a conversation, listed or not, and the conversation's newest position; `None` if the user
    /// never had it.
    pub(crate) async fn view(
        &self,
        user: &UserId,
        key: ConversationKey,
    ) -> Result<Option<(View, Seq)>, StoreError> {
        let Some(member) = self.members(user, vec![key]).await?.pop() else {
            return Ok(None);
        };
        let heads = self.heads.of_keys(vec![key]).await?;
        let head = heads.get(&key).map_or(Seq::ZERO, |head| head.last_seq);
        Ok(Some((member.view, head)))
    }

    /// These rows with their newest messages. Heads are read of those that have no copy.
    pub(super) async fn with_latest(&self, members: Vec<Member>) -> Result<Vec<Entry>, StoreError> {
        let without_copy = members.iter().filter(|member| member.latest.is_none());
        let keys = without_copy.map(|member| member.key).collect();
        let mut heads = self.heads.of_known(keys).await?;
        let entries = members.into_iter().map(|member| {
            Ok(Entry {
                latest: member.latest_in(&heads)?,
                head: heads.remove(&member.key),
                member,
            })
        });
        entries.collect()
    }

    /// The same of those of these rows that are listed and that the filter leaves.
    pub(super) async fn left_by(
        &self,
        filter: &ListFilter,
        members: Vec<Member>,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut entries = self.with_latest(members).await?;
        entries.retain(|entry| entry.is_listed() && entry.passes(filter));
        Ok(entries)
    }

    /// These entries with their conversations, as the user sees them. Heads are read that are not known yet.
    pub(crate) async fn named(
        &self,
        user: &UserId,
        entries: Vec<Entry>,
    ) -> Result<Vec<(ConversationId, Entry)>, StoreError> {
        let unknown = entries.iter().filter(|entry| entry.head.is_none());
        let keys = unknown.map(|entry| entry.member.key).collect();
        let mut heads = self.heads.of_known(keys).await?;
        let named = entries.into_iter().map(|mut entry| {
            let key = entry.member.key;
            if let Some(head) = entry.head.take() {
                heads.insert(key, head);
            }
            Ok((entry.member.id_in(user, &heads)?, entry))
        });
        named.collect()
    }
}
