//! The largest answers and events: every answer fits a client's default limit of 4 MiB, and every event is below
//! 1 MiB. They are measured with the largest possible requests, for a user who has reached every limit.
//!
//! - [`world`] is that user, with the longest names, of characters that grow when they are escaped;
//! - [`measured`] has the sizes of the answers.
//!
//! The server's reflection lists the methods and kinds of events, so a new one fails these tests until it is
//! measured, too.

mod measured;
mod world;

use std::collections::BTreeSet;

use conversation_service::proto::{
    WatchConversationsResponse, change::Kind, watch_users_response::Entry,
};
use prost::Message as _;
use tonic::{Code, transport::Channel};

use self::{measured::Measured, world::World};
use crate::{
    access::methods,
    support::{
        databases::{TestDatabase, on_every_database},
        errors::{refused, violated},
        ids::c2c,
    },
};

on_every_database!(
    the_largest_answers_and_events_are_received,
    the_largest_refusal_is_received,
);

/// The largest message that a client accepts by default.
const MOST_OF_A_CLIENT: usize = 4 * 1024 * 1024;
/// The most of an answer. The rest is left for fields that will be added.
const MOST_OF_AN_ANSWER: usize = MOST_OF_A_CLIENT / 100 * 95;
/// The most of an event.
const MOST_OF_AN_EVENT: usize = 1024 * 1024;

const PACKAGE: &str = "conversation.v1";

/// The name of a change in the protocol.
fn kind(event: &WatchConversationsResponse) -> &'static str {
    let change = event.change.as_ref().expect("a change, no bookmark");
    match change.kind.as_ref().expect("a change is of some kind") {
        Kind::ConversationsDeleted(_) => "conversations_deleted",
        Kind::HistoryCleared(_) => "history_cleared",
        Kind::ConversationsRestored(_) => "conversations_restored",
        Kind::ConversationsRead(_) => "conversations_read",
        Kind::ConversationsPinned(_) => "conversations_pinned",
        Kind::ConversationsMuted(_) => "conversations_muted",
        Kind::ConversationsMarked(_) => "conversations_marked",
        Kind::CustomDataSet(_) => "custom_data_set",
        Kind::FolderCreated(_) => "folder_created",
        Kind::FolderDeleted(_) => "folder_deleted",
        Kind::FolderRenamed(_) => "folder_renamed",
        Kind::AddedToFolder(_) => "added_to_folder",
        Kind::RemovedFromFolder(_) => "removed_from_folder",
        Kind::MembershipChanged(_) => "membership_changed",
        Kind::ConversationsShown(_) => "conversations_shown",
    }
}

async fn the_largest_answers_and_events_are_received(database: TestDatabase) {
    let world = World::new(&database).await;
    let mut measured = Measured::default();
    world.fill(&mut measured).await;
    world.look(&mut measured).await;
    world.take_apart(&mut measured).await;
    let revision = world.client.revision(&world.reader).await;
    let mut watcher = world.client.follow(&world.reader, "", Some(0)).await;
    let mut kinds = BTreeSet::new();
    loop {
        let event = watcher.change().await;
        let size = event.encoded_len();
        assert!(size < MOST_OF_AN_EVENT, "{} has {size} bytes", kind(&event));
        measured.answer("WatchConversations", &event);
        kinds.insert(kind(&event).to_owned());
        if event.revision == revision {
            break;
        }
    }

    let mut users = world.client.watch_users("").await;
    users.add(&world.reader, Some(0));
    let mut last = 0;
    while last < revision {
        let entry = users.message().await;
        if let Some(Entry::Event(event)) = &entry.entry {
            last = event.revision;
        }
        measured.answer("WatchUsers", &entry);
    }

    let server = Channel::from_shared(format!("http://{}", world.server.address()));
    let server = server.expect("an address makes a valid URI");
    let channel = server.connect().await.expect("it accepts connections");
    let all = methods::fields_of(&channel, PACKAGE, "Change").await;
    assert_eq!(kinds, all.into_iter().collect(), "kinds of changes");
    let services = methods::of_server(&channel, "anybody").await.into_iter();
    let methods = services
        .filter(|(service, _)| service.starts_with(PACKAGE))
        .flat_map(|(_, methods)| methods);
    assert_eq!(measured.methods(), methods.collect(), "methods");
    for (method, size) in measured.sizes() {
        assert!(size < MOST_OF_AN_ANSWER, "{method} answers {size} bytes");
    }
    // So that this measures what it says: the largest of them are near what a page may have.
    for paged in ["ListConversations", "ListMessages"] {
        assert!(measured.size(paged) > MOST_OF_A_CLIENT / 4 * 3, "{paged}");
    }
    assert!(measured.size("ListFolders") > 10_000 * world::LONGEST);
    for thousand in [
        "MarkConversationsRead",
        "DeleteMatchingConversations",
        "RestoreConversations",
    ] {
        assert!(
            measured.size(thousand) > 1_000 * world::LONGEST,
            "{thousand}"
        );
    }
}

async fn the_largest_refusal_is_received(database: TestDatabase) {
    let world = World::new(&database).await;
    let user = world.reader.clone();
    let ids = vec![c2c(world::longest("x").repeat(50)); 100];
    let refusal = world.client.delete(&user, ids).result().await;
    let status = refused(refusal, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violated(&status).len(), 20);
}
