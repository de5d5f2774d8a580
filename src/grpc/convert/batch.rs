//! Lists of 1 to 100 distinct things.

use std::{collections::HashMap, fmt, hash::Hash};

use crate::{
    domain::{Batch, BatchError, UserId},
    grpc::violations::{Repeats, TooMany, Violations},
};

/// Parses each item with `parse`, and notes every item that fails or repeats an earlier one.
pub(super) fn batch<P, T: Clone + Eq + Hash>(
    path: &str,
    items: &[P],
    violations: &mut Violations,
    parse: impl Fn(fmt::Arguments<'_>, &P, &mut Violations) -> Option<T>,
) -> Option<Batch<T>> {
    if items.len() > Batch::MAX {
        let items = items.len();
        violations.add(path, &TooMany { items });
    }
    let mut parsed = Vec::with_capacity(items.len().min(Batch::MAX));
    let mut first_at = HashMap::with_capacity(items.len().min(Batch::MAX));
    for (index, item) in items.iter().enumerate() {
        if violations.is_full() {
            return None;
        }
        let item_path = format_args!("{path}[{index}]");
        let Some(value) = parse(item_path, item, violations) else {
            continue;
        };
        match first_at.insert(value.clone(), index) {
            Some(first) => violations.add(item_path, &Repeats(format!("{path}[{first}]"))),
            None => parsed.push(value),
        }
    }
    if items.is_empty() {
        violations.add(path, &BatchError::Empty);
    }
    Batch::new(parsed).ok()
}

/// A list of users.
pub(super) fn users(
    path: &str,
    users: &[String],
    violations: &mut Violations,
) -> Option<Batch<UserId>> {
    batch(path, users, violations, |path, user, violations| {
        violations.check(path, UserId::new(user))
    })
}
