//! The conversations of a user's list that match a selector, the longest inactive first.
//!
//! It is read as a list is (see [`crate::store::lists`]): by the index of activity where the user's row has a copy of
//! the conversation's head, and for the members of large groups from the heads.

use std::iter::once;

use sea_orm::{ConnectionTrait, Statement};

use super::{
    Choice, Chosen,
    members::{self, Latest, Member},
};
use crate::{
    domain::{ConversationId, ConversationKey, MAX_COUNTED, Selector, UserId, View, place_by_age},
    store::{
        database::{dialect::Column, error::StoreError, input::Input, row::Row},
        entity,
        lists::Lists,
        users::{Revisions, revisions_of},
    },
};

/// The part of a user's list that a selector leaves.
#[derive(Debug)]
pub(crate) struct Selection {
    /// The user's revisions; it reflects the present one.
    pub(crate) revisions: Revisions,
    /// How many conversations match, counted up to [`MAX_COUNTED`].
    pub(crate) matched: usize,
    /// The first of them, in order.
    pub(crate) first: Vec<Selected>,
}

/// A conversation that a selector chooses.
#[derive(Debug)]
pub(crate) struct Selected {
    /// The conversation, as its user sees it.
    pub(crate) conversation_id: ConversationId,
    /// Its key.
    pub(crate) key: ConversationKey,
    /// The user's watermarks.
    pub(crate) view: View,
    /// The newest message that has reached the user.
    pub(crate) latest: Latest,
}

impl Lists {
    /// The first `limit` conversations of what a selector leaves of a user's list: three statements at most.
    pub(crate) async fn select(
        &self,
        user: &UserId,
        selector: &Selector,
        limit: usize,
    ) -> Result<Selection, StoreError> {
        self.database
            .retrying("select", || async {
                self.select_through(&self.database.pool(), user, selector, limit)
                    .await
            })
            .await
    }

    /// The same, on a connection that is at hand.
    pub(in crate::store) async fn select_through(
        &self,
        connection: &impl ConnectionTrait,
        user: &UserId,
        selector: &Selector,
        limit: usize,
    ) -> Result<Selection, StoreError> {
        let statement = self.selection(user, selector, limit);
        let rows = connection.query_all_raw(statement).await?;
        let revisions = revisions_of(&rows)?;
        let counted: i64 = match rows.first() {
            Some(first) => Row::of(entity::members::Entity, first).get("matched")?,
            None => 0,
        };
        let (with_copy, without_copy): (Vec<_>, Vec<_>) =
            members::gathered_members(self.database.dialect, &rows)?
                .into_iter()
                .partition(|member| member.latest.is_some());
        let keys = without_copy.iter().map(|member| member.key).collect();
        let mut heads = self.heads.of_known_through(connection, keys).await?;
        let mut first: Vec<(Member, Latest)> = Vec::with_capacity(with_copy.len());
        for member in with_copy {
            let latest = member.latest_in(&heads)?;
            first.push((member, latest));
        }
        let mut of_large_groups = 0;
        for member in without_copy {
            let latest = member.latest_in(&heads)?;
            let Latest { seq, time } = latest;
            if member.view.is_listed(seq)
                && selector.chooses(&member.view, seq, time, member.pinned_at.is_some())
            {
                of_large_groups += 1;
                first.push((member, latest));
            }
        }
        first
            .sort_unstable_by_key(|(member, latest)| place_by_age(latest.time, member.key.bytes()));
        first.truncate(limit);

        let keys = first.iter().map(|(member, _)| member.key);
        let missing = keys.filter(|key| !heads.contains_key(key)).collect();
        heads.extend(self.heads.of_known_through(connection, missing).await?);
        let first = first.into_iter().map(|(member, latest)| {
            Ok(Selected {
                conversation_id: member.id_in(user, &heads)?,
                key: member.key,
                view: member.view,
                latest,
            })
        });
        let counted = usize::try_from(counted).unwrap_or_default();
        Ok(Selection {
            revisions,
            matched: (counted + of_large_groups).min(MAX_COUNTED),
            first: first.collect::<Result<_, StoreError>>()?,
        })
    }

    fn selection(&self, user: &UserId, selector: &Selector, limit: usize) -> Statement {
        let filter = &selector.filter;
        let chosen = Chosen::new(user, filter, &filter.kinds_left());
        let choice = Choice::new(selector, limit);
        let asked = Input::of(&once(&chosen)).beside(Input::of(&once(&choice)));
        let excluded = selector.excluded.iter();
        let excluded = excluded.map(|id| ConversationKey::of(id, user)).collect();
        let excluded = self.database.dialect.row_values(&[Column::Keys(excluded)]);
        self.scoped_with(&self.statements.parts.selection, filter, asked, excluded)
    }
}
