//! The properties that hold at every moment, and the states that must be reached at all: a model in which
//! nothing happens keeps every promise.

use stateright::Property;

use super::world::{Positions, State, World};

pub(crate) const NOTHING_UNSEEN: &str = "a deletion takes no message that was stored after it";
pub(crate) const REVISIONS: &str = "revisions grow by one, in the order of the log";
pub(crate) const HISTORY_IS_THERE: &str = "what the member can read is not erased";
pub(crate) const IN_ITS_WINDOW: &str =
    "within its window a deletion can be undone, and all is there";
pub(crate) const WHERE_IT_BEGAN: &str = "what was undone altogether is as it was before";
pub(crate) const ERASURE_IS_REACHED: &str = "something is erased";
pub(crate) const UNDO_IS_REACHED: &str = "two deletions are undone, one after the other";

pub(crate) fn all() -> Vec<Property<World>> {
    vec![
        Property::always(NOTHING_UNSEEN, |_, state: &State| {
            takes_nothing_unseen(state)
        }),
        Property::always(REVISIONS, |_, state: &State| {
            let revisions = state.changes.iter().map(|change| change.revision);
            revisions.eq((1..).take(state.changes.len()))
        }),
        Property::always(HISTORY_IS_THERE, |_, state: &State| {
            let gone = Positions::up_to(state.row.cleared_through);
            state.erased.without(gone).is_empty()
        }),
        Property::always(IN_ITS_WINDOW, |_, state: &State| is_all_undoable(state)),
        Property::always(WHERE_IT_BEGAN, |_, state: &State| {
            let row = &state.row;
            row.taken_by != 0 || (row.hidden_through, row.cleared_through) == (0, 0)
        }),
        Property::sometimes(ERASURE_IS_REACHED, |_, state: &State| {
            !state.erased.is_empty()
        }),
        Property::sometimes(UNDO_IS_REACHED, |_, state: &State| {
            let undone = state.changes.iter().filter(|it| it.deletion.is_none());
            state.row.taken_by == 0 && undone.count() == 2
        }),
    ]
}

fn takes_nothing_unseen(state: &State) -> bool {
    let mut deletions = state.changes.iter().filter_map(|change| change.deletion);
    deletions.all(|deletion| {
        let taken = Positions::up_to(deletion.through).and(state.stored);
        taken.without(deletion.seen).is_empty()
    })
}

/// Every deletion whose window is open, and for which all above it can be undone as well, can be, and
/// what it would bring back is there.
fn is_all_undoable(state: &State) -> bool {
    let mut reachable = state
        .stack()
        .into_iter()
        .take_while(|(_, deletion)| deletion.until > state.now);
    reachable.all(|(revision, deletion)| {
        let gone = Positions::up_to(deletion.before.cleared_through);
        revision > state.row.undo_ended && state.erased.without(gone).is_empty()
    })
}
