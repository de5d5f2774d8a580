//! Readers that check rows, lists and events while the clients work.

use std::sync::Arc;

use conversation_service::proto::{
    ListConversationsResponse, ListFoldersRequest, ListFoldersResponse, WatchConversationsResponse,
};

use super::{LIMITS, USER, World};
use crate::support::{
    client::{Client, LARGEST_PAGE},
    rows::Rows,
    watcher::{Watcher, is_bookmark},
};

/// Lists, of any revisions.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) lists: Vec<ListConversationsResponse>,
    pub(super) folders: Vec<ListFoldersResponse>,
}

pub(super) async fn list(client: &Client) -> ListConversationsResponse {
    let page = client
        .list_page(USER, None, LARGEST_PAGE, String::new())
        .await;
    let page = page.expect("the list can be read");
    assert_eq!(page.next_page_token, "", "one page holds all");
    page
}

pub(super) async fn list_folders(client: &Client) -> ListFoldersResponse {
    let user_id = USER.to_owned();
    let folders = client
        .conversations
        .clone()
        .list_folders(ListFoldersRequest { user_id })
        .await;
    folders.expect("the folders can be read").into_inner()
}

/// Reads lists, one after some changes.
pub(super) async fn read_lists(world: Arc<World>, replica: usize) -> Seen {
    let client = &world.replicas[replica];
    let mut seen = Seen::default();
    while let Some(before) = world.next_changes().await {
        let (list, folders) = (list(client).await, list_folders(client).await);
        assert!(
            list.revision >= before && folders.revision >= list.revision,
            "an old list"
        );
        seen.lists.push(list);
        seen.folders.push(folders);
    }
    seen
}

/// Counts the rows behind the limits after some changes; returns the most that there were.
pub(super) async fn count_rows(world: Arc<World>, rows: Rows) -> [i64; 2] {
    let mut most = [0; 2];
    while world.next_changes().await.is_some() {
        for ((what, sql, limit), most) in LIMITS.iter().zip(&mut most) {
            let count = rows.number(sql).await;
            assert!(count <= *limit, "{count} {what}");
            *most = count.max(*most);
        }
    }
    most
}

/// Takes in the events of a watcher, to the last revision.
pub(super) async fn take_in(
    world: Arc<World>,
    mut watcher: Watcher,
) -> Vec<WatchConversationsResponse> {
    let mut events = Vec::new();
    loop {
        tokio::select! {
            event = watcher.next() => events.push(event),
            () = world.over.cancelled() => break,
        }
    }
    events.retain(|event| !is_bookmark(event));
    let rest = watcher.changes_through(world.known()).await;
    events.extend(rest);
    events
}
