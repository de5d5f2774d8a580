//! External programs that a machine may lack.

use std::{env, io::Write as _};

/// Says that a test is skipped for want of `tool`. It is a failure if `variable` is `required`.
pub(crate) fn is_missing(tool: &str, variable: &str) {
    let required = env::var(variable).is_ok_and(|value| value == "required");
    assert!(!required, "{variable}=required, but {tool} was not found");
    // Not by a macro, whose output is shown only of tests that fail.
    let line = format!("{tool} not found: a test is skipped\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
