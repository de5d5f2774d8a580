//! `DeleteMatchingConversations`.

use std::fmt;

use super::{deletion, origin, selector, time};
use crate::{
    app::{DeleteMatchingConversations, History, Matched, Matching, MatchingOutcome},
    domain::{CallerName, MAX_MATCHING},
    grpc::{
        plan,
        violations::{Fault, Found, InvalidRequest, Violations},
    },
    proto::{
        DeleteMatchingConversationsRequest, DeleteMatchingConversationsResponse, ViolationReason,
    },
};

/// A limit above the most that one deletion takes.
struct LimitTooHigh;

pub(crate) fn parse(
    mut request: DeleteMatchingConversationsRequest,
    caller: Option<CallerName>,
) -> Result<DeleteMatchingConversations, InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let DeleteMatchingConversationsRequest {
        user_id: _,
        selector,
        clear_history,
        limit,
        dry_run,
        plan,
        reappearance,
        forget_settings,
        request_id: _,
        client_id: _,
        sync_to_other_clients,
    } = request;
    let selector = selector::parse(selector.as_ref(), &mut violations);
    let limit = violations.check("limit", parse_limit(limit));
    let matching = parse_matching(dry_run, &plan, &mut violations);
    let history = deletion::history(clear_history);
    let reappearance = deletion::reappearance(reappearance, &mut violations).unwrap_or_default();
    let settings = deletion::settings(forget_settings);
    let parsed = selector.zip(limit.zip(matching));
    let parsed = asker.asking(parsed, |(selector, (limit, _)), meaning| {
        selector::mean(selector, meaning);
        meaning.number(*limit as u64);
        meaning.bytes(plan.as_bytes());
        meaning.flag(history == History::Clear);
        meaning.optional_flag(sync_to_other_clients);
        deletion::mean(reappearance, settings, meaning);
    });
    violations.finish(parsed.map(|(origin, (selector, (limit, matching)))| {
        DeleteMatchingConversations {
            scope: selector::scope(&origin.user, &selector),
            origin,
            selector,
            matching,
            limit,
            history,
            reappearance,
            settings,
            synchronisation: sync_to_other_clients.map(deletion::synchronisation),
        }
    }))
}

/// 0 means as many as one deletion takes.
fn parse_limit(limit: u32) -> Result<usize, LimitTooHigh> {
    match usize::try_from(limit) {
        Ok(0) => Ok(MAX_MATCHING),
        Ok(limit @ 1..=MAX_MATCHING) => Ok(limit),
        _ => Err(LimitTooHigh),
    }
}

/// The fields `dry_run` and `plan`, which do not go together.
fn parse_matching(is_dry_run: bool, plan: &str, violations: &mut Violations) -> Option<Matching> {
    if is_dry_run && !plan.is_empty() {
        let description = "must be empty when dry_run is set";
        violations.add("plan", &Found(ViolationReason::Conflict, description));
        return None;
    }
    if is_dry_run {
        return Some(Matching::Look);
    }
    if plan.is_empty() {
        return Some(Matching::Delete);
    }
    let plan = violations.check("plan", plan::decode(plan))?;
    Some(Matching::DeletePlanned(plan))
}

pub(crate) fn render(matched: Matched) -> DeleteMatchingConversationsResponse {
    let Matched {
        conversations,
        matched,
        revision,
        outcome,
    } = matched;
    let more = matched > conversations.len() as u64;
    let results = conversations.into_iter().map(deletion::render_result);
    let response = DeleteMatchingConversationsResponse {
        results: results.collect(),
        matched_count: matched,
        more,
        revision: revision.get(),
        ..DeleteMatchingConversationsResponse::default()
    };
    match outcome {
        MatchingOutcome::Planned(made) => DeleteMatchingConversationsResponse {
            plan: plan::encode(&made),
            ..response
        },
        MatchingOutcome::Deleted { restorable_until } => DeleteMatchingConversationsResponse {
            deletion_id: revision.to_string(),
            restorable_until: restorable_until.map(time::render),
            ..response
        },
    }
}

impl Fault for LimitTooHigh {
    fn reason(&self) -> ViolationReason {
        ViolationReason::OutOfRange
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("limit", MAX_MATCHING.to_string())]
    }
}

impl fmt::Display for LimitTooHigh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be between 0 and {MAX_MATCHING}")
    }
}
