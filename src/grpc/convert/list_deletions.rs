//! `ListDeletions`.

use super::{conversation_id, deletion, time};
use crate::{
    app::{DeletionPage, ListDeletions, WhichDeletions},
    domain::{DeletionState, ListedDeletion, PageSize, Settings, Taking, UserId},
    grpc::{
        page_token,
        violations::{InvalidRequest, Violations},
    },
    proto::{self, DeletedConversation, DeletionKind, ListDeletionsRequest, ListDeletionsResponse},
};

/// The parsed request, and what its page tokens are bound to.
pub(crate) fn parse(
    mut request: ListDeletionsRequest,
) -> Result<(ListDeletions, ListDeletionsRequest), InvalidRequest> {
    let page_token = std::mem::take(&mut request.page_token);
    let page_size = std::mem::take(&mut request.page_size);
    let ListDeletionsRequest {
        user_id,
        page_size: _,
        page_token: _,
        restorable_only,
    } = &request;

    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(user_id));
    let page_size = violations.check("page_size", PageSize::of_deletions(page_size));
    let before = violations.check("page_token", page_token::decode(&request, &page_token));
    let which = if *restorable_only {
        WhichDeletions::Restorable
    } else {
        WhichDeletions::All
    };
    let parsed = user
        .zip(page_size)
        .zip(before)
        .map(|((user, page_size), before)| ListDeletions {
            user,
            page_size,
            before,
            which,
        });
    violations.finish(parsed).map(|parsed| (parsed, request))
}

pub(crate) fn render(page: DeletionPage, request: &ListDeletionsRequest) -> ListDeletionsResponse {
    let DeletionPage { deletions, next } = page;
    ListDeletionsResponse {
        deletions: deletions.into_iter().map(render_deletion).collect(),
        next_page_token: page_token::encode(request, next.as_ref()),
    }
}

fn render_deletion(listed: ListedDeletion) -> proto::Deletion {
    let ListedDeletion {
        revision,
        time,
        client,
        taking,
        reappearance,
        settings,
        restorable_until,
        conversations,
    } = listed;
    let (kind, clear_history) = match taking {
        Taking::Entry => (DeletionKind::Deletion, false),
        Taking::EntryAndHistory => (DeletionKind::Deletion, true),
        Taking::History => (DeletionKind::Clearing, true),
    };
    let conversations = conversations
        .into_iter()
        .map(|(id, state)| DeletedConversation {
            conversation_id: Some(conversation_id::render(&id)),
            state: render_state(state).into(),
        });
    proto::Deletion {
        deletion_id: revision.to_string(),
        revision: revision.get(),
        delete_time: Some(time::render(time)),
        client_id: client.map(|client| client.to_string()).unwrap_or_default(),
        kind: kind.into(),
        clear_history,
        reappearance: deletion::render_reappearance(reappearance).into(),
        forgot_settings: settings == Settings::Forget,
        restorable_until: restorable_until.map(time::render),
        conversations: conversations.collect(),
    }
}

const fn render_state(state: DeletionState) -> proto::DeletionState {
    match state {
        DeletionState::NothingTaken => proto::DeletionState::NothingTaken,
        DeletionState::Restored => proto::DeletionState::Restored,
        DeletionState::Superseded => proto::DeletionState::Superseded,
        DeletionState::Expired => proto::DeletionState::Expired,
        DeletionState::Restorable => proto::DeletionState::Restorable,
    }
}
