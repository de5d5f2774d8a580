//! A conversation's history, as one user can see it.

use super::{App, AppError};
use crate::domain::{self, ConversationId, ConversationKey, Message, PageSize, Seq, UserId};

/// Asks for a page of a history.
#[derive(Debug)]
pub struct ListMessages {
    /// The user who reads.
    pub user: UserId,
    /// The conversation that is read.
    pub conversation_id: ConversationId,
    /// How much of it.
    pub page_size: PageSize,
    /// Only what is older than this; `None` for the newest page.
    pub before: Option<Seq>,
}

/// A page of a history.
#[derive(Debug)]
pub struct MessagePage {
    /// Newest first.
    pub messages: Vec<Message>,
    /// The next page has what is older than this; `None` after the last.
    pub next: Option<Seq>,
}

/// Lists the messages that a user can still see, newest first. A page is shorter than asked for where
/// its messages would make the answer too large.
///
/// # Errors
///
/// That the database failed.
pub async fn list_messages(app: &App, request: ListMessages) -> Result<MessagePage, AppError> {
    let ListMessages {
        user,
        conversation_id,
        page_size,
        before,
    } = request;
    let nothing = MessagePage {
        messages: Vec::new(),
        next: None,
    };
    let key = ConversationKey::of(&conversation_id, &user);
    let Some((view, head)) = app.store.lists().view(&user, key).await? else {
        return Ok(nothing);
    };
    let Some(visible) = view.visible(head) else {
        return Ok(nothing);
    };
    let newest = before.map_or(*visible.end(), |before| {
        before.previous().min(*visible.end())
    });

    // One more than asked for tells whether there is another page.
    let limit = page_size.get() + 1;
    let mut stored = app
        .store
        .messages()
        .page(key, *visible.start()..=newest, limit)
        .await?;
    let fitting = domain::fitting(stored.iter().map(|message| message.body.size()));
    let shown = page_size.get().min(fitting);
    let has_more = stored.len() > shown;
    stored.truncate(shown);
    let next = stored
        .last()
        .filter(|_| has_more)
        .map(|message| message.seq);
    let messages = stored
        .into_iter()
        .map(|message| message.seen_as(conversation_id.clone()))
        .collect();
    Ok(MessagePage { messages, next })
}
