//! The rules of deleting and undoing, as SQL over one row of `members`.

use super::{
    record::{restored_fields, taken_fields},
    rows::{SteppedRow, TargetRow, UndoneRow},
};
use crate::{
    domain::Settings,
    store::{
        changes::{ChangeKind, ChangeRule, Surplus},
        database::dialect::Dialect,
        lists,
    },
};

pub(super) const DELETED: i64 = 1;
pub(super) const ALREADY_DELETED: i64 = 2;
pub(super) const NEWER_MESSAGES_KEPT: i64 = 3;
pub(in crate::store) const NOT_FOUND: i64 = 4;
pub(in crate::store) const CHANGED_SINCE_PLAN: i64 = 5;
/// It was not listed, and it was left alone, because it had changed since the plan.
pub(super) const LEFT_DELETED: i64 = 6;

pub(super) const RESTORED: i64 = 1;
pub(super) const SUPERSEDED: i64 = 2;
pub(super) const NOTHING_TAKEN: i64 = 3;

/// Whether undoing a deletion puts something back, by its row `i` and the row `m` of `members`: the deletion
/// is the last that lies on the conversation. `i.recorded` tells whether it has recorded how the row stood
/// before. A deletion of a former version has left that in the row: it can be undone while nothing else has
/// come to lie on it, and nothing beneath it can be undone after it.
pub(super) const RESTORES: &str = "m.taken_by = i.deletion \
     AND i.deletion > COALESCE(m.undo_ended, 0) AND (i.recorded = 1 OR m.prev_taken_by IS NULL)";

/// Whether a deletion is undone: one above `taken_by` is. Of one that a former version has recorded, that is
/// only known where `undo_ended` is set.
pub(super) const IS_BACK: &str = "i.deletion > COALESCE(m.taken_by, 0) AND i.deletion > \
     COALESCE(m.undo_ended, CASE WHEN i.recorded = 1 THEN 0 ELSE i.deletion END)";

/// A position, as far as it has reached the user: nothing beyond the end of a membership has.
pub(in crate::store) fn within_membership(dialect: Dialect, position: &str) -> String {
    dialect.least_there_is("m.left_at", position)
}

/// The rule of deletions and clearings. `head` is the conversation's newest position, `hide_through`
/// and `clear_through` how far the list entry and the history shall go; 0 leaves them alone. `stays_away`
/// is whether the conversation shall stay away from now on; NULL leaves that as it is.
///
/// A deletion that takes something comes to lie on top of the deletions that can be undone. One that takes
/// nothing leaves the row as it is, so that repeating a deletion does not make it impossible to undo.
///
/// A conversation that the deletion keeps listed, because it reaches only as far as the user had seen, does not stay away.
/// One that stays away already is not listed by newer messages, so a deletion that leaves it away keeps none.
pub(super) fn delete(dialect: Dialect) -> ChangeKind<TargetRow> {
    ChangeKind::new(dialect, &taking(dialect, Settings::Keep, None))
}

/// The same of a deletion that is made in steps. A conversation that a plan has shown, at the revision `planned_at`,
/// is left alone unless it is as it was then: no message has come since, and no setting.
pub(super) fn delete_in_steps(dialect: Dialect) -> ChangeKind<SteppedRow> {
    in_steps(dialect, Settings::Keep)
}

/// The same of one that forgets settings: of what it leaves unlisted. `filed` is 1 of a conversation that is in a
/// folder: leaving it is something that the deletion takes, too.
pub(super) fn forget(dialect: Dialect) -> ChangeKind<SteppedRow> {
    in_steps(dialect, Settings::Forget)
}

fn in_steps(dialect: Dialect, settings: Settings) -> ChangeKind<SteppedRow> {
    let last = within_membership(dialect, "i.head");
    let as_planned = format!(
        "(i.planned_at IS NULL OR (COALESCE(m.last_seq, {last}) = i.hide_through \
          AND COALESCE(m.changed_by, 0) <= i.planned_at))"
    );
    ChangeKind::in_steps(dialect, &taking(dialect, settings, Some(&as_planned)))
}

/// The rule of deletions that leave conversations alone that are not `as_planned`.
fn taking(dialect: Dialect, settings: Settings, as_planned: Option<&str>) -> ChangeRule {
    let [hide, clear, last] = ["i.hide_through", "i.clear_through", "i.head"]
        .map(|position| within_membership(dialect, position));
    let (as_planned, takes_if, leaves_if, left_alone) = match as_planned {
        None => (String::new(), "", "", String::new()),
        Some(as_planned) => (
            format!(", {as_planned} AS as_planned"),
            "as_planned AND ",
            "NOT as_planned OR ",
            format!(
                "WHEN NOT as_planned THEN CASE WHEN {} THEN {CHANGED_SINCE_PLAN} ELSE {LEFT_DELETED} END ",
                lists::listed("COALESCE(m.last_seq, i.head)")
            ),
        ),
    };
    let stays_listed = format!(
        "last > {}",
        dialect.greatest(&["m.hidden_through", "hide", "m.joined_after"])
    );
    let hiding = format!(
        "(SELECT reach.*, \
                 {takes_if}hide > {hidden} AS hides, \
                 {takes_if}clear > {cleared} AS clears, \
                 CASE WHEN {leaves_if}i.stays_away IS NULL \
                           OR (m.appeared_before = 0 AND last <= m.joined_after) THEN m.stays_away \
                      WHEN m.stays_away = 0 AND {stays_listed} THEN 0 \
                      ELSE i.stays_away END AS away \
          FROM (SELECT {hide} AS hide, {clear} AS clear, {last} AS last{as_planned}) AS reach) AS hiding",
        hidden = dialect.greatest(&["m.hidden_through", "m.joined_after"]),
        cleared = dialect.greatest(&["m.cleared_through", "m.joined_after"]),
    );
    let (settings, forgotten, ruled, takes) = match settings {
        Settings::Keep => ("", "", hiding, ""),
        Settings::Forget => (
            "muted, marks, custom_data, ",
            "CASE WHEN forgets THEN 0 ELSE m.muted END, \
             CASE WHEN forgets THEN 0 ELSE m.marks END, \
             CASE WHEN forgets THEN NULL ELSE m.custom_data END, ",
            format!(
                "(SELECT hiding.*, {takes_if}(m.appeared_before <> 0 OR last > m.joined_after) \
                         AND NOT (away = 0 AND {stays_listed}) \
                         AND (m.muted <> 0 OR m.marks <> 0 OR m.custom_data IS NOT NULL OR i.filed = 1) \
                         AS forgets \
                  FROM {hiding}) AS forgetting"
            ),
            "forgets OR ",
        ),
    };
    let set = format!(
        "({settings}hidden_through, cleared_through, stays_away, unlisted_through, pinned_at, taken_by, kept_after, \
          prev_hidden_through, prev_cleared_through, prev_stays_away, prev_pinned_at, prev_taken_by) = ( \
            SELECT {forgotten}\
                   CASE WHEN hides THEN hide ELSE m.hidden_through END, \
                   CASE WHEN clears THEN clear ELSE m.cleared_through END, \
                   away, \
                   CASE WHEN away < m.stays_away THEN 0 ELSE m.unlisted_through END, \
                   CASE WHEN hides THEN NULL ELSE m.pinned_at END, \
                   CASE WHEN takes THEN {{revision}} ELSE m.taken_by END, \
                   CASE WHEN clears THEN COALESCE(m.kept_after, m.cleared_through) ELSE m.kept_after END, \
                   CASE WHEN takes THEN m.hidden_through ELSE m.prev_hidden_through END, \
                   CASE WHEN takes THEN m.cleared_through ELSE m.prev_cleared_through END, \
                   m.stays_away, \
                   CASE WHEN hides THEN m.pinned_at WHEN takes THEN NULL ELSE m.prev_pinned_at END, \
                   CASE WHEN takes THEN m.taken_by ELSE m.prev_taken_by END \
            FROM (SELECT *, ({takes}hides OR clears OR away <> m.stays_away) AS takes FROM {ruled}) AS rule)"
    );

    // The update has put the row as it was into the columns prev_…: `stays_away` always, the others if it took something.
    let furthest = dialect.greatest(&["i.hide_through", "i.clear_through"]);
    let outcome = format!(
        "CASE WHEN m.appeared_before = 0 AND last <= m.joined_after THEN {NOT_FOUND} \
              {left_alone}\
              WHEN last <= hidden_before OR last <= m.joined_after THEN {ALREADY_DELETED} \
              WHEN m.prev_stays_away = 1 AND (m.stays_away = 1 OR last <= m.hidden_through) THEN {ALREADY_DELETED} \
              WHEN {reach} < last THEN {NEWER_MESSAGES_KEPT} \
              ELSE {DELETED} END",
        reach = within_membership(dialect, &furthest),
    );
    let stood = format!(
        "(SELECT {last} AS last, m.taken_by = {{revision}} AS took, \
                 CASE WHEN m.taken_by = {{revision}} THEN m.prev_hidden_through ELSE m.hidden_through END \
                 AS hidden_before{as_planned}) AS stood"
    );
    ChangeRule {
        set,
        results: taken_fields(&outcome, NOT_FOUND),
        named: Some(stood),
        surplus: None,
    }
}
/// The rule of undoing. `deletion` is the revision of the deletion, NULL if it took nothing; with it
/// comes what it has recorded of how the row stood before, if it was `recorded` (1).
///
/// The list entry is put back only as far as the conversation is not shown already, and what is listed at
/// present does not stay away afterwards. Settings that were forgotten are added to those that there are. Pins
/// beyond the limit are left out.
pub(super) fn restore(dialect: Dialect) -> ChangeKind<UndoneRow> {
    let listed = lists::listed("COALESCE(m.last_seq, i.head)");
    let set = format!(
        "(muted, marks, custom_data, hidden_through, cleared_through, stays_away, unlisted_through, \
          pinned_at, changed_by, taken_by, kept_after, undo_ended) = ( \
            SELECT CASE WHEN restores AND i.muted_before = 1 THEN 1 ELSE m.muted END, \
                   CASE WHEN restores THEN m.marks | i.marks_before ELSE m.marks END, \
                   CASE WHEN restores AND m.custom_data IS NULL THEN i.data_before ELSE m.custom_data END, \
                   CASE WHEN restores AND hidden < m.hidden_through THEN hidden ELSE m.hidden_through END, \
                   CASE WHEN restores THEN cleared ELSE m.cleared_through END, \
                   CASE WHEN restores AND i.away_before = 0 THEN 0 \
                        WHEN restores AND i.away_before = 1 AND NOT ({listed}) THEN 1 \
                        ELSE m.stays_away END, \
                   CASE WHEN restores THEN 0 ELSE m.unlisted_through END, \
                   CASE WHEN repins THEN pin ELSE m.pinned_at END, \
                   CASE WHEN repins THEN {{revision}} ELSE m.changed_by END, \
                   CASE WHEN restores THEN beneath ELSE m.taken_by END, \
                   CASE WHEN restores AND cleared <= m.kept_after THEN NULL ELSE m.kept_after END, \
                   CASE WHEN restores AND i.recorded = 0 THEN i.deletion - 1 ELSE m.undo_ended END \
            FROM (SELECT hidden, cleared, pin, beneath, restores, \
                         restores AND pin IS NOT NULL AND m.pinned_at IS NULL AS repins \
                  FROM (SELECT CASE WHEN i.recorded = 1 THEN i.hidden_before ELSE m.prev_hidden_through END AS hidden, \
                               CASE WHEN i.recorded = 1 THEN i.cleared_before ELSE m.prev_cleared_through END AS cleared, \
                               CASE WHEN i.recorded = 1 THEN i.pinned_before ELSE m.prev_pinned_at END AS pin, \
                               CASE WHEN i.recorded = 1 THEN i.taken_before END AS beneath, \
                               {RESTORES} AS restores \
                       ) AS taken) AS rule)"
    );
    let outcome = format!(
        "CASE WHEN i.deletion IS NULL THEN {NOTHING_TAKEN} WHEN is_back THEN {RESTORED} ELSE {SUPERSEDED} END"
    );
    ChangeKind::new(
        dialect,
        &ChangeRule {
            set,
            results: restored_fields(&outcome, NOTHING_TAKEN),
            named: Some(format!("(SELECT {IS_BACK} AS is_back) AS stands")),
            surplus: Some(Surplus::LeftOut),
        },
    )
}
