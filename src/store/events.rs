//! Makes events for the user's clients from the records of changes.

use sea_orm::{FromQueryResult, QueryResult};

use crate::{
    domain::{
        Change, ClientId, ConversationId, FolderName, Marks, Membership, Muting, Pinning,
        Reappearance, RecordedChange, Revision, Seq, Settings, Synchronisation, Taking, Timestamp,
        UserId, Watermarks,
    },
    store::{
        changes::{
            deletions::{self, After, Detail},
            folders::StoredFolder,
            settings,
        },
        database::{Database, dialect::Dialect, error::StoreError, row::Row},
        entity::{
            changes::{self, Column as C},
            columns,
            kind::StoredKind,
        },
        groups,
        log::{self, CHANGED, RECORDED, Recorded, RecordedConversation},
    },
};

/// The changes that a user's clients follow.
pub(crate) struct Events {
    database: Database,
    after: String,
}

/// The changes of a user after a revision.
pub(in crate::store) fn after(dialect: Dialect) -> String {
    format!(
        "SELECT {columns} FROM changes \
         WHERE user_id = $1 AND revision > $2 ORDER BY revision {limit}",
        columns = columns("", RECORDED.into_iter().chain(BESIDE)),
        limit = dialect.limit("$3")
    )
}

/// The columns of an event beside its record.
const BESIDE: [C; 4] = [C::ClientId, C::ChangedAt, C::Synced, C::Undoes];

/// Their values.
#[derive(FromQueryResult)]
struct Beside {
    client_id: Option<ClientId>,
    changed_at: Timestamp,
    synced: Synchronisation,
    undoes: Option<Revision>,
}

impl Events {
    pub(super) fn of(database: &Database) -> Self {
        Self {
            database: database.clone(),
            after: after(database.dialect),
        }
    }

    /// At most `limit` changes of a user after a revision, in order.
    pub(crate) async fn after(
        &self,
        user: &UserId,
        revision: Revision,
        limit: u16,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        let values = [
            user.as_str().into(),
            revision.to_stored().into(),
            i64::from(limit).into(),
        ];
        let statement = self.database.statement(&self.after, values);
        self.database
            .read("changes_after", statement, |rows| {
                rows.iter().map(read).collect()
            })
            .await
    }
}

/// Reads a row of `changes`.
fn read(row: &QueryResult) -> Result<RecordedChange, StoreError> {
    let row = Row::of(changes::Entity, row);
    let recorded = log::recorded(&row)?;
    let beside: Beside = row.read()?;
    Ok(RecordedChange {
        revision: recorded.revision,
        time: beside.changed_at,
        client: beside.client_id.clone(),
        change: change(&beside, recorded)?,
    })
}

fn change(beside: &Beside, recorded: Recorded) -> Result<Change, StoreError> {
    let taken = |taking, recorded: Recorded| {
        let detail = Detail::of(&recorded)?;
        Ok::<_, StoreError>(Change::Taken {
            taking,
            synchronisation: beside.synced,
            reappearance: detail.reappearance(),
            settings: detail.settings(),
            conversations: watermarks(
                recorded,
                |outcome, _| {
                    !matches!(
                        outcome,
                        deletions::NOT_FOUND | deletions::CHANGED_SINCE_PLAN
                    )
                },
                |conversation| {
                    let rule = deletions::reappearance_since_deletion(conversation);
                    let settings = match detail.settings() {
                        Settings::Forget if deletions::is_forgotten(conversation) => {
                            Settings::Forget
                        }
                        Settings::Keep | Settings::Forget => Settings::Keep,
                    };
                    (rule, settings)
                },
            )?,
        })
    };
    Ok(match recorded.kind {
        StoredKind::Delete => taken(Taking::Entry, recorded)?,
        StoredKind::DeleteAndClear => taken(Taking::EntryAndHistory, recorded)?,
        StoredKind::Clear => taken(Taking::History, recorded)?,
        StoredKind::Restore => Change::Restored {
            deletion: beside
                .undoes
                .ok_or_else(|| recorded.inconsistent("undoes"))?,
            settings: deletions::settings_since(&recorded)?,
            conversations: watermarks(
                recorded,
                |_, has_changed| has_changed,
                |conversation| {
                    (
                        deletions::reappearance_since_undo(conversation),
                        Settings::Keep,
                    )
                },
            )?,
        },
        StoredKind::Show => Change::Shown(deletions::showing::shown_watermarks(recorded)?),
        StoredKind::Read => Change::Read(changed_to(recorded, Seq::from_stored)?),
        StoredKind::Pin => Change::Pinned(Pinning::Pin, changed(recorded)),
        StoredKind::Unpin => Change::Pinned(Pinning::Unpin, changed(recorded)),
        StoredKind::Mute => Change::Muted(Muting::Mute, changed(recorded)),
        StoredKind::Unmute => Change::Muted(Muting::Unmute, changed(recorded)),
        StoredKind::Mark => {
            Change::Marked(changed_to(recorded, |bits| Some(Marks::from_stored(bits)))?)
        }
        StoredKind::SetCustomData => {
            let data = settings::recorded_data(&recorded)?;
            Change::CustomDataSet(data, changed(recorded))
        }
        StoredKind::CreateFolder => {
            Change::FolderCreated(folder_name(&recorded)?, changed(recorded))
        }
        StoredKind::DeleteFolder => Change::FolderDeleted(folder_name(&recorded)?),
        StoredKind::RenameFolder => {
            let StoredFolder { name, former, .. } = StoredFolder::of(&recorded)?;
            Change::FolderRenamed {
                from: former.ok_or_else(|| recorded.inconsistent("detail"))?,
                to: name,
            }
        }
        StoredKind::AddToFolder => {
            Change::AddedToFolder(folder_name(&recorded)?, changed(recorded))
        }
        StoredKind::RemoveFromFolder => {
            Change::RemovedFromFolder(folder_name(&recorded)?, changed(recorded))
        }
        StoredKind::Join => groups::recorded_membership(recorded, Membership::Member)?,
        StoredKind::Leave => groups::recorded_membership(recorded, Membership::Left)?,
    })
}

/// The watermarks of the conversations that clients are notified of, chosen by their outcome and by whether
/// they were changed. A deletion notifies of all that the user has, changed or not: so one that was kept to
/// a client can be announced later by repeating it.
fn watermarks(
    recorded: Recorded,
    is_told: impl Fn(i64, bool) -> bool,
    since: impl Fn(&RecordedConversation) -> (Reappearance, Settings),
) -> Result<Vec<Watermarks>, StoreError> {
    let error = recorded.inconsistent("results");
    let stand = |conversation: RecordedConversation| {
        let After {
            hidden_through,
            cleared_through,
            has_changed,
            is_pinned,
        } = deletions::after(&conversation)?;
        let (reappearance, settings) = since(&conversation);
        Some((
            is_told(conversation.outcome, has_changed),
            Watermarks {
                conversation_id: conversation.id,
                hidden_through,
                cleared_through,
                is_pinned,
                reappearance,
                settings,
            },
        ))
    };
    let all: Option<Vec<_>> = recorded.conversations.into_iter().map(stand).collect();
    let told = all.ok_or(error)?.into_iter();
    Ok(told
        .filter_map(|(is_told, watermarks)| is_told.then_some(watermarks))
        .collect())
}

/// The conversations that were changed.
fn changed(recorded: Recorded) -> Vec<ConversationId> {
    let changed = |conversation: RecordedConversation| {
        (conversation.outcome == CHANGED).then_some(conversation.id)
    };
    recorded
        .conversations
        .into_iter()
        .filter_map(changed)
        .collect()
}

/// The conversations that were changed, and to what.
fn changed_to<T>(
    recorded: Recorded,
    read: impl Fn(i64) -> Option<T>,
) -> Result<Vec<(ConversationId, T)>, StoreError> {
    let error = recorded.inconsistent("results");
    let changed = recorded
        .conversations
        .into_iter()
        .filter(|conversation| conversation.outcome == CHANGED)
        .map(|conversation| {
            let number = conversation.numbers.first().copied()??;
            Some((conversation.id, read(number)?))
        });
    changed.collect::<Option<_>>().ok_or(error)
}

fn folder_name(recorded: &Recorded) -> Result<FolderName, StoreError> {
    StoredFolder::of(recorded).map(|folder| folder.name)
}
