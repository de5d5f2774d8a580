//! The requests that change something of a user: all have the fields `user_id`, `client_id` and
//! `request_id`. Requests about groups are not among them, since they come from no user.

use prost::Message;

use crate::proto;

/// A request that changes something of a user.
pub(super) trait ChangeRequest: Message {
    /// The name of its method, which is part of its digests and so never changes.
    const METHOD: &'static str;

    fn user_id(&self) -> &str;

    fn client_id(&self) -> &str;

    /// Takes the ID out of the request: it is no part of the digests.
    fn take_request_id(&mut self) -> String;
}

/// Implements [`ChangeRequest`] for requests by their methods.
macro_rules! change_requests {
    ($($method:literal: $request:ident),+ $(,)?) => {$(
        impl ChangeRequest for proto::$request {
            const METHOD: &'static str = $method;

            fn user_id(&self) -> &str {
                &self.user_id
            }

            fn client_id(&self) -> &str {
                &self.client_id
            }

            fn take_request_id(&mut self) -> String {
                std::mem::take(&mut self.request_id)
            }
        }
    )+};
}

change_requests! {
    "AddToFolder": AddToFolderRequest,
    "ClearHistory": ClearHistoryRequest,
    "CreateFolder": CreateFolderRequest,
    "DeleteConversations": DeleteConversationsRequest,
    "DeleteFolder": DeleteFolderRequest,
    "DeleteMatchingConversations": DeleteMatchingConversationsRequest,
    "MarkConversations": MarkConversationsRequest,
    "MarkConversationsRead": MarkConversationsReadRequest,
    "MuteConversations": MuteConversationsRequest,
    "PinConversations": PinConversationsRequest,
    "RemoveFromFolder": RemoveFromFolderRequest,
    "RenameFolder": RenameFolderRequest,
    "RestoreConversations": RestoreConversationsRequest,
    "SetCustomData": SetCustomDataRequest,
    "ShowConversations": ShowConversationsRequest,
}
