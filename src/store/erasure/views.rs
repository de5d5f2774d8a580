//! The messages that are in no user's view.
//!
//! The users of a conversation are known on its own side: those of a group by `group_members`, which has everybody
//! who was ever a member, and all others by the conversation's ID. Their rows are read by the whole key, a bounded
//! number at a time. So the views of a large group are read one after the other while some of them change; the
//! argument of [`super`] is about each view by itself, so it does not need them to be of one moment.

use std::collections::HashMap;

use sea_orm::FromQueryResult;

use super::{Erasure, seen::Seen};
use crate::{
    domain::{ConversationKey, Parties, Seq, UserId},
    store::{
        database::{
            dialect::Dialect,
            error::StoreError,
            input::{Input, InputColumn, InputRow, Shape},
            row::{Row, read_all},
        },
        entity::{conversations, group_members, members},
        heads::Head,
    },
};

/// How many views are looked at with one statement, and how many members of a group are read with one.
const VIEWS: usize = 1_000;

/// Messages of a conversation that are in nobody's view: after `after`, through `through`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unseen {
    pub(crate) key: ConversationKey,
    pub(crate) after: Seq,
    pub(crate) through: Seq,
}

/// A view to look at.
struct Look {
    user: UserId,
    key: ConversationKey,
    head: Seq,
}

impl InputRow for Look {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |look| look.user.to_string()),
        InputColumn::key("conversation_key", |look| look.key),
        InputColumn::integer("head", |look| look.head.to_stored()),
    ];
}

/// Views of a conversation that begin at the same position.
#[derive(FromQueryResult)]
struct Views {
    conversation_key: ConversationKey,
    lower_end: Seq,
    upper_end: Seq,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    members: String,
    views: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            members: format!(
                "SELECT g.user_id FROM group_members AS g \
                 WHERE g.conversation_key = $1 AND g.user_id > $2 ORDER BY g.user_id LIMIT {VIEWS}"
            ),
            views: views(dialect),
        }
    }
}

/// The views of these users, each an interval of positions.
///
/// A former version has left what its deletion took in the row alone (`prev_cleared_through`), and kept
/// nothing in `kept_after`. The value that the present one leaves there is never below `kept_after`.
fn views(dialect: Dialect) -> String {
    let (looks, _) = dialect.rows("i", 1, Shape::of::<Look>().columns());
    let readable_after = dialect.least(&[
        "m.cleared_through",
        "COALESCE(m.kept_after, m.cleared_through)",
        "CASE WHEN m.taken_by > COALESCE(m.undo_ended, 0) \
              THEN COALESCE(m.prev_cleared_through, m.cleared_through) ELSE m.cleared_through END",
    ]);
    format!(
        "WITH views AS ( \
             SELECT conversation_key, \
                 CASE WHEN joined_after > readable_after THEN joined_after ELSE readable_after END AS lower_end, \
                 upper_end \
             FROM (SELECT m.conversation_key, m.joined_after, {readable_after} AS readable_after, \
                       CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END AS upper_end \
                   FROM {looks} CROSS JOIN members AS m \
                   WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key{routed}) AS bounds) \
         SELECT conversation_key, lower_end, MAX(upper_end) AS upper_end FROM views \
         WHERE upper_end > lower_end GROUP BY conversation_key, lower_end",
        routed = dialect.routed_to_any("m.user_id", 1),
    )
}

/// The look at the views of some conversations.
struct Looking<'a> {
    erasure: &'a Erasure,
    /// The views that are looked at next.
    next: Vec<Look>,
    seen: HashMap<ConversationKey, Seen>,
}

impl Erasure {
    /// The messages that lie in nobody's view of these conversations. Their heads have to be read before
    /// this is called: a user who joins after that sees nothing up to them.
    pub(crate) async fn unseen(
        &self,
        heads: HashMap<ConversationKey, Head>,
    ) -> Result<Vec<Unseen>, StoreError> {
        let mut looking = Looking {
            erasure: self,
            next: Vec::new(),
            seen: HashMap::new(),
        };
        for (key, head) in &heads {
            looking.look_at(*key, head).await?;
        }
        looking.look().await?;
        let mut unseen = Vec::new();
        for (key, head) in heads {
            let seen = looking.seen.remove(&key).unwrap_or_default();
            for (after, through) in seen.gaps(head.last_seq) {
                unseen.push(Unseen {
                    key,
                    after,
                    through,
                });
            }
        }
        Ok(unseen)
    }

    /// Those who are or were members of a group, from one of them on.
    async fn members_after(
        &self,
        key: ConversationKey,
        after: &str,
    ) -> Result<Vec<UserId>, StoreError> {
        let values = [key.to_bytes().into(), after.into()];
        let sql = &self.statements.views.members;
        let members = self.database.statement(sql, values);
        self.database
            .read("members_of_group", members, |rows| {
                let members = rows.iter();
                let members = members.map(|row| Row::of(group_members::Entity, row).get("user_id"));
                members.collect()
            })
            .await
    }
}

impl Looking<'_> {
    /// Looks at all views of a conversation, now or with those of the next one.
    async fn look_at(&mut self, key: ConversationKey, head: &Head) -> Result<(), StoreError> {
        match head.canonical_id.parties() {
            Some(Parties::These(users)) => self.note(key, head, users).await,
            Some(Parties::Members) => self.look_at_group(key, head).await,
            None => Err(StoreError::inconsistent(
                conversations::Entity,
                "canonical_id",
                key.to_string(),
            )),
        }
    }

    /// Where some members see everything, the others do not matter.
    async fn look_at_group(&mut self, key: ConversationKey, head: &Head) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let members = self.erasure.members_after(key, &after).await?;
            let is_last = members.len() < VIEWS;
            if let Some(last) = members.last() {
                last.as_str().clone_into(&mut after);
            }
            self.note(key, head, members).await?;
            let seen = self.seen.get(&key);
            if is_last || seen.is_some_and(|seen| seen.is_all(head.last_seq)) {
                return Ok(());
            }
        }
    }

    async fn note(
        &mut self,
        key: ConversationKey,
        head: &Head,
        users: Vec<UserId>,
    ) -> Result<(), StoreError> {
        let head = head.last_seq;
        let looks = users.into_iter().map(|user| Look { user, key, head });
        self.next.extend(looks);
        if self.next.len() >= VIEWS {
            self.look().await?;
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let looks = std::mem::take(&mut self.next);
        if looks.is_empty() {
            return Ok(());
        }
        let database = &self.erasure.database;
        let rows = Input::of(&looks.iter());
        let values = database.dialect.row_values(rows.columns());
        let views = database.statement(&self.erasure.statements.views.views, values);
        let views: Vec<Views> = database
            .read("unseen", views, |rows| read_all(members::Entity, rows))
            .await?;
        for view in views {
            let seen = self.seen.entry(view.conversation_key).or_default();
            seen.add(view.lower_end, view.upper_end);
        }
        Ok(())
    }
}
