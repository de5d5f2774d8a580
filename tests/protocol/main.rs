//! A model of how the service keeps its promises when things happen at once, checked in every order:
//! the lock of a conversation's head, a user's revision, deletions and their undo as a stack, and the
//! background job that erases, with clocks that disagree.
//!
//! [`world`] says what there is, [`steps`] what can happen, and [`promises`] what must always hold. Each
//! step is one statement or one transaction of the service. What is a mistake in the service if it is
//! left out is left out here, one at a time ([`world::Mistake`]), and the model must show what breaks.

mod promises;
mod steps;
mod world;

use stateright::{Checker, HasDiscoveries, Model as _};

use self::{
    promises::{
        ERASURE_IS_REACHED, HISTORY_IS_THERE, IN_ITS_WINDOW, NOTHING_UNSEEN, REVISIONS,
        UNDO_IS_REACHED, WHERE_IT_BEGAN,
    },
    world::{ERASING, Mistake, TRAFFIC, UNDOING, World},
};

/// Makes every step in every order, on as many threads as there are processors, until all of `until` are
/// found.
fn check(world: World, until: HasDiscoveries) -> impl Checker<World> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = world.checker().threads(threads).finish_when(until);
    checker.spawn_bfs().join()
}

#[test]
fn every_promise_holds_in_every_order() {
    for (world, reached) in [
        (TRAFFIC, None),
        (UNDOING, Some(UNDO_IS_REACHED)),
        (ERASING, Some(ERASURE_IS_REACHED)),
    ] {
        let checked = check(world, HasDiscoveries::All);
        for promise in [
            NOTHING_UNSEEN,
            REVISIONS,
            HISTORY_IS_THERE,
            IN_ITS_WINDOW,
            WHERE_IT_BEGAN,
        ] {
            checked.assert_no_discovery(promise);
        }
        if let Some(reached) = reached {
            checked.assert_any_discovery(reached);
        }
    }
}

#[test]
fn every_mistake_is_found() {
    for (mistake, world, broken) in [
        (Mistake::NumbersBeforeTheLock, TRAFFIC, NOTHING_UNSEEN),
        (Mistake::RevisionIsReadWithoutTheLock, TRAFFIC, REVISIONS),
        (Mistake::UndoForgetsWhatWasBelow, UNDOING, WHERE_IT_BEGAN),
        (Mistake::UndoDoesNotAskWhatEnded, ERASING, HISTORY_IS_THERE),
        (Mistake::ErasesBeforeUndoEnds, ERASING, HISTORY_IS_THERE),
        (Mistake::ErasesByItsOwnClock, ERASING, IN_ITS_WINDOW),
    ] {
        let mistake = Some(mistake);
        let until = HasDiscoveries::AllOf([broken].into());
        let found = check(World { mistake, ..world }, until);
        found.assert_any_discovery(broken);
    }
}
