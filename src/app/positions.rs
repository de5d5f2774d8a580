//! Where conversations end at present.

use super::{App, AppError};
use crate::{
    domain::{Batch, ConversationId, Seq, UserId},
    store::{ConversationKey, Positioned},
};

/// The newest position of each of these conversations; zero where there is none.
pub(super) async fn positioned(
    app: &App,
    user: &UserId,
    ids: Batch<ConversationId>,
) -> Result<Vec<Positioned>, AppError> {
    let keys: Vec<_> = ids.iter().map(|id| ConversationKey::of(id, user)).collect();
    let heads = app.store.heads(keys.clone()).await?;
    let positioned = ids
        .into_iter()
        .zip(keys)
        .map(|(conversation_id, key)| Positioned {
            position: heads.get(&key).map_or(Seq::ZERO, |head| head.last_seq),
            conversation_id,
            key,
        });
    Ok(positioned.collect())
}
