//! The positions of a conversation that lie in some view, as views are added one after the other.

use std::collections::BTreeMap;

use crate::domain::Seq;

/// The union of views. Each is an interval: the positions after one, through another.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Intervals that do not touch each other: where each begins, and its end.
    intervals: BTreeMap<Seq, Seq>,
}

impl Seen {
    /// Adds the positions after `lower`, through `upper`.
    pub(super) fn add(&mut self, mut lower: Seq, mut upper: Seq) {
        if upper <= lower {
            return;
        }
        while let Some((&start, &end)) = self.intervals.range(..=upper).next_back() {
            if end < lower {
                break;
            }
            self.intervals.remove(&start);
            (lower, upper) = (lower.min(start), upper.max(end));
        }
        self.intervals.insert(lower, upper);
    }

    /// Whether every position through `head` lies in some view.
    pub(super) fn is_all(&self, head: Seq) -> bool {
        self.gaps(head).is_empty()
    }

    /// The positions through `head` that lie in no view: after one, through another.
    pub(super) fn gaps(&self, head: Seq) -> Vec<(Seq, Seq)> {
        let mut gaps = Vec::new();
        let mut after = Seq::ZERO;
        for (&lower, &upper) in &self.intervals {
            if lower > after {
                gaps.push((after, lower.min(head)));
            }
            after = upper;
        }
        if head > after {
            gaps.push((after, head));
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const HEAD: u64 = 12;

    fn gaps(seen: &Seen) -> Vec<(u64, u64)> {
        let gaps = seen.gaps(Seq::saturating(HEAD)).into_iter();
        gaps.map(|(after, through)| (after.get(), through.get()))
            .collect()
    }

    fn seen(views: &[(u64, u64)]) -> Seen {
        let mut seen = Seen::default();
        for (lower, upper) in views {
            seen.add(Seq::saturating(*lower), Seq::saturating(*upper));
        }
        seen
    }

    #[test]
    fn what_nobody_sees_is_between_the_views() {
        assert_eq!(gaps(&seen(&[])), [(0, 12)]);
        assert_eq!(gaps(&seen(&[(7, 9), (2, 4)])), [(0, 2), (4, 7), (9, 12)]);
        assert_eq!(gaps(&seen(&[(5, 5), (6, 3)])), [(0, 12)]);
        assert!(seen(&[(4, 12), (0, 4)]).is_all(Seq::saturating(HEAD)));
    }

    /// Views position by position, in every order that a small generator comes up with.
    #[test]
    fn it_is_the_union_of_the_views_in_any_order() {
        let mut state = 7_u64;
        let mut below = |limit: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % limit
        };
        for _ in 0..2_000 {
            let mut in_views = BTreeSet::new();
            let mut seen = Seen::default();
            for _ in 0..below(6) {
                let (lower, upper) = (below(HEAD + 1), below(HEAD + 1));
                seen.add(Seq::saturating(lower), Seq::saturating(upper));
                in_views.extend(lower..upper);
            }
            let mut in_no_gap: BTreeSet<_> = (0..HEAD).collect();
            for (after, through) in gaps(&seen) {
                assert!(after < through);
                in_no_gap.retain(|seq| !(after..through).contains(seq));
            }
            assert_eq!(in_views, in_no_gap, "{seen:?}");
        }
    }
}
