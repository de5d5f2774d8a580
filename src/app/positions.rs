//! The newest positions of conversations.

use super::{App, AppError};
use crate::{
    domain::{Batch, ConversationId, UserId},
    store::{Positioned, Positions},
};

/// The newest position of each of these conversations; zero where there is none.
pub(super) async fn positioned(
    app: &App,
    user: &UserId,
    ids: Batch<ConversationId>,
) -> Result<Vec<Positioned>, AppError> {
    let positions = Positions::of(user, ids.iter());
    let positions = app.store.heads().positions(positions).await?;
    let positioned = ids
        .into_iter()
        .zip(positions)
        .map(|(conversation_id, (key, position))| Positioned {
            conversation_id,
            key,
            position,
        });
    Ok(positioned.collect())
}
