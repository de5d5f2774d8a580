//! Showing hidden conversations again.
//!
//! Apart from undoing, it is the only change that lowers a watermark, and only `hidden_through`: to just below the
//! newest position, if the conversation would not be listed otherwise. Hidden messages count as read from then
//! on. Showing is not on the stack of deletions: the row keeps what it says about the deletion beneath.

use super::Deletions;
use crate::{
    domain::{
        ConversationKey, Origin, Reappearance, Seq, Settings, ShowOutcome, Shown, Timestamp,
        Watermarks,
    },
    store::{
        changes::{ChangeError, ChangeKind, ChangeRule, ResultField, settings::plain},
        database::{
            dialect::Dialect,
            error::StoreError,
            input::{InputColumn, InputRow},
        },
        entity::kind::StoredKind,
        heads::Positioned,
        log::Recorded,
    },
};

const SHOWN: i64 = 1;
const ALREADY_LISTED: i64 = 2;
const NOT_FOUND: i64 = 3;

/// A conversation to show, and its newest position.
pub(in crate::store) struct ShowRow {
    key: ConversationKey,
    head: Seq,
}

impl InputRow for ShowRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::integer("head", |row| row.head.to_stored()),
    ];
}

/// The rule of showing. A row that it shows has the revision in `changed_by`.
///
/// Where the row has a copy of the head, that is the newest position: a message may have come since the head
/// was read.
pub(in crate::store) fn show(dialect: Dialect) -> ChangeKind<ShowRow> {
    let last = "COALESCE(m.last_seq, i.head)";
    let set = format!(
        "(hidden_through, read_through, stays_away, unlisted_through, changed_by) = ( \
            SELECT CASE WHEN shows AND last <= m.hidden_through THEN last - 1 \
                        ELSE m.hidden_through END, \
                   CASE WHEN shows AND last <= m.hidden_through AND m.hidden_through > m.read_through \
                        THEN m.hidden_through ELSE m.read_through END, \
                   CASE WHEN shows THEN 0 ELSE m.stays_away END, \
                   CASE WHEN shows THEN 0 ELSE m.unlisted_through END, \
                   CASE WHEN shows THEN {{revision}} ELSE m.changed_by END \
            FROM (SELECT last, \
                         last > m.joined_after \
                             AND (m.stays_away = 1 OR last <= m.hidden_through) AS shows \
                  FROM (SELECT {last} AS last) AS reach) AS rule)"
    );
    let outcome = format!(
        "CASE WHEN m.changed_by = {{revision}} THEN {SHOWN} \
              WHEN {last} <= m.joined_after THEN {NOT_FOUND} ELSE {ALREADY_LISTED} END"
    );
    let field = |sql: &str, absent| ResultField {
        sql: sql.to_owned(),
        absent: Some(absent),
    };
    ChangeKind::new(
        dialect,
        &ChangeRule {
            set,
            results: vec![
                field(&outcome, NOT_FOUND),
                field("m.hidden_through", 0),
                field("m.cleared_through", 0),
                field("m.read_through", 0),
            ],
            named: None,
            surplus: None,
        },
    )
}

impl Deletions {
    /// Lists hidden conversations of one user again, or returns what was recorded when the request came
    /// first.
    pub(crate) async fn show(
        &self,
        origin: &Origin,
        time: Timestamp,
        conversations: Vec<Positioned>,
    ) -> Result<Shown, ChangeError> {
        let rows: Vec<_> = conversations
            .iter()
            .map(|one| ShowRow {
                key: one.key,
                head: one.position,
            })
            .collect();
        let ids = conversations.into_iter().map(|one| one.conversation_id);
        let change = plain(origin, time, StoredKind::Show, ids.collect());
        let recorded = self
            .changes
            .change("show", &self.statements.show, change, &rows)
            .await?;
        Ok(shown(recorded)?)
    }
}

fn shown(recorded: Recorded) -> Result<Shown, StoreError> {
    let outcome_of = |number| match number {
        SHOWN => Some(ShowOutcome::Shown),
        ALREADY_LISTED => Some(ShowOutcome::AlreadyListed),
        NOT_FOUND => Some(ShowOutcome::NotFound),
        _ => None,
    };
    let error = recorded.inconsistent("results");
    let conversations = recorded.conversations.into_iter();
    let conversations = conversations.map(|one| Some((one.id, outcome_of(one.outcome)?)));
    Ok(Shown {
        conversations: conversations.collect::<Option<_>>().ok_or(error)?,
        revision: recorded.revision,
    })
}

/// The conversations that a change has shown: how each stands since, and how far it is read.
pub(in crate::store) fn shown_watermarks(
    recorded: Recorded,
) -> Result<Vec<(Watermarks, Seq)>, StoreError> {
    let error = recorded.inconsistent("results");
    let shown = recorded.conversations.into_iter();
    let shown = shown.filter(|one| one.outcome == SHOWN).map(|one| {
        let [Some(hidden), Some(cleared), Some(read), ..] = one.numbers[..] else {
            return None;
        };
        let watermarks = Watermarks {
            hidden_through: Seq::from_stored(hidden)?,
            cleared_through: Seq::from_stored(cleared)?,
            is_pinned: false,
            reappearance: Reappearance::OnMessage,
            settings: Settings::Keep,
            conversation_id: one.id,
        };
        Some((watermarks, Seq::from_stored(read)?))
    });
    shown.collect::<Option<_>>().ok_or(error)
}
