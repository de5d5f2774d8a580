//! Collects every violation of a request, by its path.

mod fault;

use std::fmt;

use tonic_types::FieldViolation;

pub(super) use self::fault::{Fault, Found, Repeats, TooMany};

/// The most violations that an error names.
const MAX: usize = 20;
/// `FieldViolation.reason` is the name of a `ViolationReason` without this.
const PREFIX: &str = "VIOLATION_REASON_";

/// The violations of a request that were found so far.
#[derive(Debug, Default)]
pub(super) struct Violations(InvalidRequest);

/// A request that breaks rules: at least one, at most 20 of them are named.
#[derive(Debug, Default)]
pub(super) struct InvalidRequest {
    violations: Vec<FieldViolation>,
    /// The values that the first violation's description names, by their names.
    values: Vec<(&'static str, String)>,
}

impl Violations {
    /// Notes what is wrong with the field at `path`, which is written out only here: most requests
    /// have hundreds of fields and nothing wrong with any.
    pub(super) fn add(&mut self, path: impl fmt::Display, fault: &impl Fault) {
        if self.is_full() {
            return;
        }
        if self.0.violations.is_empty() {
            self.0.values = fault.values();
        }
        self.0.violations.push(violation(path, fault));
    }

    /// The value, or `None` with the error noted under `path`.
    pub(super) fn check<T, E: Fault>(
        &mut self,
        path: impl fmt::Display,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(path, &error)).ok()
    }

    /// The value of a field that may be empty; `None` if it is, or if it is wrong, which is noted.
    pub(super) fn optional<T, E: Fault>(
        &mut self,
        path: &str,
        field: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if field.is_empty() {
            return None;
        }
        self.check(path, parse(field))
    }

    /// Whether there is no use in looking for more.
    pub(super) const fn is_full(&self) -> bool {
        self.0.violations.len() >= MAX
    }

    /// The parsed request, unless something is wrong with it. `parsed` is there if nothing is.
    pub(super) fn finish<T>(self, parsed: Option<T>) -> Result<T, InvalidRequest> {
        match parsed {
            Some(parsed) if self.0.violations.is_empty() => Ok(parsed),
            _ => Err(self.0),
        }
    }
}

impl InvalidRequest {
    /// A request with one violation, found outside the request's parser.
    pub(super) fn one(path: &str, fault: &impl Fault) -> Self {
        Self {
            violations: vec![violation(path, fault)],
            values: fault.values(),
        }
    }

    /// A request with the same fault at each of these paths, found outside the request's parser.
    pub(super) fn at_each(paths: impl Iterator<Item = String>, fault: &impl Fault) -> Self {
        Self {
            violations: paths.take(MAX).map(|path| violation(path, fault)).collect(),
            values: fault.values(),
        }
    }

    /// The violations, in the order in which they were found.
    pub(super) fn violations(&self) -> &[FieldViolation] {
        &self.violations
    }

    /// The violations, and the values that the first one's description names.
    pub(super) fn into_parts(self) -> (Vec<FieldViolation>, Vec<(&'static str, String)>) {
        (self.violations, self.values)
    }
}

fn violation(path: impl fmt::Display, fault: &impl Fault) -> FieldViolation {
    let reason = fault.reason().as_str_name();
    FieldViolation {
        reason: reason.strip_prefix(PREFIX).unwrap_or(reason).to_owned(),
        ..FieldViolation::new(path.to_string(), fault.to_string())
    }
}
