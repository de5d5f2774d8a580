//! From answers to lines. Pure: the same answer is always the same text, each line ended.

use std::fmt::Write as _;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::proto::{
    Conversation, ConversationId, DeleteConversationsRequest, DeleteMatchingConversationsRequest,
    DeletionResult, Message, RestoreConversationsRequest, RestoreConversationsResponse,
    conversation_id::Id, message_body::Content,
};

/// The width of a conversation's name, which begins most lines.
const NAME: usize = 12;

/// A conversation ID in its text form.
pub(super) fn name(id: Option<&ConversationId>) -> String {
    match id.and_then(|id| id.id.as_ref()) {
        Some(Id::C2cUserId(user)) => format!("C2C{user}"),
        Some(Id::GroupId(group)) => format!("GROUP{group}"),
        Some(Id::System(_)) => "@TIM#SYSTEM".to_owned(),
        Some(Id::Text(text)) => text.clone(),
        None => "(none)".to_owned(),
    }
}

/// A message as it was sent: its sender, its recipient, its position, its text.
pub(super) fn sent(message: &Message) -> String {
    let to = name(message.conversation_id.as_ref());
    format!(
        "   {:<5} to {to:<NAME$} #{}  {}\n",
        message.sender_user_id,
        message.seq,
        text(message)
    )
}

/// A user's list.
pub(super) fn list(user: &str, conversations: &[Conversation]) -> String {
    let title = format!("{user}'s list");
    if conversations.is_empty() {
        return format!("   {title}: empty\n");
    }
    let mut page = format!("   {title:<14}  unread  last message\n");
    for conversation in conversations {
        let name = name(conversation.conversation_id.as_ref());
        let last = conversation.last_message.as_ref().map_or_else(
            || "(none)".to_owned(),
            |message| format!("{}: {}", message.sender_user_id, text(message)),
        );
        line(
            &mut page,
            format_args!(
                "     {name:<NAME$}  {:>6}  {last}",
                conversation.unread_count
            ),
        );
    }
    page
}

/// How much of a conversation a user can read.
pub(super) fn readable(user: &str, conversation: &ConversationId, messages: &[Message]) -> String {
    let name = name(Some(conversation));
    let extent = match messages {
        [] => "no messages".to_owned(),
        [only] => format!("1 message, #{}", only.seq),
        [first, .., last] => {
            format!(
                "{} messages, #{} to #{}",
                messages.len(),
                first.seq,
                last.seq
            )
        }
    };
    format!("   {name}, as {user} reads it: {extent}\n")
}

/// The request to take a deletion back.
pub(super) fn asked_back(request: &RestoreConversationsRequest) -> String {
    format!(
        "   > RestoreConversations user_id={} deletion_id={}\n",
        request.user_id, request.deletion_id
    )
}

/// The results of taking a deletion back.
pub(super) fn restored(answer: &RestoreConversationsResponse) -> String {
    let mut page = String::new();
    for result in &answer.results {
        let name = name(result.conversation_id.as_ref());
        let outcome = result.outcome().as_str_name();
        let outcome = outcome.trim_start_matches("RESTORATION_OUTCOME_");
        line(&mut page, format_args!("     {name:<NAME$}  {outcome}"));
    }
    page
}

/// The request of a deletion. A field that the request leaves out is left out here, too; of the UUID, the
/// start will do.
pub(super) fn asked(request: &DeleteConversationsRequest) -> String {
    let names: Vec<_> = request
        .conversation_ids
        .iter()
        .map(|id| name(Some(id)))
        .collect();
    let mut page = format!(
        "   > DeleteConversations user_id={} [{}]",
        request.user_id,
        names.join(", ")
    );
    if let Some(clear) = request.clear_history {
        page = format!("{page} clear_history={clear}");
    }
    for seen in &request.seen_through {
        let name = name(seen.conversation_id.as_ref());
        page = format!("{page} seen_through={{{name}: {}}}", seen.seq);
    }
    if let Some((start, _)) = request.request_id.split_once('-') {
        page = format!("{page} request_id={start}…");
    }
    page + "\n"
}

/// The request of a deletion by selector. The plan is opaque, so its start will do.
pub(super) fn asked_matching(request: &DeleteMatchingConversationsRequest) -> String {
    let mut page = format!(
        "   > DeleteMatchingConversations user_id={}",
        request.user_id
    );
    if let Some(selector) = &request.selector {
        let set = [
            (selector.all, "all"),
            (selector.include_pinned, "include_pinned"),
            (selector.include_unread, "include_unread"),
        ];
        let names: Vec<_> = set
            .into_iter()
            .filter_map(|(is_set, name)| is_set.then_some(name))
            .collect();
        page = format!("{page} [{}]", names.join(", "));
    }
    if request.dry_run {
        page.push_str(" dry_run");
    }
    if let Some(start) = request.plan.get(..8) {
        page = format!("{page} plan={start}…");
    }
    page + "\n"
}

/// The results of a deletion.
pub(super) fn deleted(results: &[DeletionResult]) -> String {
    let mut page = String::new();
    for result in results {
        let outcome = result.outcome().as_str_name();
        let outcome = outcome.strip_prefix("DELETION_OUTCOME_").unwrap_or(outcome);
        line(
            &mut page,
            format_args!(
                "     {:<NAME$}  {outcome:<19}  hidden through {}  cleared through {}",
                name(result.conversation_id.as_ref()),
                result.hidden_through,
                result.cleared_through
            ),
        );
    }
    page
}

/// The error of a request that was refused.
pub(super) fn refused(status: &Status) -> String {
    let details = status.get_error_details();
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    let mut page = format!("     {}  {reason}\n", code(status.code()));
    let violations = details
        .bad_request()
        .map_or(&[][..], |it| &it.field_violations);
    for violation in violations {
        line(
            &mut page,
            format_args!("     {:<29} {}", violation.field, violation.description),
        );
    }
    page
}

/// A code by its name in the protocol, if it is one that the story may meet.
fn code(code: Code) -> String {
    match code {
        Code::InvalidArgument => "INVALID_ARGUMENT".to_owned(),
        other => format!("{other:?}"),
    }
}

fn text(message: &Message) -> &str {
    match message.body.as_ref().and_then(|body| body.content.as_ref()) {
        Some(Content::Text(text)) => text,
        Some(Content::Payload(payload)) => &payload.r#type,
        None => "",
    }
}

fn line(page: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(page, "{line}").expect("writing to a String never fails");
}
