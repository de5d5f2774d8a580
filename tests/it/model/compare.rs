//! Compares what the service answers with what the model does, and says where they differ.

use std::fmt::Debug;

use conversation_service::proto::{ConversationId, ListFilter};

use super::Model;
use crate::support::client::Client;

/// What the service does otherwise than the model, in words.
pub(crate) type Difference = String;

/// Compares two values.
pub(crate) fn same<T: PartialEq + Debug>(
    what: impl Debug,
    actual: &T,
    expected: &T,
) -> Result<(), Difference> {
    if actual == expected {
        return Ok(());
    }
    Err(format!(
        "{what:?} differs\n   service: {actual:?}\n     model: {expected:?}"
    ))
}

/// Compares a user's whole list, read in pages of a given size, and the revision that it reflects.
pub(crate) async fn list(
    client: &Client,
    model: &Model,
    user: &str,
    filter: Option<ListFilter>,
    page_size: i32,
) -> Result<(), Difference> {
    let what = ("list", user, &filter, page_size);
    let listing = client.list_in_pages(user, filter.clone(), page_size).await;
    let listing = listing.map_err(|status| format!("{what:?}: {status:?}"))?;
    let expected = model.list_filtered(user, &filter.clone().unwrap_or_default());
    same(what, &listing.conversations, &expected)?;
    same(("revision", user), &listing.revision, &model.revision(user))
}

/// Compares what a user can read of a conversation, read in pages of a given size.
pub(crate) async fn history(
    client: &Client,
    model: &Model,
    user: &str,
    conversation: &ConversationId,
    page_size: i32,
) -> Result<(), Difference> {
    let what = ("history", user, conversation, page_size);
    let history = client
        .history_in_pages(user, conversation.clone(), page_size)
        .await;
    let history = history.map_err(|status| format!("{what:?}: {status:?}"))?;
    same(what, &history, &model.history(user, conversation))
}

/// Compares everything that a user can see: the list, and every history, listed or not.
pub(crate) async fn everything(
    client: &Client,
    model: &Model,
    user: &str,
    page_size: i32,
) -> Result<(), Difference> {
    list(client, model, user, None, page_size).await?;
    for conversation in model.conversations_of(user) {
        history(client, model, user, &conversation, page_size).await?;
    }
    Ok(())
}
