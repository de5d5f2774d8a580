//! The address of the database, checked as far as this crate depends on it, and safe to log.
//!
//! Deliberately absent: the meaning of host, path and parameters. The database driver parses those
//! when it connects.

use std::{fmt, str::FromStr};

const SQLITE: &str = "sqlite";
const POSTGRES: [&str; 2] = ["postgres", "postgresql"];

/// Where the database is: `sqlite://path` for a file, `postgres://user:password@host/database` for
/// PostgreSQL (`postgresql://` means the same).
///
/// `Debug` and `Display` leave out user, password and parameters; only [`DatabaseUrl::expose`] gives
/// the whole.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

/// Why a text is not the address of a database that the service can work on.
///
/// The messages never repeat the text, since it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseUrlError {
    /// Something other than SQLite and PostgreSQL, or no URL at all.
    #[error("expected a URL that begins with `sqlite://`, `postgres://` or `postgresql://`")]
    Scheme,
    /// A SQLite database without a file, which SQLite would keep for one connection only.
    #[error("the SQLite URL names no file, as `sqlite://conversations.db` does")]
    NoFile,
    /// A SQLite database in memory.
    #[error(
        "a SQLite database in memory is not supported: each connection would have a database of \
         its own, and nothing would be kept; name a file, as `sqlite://conversations.db` does"
    )]
    InMemory,
}

impl DatabaseUrl {
    /// Whether it names a file of SQLite's.
    pub fn is_sqlite(&self) -> bool {
        self.0.starts_with("sqlite:")
    }

    /// The whole URL, password included: for the driver only, never for a log or a message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Default for DatabaseUrl {
    fn default() -> Self {
        Self("sqlite://conversations.db".to_owned())
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').ok_or(DatabaseUrlError::Scheme)?;
        if scheme == SQLITE {
            refuse_memory(rest.strip_prefix("//").unwrap_or(rest))?;
        } else if !(POSTGRES.contains(&scheme) && rest.starts_with("//")) {
            return Err(DatabaseUrlError::Scheme);
        }
        Ok(Self(text.to_owned()))
    }
}

fn refuse_memory(rest: &str) -> Result<(), DatabaseUrlError> {
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    // The driver decodes the path, and SQLite then knows the name `:memory:` again.
    let path = path.to_ascii_lowercase().replace("%3a", ":");
    if path.contains(":memory:") || parameters.split('&').any(|it| it == "mode=memory") {
        Err(DatabaseUrlError::InMemory)
    } else if path.is_empty() {
        Err(DatabaseUrlError::NoFile)
    } else {
        Ok(())
    }
}

/// The part of a PostgreSQL URL after `//` that holds no secret: host, port and database.
///
/// A password that should have been escaped can put `/`, `?`, `@` or `:` anywhere, so nothing is
/// shown unless the text can be read in one way only.
fn without_secrets(rest: &str) -> Option<&str> {
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_end);
    let host_start = authority.rfind('@').map_or(0, |at| at + 1);
    let host = &authority[host_start..];
    let port_is_a_port = match host.rsplit_once(':') {
        Some((_, port)) => port.ends_with(']') || port.parse::<u16>().is_ok(),
        None => true,
    };
    if tail.contains('@') || !port_is_a_port {
        return None;
    }
    let shown_end = rest.find(['?', '#']).unwrap_or(rest.len());
    Some(&rest[host_start..shown_end])
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once("://") {
            Some((scheme, rest)) if scheme != SQLITE => {
                write!(f, "{scheme}://{}", without_secrets(rest).unwrap_or("…"))
            }
            _ => f.write_str(self.0.split('?').next().unwrap_or_default()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
        text.parse()
    }

    #[test]
    fn files_and_postgres_are_accepted_and_kept_as_they_are() {
        for text in [
            "sqlite://conversations.db",
            "sqlite:conversations.db?mode=rwc",
            "sqlite:///var/lib/conversations.db",
            "postgres://user:secret@db:5432/chat?sslmode=require",
            "postgresql:///chat?host=/run/postgresql",
        ] {
            assert_eq!(parse(text).unwrap().expose(), text);
        }
    }

    #[test]
    fn other_databases_are_refused() {
        for text in [
            "mysql://db/chat",
            "conversations.db",
            "postgres:db",
            "",
            "://",
        ] {
            assert_eq!(parse(text), Err(DatabaseUrlError::Scheme), "{text}");
        }
    }

    #[test]
    fn sqlite_in_memory_is_refused_however_it_is_written() {
        for text in [
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://:memory:?cache=shared",
            "sqlite://%3Amemory%3A",
            "sqlite:file::memory:",
            "sqlite://?mode=memory",
            "sqlite://chat.db?cache=shared&mode=memory",
        ] {
            assert_eq!(parse(text), Err(DatabaseUrlError::InMemory), "{text}");
        }
    }

    #[test]
    fn sqlite_without_a_file_is_refused() {
        for text in ["sqlite:", "sqlite://", "sqlite://?mode=rwc"] {
            assert_eq!(parse(text), Err(DatabaseUrlError::NoFile), "{text}");
        }
    }

    #[test]
    fn what_is_printed_says_where_the_database_is() {
        for (text, shown) in [
            ("sqlite://conversations.db", "sqlite://conversations.db"),
            ("postgres://user:pw@db:5432/chat", "postgres://db:5432/chat"),
            ("postgres://user:pw@[::1]/chat", "postgres://[::1]/chat"),
            ("postgresql://db/chat?password=pw", "postgresql://db/chat"),
        ] {
            let url = parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("DatabaseUrl({shown})"));
        }
    }

    #[test]
    fn no_part_of_a_password_is_printed_even_when_it_is_not_escaped() {
        for text in [
            "postgres://user:hunter2@db/chat",
            "postgres://user:hunter2@hunter2@db/chat",
            "postgres://user:hunter2/hunter2@db/chat",
            "postgres://user:hunter2?hunter2@db/chat",
            "postgres://user:hunter2#hunter2@db/chat",
            "postgres://user:hunter2@hunter2/hunter2@db/chat",
            "postgres://user:hunter2",
            "postgres://db/chat?password=hunter2",
            "postgres://db/chat?password=hunter2@hunter2",
        ] {
            let url = parse(text).unwrap();
            assert!(!format!("{url} {url:?}").contains("hunter2"), "{text}");
        }
    }
}
