//! An amount that many holders share. When it is used up, the oldest holder is cut off.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;
use tokio_util::sync::CancellationToken;

use crate::metrics::Stopwatch;

/// How often holders are looked at.
const INTERVAL: Duration = Duration::from_millis(500);
/// How much of the time passes between two lines in the log, in [`INTERVAL`]s.
const QUIET: u32 = 20;

/// The handle that a holder is cut off by.
pub(crate) trait Cut {
    /// The holder lets go of what it holds, soon.
    fn cut(&self);
}

impl Cut for CancellationToken {
    fn cut(&self) {
        self.cancel();
    }
}

/// An amount, in bytes or in connections. Clones are one.
pub(crate) struct Budget<C: Cut>(Arc<Inner<C>>);

/// A part of a [`Budget`], until this is dropped, or cut off.
pub(crate) struct Held<C: Cut> {
    budget: Budget<C>,
    /// Where it stands among the holders. It changes only while their lock is held.
    rank: AtomicU64,
}

struct Inner<C> {
    limit: usize,
    patience: Option<Duration>,
    cut_off: Counter,
    holders: Mutex<Holders<C>>,
}

struct Holders<C> {
    amount: usize,
    next_rank: u64,
    by_rank: BTreeMap<u64, Holder<C>>,
}

struct Holder<C> {
    amount: usize,
    since: Stopwatch,
    cut: C,
}

impl<C: Cut> Budget<C> {
    /// Of `limit`, for at most `patience` at a time. Those that are cut off are counted.
    pub(crate) fn new(limit: usize, patience: Option<Duration>, cut_off: Counter) -> Self {
        Self(Arc::new(Inner {
            limit,
            patience,
            cut_off,
            holders: Mutex::new(Holders {
                amount: 0,
                next_rank: 0,
                by_rank: BTreeMap::new(),
            }),
        }))
    }

    /// How long a holder may stand still.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.0.patience
    }

    /// Holds `amount`, at the cost of the oldest if that is too much.
    pub(crate) fn hold(&self, amount: usize, cut: C) -> Held<C> {
        let mut holders = self.holders();
        let rank = holders.insert(Holder {
            amount,
            since: Stopwatch::start(),
            cut,
        });
        let cut_off = holders.until_within(self.0.limit);
        drop(holders);
        self.cut(cut_off);
        Held {
            budget: self.clone(),
            rank: AtomicU64::new(rank),
        }
    }

    /// Cuts off the oldest holder.
    pub(crate) fn cut_oldest(&self) {
        let oldest = self.holders().pop_first();
        self.cut(oldest);
    }

    /// Cuts off the oldest holder of those that `is_one` says.
    pub(crate) fn cut_oldest_that(&self, is_one: impl Fn(&C) -> bool) {
        let mut holders = self.holders();
        let mut oldest = holders.by_rank.iter();
        let rank = oldest.find(|(_, holder)| is_one(&holder.cut));
        let rank = rank.map(|(rank, _)| *rank);
        let holder = rank.and_then(|rank| holders.remove(rank));
        drop(holders);
        self.cut(holder);
    }

    /// Cuts off those that have stood still for too long, until dropped, and says how many were cut off for
    /// any reason. `what` is the log's name for them.
    pub(crate) async fn watch_over(&self, what: &'static str) {
        let (mut said, mut quiet) = (self.0.cut_off.get(), 0_u32);
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.cut_off_what_stands_still();
            let number = self.0.cut_off.get();
            quiet = quiet.saturating_sub(1);
            if number > said && quiet == 0 {
                tracing::warn!(number = number - said, "cut off {what}");
                (said, quiet) = (number, QUIET);
            }
        }
    }

    fn cut_off_what_stands_still(&self) {
        let Some(patience) = self.0.patience else {
            return;
        };
        let mut holders = self.holders();
        let mut cut_off = Vec::new();
        while let Some(oldest) = holders.by_rank.first_entry()
            && oldest.get().since.elapsed() >= patience
        {
            cut_off.extend(holders.pop_first());
        }
        drop(holders);
        self.cut(cut_off);
    }

    /// Without the lock: a cut may wake any task.
    fn cut(&self, holders: impl IntoIterator<Item = Holder<C>>) {
        for holder in holders {
            self.0.cut_off.inc();
            holder.cut.cut();
        }
    }

    fn holders(&self) -> MutexGuard<'_, Holders<C>> {
        // Nothing panics while it is locked.
        let holders = self.0.holders.lock();
        holders.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Cut> Clone for Budget<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Cut> Held<C> {
    /// Holds so much more.
    pub(crate) fn grow(&self, more: usize) {
        let mut holders = self.budget.holders();
        let rank = self.rank.load(Ordering::Relaxed);
        let Some(holder) = holders.by_rank.get_mut(&rank) else {
            // It is cut off, and will let go soon.
            return;
        };
        holder.amount += more;
        holders.amount += more;
        let cut_off = holders.until_within(self.budget.0.limit);
        drop(holders);
        self.budget.cut(cut_off);
    }

    /// Has moved, so it is the youngest again.
    pub(crate) fn moved(&self) {
        let mut holders = self.budget.holders();
        let rank = self.rank.load(Ordering::Relaxed);
        if let Some(holder) = holders.remove(rank) {
            let since = Stopwatch::start();
            let rank = holders.insert(Holder { since, ..holder });
            self.rank.store(rank, Ordering::Relaxed);
        }
    }
}

impl<C: Cut> Drop for Held<C> {
    fn drop(&mut self) {
        let rank = self.rank.load(Ordering::Relaxed);
        let holder = self.budget.holders().remove(rank);
        drop(holder);
    }
}

impl<C> Holders<C> {
    fn insert(&mut self, holder: Holder<C>) -> u64 {
        let rank = self.next_rank;
        self.next_rank += 1;
        self.amount += holder.amount;
        self.by_rank.insert(rank, holder);
        rank
    }

    fn remove(&mut self, rank: u64) -> Option<Holder<C>> {
        let holder = self.by_rank.remove(&rank)?;
        self.amount -= holder.amount;
        Some(holder)
    }

    fn pop_first(&mut self) -> Option<Holder<C>> {
        let (_, holder) = self.by_rank.pop_first()?;
        self.amount -= holder.amount;
        Some(holder)
    }

    /// Lets go of the oldest until no more than `limit` is held.
    fn until_within(&mut self, limit: usize) -> Vec<Holder<C>> {
        let mut cut_off = Vec::new();
        while self.amount > limit
            && let Some(oldest) = self.pop_first()
        {
            cut_off.push(oldest);
        }
        cut_off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(limit: usize, patience: Option<Duration>) -> Budget<CancellationToken> {
        Budget::new(limit, patience, Counter::default())
    }

    fn hold(
        budget: &Budget<CancellationToken>,
        amount: usize,
    ) -> (CancellationToken, Held<CancellationToken>) {
        let cut = CancellationToken::new();
        (cut.clone(), budget.hold(amount, cut))
    }

    #[test]
    fn the_oldest_is_cut_off_when_too_much_is_held() {
        let budget = budget(10, None);
        let (first, _held_first) = hold(&budget, 4);
        let (second, held_second) = hold(&budget, 4);
        let (third, _held_third) = hold(&budget, 2);
        assert!(!first.is_cancelled());
        held_second.grow(1);
        assert!(first.is_cancelled() && !second.is_cancelled());
        // Its part is free for others at once.
        let (fourth, _held_fourth) = hold(&budget, 3);
        assert!(!second.is_cancelled() && !third.is_cancelled() && !fourth.is_cancelled());
        assert_eq!(budget.0.cut_off.get(), 1);
    }

    #[test]
    fn one_that_has_moved_is_not_the_oldest() {
        let budget = budget(2, None);
        let (first, held_first) = hold(&budget, 1);
        let (second, _held_second) = hold(&budget, 1);
        held_first.moved();
        let (_, _held_third) = hold(&budget, 1);
        assert!(!first.is_cancelled() && second.is_cancelled());
    }

    #[test]
    fn what_is_let_go_of_is_held_no_more_whether_or_not_it_was_cut_off() {
        let budget = budget(3, None);
        let (_, held_first) = hold(&budget, 3);
        let (_, held_second) = hold(&budget, 3);
        drop((held_first, held_second));
        assert_eq!(budget.holders().amount, 0);
        let (too_much, held) = hold(&budget, 4);
        assert!(too_much.is_cancelled());
        held.grow(1);
        held.moved();
        drop(held);
        assert_eq!(budget.holders().amount, 0);
    }

    #[tokio::test]
    async fn one_that_stands_still_is_cut_off_when_patience_is_over() {
        let patience = Duration::from_millis(100);
        let budget = budget(10, Some(patience));
        let started = Stopwatch::start();
        let (still, _held) = hold(&budget, 1);
        let (done, held) = hold(&budget, 1);
        drop(held);
        tokio::select! {
            () = still.cancelled() => {}
            () = budget.watch_over("tests") => unreachable!("it never ends"),
        }
        assert!(started.elapsed() >= patience);
        assert!(!done.is_cancelled());
    }

    #[test]
    fn the_oldest_can_be_cut_off_whether_or_not_too_much_is_held() {
        let budget = budget(10, None);
        let (first, _held_first) = hold(&budget, 1);
        let (second, _held_second) = hold(&budget, 1);
        budget.cut_oldest_that(|cut| !cut.is_cancelled());
        assert!(first.is_cancelled() && !second.is_cancelled());
        budget.cut_oldest();
        assert!(second.is_cancelled());
        budget.cut_oldest();
        assert_eq!(budget.0.cut_off.get(), 2);
    }
}
