//! The digests of requests are those that the log has of them.

mod fields;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;

use crate::{
    domain::{CallerName, GroupRequest, MembershipRequest, Origin, RequestKey},
    grpc::{
        convert::{
            add_to_folder, clear_history, create_folder, delete_conversations, delete_folder,
            delete_matching_conversations, group_members, mark_conversations,
            mark_conversations_read, mute_conversations, pin_conversations, remove_from_folder,
            rename_folder, restore_conversations, set_custom_data, show_conversations,
        },
        violations::InvalidRequest,
    },
};

/// The digest of a request's meaning, and the one of its bytes; no request about a group has the latter.
type Digests = ([u8; 16], Option<[u8; 16]>);

#[test]
fn a_request_has_the_digests_that_were_recorded_of_it() {
    let lines = include_str!("recorded.txt").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let mut fields = line.split(' ');
        let mut field = || fields.next().expect("a field");
        let (method, request, digest, former) = (field(), field(), field(), field());
        let request = URL_SAFE_NO_PAD.decode(request).expect("base64");
        let (found, found_former) = digests(method, &request).expect("a valid request");
        assert_eq!(URL_SAFE_NO_PAD.encode(found), digest, "{method}");
        let found_former = found_former.map(|former| URL_SAFE_NO_PAD.encode(former));
        assert_eq!(found_former.as_deref().unwrap_or("-"), former, "{method}");
    }
}

/// The digests of a request; `None` if it is not valid, or has no `request_id`.
fn digests(method: &str, bytes: &[u8]) -> Option<Digests> {
    match method {
        "DeleteConversations" => of_user(bytes, delete_conversations::parse, |it| it.0.origin),
        "RestoreConversations" => of_user(bytes, restore_conversations::parse, |it| it.origin),
        "ClearHistory" => of_user(bytes, clear_history::parse, |it| it.origin),
        "DeleteMatchingConversations" => {
            of_user(bytes, delete_matching_conversations::parse, |it| it.origin)
        }
        "MarkConversationsRead" => of_user(bytes, mark_conversations_read::parse, |it| it.origin),
        "PinConversations" => of_user(bytes, pin_conversations::parse, |it| it.0),
        "MuteConversations" => of_user(bytes, mute_conversations::parse, |it| it.0),
        "MarkConversations" => of_user(bytes, mark_conversations::parse, |it| it.0),
        "SetCustomData" => of_user(bytes, set_custom_data::parse, |it| it.0),
        "CreateFolder" => of_user(bytes, create_folder::parse, |it| it.0),
        "DeleteFolder" => of_user(bytes, delete_folder::parse, |it| it.0),
        "RenameFolder" => of_user(bytes, rename_folder::parse, |it| it.0),
        "AddToFolder" => of_user(bytes, add_to_folder::parse, |it| it.0),
        "RemoveFromFolder" => of_user(bytes, remove_from_folder::parse, |it| it.0),
        "ShowConversations" => of_user(bytes, show_conversations::parse, |it| it.0),
        "AddGroupMembers" => of_group(bytes, group_members::parse_joining),
        "RemoveGroupMembers" => of_group(bytes, group_members::parse_leaving),
        _ => panic!("{method} has no digest"),
    }
}

fn of_user<M: Message + Default, T>(
    bytes: &[u8],
    parse: impl FnOnce(M, Option<CallerName>) -> Result<T, InvalidRequest>,
    origin: impl FnOnce(T) -> Origin,
) -> Option<Digests> {
    let request = M::decode(bytes).expect("a message");
    let parsed = parse(request, None).ok()?;
    let RequestKey {
        id: _,
        digest,
        former_digest,
    } = origin(parsed).request?;
    Some((digest.0, Some(former_digest.0)))
}

fn of_group<M: Message + Default>(
    bytes: &[u8],
    parse: impl FnOnce(M, Option<CallerName>) -> Result<MembershipRequest, InvalidRequest>,
) -> Option<Digests> {
    let request = M::decode(bytes).expect("a message");
    let parsed = parse(request, None).ok()?;
    let GroupRequest { id: _, digest } = parsed.request?;
    Some((digest.0, None))
}
