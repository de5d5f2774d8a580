//! Every method with the parser of its requests. A test beside the seeds checks that none is missing.

use prost::Message;

use crate::{
    domain::CallerName,
    grpc::{
        convert::{
            add_to_folder, clear_history, create_folder, delete_conversations, delete_folder,
            delete_matching_conversations, get_conversations, get_unread_count, group_members,
            list_conversations, list_deletions, list_folders, list_hidden_conversations,
            list_messages, mark_conversations, mark_conversations_read, mute_conversations,
            pin_conversations, remove_from_folder, rename_folder, restore_conversations,
            send_message, send_system_message, set_custom_data, show_conversations,
            watch_conversations, watch_users,
        },
        violations::InvalidRequest,
    },
};

/// Whether the request is valid; `None` for bytes that are no message of the method.
type Parse = fn(&[u8]) -> Option<Result<(), InvalidRequest>>;

/// In the order of the protocol. A seed chooses by place: new methods go to the end of their service,
/// and the seeds are written again.
pub(super) const METHODS: [(&str, Parse); 28] = [
    ("DeleteConversations", |bytes| {
        read_change(bytes, delete_conversations::parse)
    }),
    ("RestoreConversations", |bytes| {
        read_change(bytes, restore_conversations::parse)
    }),
    ("ClearHistory", |bytes| {
        read_change(bytes, clear_history::parse)
    }),
    ("WatchConversations", |bytes| {
        read(bytes, watch_conversations::parse)
    }),
    ("ListConversations", |bytes| {
        read(bytes, list_conversations::parse)
    }),
    ("GetConversations", |bytes| {
        read(bytes, get_conversations::parse)
    }),
    ("GetUnreadCount", |bytes| {
        read(bytes, get_unread_count::parse)
    }),
    ("MarkConversationsRead", |bytes| {
        read_change(bytes, mark_conversations_read::parse)
    }),
    ("PinConversations", |bytes| {
        read_change(bytes, pin_conversations::parse)
    }),
    ("MuteConversations", |bytes| {
        read_change(bytes, mute_conversations::parse)
    }),
    ("MarkConversations", |bytes| {
        read_change(bytes, mark_conversations::parse)
    }),
    ("SetCustomData", |bytes| {
        read_change(bytes, set_custom_data::parse)
    }),
    ("CreateFolder", |bytes| {
        read_change(bytes, create_folder::parse)
    }),
    ("DeleteFolder", |bytes| {
        read_change(bytes, delete_folder::parse)
    }),
    ("RenameFolder", |bytes| {
        read_change(bytes, rename_folder::parse)
    }),
    ("AddToFolder", |bytes| {
        read_change(bytes, add_to_folder::parse)
    }),
    ("RemoveFromFolder", |bytes| {
        read_change(bytes, remove_from_folder::parse)
    }),
    ("ListFolders", |bytes| read(bytes, list_folders::parse)),
    ("ListDeletions", |bytes| read(bytes, list_deletions::parse)),
    ("WatchUsers", |bytes| {
        read(bytes, |request| match watch_users::parse(request)?.step {
            Some(watch_users::Step::Invalid(_, invalid)) => Err(invalid),
            _ => Ok(()),
        })
    }),
    ("ShowConversations", |bytes| {
        read_change(bytes, show_conversations::parse)
    }),
    ("ListHiddenConversations", |bytes| {
        read(bytes, list_hidden_conversations::parse)
    }),
    ("DeleteMatchingConversations", |bytes| {
        read_change(bytes, delete_matching_conversations::parse)
    }),
    ("AddGroupMembers", |bytes| {
        read_change(bytes, group_members::parse_joining)
    }),
    ("RemoveGroupMembers", |bytes| {
        read_change(bytes, group_members::parse_leaving)
    }),
    ("SendMessage", |bytes| read(bytes, send_message::parse)),
    ("SendSystemMessage", |bytes| {
        read(bytes, send_system_message::parse)
    }),
    ("ListMessages", |bytes| read(bytes, list_messages::parse)),
];

fn read<M: Message + Default, T>(
    bytes: &[u8],
    parse: impl FnOnce(M) -> Result<T, InvalidRequest>,
) -> Option<Result<(), InvalidRequest>> {
    let request = M::decode(bytes).ok()?;
    Some(parse(request).map(drop))
}

/// The same for a method that changes something, whose parser takes the caller's name as well.
fn read_change<M: Message + Default, T>(
    bytes: &[u8],
    parse: impl FnOnce(M, Option<CallerName>) -> Result<T, InvalidRequest>,
) -> Option<Result<(), InvalidRequest>> {
    read(bytes, |request| parse(request, None))
}
