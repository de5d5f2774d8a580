//! Erasing messages that are in nobody's view, in bounded batches.

use sea_orm::{
    ColumnTrait as _, DeleteMany, EntityTrait as _, QueryFilter as _, QuerySelect as _, Select,
};

use super::{Erasure, Unseen};
use crate::{
    domain::{ConversationKey, Seq, Timestamp},
    store::{
        database::{error::StoreError, row::Row},
        entity::messages::{self, Column as C},
    },
};

/// The oldest of these messages.
pub(in crate::store) fn oldest(unseen: Unseen) -> Select<messages::Entity> {
    messages::Entity::find()
        .select_only()
        .column_as(C::Seq.min(), C::Seq)
        .filter(C::ConversationKey.eq(unseen.key))
        .filter(C::Seq.gt(unseen.after))
        .filter(C::Seq.lte(unseen.through))
}

/// Erases the messages of a conversation from one position through another.
pub(in crate::store) fn erase(
    key: ConversationKey,
    from: Seq,
    through: Seq,
) -> DeleteMany<messages::Entity> {
    messages::Entity::delete_many()
        .filter(C::ConversationKey.eq(key))
        .filter(C::Seq.gte(from))
        .filter(C::Seq.lte(through))
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
        let erased = self
            .database
            .retrying("erase", || async {
                let transaction = self.database.begin().await?;
                if !named.is_empty() {
                    self.messages
                        .remember(&transaction, unseen.key, &named)
                        .await?;
                }
                let erase = erase(unseen.key, oldest, last);
                let erased = erase.exec(&*transaction).await?.rows_affected;
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
        let oldest = self.database.built(&oldest(unseen));
        self.database
            .read("oldest_unseen", oldest, |rows| match rows.first() {
                Some(row) => Row::of(messages::Entity, row).get("seq"),
                None => Ok(None),
            })
            .await
    }
}
