//! Reads the `google.rpc` details of an error.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The domain that every error of the service names.
const DOMAIN: &str = "conversation.v1";

/// The stable reason of an error.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("every error carries an ErrorInfo: {status:?}"));
    assert_eq!(info.domain, DOMAIN, "of {status:?}");
    info.reason.clone()
}

/// The violations of a refused request: path and description of each, in the order they came.
pub(crate) fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    details.bad_request().map_or_else(Vec::new, |bad| {
        bad.field_violations
            .iter()
            .map(|violation| (violation.field.clone(), violation.description.clone()))
            .collect()
    })
}

/// The paths alone of the violations of a refused request.
pub(crate) fn violated(status: &Status) -> Vec<String> {
    violations(status)
        .into_iter()
        .map(|(path, _)| path)
        .collect()
}

/// Takes the error out of a result and checks its code and reason.
pub(crate) fn refused<T: std::fmt::Debug>(
    result: Result<T, Status>,
    code: Code,
    expected: &str,
) -> Status {
    let status = result.expect_err("the request is refused");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (code, expected),
        "{status:?}"
    );
    status
}
