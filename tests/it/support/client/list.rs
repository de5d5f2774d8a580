//! Requests for a user's list, with its filters and its folders.

use conversation_service::proto::{
    Conversation, ConversationId, ConversationType, Deletion, Folder, GetUnreadCountRequest,
    GetUnreadCountResponse, HiddenConversation, ListDeletionsRequest, ListFilter,
    ListFoldersRequest, ListFoldersResponse, ListHiddenConversationsRequest,
    ListHiddenConversationsResponse, Membership,
};
use prost_types::Timestamp;
use tonic::Status;

use super::{Client, LARGEST_PAGE, LONGEST_TOKEN, Listing, MOST_PAGES};

/// Only conversations with something unread.
pub(crate) fn unread() -> ListFilter {
    ListFilter {
        unread_only: true,
        ..ListFilter::default()
    }
}

/// Only conversations with this mark.
pub(crate) fn marked(mark: u64) -> ListFilter {
    ListFilter {
        mark,
        ..ListFilter::default()
    }
}

/// Only conversations with none of these marks.
pub(crate) fn without_marks(without_marks: u64) -> ListFilter {
    ListFilter {
        without_marks,
        ..ListFilter::default()
    }
}

/// Only conversations that the user is in, or only those that the user has left.
pub(crate) fn with_membership(membership: Membership) -> ListFilter {
    ListFilter {
        membership: membership.into(),
        ..ListFilter::default()
    }
}

/// Only conversations in this folder.
pub(crate) fn in_folder(name: &str) -> ListFilter {
    ListFilter {
        folder: name.to_owned(),
        ..ListFilter::default()
    }
}

/// Only conversations that have been active since then.
pub(crate) fn active_since(time: Timestamp) -> ListFilter {
    ListFilter {
        active_since: Some(time),
        ..ListFilter::default()
    }
}

/// Only conversations of these types.
pub(crate) fn of_types(types: &[ConversationType]) -> ListFilter {
    ListFilter {
        types: types.iter().map(|kind| i32::from(*kind)).collect(),
        ..ListFilter::default()
    }
}

/// The same entries, in an order that does not depend on that of the list.
pub(crate) fn in_any_order(mut conversations: Vec<Conversation>) -> Vec<Conversation> {
    conversations.sort_by_cached_key(|entry| format!("{:?}", entry.conversation_id));
    conversations
}

/// The IDs of entries.
pub(crate) fn ids(conversations: Vec<Conversation>) -> Vec<ConversationId> {
    conversations
        .into_iter()
        .map(|entry| entry.conversation_id.expect("an entry has an ID"))
        .collect()
}

impl Client {
    /// The IDs of what a filter leaves of a user's list.
    pub(crate) async fn listed_with(&self, user: &str, filter: ListFilter) -> Vec<ConversationId> {
        self.listed_in_pages(user, Some(filter), LARGEST_PAGE).await
    }

    /// The same, read in pages of a given size.
    pub(crate) async fn listed_in_pages(
        &self,
        user: &str,
        filter: Option<ListFilter>,
        page_size: i32,
    ) -> Vec<ConversationId> {
        let listing = self.list_in_pages(user, filter, page_size).await;
        ids(listing.expect("the list can be read").conversations)
    }

    /// The copy of a reader that has listed it and asks once for what has been active since, with
    /// the same filter: of each conversation the later entry, in no order.
    pub(crate) async fn refreshed(
        &self,
        user: &str,
        filter: Option<ListFilter>,
        listing: Listing,
    ) -> Vec<Conversation> {
        let filter = ListFilter {
            active_since: Some(listing.as_of),
            ..filter.unwrap_or_default()
        };
        let page = self.list_page(user, Some(filter), LARGEST_PAGE, String::new());
        let page = page.await.expect("the list can be read");
        assert_eq!(page.next_page_token, "", "more than one page is active");
        let mut entries: Vec<Conversation> = Vec::new();
        for entry in listing.conversations.into_iter().chain(page.conversations) {
            entries.retain(|known| known.conversation_id != entry.conversation_id);
            entries.push(entry);
        }
        entries
    }

    /// The user's revision.
    pub(crate) async fn revision(&self, user: &str) -> u64 {
        let page = self.list_page(user, None, 1, String::new()).await;
        page.expect("the list can be read").revision
    }

    /// The entry of a conversation that is listed.
    pub(crate) async fn entry(&self, user: &str, conversation: ConversationId) -> Conversation {
        let found = self.get(user, [conversation.clone()]).await;
        let entry = found.conversations.into_iter().next();
        entry.unwrap_or_else(|| panic!("{user:?} has no {conversation:?} in the list"))
    }

    /// How many messages are unread.
    pub(crate) async fn unread(&self, user: &str) -> u64 {
        self.unread_with(user, None).await
    }

    /// How many messages are unread in what a filter leaves.
    pub(crate) async fn unread_with(&self, user: &str, filter: Option<ListFilter>) -> u64 {
        self.unread_totals(user, filter).await.unread_count
    }

    /// The unread totals of what a filter leaves.
    pub(crate) async fn unread_totals(
        &self,
        user: &str,
        filter: Option<ListFilter>,
    ) -> GetUnreadCountResponse {
        let request = GetUnreadCountRequest {
            user_id: user.to_owned(),
            filter,
        };
        let count = self.conversations.clone().get_unread_count(request).await;
        count.expect("it can be counted").into_inner()
    }

    /// A user's deletions, newest first, read in pages of a given size.
    pub(crate) async fn deletions(
        &self,
        user: &str,
        page_size: i32,
        restorable_only: bool,
    ) -> Vec<Deletion> {
        let limit = usize::try_from(page_size).expect("a page size is positive");
        let mut request = ListDeletionsRequest {
            user_id: user.to_owned(),
            page_size,
            page_token: String::new(),
            restorable_only,
        };
        let mut deletions = Vec::new();
        for _ in 0..MOST_PAGES {
            let mut client = self.conversations.clone();
            let page = client.list_deletions(request.clone()).await;
            let mut page = page.expect("deletions can be listed").into_inner();
            assert!(page.deletions.len() <= limit, "a page is too large");
            assert!(page.next_page_token.len() <= LONGEST_TOKEN);
            deletions.append(&mut page.deletions);
            if page.next_page_token.is_empty() {
                return deletions;
            }
            request.page_token = page.next_page_token;
        }
        panic!("the deletions of {user:?} never end");
    }

    /// A user's folders, and the revision that they reflect.
    pub(crate) async fn list_folders(&self, user: &str) -> ListFoldersResponse {
        let request = ListFoldersRequest {
            user_id: user.to_owned(),
        };
        let folders = self.conversations.clone().list_folders(request).await;
        folders.expect("folders can be listed").into_inner()
    }

    /// A user's folders.
    pub(crate) async fn folders(&self, user: &str) -> Vec<Folder> {
        self.list_folders(user).await.folders
    }

    /// One page of what is hidden of a user's conversations.
    pub(crate) async fn hidden_page(
        &self,
        user: &str,
        types: &[ConversationType],
        page_size: i32,
        page_token: String,
    ) -> Result<ListHiddenConversationsResponse, Status> {
        let request = ListHiddenConversationsRequest {
            user_id: user.to_owned(),
            page_size,
            page_token,
            types: types.iter().map(|kind| (*kind).into()).collect(),
        };
        let mut client = self.conversations.clone();
        let page = client.list_hidden_conversations(request).await;
        page.map(tonic::Response::into_inner)
    }

    /// All that is hidden of a user's conversations, read in pages of a given size, and the revision.
    pub(crate) async fn hidden_in_pages(
        &self,
        user: &str,
        types: &[ConversationType],
        page_size: i32,
    ) -> Result<(Vec<HiddenConversation>, u64), Status> {
        let limit = usize::try_from(page_size).expect("a page size is positive");
        let (mut hidden, mut token) = (Vec::new(), String::new());
        let mut revision = None;
        for _ in 0..MOST_PAGES {
            let page = self.hidden_page(user, types, page_size, token).await?;
            assert!(page.hidden.len() <= limit, "a page is too large");
            let first = *revision.get_or_insert(page.revision);
            assert_eq!(page.revision, first, "a later page has another revision");
            let length = page.next_page_token.len();
            assert!(length <= LONGEST_TOKEN, "a page token has {length} bytes");
            hidden.extend(page.hidden);
            if page.next_page_token.is_empty() {
                return Ok((hidden, first));
            }
            token = page.next_page_token;
        }
        panic!("what is hidden of {user:?} never ends");
    }

    /// All that is hidden of a user's conversations.
    pub(crate) async fn hidden(&self, user: &str) -> Vec<HiddenConversation> {
        let hidden = self.hidden_in_pages(user, &[], LARGEST_PAGE).await;
        hidden.expect("it can be read").0
    }
}
