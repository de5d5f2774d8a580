//! Where statements run: in sessions that last, or in such as are lent for one transaction each.

use std::sync::Arc;

use sea_orm::DatabaseConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::{Connections, unavailable};
use crate::{
    config::DatabaseUrl,
    store::database::{
        dialect::Dialect,
        distribution::Layout,
        error::StoreError,
        pooled::Pool,
        session::{self, Session, Sessions},
    },
};

impl Connections {
    /// Where statements run that are no transaction.
    pub(in crate::store) fn statements(&self) -> Pool {
        let state = self.state.borrow();
        Pool::new(&state.pool, state.observer.as_ref())
    }

    /// Where transactions begin.
    pub(in crate::store) fn writers(&self) -> Pool {
        let state = self.state.borrow();
        Pool::new(&state.writers, state.observer.as_ref())
    }

    /// Whether each connection keeps its session.
    pub(in crate::store) fn sessions(&self) -> Sessions {
        let session = self.session.as_ref();
        session.map_or(Sessions::Lasting, |session| session.sessions)
    }

    /// Where the tables are, as it was found or asked for.
    pub(in crate::store) fn layout(&self) -> Layout {
        let session = self.session.as_ref();
        session.map_or(Layout::OneServer, |session| session.layout)
    }

    /// How a connection is made that keeps its session, and how that is set up; `None` where there is no
    /// way to have one.
    pub(in crate::store) fn lasting_session(&self) -> Option<(PgConnectOptions, Session)> {
        let mut session = Session::clone(self.session.as_ref()?);
        let options = match (&self.direct, session.sessions) {
            (Some(direct), _) => of_url(direct).ok()?,
            (None, Sessions::Lasting) => PgConnectOptions::clone(&self.postgres_options()),
            (None, Sessions::Lent) => return None,
        };
        session.sessions = Sessions::Lasting;
        Some((options, session))
    }

    /// A pool of one connection, whose session lasts if there is a way to have such a one. SQLite's is the one that
    /// writes.
    pub(in crate::store) fn for_migrations(&self) -> DatabaseConnection {
        if self.dialect == Dialect::Sqlite {
            let writers = Arc::clone(&self.state.borrow().writers);
            writers.give_back();
            return writers.pool().clone();
        }
        let (options, session) = match self.lasting_session() {
            Some((options, session)) => (options, Some(Arc::new(session))),
            None => (PgConnectOptions::clone(&self.postgres_options()), None),
        };
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .after_connect(move |connection, _| {
                let session = session.clone();
                Box::pin(async move {
                    match session {
                        Some(session) => session.set_up(connection).await,
                        None => Ok(()),
                    }
                })
            });
        pool.connect_lazy_with(options).into()
    }
}

/// How the server of a URL is connected to.
pub(super) fn of_url(url: &DatabaseUrl) -> Result<PgConnectOptions, StoreError> {
    let address = url.postgres();
    let address = address.ok_or_else(|| unavailable("the database URL cannot be used"))?;
    Ok(session::of_service(address.options))
}
