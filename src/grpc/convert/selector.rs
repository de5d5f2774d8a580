//! Selectors of conversations.

use super::{batch::batch, conversation_id, filter, meaning::Meaning, time};
use crate::{
    domain::{PlanScope, Selector, Spared, UserId},
    grpc::violations::{Found, Violations},
    proto::{self, ViolationReason},
};

/// The field `selector`.
pub(super) fn parse(
    selector: Option<&proto::Selector>,
    violations: &mut Violations,
) -> Option<Selector> {
    let Some(selector) = selector else {
        let description = "must be set";
        let fault = Found(ViolationReason::Required, description);
        violations.add("selector", &fault);
        return None;
    };
    let proto::Selector {
        filter,
        inactive_before,
        all,
        include_pinned,
        include_unread,
        excluded,
    } = selector;
    let is_condition = |filter: &proto::ListFilter| *filter != proto::ListFilter::default();
    let has_condition = filter.as_ref().is_some_and(is_condition) || inactive_before.is_some();
    if !has_condition && !all {
        let description = "must have a condition, in filter or inactive_before, or all set";
        let fault = Found(ViolationReason::Required, description);
        violations.add("selector", &fault);
    }
    let filter = filter::parse("selector.filter", filter.as_ref(), violations);
    let inactive_before = inactive_before
        .and_then(|before| violations.check("selector.inactive_before", time::parse(&before)));
    let excluded = if excluded.is_empty() {
        Vec::new()
    } else {
        let excluded = batch(
            "selector.excluded",
            excluded,
            violations,
            |path, id, violations| conversation_id::parse(path, Some(id), violations),
        );
        excluded?.into_iter().collect()
    };
    let spared = |is_included| {
        if is_included {
            Spared::Included
        } else {
            Spared::Spared
        }
    };
    Some(Selector {
        pinned: spared(*include_pinned),
        unread: spared(*include_unread || filter.unread_only),
        filter,
        inactive_before,
        excluded,
    })
}

/// The meaning of a selector, value by value. The order of what is excluded makes no difference.
pub(super) fn mean(selector: &Selector, meaning: &mut Meaning) {
    let Selector {
        filter,
        inactive_before,
        pinned,
        unread,
        excluded,
    } = selector;
    filter::mean(filter, meaning);
    // No field of a filter has this number: what follows is beside the filter.
    meaning.number(0);
    meaning.optional_time(*inactive_before);
    meaning.flag(*pinned == Spared::Included);
    meaning.flag(*unread == Spared::Included);
    let mut excluded = excluded.clone();
    excluded.sort_unstable();
    meaning.conversations(&excluded);
}

/// The scope of a plan for this user and selector.
pub(super) fn scope(user: &UserId, selector: &Selector) -> PlanScope {
    let mut meaning = Meaning::of("plan");
    meaning.bytes(user.as_str().as_bytes());
    mean(selector, &mut meaning);
    PlanScope(meaning.finish().0)
}
