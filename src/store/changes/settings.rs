//! Reading, pinning, muting, marking, and the product's own data: changes of single columns of a
//! user's rows.
//!
//! Each rule says what it changes and when that is news. A row with news has the change's revision in
//! `changed_by`, for a reading in `read_by`, from which the results are worked out afterwards. What reads
//! `changed_by` later learns whether the conversation has received a setting since, and reading is none.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Change, ChangeError, ChangeKind, ChangeRule, ResultField, Surplus, deletions::within_membership,
};
use crate::{
    domain::{
        Changed, ConversationId, ConversationKey, CustomData, MAX_READ, MarkChange, Marks,
        MarksChanged, Muting, Origin, Pinning, ReadingChanged, Seq, Synchronisation, Timestamp,
    },
    store::{
        changes::Changes,
        database::{
            Database,
            dialect::Dialect,
            error::StoreError,
            input::{Input, InputColumn, InputRow},
        },
        entity::kind::StoredKind,
        heads::Positioned,
        lists,
        log::{CHANGED, NOT_FOUND, NOT_LISTED, Recorded, UNCHANGED},
    },
};

/// Conversations to read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The conversations, and how far to read each.
    pub(crate) conversations: Vec<Positioned>,
    /// Whether there are others that the request asks for, too.
    pub(crate) more: bool,
}

/// The detail of a reading that leaves others unread.
const MORE: &str = "more";

/// A conversation, and how far to read it; for pins, its newest position.
pub(in crate::store) struct PositionRow {
    key: ConversationKey,
    position: Seq,
}

impl InputRow for PositionRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::integer("position", |row| row.position.to_stored()),
    ];
}

/// A conversation to mute or not.
pub(in crate::store) struct MuteRow {
    key: ConversationKey,
    muted: bool,
}

impl InputRow for MuteRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::integer("muted", |row| i64::from(row.muted)),
    ];
}

/// A conversation, and the marks to put on and to take off.
pub(in crate::store) struct MarkRow {
    key: ConversationKey,
    marks: MarkChange,
}

impl InputRow for MarkRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::integer("added", |row| row.marks.add.to_stored()),
        InputColumn::integer("removed", |row| row.marks.remove.to_stored()),
    ];
}

/// A conversation, and the product's data for it; no data is NULL.
pub(in crate::store) struct DataRow {
    key: ConversationKey,
    data: Option<Vec<u8>>,
}

impl InputRow for DataRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::optional_bytes("custom_data", |row| row.data.clone()),
    ];
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Kinds {
    read: ChangeKind<PositionRow>,
    pin: ChangeKind<PositionRow>,
    unpin: ChangeKind<PositionRow>,
    mute: ChangeKind<MuteRow>,
    mark: ChangeKind<MarkRow>,
    custom_data: ChangeKind<DataRow>,
}

/// The rule of one kind of change: `column` becomes `value` where `is_news` holds.
struct Rule<'a> {
    column: &'a str,
    value: &'a str,
    is_news: &'a str,
    /// The column of the revision that has changed it last.
    changed_by: &'a str,
    /// Whether the value is recorded.
    recorded: bool,
    surplus: Option<Surplus>,
}

impl Kinds {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let position = within_membership(dialect, "i.position");
        let seen = dialect.greatest(&["m.read_through", "m.joined_after"]);
        let listed = lists::listed(&position);
        let marks = "((m.marks | i.added) & ~i.removed)";
        let pinning = |value, is_news, surplus| Rule {
            column: "pinned_at",
            value,
            is_news,
            changed_by: "changed_by",
            recorded: false,
            surplus,
        };
        Self {
            read: Rule {
                column: "read_through",
                value: &position,
                is_news: &format!("{position} > {seen}"),
                changed_by: "read_by",
                recorded: true,
                surplus: None,
            }
            .statement(dialect, None),
            pin: pinning(
                "{revision}",
                &format!("m.pinned_at IS NULL AND {listed}"),
                Some(Surplus::Refused),
            )
            .statement(dialect, Some(&listed)),
            unpin: pinning("NULL", "m.pinned_at IS NOT NULL", None)
                .statement(dialect, Some(&listed)),
            mute: Rule {
                column: "muted",
                value: "i.muted",
                is_news: "m.muted <> i.muted",
                changed_by: "changed_by",
                recorded: false,
                surplus: None,
            }
            .statement(dialect, None),
            mark: Rule {
                column: "marks",
                value: marks,
                is_news: &format!("m.marks <> {marks}"),
                changed_by: "changed_by",
                recorded: true,
                surplus: None,
            }
            .statement(dialect, None),
            custom_data: Rule {
                column: "custom_data",
                value: "i.custom_data",
                is_news: "m.custom_data IS DISTINCT FROM i.custom_data",
                changed_by: "changed_by",
                recorded: false,
                surplus: None,
            }
            .statement(dialect, None),
        }
    }
}

impl Rule<'_> {
    /// `listed` is the condition on which a row counts as listed, for a change that needs it to be.
    fn statement<R: InputRow>(&self, dialect: Dialect, listed: Option<&str>) -> ChangeKind<R> {
        let Self {
            column,
            value,
            is_news,
            changed_by,
            ..
        } = self;
        let not_listed = listed.map_or_else(String::new, |listed| {
            format!("WHEN NOT ({listed}) THEN {NOT_LISTED} ")
        });
        let outcome = format!(
            "CASE WHEN m.{changed_by} = {{revision}} THEN {CHANGED} {not_listed}ELSE {UNCHANGED} END"
        );
        let field = |sql, absent| ResultField {
            sql,
            absent: Some(absent),
        };
        let mut results = vec![field(outcome, NOT_FOUND)];
        if self.recorded {
            results.push(field(format!("m.{column}"), 0));
        }
        let rule = ChangeRule {
            set: format!(
                "{column} = CASE WHEN {is_news} THEN {value} ELSE m.{column} END, \
                 {changed_by} = CASE WHEN {is_news} THEN {{revision}} ELSE m.{changed_by} END"
            ),
            results,
            named: None,
            surplus: self.surplus,
        };
        ChangeKind::new(dialect, &rule)
    }
}

/// The settings of conversations: reading, pins, mutes, marks, and the product's own data.
pub(crate) struct Settings {
    changes: Changes,
    kinds: Kinds,
}

impl Settings {
    pub(in crate::store) fn of(database: &Database, changes: &Changes) -> Self {
        Self {
            changes: changes.clone(),
            kinds: Kinds::new(database.dialect),
        }
    }

    /// Marks conversations read, each through its position; or returns what was recorded when the
    /// request came first.
    pub(crate) async fn read(
        &self,
        origin: &Origin,
        time: Timestamp,
        reading: Reading,
    ) -> Result<ReadingChanged, ChangeError> {
        let Reading {
            conversations,
            more,
        } = reading;
        let (ids, rows) = positioned(conversations);
        let change = Change {
            detail: more.then(|| MORE.to_owned()),
            ..plain(origin, time, StoredKind::Read, ids)
        };
        let kind = &self.kinds.read;
        let recorded = self.changes.change("read", kind, change, &rows).await?;
        Ok(reading_changed(recorded)?)
    }

    /// Pins or unpins conversations, as [`Settings::read`] reads them.
    pub(crate) async fn pin(
        &self,
        origin: &Origin,
        time: Timestamp,
        pinning: Pinning,
        conversations: Vec<Positioned>,
        pin_limit: u32,
    ) -> Result<Changed, ChangeError> {
        let kinds = &self.kinds;
        let (kind, statement) = match pinning {
            Pinning::Pin => (StoredKind::Pin, &kinds.pin),
            Pinning::Unpin => (StoredKind::Unpin, &kinds.unpin),
        };
        let (ids, rows) = positioned(conversations);
        let change = Change {
            pin_limit,
            ..plain(origin, time, kind, ids)
        };
        let recorded = self.changes.change("pin", statement, change, &rows).await?;
        Ok(changed(recorded)?)
    }

    /// Mutes or unmutes conversations, as [`Settings::read`] reads them.
    pub(crate) async fn mute(
        &self,
        origin: &Origin,
        time: Timestamp,
        muting: Muting,
        conversations: Vec<(ConversationId, ConversationKey)>,
    ) -> Result<Changed, ChangeError> {
        let (kind, muted) = match muting {
            Muting::Mute => (StoredKind::Mute, true),
            Muting::Unmute => (StoredKind::Unmute, false),
        };
        let (ids, rows) = with_rows(conversations, |key| MuteRow { key, muted });
        let change = plain(origin, time, kind, ids);
        let kind = &self.kinds.mute;
        let recorded = self.changes.change("mute", kind, change, &rows).await?;
        Ok(changed(recorded)?)
    }

    /// Puts marks on conversations and takes marks off, as [`Settings::read`] reads them.
    pub(crate) async fn mark(
        &self,
        origin: &Origin,
        time: Timestamp,
        marks: MarkChange,
        conversations: Vec<(ConversationId, ConversationKey)>,
    ) -> Result<MarksChanged, ChangeError> {
        let (ids, rows) = with_rows(conversations, |key| MarkRow { key, marks });
        let change = plain(origin, time, StoredKind::Mark, ids);
        let kind = &self.kinds.mark;
        let recorded = self.changes.change("mark", kind, change, &rows).await?;
        Ok(changed_to(recorded, |bits| Some(Marks::from_stored(bits)))?)
    }

    /// Sets the product's own data on conversations, as [`Settings::read`] reads them.
    pub(crate) async fn set_custom_data(
        &self,
        origin: &Origin,
        time: Timestamp,
        data: &CustomData,
        conversations: Vec<(ConversationId, ConversationKey)>,
    ) -> Result<Changed, ChangeError> {
        let bytes = data.as_bytes();
        let (ids, rows) = with_rows(conversations, |key| DataRow {
            key,
            data: (!bytes.is_empty()).then(|| bytes.to_vec()),
        });
        let change = Change {
            detail: Some(STANDARD.encode(bytes)),
            ..plain(origin, time, StoredKind::SetCustomData, ids)
        };
        let kind = &self.kinds.custom_data;
        let recorded = self
            .changes
            .change("set_custom_data", kind, change, &rows)
            .await?;
        Ok(changed(recorded)?)
    }
}

/// A change that is always synchronised and takes nothing.
pub(in crate::store) fn plain(
    origin: &Origin,
    time: Timestamp,
    kind: StoredKind,
    conversations: Vec<ConversationId>,
) -> Change {
    Change {
        origin: origin.clone(),
        kind,
        time,
        synchronisation: Synchronisation::OtherClients,
        restorable_until: None,
        erasable_from: None,
        undoes: None,
        detail: None,
        conversations,
        input: Input::default(),
        pin_limit: u32::MAX,
    }
}

fn positioned(conversations: Vec<Positioned>) -> (Vec<ConversationId>, Vec<PositionRow>) {
    let rows = conversations.into_iter().map(|one| {
        let Positioned {
            conversation_id,
            key,
            position,
        } = one;
        (conversation_id, PositionRow { key, position })
    });
    rows.unzip()
}

/// The conversations, and the row for each key.
fn with_rows<R>(
    conversations: Vec<(ConversationId, ConversationKey)>,
    row: impl Fn(ConversationKey) -> R,
) -> (Vec<ConversationId>, Vec<R>) {
    let rows = conversations.into_iter().map(|(id, key)| (id, row(key)));
    rows.unzip()
}

/// The result of a reading. There are records of old with more conversations than an answer has room for:
/// those are answered as far as one answer goes, as if the request had come today.
fn reading_changed(recorded: Recorded) -> Result<ReadingChanged, StoreError> {
    let more = recorded.detail.as_deref() == Some(MORE);
    let mut changed = changed_to(recorded, Seq::from_stored)?;
    let more = more || changed.conversations.len() > MAX_READ;
    changed.conversations.truncate(MAX_READ);
    Ok(ReadingChanged { changed, more })
}

fn changed(recorded: Recorded) -> Result<Changed, StoreError> {
    results(recorded, |_| Some(()))
}

fn changed_to<T>(
    recorded: Recorded,
    read: impl Fn(i64) -> Option<T>,
) -> Result<Changed<T>, StoreError> {
    results(recorded, |numbers| read((*numbers.first()?)?))
}

fn results<T>(
    recorded: Recorded,
    read: impl Fn(&[Option<i64>]) -> Option<T>,
) -> Result<Changed<T>, StoreError> {
    let error = recorded.inconsistent("results");
    let conversations = recorded.conversations.into_iter().map(|conversation| {
        let outcome = conversation.change_outcome()?;
        let value = read(&conversation.numbers)?;
        Some((conversation.id, outcome, value))
    });
    Ok(Changed {
        conversations: conversations.collect::<Option<_>>().ok_or(error)?,
        revision: recorded.revision,
    })
}

/// The data that a change has set. A former version left out what was empty, if it wrote several
/// changes together.
pub(in crate::store) fn recorded_data(recorded: &Recorded) -> Result<CustomData, StoreError> {
    let text = recorded.detail.as_deref().unwrap_or_default();
    let bytes = STANDARD.decode(text).ok();
    let data = bytes.and_then(|bytes| CustomData::new(bytes).ok());
    data.ok_or_else(|| recorded.inconsistent("detail"))
}
