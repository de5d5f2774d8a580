//! Compares what the service answers with what the model does, and says where they differ.

use std::fmt::Debug;

use conversation_service::proto::{
    ConversationId, ConversationType, GetUnreadCountRequest, HiddenConversation, ListFilter,
    ListFoldersRequest, ListFoldersResponse,
};
use tonic::Response;

use super::Model;
use crate::support::client::Client;

/// A difference between the service and the model, in words.
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

/// Compares a user's folders, and the revision that they reflect.
pub(crate) async fn folders(client: &Client, model: &Model, user: &str) -> Result<(), Difference> {
    let request = ListFoldersRequest {
        user_id: user.to_owned(),
    };
    let answer = client.conversations.clone().list_folders(request).await;
    let answer = answer.map(Response::into_inner);
    let expected = ListFoldersResponse {
        folders: model.folders(user),
        revision: model.revision(user),
    };
    let what = ("folders", user);
    let answer = answer.map_err(|status| format!("{what:?}: {status:?}"))?;
    same(what, &answer, &expected)
}

/// Compares what is hidden of a user's conversations, read in pages of a given size, and the revision that
/// it reflects.
pub(crate) async fn hidden(
    client: &Client,
    model: &Model,
    user: &str,
    types: &[ConversationType],
    page_size: i32,
) -> Result<(), Difference> {
    hidden_as(client, model, user, types, page_size, |_| {}).await
}

/// The same, after each conversation was `reduced` to what is to be compared.
async fn hidden_as(
    client: &Client,
    model: &Model,
    user: &str,
    types: &[ConversationType],
    page_size: i32,
    reduced: impl Fn(&mut HiddenConversation),
) -> Result<(), Difference> {
    let what = ("hidden", user, types, page_size);
    let answer = client.hidden_in_pages(user, types, page_size).await;
    let (mut hidden, revision) = answer.map_err(|status| format!("{what:?}: {status:?}"))?;
    let mut expected = model.hidden(user, types);
    hidden.iter_mut().for_each(&reduced);
    expected.iter_mut().for_each(&reduced);
    same(what, &hidden, &expected)?;
    same(("revision", user), &revision, &model.revision(user))
}

/// Compares how much a user has not read.
pub(crate) async fn unread_count(
    client: &Client,
    model: &Model,
    user: &str,
    filter: Option<ListFilter>,
) -> Result<(), Difference> {
    let what = ("unread count", user, &filter);
    let request = GetUnreadCountRequest {
        user_id: user.to_owned(),
        filter: filter.clone(),
    };
    let answer = client.conversations.clone().get_unread_count(request).await;
    let answer = answer.map_err(|status| format!("{what:?}: {status:?}"))?;
    let expected = model.unread_count(user, &filter.clone().unwrap_or_default());
    same(what, &answer.into_inner(), &expected)
}

/// Compares a user's deletions, read in pages of a given size, but for the clients that asked for them.
pub(crate) async fn trash(
    client: &Client,
    model: &Model,
    user: &str,
    page_size: i32,
    restorable_only: bool,
) -> Result<(), Difference> {
    let what = ("deletions", user, page_size, restorable_only);
    let mut deletions = client.deletions(user, page_size, restorable_only).await;
    for deletion in &mut deletions {
        deletion.client_id.clear();
    }
    same(what, &deletions, &model.trash(user, restorable_only))
}

/// Compares what a user sees without opening a conversation: the list, the folders, and how much is
/// unread.
pub(crate) async fn overview(
    client: &Client,
    model: &Model,
    user: &str,
    page_size: i32,
) -> Result<(), Difference> {
    list(client, model, user, None, page_size).await?;
    folders(client, model, user).await?;
    unread_count(client, model, user, None).await
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

/// Compares everything that a user can see: the overview, what is hidden, and every history, listed or not. It
/// leaves out when the undo of what is hidden ends: a model that is made of what was recorded does not know
/// the time.
pub(crate) async fn everything(
    client: &Client,
    model: &Model,
    user: &str,
    page_size: i32,
) -> Result<(), Difference> {
    overview(client, model, user, page_size).await?;
    hidden_as(client, model, user, &[], page_size, |hidden| {
        hidden.deletion_id.clear();
        hidden.restorable_until = None;
    })
    .await?;
    for conversation in model.conversations_of(user) {
        history(client, model, user, &conversation, page_size).await?;
    }
    Ok(())
}
