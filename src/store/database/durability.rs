//! Whether PostgreSQL keeps what it has acknowledged.
//!
//! A PostgreSQL server may be configured to acknowledge commits before they are on disk. If its machine then fails,
//! changes that this service has acknowledged are lost, and nobody notices. [`super::session`] overrides the
//! settings that a session can override; the log and a metric report the others.

use sqlx::postgres::PgConnection;

use super::session;
use crate::store::database::error::StoreError;

/// The settings of the server that lose commits, of those that are not as they should be.
const WHAT_IS_OFF: &str = "SELECT coalesce(string_agg(name, ', ' ORDER BY name), '') \
    FROM unnest(ARRAY['fsync', 'full_page_writes']) AS name \
    WHERE current_setting(name) = 'off'";

/// Whether what is committed survives a failure of the database's machine, as far as its settings say.
/// The log has a warning if not.
pub(in crate::store) async fn find(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let off = session::ask(connection, WHAT_IS_OFF).await?;
    if !off.is_empty() {
        tracing::warn!(
            settings = off,
            "the database may lose what it has acknowledged when its machine fails: these of its settings \
             are off"
        );
    }
    Ok(off.is_empty())
}
