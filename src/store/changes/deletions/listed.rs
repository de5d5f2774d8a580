//! Listing a user's deletions: they are read from the log, newest first, with what an undo would find now for each
//! conversation.
//!
//! There is no index of deletions: a page reads the log backwards by its primary key, from the end of the previous
//! page. Three limits bound a page: the number of changes that it reads, of any kind; the number of deletions;
//! and the bytes of their records.

use std::collections::HashMap;

use sea_orm::{FromQueryResult, QueryResult};

use super::{
    detail::Detail,
    record::{after, before},
    rules::{IS_BACK, RESTORES},
};
use crate::{
    domain::{
        ClientId, ConversationId, ConversationKey, DeletionState, ListedDeletion, Revision, Taking,
        Timestamp, UserId,
    },
    store::{
        changes::deletions::Deletions,
        database::{
            dialect::Dialect,
            error::StoreError,
            input::{Input, InputColumn, InputRow, Shape},
            row::Row,
        },
        entity::{
            changes::{self, Column as C},
            columns,
            kind::StoredKind,
            members,
        },
        log::{self, RECORDED, Recorded},
    },
};

/// The most changes that are looked at for one page.
const MOST_CHANGES: usize = 10_000;
/// The most bytes of the records of one page. Of each conversation a record has more bytes than an answer, so
/// the answer is smaller.
const MOST_BYTES: usize = 3 * 1024 * 1024;

const BACK: i64 = 1;
const NEXT: i64 = 2;
const ENDED: i64 = 3;
const BENEATH: i64 = 4;

/// Which of a user's deletions are read.
#[derive(Debug)]
pub(crate) struct DeletionsBefore<'a> {
    pub(crate) user: &'a UserId,
    /// Older ones than this; `None` from the newest on.
    pub(crate) before: Option<Revision>,
    /// Only those whose window is open at this time.
    pub(crate) restorable_at: Option<Timestamp>,
    /// At most so many.
    pub(crate) limit: usize,
}

/// Deletions in the order of a list, and where the next ones begin.
#[derive(Debug)]
pub(crate) struct ListedDeletions {
    pub(crate) deletions: Vec<ListedDeletion>,
    /// There may be others that are older than this; `None` if there are none.
    pub(crate) next: Option<Revision>,
}

/// Their texts.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    page: String,
    standings: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            page: page(dialect),
            standings: standings(dialect),
        }
    }
}

/// The parameters of a page.
struct Asked {
    user: String,
    before: i64,
    restorable_at: Option<Timestamp>,
    limit: usize,
}

impl InputRow for Asked {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |asked| asked.user.clone()),
        InputColumn::integer("before", |asked| asked.before),
        InputColumn::optional_integer("restorable_at", |asked| {
            asked.restorable_at.map(Timestamp::as_micros)
        }),
        InputColumn::integer("length", |asked| {
            i64::try_from(asked.limit).unwrap_or(i64::MAX)
        }),
    ];
}

/// A conversation from which a deletion took something.
struct TakenRow {
    key: ConversationKey,
    deletion: Revision,
    /// Whether the deletion has recorded how the conversation stood before.
    is_recorded: bool,
}

impl InputRow for TakenRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::integer("deletion", |row| row.deletion.to_stored()),
        InputColumn::integer("recorded", |row| i64::from(row.is_recorded)),
    ];
}

/// The state of a conversation from which a deletion took something, as the rows of `members` say.
#[derive(Debug, Clone, Copy)]
enum Standing {
    /// The deletion is undone.
    Back,
    /// It is the next to be undone, if its window is open.
    Next,
    /// It was that until its undo was ended for good.
    Ended,
    /// Another one lies on it, or the conversation was begun anew.
    Beneath,
}

fn page(dialect: Dialect) -> String {
    let shape = Shape::of::<Asked>();
    let [user, before, restorable_at, length] =
        ["user_id", "before", "restorable_at", "length"].map(|name| shape.parameter(name));
    let kinds = StoredKind::ALL.into_iter();
    let kinds: Vec<_> = kinds
        .filter(|kind| Recorded::deletes(*kind))
        .map(|kind| (kind as i16).to_string())
        .collect();
    let listed = || RECORDED.into_iter().chain([C::ClientId, C::ChangedAt]);
    format!(
        "WITH looked_at AS ( \
             SELECT revision, kind, restorable_until FROM changes \
             WHERE user_id = {user} AND revision < {before} \
             ORDER BY revision DESC LIMIT {MOST_CHANGES} \
         ), found AS ( \
             SELECT revision FROM looked_at \
             WHERE kind IN ({kinds}) AND ({restorable_at} IS NULL OR restorable_until > {restorable_at}) \
             ORDER BY revision DESC LIMIT {length} + 1 \
         ), sized AS ( \
             SELECT {of_log}, octet_length(c.conversations) + octet_length(c.results) AS size \
             FROM found CROSS JOIN changes AS c \
             WHERE c.user_id = {by_whole_key} AND c.revision = found.revision{routed} \
         ), summed AS ( \
             SELECT s.*, SUM(s.size) OVER (ORDER BY s.revision DESC) AS sum FROM sized AS s \
         ) \
         SELECT o.found, o.looked_at, o.oldest, {of_page} \
         FROM (SELECT (SELECT COUNT(*) FROM found) AS found, \
                      (SELECT COUNT(*) FROM looked_at) AS looked_at, \
                      (SELECT MIN(revision) FROM looked_at) AS oldest) AS o \
         LEFT JOIN (SELECT * FROM summed WHERE sum <= {MOST_BYTES} OR sum = size \
                    ORDER BY revision DESC {limit}) AS p ON TRUE \
         ORDER BY p.revision DESC",
        limit = dialect.limit(&length),
        kinds = kinds.join(", "),
        of_log = columns("c.", listed()),
        of_page = columns("p.", listed()),
        by_whole_key = dialect.after("found.revision", &user),
        routed = dialect.routed("c.user_id", &user),
    )
}

/// By the rules of undoing, and not by the clock.
fn standings(dialect: Dialect) -> String {
    let (rows, _) = dialect.rows("i", 2, Shape::of::<TakenRow>().columns());
    format!(
        "SELECT i.conversation_key, i.deletion, \
             CAST(CASE WHEN {IS_BACK} THEN {BACK} WHEN {RESTORES} THEN {NEXT} \
                       WHEN m.undo_ended = i.deletion AND i.deletion >= COALESCE(m.taken_by, 0) \
                           THEN {ENDED} \
                       ELSE {BENEATH} END AS bigint) AS standing \
         FROM {rows} CROSS JOIN members AS m \
         WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key{routed}",
        user = dialect.after_rows("$1"),
        routed = dialect.routed("m.user_id", "$1"),
    )
}

impl Deletions {
    /// Deletions and clearings of a user, newest first, as far as the log remembers them; `now` tells
    /// which windows are open. Two statements, whatever the number of deletions and conversations. The
    /// states are those of the moment in which they are read, which is after the page.
    pub(crate) async fn page(
        &self,
        asked: DeletionsBefore<'_>,
        now: Timestamp,
    ) -> Result<ListedDeletions, StoreError> {
        let DeletionsBefore {
            user,
            before,
            restorable_at,
            limit,
        } = asked;
        let asked = Asked {
            user: user.to_string(),
            before: before.map_or(i64::MAX, Revision::to_stored),
            restorable_at,
            limit,
        };
        let values = Input::of(&std::iter::once(&asked)).into_scalars();
        let statement = self
            .database
            .statement(&self.statements.listed.page, values);
        let (listed, next) = self.database.read("deletions", statement, read).await?;
        let standings = self.standings(user, &listed).await?;
        let deletions = listed
            .into_iter()
            .map(|listed| listed.with_states(user, &standings, now));
        Ok(ListedDeletions {
            deletions: deletions.collect::<Result<_, _>>()?,
            next,
        })
    }

    /// How each conversation of these deletions stands from which they took something.
    async fn standings(
        &self,
        user: &UserId,
        deletions: &[Listed],
    ) -> Result<HashMap<(ConversationKey, Revision), Standing>, StoreError> {
        let mut taken = Vec::new();
        for Listed { recorded, .. } in deletions {
            for conversation in &recorded.conversations {
                let error = || recorded.inconsistent("results");
                if after(conversation).ok_or_else(error)?.has_changed {
                    taken.push(TakenRow {
                        key: ConversationKey::of(&conversation.id, user),
                        deletion: recorded.revision,
                        is_recorded: before(conversation).ok_or_else(error)?.is_some(),
                    });
                }
            }
        }
        if taken.is_empty() {
            return Ok(HashMap::new());
        }
        let mut values = vec![user.as_str().into()];
        values.extend(
            self.database
                .dialect
                .row_values(Input::of(&taken.iter()).columns()),
        );
        let statement = self
            .database
            .statement(&self.statements.listed.standings, values);
        self.database
            .read("standings", statement, |rows| {
                rows.iter().map(standing).collect()
            })
            .await
    }
}

/// A deletion as the log has it.
struct Listed {
    recorded: Recorded,
    time: Timestamp,
    client: Option<ClientId>,
}

impl Listed {
    fn with_states(
        self,
        user: &UserId,
        standings: &HashMap<(ConversationKey, Revision), Standing>,
        now: Timestamp,
    ) -> Result<ListedDeletion, StoreError> {
        let Self {
            recorded,
            time,
            client,
        } = self;
        let is_open = recorded.is_restorable_at(now);
        let taking = match recorded.kind {
            StoredKind::Delete => Taking::Entry,
            StoredKind::DeleteAndClear => Taking::EntryAndHistory,
            StoredKind::Clear => Taking::History,
            _ => return Err(recorded.inconsistent("kind")),
        };
        let detail = Detail::of(&recorded)?;
        let (revision, restorable_until) = (recorded.revision, recorded.restorable_until);
        let state = |id: ConversationId| {
            let key = ConversationKey::of(&id, user);
            let state = match (standings.get(&(key, revision)), is_open) {
                (None, _) => DeletionState::NothingTaken,
                (Some(Standing::Back), _) => DeletionState::Restored,
                (Some(Standing::Next), true) => DeletionState::Restorable,
                (Some(Standing::Next | Standing::Ended), false) => DeletionState::Expired,
                // Only beneath what a former version has recorded, the undo ends before the window does.
                (Some(Standing::Ended), true) | (Some(Standing::Beneath), _) => {
                    DeletionState::Superseded
                }
            };
            (id, state)
        };
        Ok(ListedDeletion {
            revision,
            time,
            client,
            taking,
            reappearance: detail.reappearance(),
            settings: detail.settings(),
            restorable_until,
            conversations: recorded
                .conversations
                .into_iter()
                .map(|conversation| state(conversation.id))
                .collect(),
        })
    }
}

/// The overview of a page beside its deletions.
#[derive(FromQueryResult)]
struct Overview {
    /// How many deletions were found, with one that begins the next page.
    found: i64,
    /// How many changes were looked at, and the oldest of them.
    looked_at: i64,
    oldest: Option<Revision>,
}

/// The columns of a deletion beside its record.
#[derive(FromQueryResult)]
struct Beside {
    client_id: Option<ClientId>,
    changed_at: Timestamp,
}

/// The deletions of a page, and where the next one begins.
fn read(rows: &[QueryResult]) -> Result<(Vec<Listed>, Option<Revision>), StoreError> {
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        let row = Row::of(changes::Entity, row);
        if row.get::<Option<Revision>>("revision")?.is_none() {
            continue;
        }
        let Beside {
            client_id,
            changed_at,
        } = row.read()?;
        listed.push(Listed {
            recorded: log::recorded(&row)?,
            time: changed_at,
            client: client_id,
        });
    }
    let Some(first) = rows.first() else {
        return Ok((listed, None));
    };
    let overview: Overview = Row::of(changes::Entity, first).read()?;
    let count = |number| usize::try_from(number).unwrap_or(0);
    let next = if count(overview.found) > listed.len() {
        listed.last().map(|last| last.recorded.revision)
    } else if count(overview.looked_at) == MOST_CHANGES {
        overview.oldest
    } else {
        None
    };
    Ok((listed, next))
}

fn standing(row: &QueryResult) -> Result<((ConversationKey, Revision), Standing), StoreError> {
    let row = Row::of(members::Entity, row);
    let stands: Stands = row.read()?;
    let standing = match stands.standing {
        BACK => Standing::Back,
        NEXT => Standing::Next,
        ENDED => Standing::Ended,
        BENEATH => Standing::Beneath,
        _ => return Err(row.inconsistent("standing")),
    };
    Ok(((stands.conversation_key, stands.deletion), standing))
}

/// How a conversation stands from which a deletion took something.
#[derive(FromQueryResult)]
struct Stands {
    conversation_key: ConversationKey,
    deletion: Revision,
    standing: i64,
}
