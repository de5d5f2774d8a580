//! The errors that callers get when something is wrong. A call that fails like this changes nothing.

mod changes;
mod database_away;
mod deadlines;
mod input;
mod matching;
mod not_grpc;
mod tokens;
mod transport;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::errors::reason;

/// Checks what holds of every error: our reason and domain, violations with a refused argument, and
/// nothing of what the service is made of.
pub(crate) fn assert_ours(status: &Status) {
    let reason = reason(status);
    assert!(!reason.is_empty(), "{status:?}");
    let details = status.get_error_details();
    let bad_request = details
        .bad_request()
        .is_some_and(|bad| !bad.field_violations.is_empty());
    assert_eq!(
        bad_request,
        status.code() == Code::InvalidArgument,
        "{status:?}"
    );
    assert!(
        !status.message().is_empty() && status.message().len() < 500,
        "{status:?}"
    );

    let said = format!("{} {details:?}", status.message()).to_lowercase();
    for inner in [
        "sqlx",
        "sea-orm",
        "sea_orm",
        "postgres",
        "sqlite",
        "select ",
        "insert ",
        "update ",
        "from ",
        "/tmp",
        ".db",
        ".rs",
        "prost",
        "panick",
        "127.0.0.1",
        "os error",
        "poison",
    ] {
        // "from" is an English word too; only SQL has a table after it.
        let found = match inner {
            "from " => ["members", "messages", "changes", "users", "conversations"]
                .iter()
                .any(|table| said.contains(&format!("from {table}"))),
            _ => said.contains(inner),
        };
        assert!(!found, "{inner:?} in {said}");
    }
}
