//! Moving deleted conversations out of the index that lists are read from.
//!
//! Each row of `members` with a copy of the head is in one of two indices: in `members_unlisted` while its newest
//! message is at most `unlisted_through`, and otherwise in `members_listed`, which lists are read from. What is
//! listed is always in the second. What is not listed may be in either, so a deletion does not move its rows:
//! that would write every index of the table anew. It says in the log that it `unlists`, and a background job
//! looks at its conversations and moves those that are still not listed. Of what happens later,
//!
//! - a newer message moves its row back by raising `last_seq`, unless the conversation stays away;
//! - what lists a conversation without a newer message sets `unlisted_through` to 0: showing, undoing, and a
//!   deletion that ends staying away and keeps newer messages listed.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryResult,
    UpdateMany, Value, sea_query::Keyword,
};

use super::{Erasure, unless_inconsistent};
use crate::{
    domain::{ConversationKey, Revision, UserId},
    store::{
        database::{
            dialect::{Column, ColumnType, Dialect},
            error::StoreError,
            row::Row,
        },
        entity::{
            changes::{self, Column as C},
            columns,
        },
        lists::LISTED,
        log::{self, RECORDED, Recorded},
        users,
    },
};

/// How many deletions are read at a time.
const DELETIONS: u16 = 100;

/// The consequence of a deletion that does not parse.
const STAYS_IN_THE_INDEX: &str = "lists pass over what a change that cannot be read has deleted";

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    deletions: String,
    unlist: String,
}

/// Notes that the conversations of a deletion were looked at.
pub(in crate::store) fn done(user: &UserId, revision: Revision) -> UpdateMany<changes::Entity> {
    changes::Entity::update_many()
        .col_expr(C::Unlists, Keyword::Null.into())
        .filter(C::UserId.eq(user.clone()))
        .filter(C::Revision.eq(revision))
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let (keys, _) = dialect.rows("i", 2, &[("conversation_key", ColumnType::Key)]);
        Self {
            deletions: format!(
                "SELECT user_id, {} FROM changes \
                 WHERE unlists IS NOT NULL AND (user_id, revision) > ($1, $2) \
                 ORDER BY user_id, revision LIMIT {DELETIONS}",
                columns("", RECORDED)
            ),
            // In a CASE, or PostgreSQL would believe that the index of what may be listed is for this.
            unlist: format!(
                "UPDATE members AS m SET unlisted_through = m.last_seq FROM {keys} \
                 WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key \
                 AND CASE WHEN m.last_seq > m.unlisted_through AND NOT ({LISTED}) \
                     THEN TRUE ELSE FALSE END{routed}",
                user = dialect.after_rows("$1"),
                routed = dialect.routed("m.user_id", "$1"),
            ),
        }
    }
}

/// A deletion whose conversations may have to leave the index.
struct Unlisting {
    user: UserId,
    recorded: Recorded,
}

impl Erasure {
    /// Takes the conversations of all deletions since the last time out of the lists' index, but for those that
    /// are listed again. Several replicas may do so at once: the second one finds nothing to do.
    pub(crate) async fn unlist(&self) -> Result<(), StoreError> {
        let mut after = (String::new(), 0);
        loop {
            let rows = self.deletions_that_unlist(&after).await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            let last = Row::of(changes::Entity, last);
            after = (last.get("user_id")?, last.get("revision")?);
            for row in &rows {
                if let Some(deletion) = unless_inconsistent(unlisting(row), STAYS_IN_THE_INDEX)? {
                    self.unlist_conversations(&deletion).await?;
                }
            }
            if rows.len() < usize::from(DELETIONS) {
                return Ok(());
            }
        }
    }

    async fn deletions_that_unlist(
        &self,
        (user, revision): &(String, i64),
    ) -> Result<Vec<QueryResult>, StoreError> {
        let values: [Value; 2] = [user.as_str().into(), (*revision).into()];
        let deletions = self
            .database
            .statement(&self.statements.unlisting.deletions, values);
        self.database
            .retrying("deletions_that_unlist", || async {
                Ok(self
                    .database
                    .pool()
                    .query_all_raw(deletions.clone())
                    .await?)
            })
            .await
    }

    /// Under the user's lock, as every change of several rows of the user.
    async fn unlist_conversations(&self, deletion: &Unlisting) -> Result<(), StoreError> {
        let Unlisting { user, recorded } = deletion;
        let keys = recorded.conversations.iter();
        let keys = keys.map(|conversation| ConversationKey::of(&conversation.id, user));
        let mut values: Vec<Value> = vec![user.as_str().into()];
        values.extend(
            self.database
                .dialect
                .row_values(&[Column::Keys(keys.collect())]),
        );
        let statements = &self.statements.unlisting;
        let unlist = self.database.statement(&statements.unlist, values);
        self.database
            .retrying("unlist", || async {
                let transaction = self.database.begin().await?;
                users::lock(user).exec(&*transaction).await?;
                transaction.execute_raw(unlist.clone()).await?;
                done(user, recorded.revision).exec(&*transaction).await?;
                transaction.commit().await?;
                Ok::<_, StoreError>(())
            })
            .await
    }
}

fn unlisting(row: &QueryResult) -> Result<Unlisting, StoreError> {
    let row = Row::of(changes::Entity, row);
    Ok(Unlisting {
        user: row.get("user_id")?,
        recorded: log::recorded(&row)?,
    })
}
