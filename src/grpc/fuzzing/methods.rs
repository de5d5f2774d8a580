//! Every method with what parses its requests, as its handler does. That none is missing is tested
//! with the seeds.

use prost::Message;

use crate::grpc::{
    convert::{
        add_to_folder, clear_history, create_folder, delete_conversations, delete_folder,
        delete_matching_conversations, get_conversations, get_unread_count, group_members,
        list_conversations, list_deletions, list_folders, list_hidden_conversations, list_messages,
        mark_conversations, mark_conversations_read, mute_conversations, pin_conversations,
        remove_from_folder, rename_folder, restore_conversations, send_message,
        send_system_message, set_custom_data, show_conversations, watch_conversations, watch_users,
    },
    violations::InvalidRequest,
};

/// Whether the request is valid; `None` for bytes that are no message of the method.
type Parse = fn(&[u8]) -> Option<Result<(), InvalidRequest>>;

/// In the order of the protocol. A seed chooses by place: new methods go to the end of their service,
/// and the seeds are written again.
pub(super) const METHODS: [(&str, Parse); 28] = [
    ("DeleteConversations", |bytes| {
        read(bytes, |request| delete_conversations::parse(request, None))
    }),
    ("RestoreConversations", |bytes| {
        read(bytes, |request| restore_conversations::parse(request, None))
    }),
    ("ClearHistory", |bytes| {
        read(bytes, |request| clear_history::parse(request, None))
    }),
    ("WatchConversations", |bytes| {
        read(bytes, |request| watch_conversations::parse(&request))
    }),
    ("ListConversations", |bytes| {
        read(bytes, list_conversations::parse)
    }),
    ("GetConversations", |bytes| {
        read(bytes, |request| get_conversations::parse(&request))
    }),
    ("GetUnreadCount", |bytes| {
        read(bytes, |request| get_unread_count::parse(&request))
    }),
    ("MarkConversationsRead", |bytes| {
        read(bytes, |request| {
            mark_conversations_read::parse(request, None)
        })
    }),
    ("PinConversations", |bytes| {
        read(bytes, |request| pin_conversations::parse(request, None))
    }),
    ("MuteConversations", |bytes| {
        read(bytes, |request| mute_conversations::parse(request, None))
    }),
    ("MarkConversations", |bytes| {
        read(bytes, |request| mark_conversations::parse(request, None))
    }),
    ("SetCustomData", |bytes| {
        read(bytes, |request| set_custom_data::parse(request, None))
    }),
    ("CreateFolder", |bytes| {
        read(bytes, |request| create_folder::parse(request, None))
    }),
    ("DeleteFolder", |bytes| {
        read(bytes, |request| delete_folder::parse(request, None))
    }),
    ("RenameFolder", |bytes| {
        read(bytes, |request| rename_folder::parse(request, None))
    }),
    ("AddToFolder", |bytes| {
        read(bytes, |request| add_to_folder::parse(request, None))
    }),
    ("RemoveFromFolder", |bytes| {
        read(bytes, |request| remove_from_folder::parse(request, None))
    }),
    ("ListFolders", |bytes| {
        read(bytes, |request| list_folders::parse(&request))
    }),
    ("ListDeletions", |bytes| read(bytes, list_deletions::parse)),
    ("WatchUsers", |bytes| {
        read(bytes, |request| match watch_users::parse(request)?.step {
            Some(watch_users::Step::Invalid(_, invalid)) => Err(invalid),
            _ => Ok(()),
        })
    }),
    ("ShowConversations", |bytes| {
        read(bytes, |request| show_conversations::parse(request, None))
    }),
    ("ListHiddenConversations", |bytes| {
        read(bytes, list_hidden_conversations::parse)
    }),
    ("DeleteMatchingConversations", |bytes| {
        read(bytes, |request| {
            delete_matching_conversations::parse(request, None)
        })
    }),
    ("AddGroupMembers", |bytes| {
        read(bytes, |request| {
            group_members::parse_joining(&request, None)
        })
    }),
    ("RemoveGroupMembers", |bytes| {
        read(bytes, |request| {
            group_members::parse_leaving(&request, None)
        })
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
