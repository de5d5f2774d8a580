//! The deletions that a user has made, and what undoing each would find.

use std::time::Duration;

use conversation_service::proto::{
    ConversationId, DeletedConversation, Deletion, DeletionKind, DeletionState,
    ListDeletionsRequest, ListDeletionsResponse, RestorationOutcome, RestoreConversationsRequest,
};
use tonic::Status;

use crate::{
    conformance::restore_conversations::{RETENTION, Service, WINDOW},
    support::{
        databases::{TestDatabase, on_every_database},
        ids::{by_text, c2c, group, system},
        rounds::Rounds,
    },
};

const NOTHING_TAKEN: DeletionState = DeletionState::NothingTaken;
const RESTORED: DeletionState = DeletionState::Restored;
const SUPERSEDED: DeletionState = DeletionState::Superseded;
const EXPIRED: DeletionState = DeletionState::Expired;
const RESTORABLE: DeletionState = DeletionState::Restorable;

/// The states of a deletion's conversations, in their order.
fn states(deletion: &Deletion) -> Vec<DeletionState> {
    let conversations = deletion.conversations.iter();
    conversations.map(DeletedConversation::state).collect()
}

impl Service {
    pub(super) async fn page(
        &self,
        request: ListDeletionsRequest,
    ) -> Result<ListDeletionsResponse, Status> {
        let mut client = self.client.conversations.clone();
        let page = client.list_deletions(request).await;
        page.map(tonic::Response::into_inner)
    }

    /// Puts one conversation of alice's deletion back.
    async fn restore_one(&self, deletion_id: &str, one: ConversationId) -> RestorationOutcome {
        let request = RestoreConversationsRequest {
            user_id: "alice".to_owned(),
            deletion_id: deletion_id.to_owned(),
            conversation_ids: vec![one],
            ..RestoreConversationsRequest::default()
        };
        let mut client = self.client.conversations.clone();
        let restored = client.restore_conversations(request).await;
        restored.expect("in time").into_inner().results[0].outcome()
    }

    /// The states of all of alice's deletions by their IDs, newest first.
    async fn trash(&self) -> Vec<(String, Vec<DeletionState>)> {
        let deletions = self.client.deletions("alice", 100, false).await.into_iter();
        deletions
            .map(|deletion| (deletion.deletion_id.clone(), states(&deletion)))
            .collect()
    }

    /// That these are the states of all of alice's deletions, now and after the background jobs have done
    /// what is due.
    async fn trash_is(&self, rounds: &Rounds, expected: &[(&String, &[DeletionState])]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(id, states)| ((*id).clone(), states.to_vec()))
            .collect();
        assert_eq!(self.trash().await, expected);
        rounds.run().await;
        assert_eq!(self.trash().await, expected, "after a round");
    }
}

/// One page of at most `page_size` of alice's deletions.
pub(super) fn asked(page_size: i32, page_token: String) -> ListDeletionsRequest {
    ListDeletionsRequest {
        user_id: "alice".to_owned(),
        page_size,
        page_token,
        restorable_only: false,
    }
}

async fn a_deletion_is_listed_with_all_that_was_asked_and_can_be_undone_by_its_id(
    database: TestDatabase,
) {
    let service = Service::start(&database).await;
    let client = &service.client;
    assert_eq!(client.deletions("alice", 20, false).await, []);
    service.chat("bob", &c2c("alice"), 2).await;
    service.clock.advance(Duration::from_secs(7));
    // Nobody was told of it, and its answer was lost.
    let ids = [by_text(&c2c("bob")), system(), group("no such group")];
    let lost = client
        .delete("alice", ids)
        .clear(false)
        .sync(false)
        .client_id("phone");
    let lost = lost.await;
    client.read("alice", [c2c("bob")]).await;
    let cleared = client.clear_history("alice", [c2c("bob")]).await;
    let gone = client.delete("alice", [c2c("bob")]).await;
    let deletions = client.deletions("alice", 20, false).await;
    let [newest, clearing, oldest] = deletions.as_slice() else {
        panic!("{deletions:?}");
    };
    assert_eq!(
        (newest.revision, &newest.deletion_id),
        (gone.revision, &gone.deletion_id)
    );
    assert_eq!(
        (newest.kind(), newest.clear_history),
        (DeletionKind::Deletion, true)
    );
    assert_eq!(newest.client_id, "");
    assert_eq!(
        (clearing.kind(), clearing.clear_history),
        (DeletionKind::Clearing, true)
    );
    assert_eq!(clearing.restorable_until, cleared.restorable_until);
    assert_eq!(
        (oldest.kind(), oldest.clear_history),
        (DeletionKind::Deletion, false)
    );
    assert_eq!(
        (oldest.revision, &oldest.deletion_id),
        (lost.revision, &lost.deletion_id)
    );
    assert_eq!(oldest.restorable_until, lost.restorable_until);
    assert_eq!(oldest.client_id, "phone");
    let made = oldest.delete_time.expect("a time");
    let until = oldest.restorable_until.expect("a window");
    assert_eq!(
        until.seconds - made.seconds,
        i64::try_from(WINDOW.as_secs()).expect("few")
    );
    let named: Vec<_> = oldest
        .conversations
        .iter()
        .map(|one| one.conversation_id.clone())
        .collect();
    let ids = [c2c("bob"), system(), group("no such group")];
    assert_eq!(named, ids.map(Some));
    assert_eq!(states(oldest), [SUPERSEDED, NOTHING_TAKEN, NOTHING_TAKEN]);
    assert_eq!(states(newest), [NOTHING_TAKEN]);
    for deletion in [clearing, oldest] {
        client.restored("alice", &deletion.deletion_id).await;
    }
    assert_eq!(client.entry("alice", c2c("bob")).await.last_seq, 2);
    assert_eq!(client.deletions("bob", 20, false).await, []);
}

async fn states_follow_undoing_and_deleting_again_and_the_end_of_the_window(
    database: TestDatabase,
) {
    let service = Service::start(&database).await;
    let rounds = Rounds::on(&database, &service.clock, RETENTION).await;
    let client = &service.client;
    for friend in ["bob", "carol"] {
        service.chat(friend, &c2c("alice"), 2).await;
    }
    let both = || [c2c("bob"), c2c("carol")];
    let first = client.delete("alice", both()).await.deletion_id;
    service
        .trash_is(&rounds, &[(&first, &[RESTORABLE, RESTORABLE])])
        .await;
    let repeated = client.delete("alice", both()).await.deletion_id;
    let nothing: (&String, &[DeletionState]) = (&repeated, &[NOTHING_TAKEN, NOTHING_TAKEN]);
    service
        .trash_is(&rounds, &[nothing, (&first, &[RESTORABLE, RESTORABLE])])
        .await;
    // One of the two comes back, and is taken again.
    service.restore_one(&first, c2c("bob")).await;
    service
        .trash_is(&rounds, &[nothing, (&first, &[RESTORED, RESTORABLE])])
        .await;
    service.clock.advance(Duration::from_secs(1));
    let again = client.delete("alice", [c2c("bob")]).await.deletion_id;
    service
        .trash_is(
            &rounds,
            &[
                (&again, &[RESTORABLE]),
                nothing,
                (&first, &[SUPERSEDED, RESTORABLE]),
            ],
        )
        .await;
    // At the end of the window of the first, to the microsecond.
    service
        .clock
        .advance(WINDOW.saturating_sub(Duration::from_micros(1_000_001)));
    service
        .trash_is(
            &rounds,
            &[
                (&again, &[RESTORABLE]),
                nothing,
                (&first, &[SUPERSEDED, RESTORABLE]),
            ],
        )
        .await;
    service.clock.advance(Duration::from_micros(1));
    service
        .trash_is(
            &rounds,
            &[
                (&again, &[RESTORABLE]),
                nothing,
                (&first, &[SUPERSEDED, EXPIRED]),
            ],
        )
        .await;
    // The deletion that lay on it is undone: it is back again.
    client.restored("alice", &again).await;
    service
        .trash_is(
            &rounds,
            &[
                (&again, &[RESTORED]),
                nothing,
                (&first, &[RESTORED, EXPIRED]),
            ],
        )
        .await;
    let late = client
        .delete("alice", both())
        .clear(false)
        .await
        .deletion_id;
    service
        .trash_is(
            &rounds,
            &[
                (&late, &[RESTORABLE, NOTHING_TAKEN]),
                (&again, &[SUPERSEDED]),
                nothing,
                (&first, &[SUPERSEDED, EXPIRED]),
            ],
        )
        .await;
    service.clock.advance(WINDOW);
    let newest = service.trash().await.into_iter().next();
    assert_eq!(newest, Some((late, vec![EXPIRED, NOTHING_TAKEN])));
}

async fn after_joining_again_every_deletion_of_before_is_superseded(database: TestDatabase) {
    let service = Service::start(&database).await;
    let rounds = Rounds::on(&database, &service.clock, RETENTION).await;
    let client = &service.client;
    client.join("crew", &["alice", "bob"]).await;
    service.chat("bob", &group("crew"), 1).await;
    let undone = client.delete("alice", [group("crew")]).await.deletion_id;
    client.restored("alice", &undone).await;
    let left = client.delete("alice", [group("crew")]).await.deletion_id;
    client.leave("crew", &["alice"]).await;
    service
        .trash_is(&rounds, &[(&left, &[RESTORABLE]), (&undone, &[SUPERSEDED])])
        .await;
    client.join("crew", &["alice"]).await;
    let over = [(&left, &[SUPERSEDED][..]), (&undone, &[SUPERSEDED])];
    service.trash_is(&rounds, &over).await;
    service.chat("bob", &group("crew"), 1).await;
    let later = client.delete("alice", [group("crew")]).await.deletion_id;
    let mut all = vec![(&later, &[RESTORABLE][..])];
    all.extend(over);
    service.trash_is(&rounds, &all).await;
    service.clock.advance(WINDOW);
    all[0].1 = &[EXPIRED];
    service.trash_is(&rounds, &all).await;
}

async fn without_a_window_a_deletion_has_an_id_and_has_expired(database: TestDatabase) {
    let service = Service::start_with(&database, Duration::ZERO).await;
    let rounds = Rounds::on(&database, &service.clock, RETENTION).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 1).await;
    let kept = client.delete("alice", [c2c("bob")]).clear(false).await;
    let cleared = client.delete("alice", [c2c("bob"), c2c("nobody")]).await;
    assert_eq!(
        (&kept.restorable_until, kept.deletion_id.as_str()),
        (&None, "1")
    );
    let (kept, cleared) = (kept.deletion_id, cleared.deletion_id);
    service
        .trash_is(
            &rounds,
            &[
                (&cleared, &[EXPIRED, NOTHING_TAKEN]),
                (&kept, &[SUPERSEDED]),
            ],
        )
        .await;
    for deletion in client.deletions("alice", 20, false).await {
        assert_eq!(deletion.restorable_until, None);
    }
    assert_eq!(client.deletions("alice", 20, true).await, []);
}

async fn restorable_only_lists_deletions_that_can_put_something_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    let mut restorable = Vec::new();
    for round in 0..30 {
        let friend = format!("friend {round}");
        service.chat(&friend, &c2c("alice"), 1).await;
        let ids = [c2c("nobody"), c2c(friend.clone())];
        let deletion = client.delete("alice", ids.clone()).await.deletion_id;
        // Of some nothing is left to be put back, and some took nothing.
        client.delete("alice", ids.clone()).await;
        match round % 3 {
            0 => drop(client.restored("alice", &deletion).await),
            1 => restorable.push(deletion),
            _ => {
                service.chat(&friend, &c2c("alice"), 1).await;
                restorable.push(client.delete("alice", ids).await.deletion_id);
            }
        }
    }
    restorable.reverse();
    for page_size in [1, 7, 19, 20, 21, 100] {
        let found = client.deletions("alice", page_size, true).await.into_iter();
        let found: Vec<_> = found.map(|deletion| deletion.deletion_id).collect();
        assert_eq!(found, restorable, "pages of {page_size}");
    }
    service.clock.advance(WINDOW);
    let page = service.page(ListDeletionsRequest {
        restorable_only: true,
        ..asked(1, String::new())
    });
    let page = page.await.expect("readable");
    assert_eq!(page, ListDeletionsResponse::default(), "one look is enough");
}

/// Every state against what undoing then does.
async fn an_undo_finds_the_states_that_were_listed(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    let friends: Vec<_> = (0..8).map(|number| format!("friend {number}")).collect();
    let ids = |mask: usize| -> Vec<ConversationId> {
        let chosen = (0..8).filter(|number| mask >> number & 1 == 1);
        chosen.map(|number| c2c(friends[number].clone())).collect()
    };
    for friend in &friends {
        service.chat(friend, &c2c("alice"), 2).await;
    }
    let mut made = Vec::new();
    for (mask, clears) in [
        (0xff, true),
        (0x0f, false),
        (0x33, true),
        (0xaa, false),
        (0x18, true),
    ] {
        let deletion = client.delete("alice", ids(mask)).clear(clears).await;
        made.push(deletion.deletion_id);
        for friend in &friends[..4] {
            service.chat(friend, &c2c("alice"), 1).await;
        }
    }
    for undone in [4, 2, 3, 1, 4, 0] {
        for deletion in client.deletions("alice", 100, false).await {
            for one in &deletion.conversations {
                if one.state() == RESTORABLE {
                    continue;
                }
                let id = one.conversation_id.clone().expect("an ID");
                let found = service.restore_one(&deletion.deletion_id, id).await;
                let name = one.state().as_str_name().replace("DELETION_STATE_", "");
                let outcome = found.as_str_name().replace("RESTORATION_OUTCOME_", "");
                assert_eq!(outcome, name, "{one:?} of {}", deletion.deletion_id);
            }
        }
        // All that can be restored is, and nothing else.
        let before = client.deletions("alice", 100, false).await;
        let deletion = before.iter().find(|one| one.deletion_id == made[undone]);
        let stood = states(deletion.expect("it is listed"));
        client.restored("alice", &made[undone]).await;
        let after = client.deletions("alice", 100, false).await;
        let deletion = after.iter().find(|one| one.deletion_id == made[undone]);
        let expected: Vec<_> = stood
            .into_iter()
            .map(|state| if state == RESTORABLE { RESTORED } else { state })
            .collect();
        assert_eq!(states(deletion.expect("it is listed")), expected);
    }
}

on_every_database!(
    a_deletion_is_listed_with_all_that_was_asked_and_can_be_undone_by_its_id,
    states_follow_undoing_and_deleting_again_and_the_end_of_the_window,
    after_joining_again_every_deletion_of_before_is_superseded,
    without_a_window_a_deletion_has_an_id_and_has_expired,
    restorable_only_lists_deletions_that_can_put_something_back,
    an_undo_finds_the_states_that_were_listed,
);
