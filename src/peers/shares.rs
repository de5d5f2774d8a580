//! A number of permits, divided among their holders so that none can have all of them.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Permits for holders that are distinguished by `K`. Clones are one.
///
/// A holder gets another permit while it has fewer than three times as many as are free. So a holder that
/// is alone gets the number that was asked for; a third more is kept for others, and there is always
/// something left for one who has none.
#[derive(Debug)]
pub(crate) struct Shares<K: Eq + Hash>(Arc<Mutex<State<K>>>);

/// A permit that is taken, until this is dropped.
#[derive(Debug)]
pub(crate) struct Share<K: Clone + Eq + Hash> {
    shares: Shares<K>,
    holder: K,
}

/// Any number of permits of one holder, until this is dropped.
#[derive(Debug)]
pub(crate) struct Bundle<K: Clone + Eq + Hash> {
    shares: Shares<K>,
    holder: K,
    taken: usize,
}

#[derive(Debug)]
struct State<K> {
    free: usize,
    taken: HashMap<K, usize>,
    /// Those that wait, by holder: the holder that gets the next permit comes first.
    waiting: VecDeque<(K, VecDeque<Waiter>)>,
}

/// Notifies one that waits that a permit has been taken for it.
type Waiter = oneshot::Sender<()>;

impl<K: Clone + Eq + Hash> Shares<K> {
    /// So many for a holder that is alone.
    pub(crate) fn new(alone: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: in_all(alone),
            taken: HashMap::new(),
            waiting: VecDeque::new(),
        })))
    }

    /// Whether `holder` could have a permit now.
    pub(crate) fn has_room_for(&self, holder: &K) -> bool {
        self.state().has_room_for(holder)
    }

    /// A permit for `holder`, if it may have another one now.
    pub(crate) fn take(&self, holder: K) -> Option<Share<K>> {
        let mut state = self.state();
        if !state.has_room_for(&holder) {
            return None;
        }
        state.take(holder.clone());
        drop(state);
        Some(self.share(holder))
    }

    /// A permit for `holder`, when it may have another one. Holders take turns; those of one holder come
    /// in their order.
    pub(crate) async fn wait(&self, holder: K) -> Share<K> {
        let notified = {
            let mut state = self.state();
            let waits = state.waiting.iter().any(|(waiting, _)| *waiting == holder);
            if !waits && state.has_room_for(&holder) {
                state.take(holder.clone());
                None
            } else {
                let (waiter, notified) = oneshot::channel();
                state.enqueue(&holder, waiter);
                Some(notified)
            }
        };
        if let Some(notified) = notified {
            let waiting = Waits {
                shares: self,
                holder: &holder,
                notified: Some(notified),
            };
            waiting.until_notified().await;
        }
        self.share(holder)
    }

    /// Permits for `holder`, of which there are none yet.
    pub(crate) fn bundle(&self, holder: K) -> Bundle<K> {
        Bundle {
            shares: self.clone(),
            holder,
            taken: 0,
        }
    }

    fn share(&self, holder: K) -> Share<K> {
        Share {
            shares: self.clone(),
            holder,
        }
    }

    fn give_back(&self, holder: &K) {
        self.state().give_back(holder);
    }

    fn state(&self) -> MutexGuard<'_, State<K>> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Bundle<K> {
    /// How many permits there are.
    pub(crate) const fn taken(&self) -> usize {
        self.taken
    }

    /// Takes another permit, if the holder may have one. Says whether.
    pub(crate) fn grow(&mut self) -> bool {
        let mut state = self.shares.state();
        let grows = state.has_room_for(&self.holder);
        if grows {
            state.take(self.holder.clone());
            self.taken += 1;
        }
        grows
    }

    /// Gives back the permits beyond this number.
    pub(crate) fn shrink_to(&mut self, number: usize) {
        if number < self.taken {
            let mut state = self.shares.state();
            for _ in number..self.taken {
                state.give_back(&self.holder);
            }
            self.taken = number;
        }
    }
}

impl<K: Clone + Eq + Hash> Drop for Bundle<K> {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

impl<K: Eq + Hash> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Clone + Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        self.shares.give_back(&self.holder);
    }
}

/// One that waits. Dropped after it was notified, it gives back the permit that was taken for it.
struct Waits<'a, K: Clone + Eq + Hash> {
    shares: &'a Shares<K>,
    holder: &'a K,
    notified: Option<oneshot::Receiver<()>>,
}

impl<K: Clone + Eq + Hash> Waits<'_, K> {
    async fn until_notified(mut self) {
        if let Some(notified) = &mut self.notified {
            // The sender is dropped only if this is.
            let _ = notified.await;
        }
        self.notified = None;
    }
}

impl<K: Clone + Eq + Hash> Drop for Waits<'_, K> {
    fn drop(&mut self) {
        if let Some(mut notified) = self.notified.take() {
            notified.close();
            if notified.try_recv().is_ok() {
                self.shares.give_back(self.holder);
            }
        }
    }
}

impl<K: Clone + Eq + Hash> State<K> {
    fn has_room_for(&self, holder: &K) -> bool {
        let taken = self.taken.get(holder).copied().unwrap_or_default();
        taken < self.free.saturating_mul(3)
    }

    fn take(&mut self, holder: K) {
        self.free -= 1;
        *self.taken.entry(holder).or_default() += 1;
    }

    fn give_back(&mut self, holder: &K) {
        self.free += 1;
        if let Some(taken) = self.taken.get_mut(holder) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(holder);
            }
        }
        self.hand_out();
    }

    fn enqueue(&mut self, holder: &K, waiter: Waiter) {
        let known = self
            .waiting
            .iter_mut()
            .find(|(waiting, _)| waiting == holder);
        match known {
            Some((_, waiters)) => {
                // Those that have given up are mostly the oldest.
                while waiters.pop_front_if(|waiter| waiter.is_closed()).is_some() {}
                waiters.push_back(waiter);
            }
            None => self
                .waiting
                .push_back((holder.clone(), VecDeque::from([waiter]))),
        }
    }

    /// Takes what is free for those that wait, one for each holder in turn.
    fn hand_out(&mut self) {
        let mut passed_over = 0;
        while passed_over < self.waiting.len() {
            let Some((holder, mut waiters)) = self.waiting.pop_front() else {
                return;
            };
            let mut served = false;
            if self.has_room_for(&holder) {
                while let Some(waiter) = waiters.pop_front() {
                    if waiter.send(()).is_ok() {
                        self.take(holder.clone());
                        served = true;
                        break;
                    }
                }
            }
            passed_over = if served { 0 } else { passed_over + 1 };
            // The next turn is another holder's.
            if waiters.is_empty() {
                passed_over = passed_over.saturating_sub(1);
            } else {
                self.waiting.push_back((holder, waiters));
            }
        }
    }
}

/// How many there are in all where a holder that is alone gets `alone`.
const fn in_all(alone: usize) -> usize {
    alone + alone / 3
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future as _,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn take_all(shares: &Shares<&'static str>, holder: &'static str) -> Vec<Share<&'static str>> {
        std::iter::from_fn(|| shares.take(holder)).collect()
    }

    #[test]
    fn one_that_is_alone_gets_the_number_that_was_asked_for() {
        for alone in 1..1000 {
            let shares = Shares::new(alone);
            assert_eq!(take_all(&shares, "one").len(), alone);
        }
    }

    #[test]
    fn others_find_room_however_much_one_wants() {
        let shares = Shares::new(512);
        let one = take_all(&shares, "one");
        let other = take_all(&shares, "other");
        assert!(other.len() >= 100, "{}", other.len());
        let third = take_all(&shares, "third");
        assert!(third.len() >= 30, "{}", third.len());
        drop((one, other, third));
        assert_eq!(take_all(&shares, "one").len(), 512);
    }

    #[test]
    fn a_bundle_grows_as_far_as_its_holder_may_and_gives_everything_back() {
        let shares = Shares::new(8);
        let mut bundle = shares.bundle("one");
        while bundle.grow() {}
        assert_eq!(bundle.taken(), 8);
        assert!(shares.take("one").is_none());
        bundle.shrink_to(9);
        bundle.shrink_to(5);
        assert_eq!(bundle.taken(), 5);
        let others = take_all(&shares, "one");
        assert_eq!(others.len(), 3);
        assert!(!bundle.grow());
        drop((bundle, others));
        assert_eq!(take_all(&shares, "one").len(), 8);
    }

    #[test]
    fn waiting_holders_take_turns() {
        let shares = Shares::new(1);
        let taken = shares.take("one").expect("it is free");
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(shares.wait("one"));
        let mut second = pin!(shares.wait("one"));
        let mut other = pin!(shares.wait("other"));
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert!(other.as_mut().poll(&mut context).is_pending());
        drop(taken);
        let Poll::Ready(first) = first.as_mut().poll(&mut context) else {
            panic!("it came first");
        };
        assert!(other.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(second.as_mut().poll(&mut context).is_pending());
        let Poll::Ready(other) = other.as_mut().poll(&mut context) else {
            panic!("it is the other holder's turn");
        };
        drop(other);
        assert!(second.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn one_that_gives_up_waiting_leaves_nothing_behind() {
        let shares = Shares::new(1);
        let taken = shares.take("one").expect("it is free");
        let mut context = Context::from_waker(Waker::noop());
        let mut gives_up_early = Box::pin(shares.wait("one"));
        let mut gives_up_late = Box::pin(shares.wait("other"));
        assert!(gives_up_early.as_mut().poll(&mut context).is_pending());
        assert!(gives_up_late.as_mut().poll(&mut context).is_pending());
        drop(gives_up_early);
        // A permit is taken for the one that still waits.
        drop(taken);
        assert!(shares.take("one").is_none());
        drop(gives_up_late);
        assert!(shares.take("one").is_some());
    }
}
