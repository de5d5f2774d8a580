//! Reads the `google.rpc` details of an error.

use conversation_service::proto::{ErrorReason, ViolationReason};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The domain that every error of the service names.
const DOMAIN: &str = "conversation.v1";

/// The stable reason of an error: a value of the protocol's enum, as is that of each violation.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("every error carries an ErrorInfo: {status:?}"));
    assert_eq!(info.domain, DOMAIN, "of {status:?}");
    let known = ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason));
    assert!(
        known.is_some(),
        "the protocol names no such reason: {status:?}"
    );
    let violations = details.bad_request().map(|bad| &bad.field_violations[..]);
    for violation in violations.unwrap_or_default() {
        let name = format!("VIOLATION_REASON_{}", violation.reason);
        let known = ViolationReason::from_str_name(&name);
        assert!(
            known.is_some(),
            "the protocol names no such fault: {status:?}"
        );
    }
    let call = details.request_info().map(|info| info.request_id.as_str());
    assert!(
        call.is_some_and(|id| !id.is_empty()),
        "every error names its call: {status:?}"
    );
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
