//! Collects everything that is wrong with a request, each by its path.

use std::fmt;

use tonic_types::FieldViolation;

/// The most violations that an error names.
const MAX: usize = 20;

/// What is wrong with a request so far.
#[derive(Debug, Default)]
pub(super) struct Violations(Vec<FieldViolation>);

/// A request that breaks rules: at least one, at most 20 of them are named.
#[derive(Debug)]
pub(super) struct InvalidRequest(Vec<FieldViolation>);

impl Violations {
    /// Notes what is wrong with the field at `path`, which is written out only here: most requests
    /// have hundreds of fields and nothing wrong with any.
    pub(super) fn add(&mut self, path: impl fmt::Display, description: impl fmt::Display) {
        if !self.is_full() {
            self.0.push(FieldViolation::new(
                path.to_string(),
                description.to_string(),
            ));
        }
    }

    /// The value, or `None` with the error noted under `path`.
    pub(super) fn check<T, E: fmt::Display>(
        &mut self,
        path: impl fmt::Display,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(path, error)).ok()
    }

    /// The value of a field that may be empty; `None` if it is, or if it is wrong, which is noted.
    pub(super) fn optional<T, E: fmt::Display>(
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
        self.0.len() >= MAX
    }

    /// The parsed request, unless something is wrong with it. `parsed` is there if nothing is.
    pub(super) fn finish<T>(self, parsed: Option<T>) -> Result<T, InvalidRequest> {
        match parsed {
            Some(parsed) if self.0.is_empty() => Ok(parsed),
            _ => Err(InvalidRequest(self.0)),
        }
    }
}

impl InvalidRequest {
    /// A request with one violation, found where requests are carried out.
    pub(super) fn one(path: &str, description: &str) -> Self {
        Self(vec![FieldViolation::new(path, description)])
    }

    pub(super) fn into_violations(self) -> Vec<FieldViolation> {
        self.0
    }
}
