//! Erasing messages that are in nobody's view, in bounded batches.

use sea_orm::{ConnectionTrait, Value};

use super::{Erasure, Unseen};
use crate::{
    domain::{Seq, Timestamp},
    store::{
        database::{error::StoreError, row::Row},
        entity::messages,
    },
};

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    oldest: &'static str,
    erase: &'static str,
}

impl Statements {
    pub(super) const fn new() -> Self {
        Self {
            oldest: "SELECT MIN(seq) AS seq FROM messages \
                     WHERE conversation_key = $1 AND seq > $2 AND seq <= $3",
            erase: "DELETE FROM messages WHERE conversation_key = $1 AND seq >= $2 AND seq <= $3",
        }
    }
}

impl Erasure {
    /// Erases the oldest of these messages, at most about `limit` of them, and remembers those that may
    /// be delivered again after `now`. Returns how many were erased and what is left to look at; `None`
    /// when there is nothing more.
    pub(crate) async fn erase(
        &self,
        unseen: Unseen,
        limit: u32,
        now: Timestamp,
    ) -> Result<(u64, Option<Unseen>), StoreError> {
        let Some(oldest) = self.oldest(unseen).await? else {
            return Ok((0, None));
        };
        let last = Seq::saturating(oldest.get() + u64::from(limit) - 1).min(unseen.through);
        let named = self
            .messages
            .to_remember(unseen.key, (oldest, last), now)
            .await?;
        let statements = &self.statements.erase;
        let erase = self
            .database
            .statement(statements.erase, bounds(unseen, oldest, last));
        let erased = self
            .database
            .retrying("erase", || async {
                let transaction = self.database.begin().await?;
                if !named.is_empty() {
                    self.messages
                        .remember(&transaction, unseen.key, &named)
                        .await?;
                }
                let erased = transaction.execute_raw(erase.clone()).await?;
                let erased = erased.rows_affected();
                if erased > 0 {
                    self.database.note_erasure(&transaction).await?;
                }
                transaction.commit().await?;
                Ok::<_, StoreError>(erased)
            })
            .await?;
        let rest = (last < unseen.through).then_some(Unseen {
            after: last,
            ..unseen
        });
        Ok((erased, rest))
    }

    async fn oldest(&self, unseen: Unseen) -> Result<Option<Seq>, StoreError> {
        let statements = &self.statements.erase;
        let values = bounds(unseen, unseen.after, unseen.through);
        let oldest = self.database.statement(statements.oldest, values);
        self.database
            .read("oldest_unseen", oldest, |rows| match rows.first() {
                Some(row) => Row::of(messages::Entity, row).get("seq"),
                None => Ok(None),
            })
            .await
    }
}

fn bounds(unseen: Unseen, from: Seq, through: Seq) -> [Value; 3] {
    [
        unseen.key.to_bytes().into(),
        from.to_stored().into(),
        through.to_stored().into(),
    ]
}
