//! The address of the database, read as the database driver reads it, and safe to log.
//!
//! A mistake in the address is found when the settings are read. The message repeats no part of the address:
//! after a common mistake, a `/` in the password that is not percent-encoded, part of the password is where a
//! host, a port or a parameter is expected. The driver would quote it.

use std::{fmt, net::IpAddr, str::FromStr};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};
use url::{ParseError, Url};

const SQLITE: &str = "sqlite";
const POSTGRES: [&str; 2] = ["postgres", "postgresql"];
/// The driver's parameter for the protection of a PostgreSQL connection.
const SSL_MODE: [&str; 2] = ["sslmode", "ssl-mode"];

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
    /// A `#`, `?`, `@` or `/` stands where it ends what it should be part of.
    #[error(
        "the URL cannot be read: percent-encode `/`, `#`, `?`, `@`, `:` and `%` in the user name, the \
         password and the name of the database (`/` is `%2F`)"
    )]
    NotEncoded,
    /// No host, or none that can be one.
    #[error(
        "the URL has no usable host; percent-encode `/`, `#`, `?`, `@`, `:` and `%` in the user name \
         and the password"
    )]
    Host,
    /// A port that is none.
    #[error(
        "the URL has a port that is not a number from 1 to 65535; percent-encode `/`, `#`, `?`, `@`, \
         `:` and `%` in the user name and the password"
    )]
    Port,
    /// The user, the password or the database is not UTF-8 when it is decoded.
    #[error("the user name, the password or the name of the database is not UTF-8")]
    Encoding,
    /// A parameter that does not exist.
    #[error("the URL has a parameter that does not exist; these exist: {0}")]
    UnknownParameter(&'static str),
    /// A parameter with a value that it cannot take.
    #[error("the URL's parameter `{0}` has a value that it cannot take")]
    Parameter(&'static str),
}

/// The protection of a connection to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Nothing has to: it does not leave this machine.
    Local,
    /// TLS, and the database must prove that it is the one.
    Verified,
    /// TLS, but the database need not prove that it is the one.
    Encrypted,
    /// TLS if the database offers it, or none at all: the operator has said so.
    None,
}

/// A connection to PostgreSQL, as its URL and the environment describe it.
pub(crate) struct PostgresAddress {
    /// The mode that the driver goes by.
    pub(crate) options: PgConnectOptions,
    /// The protection of the connection.
    pub(crate) protection: Protection,
    /// Whether that was chosen here, because nothing else says so.
    pub(crate) is_protection_chosen: bool,
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

    /// The file, as the driver opens it; `None` for PostgreSQL.
    pub(crate) fn sqlite(&self) -> Option<SqliteConnectOptions> {
        match self.0.split_once(':') {
            Some((SQLITE, _)) => self.0.parse().ok(),
            _ => None,
        }
    }

    /// The server; `None` for SQLite.
    ///
    /// The driver takes what the URL leaves open from the environment (`PGUSER`, `PGPASSWORD`, …) and
    /// from the password file, each time that this is called.
    ///
    /// Over a network the connection is verified (`sslmode=verify-full`) unless the URL or `PGSSLMODE`
    /// says otherwise. The driver's own default, `prefer`, hands the password to anybody who answers in
    /// the database's place and declines TLS.
    pub(crate) fn postgres(&self) -> Option<PostgresAddress> {
        let url = Url::parse(&self.0).ok()?;
        if !POSTGRES.contains(&url.scheme()) {
            return None;
        }
        let options = PgConnectOptions::from_url(&url).ok()?;
        let says = url.query_pairs().any(|(key, _)| SSL_MODE.contains(&&*key));
        Some(PostgresAddress::new(options, says))
    }
}

impl PostgresAddress {
    fn new(options: PgConnectOptions, says_mode: bool) -> Self {
        let is_local = options.get_socket().is_some() || is_local(options.get_host());
        let mode = options.get_ssl_mode();
        // The driver does not tell its default from a `PGSSLMODE=prefer`.
        let is_default = !says_mode && matches!(mode, PgSslMode::Prefer);
        let is_protection_chosen = is_default && !is_local;
        let options = if is_protection_chosen {
            options.ssl_mode(PgSslMode::VerifyFull)
        } else {
            options
        };
        let protection = match options.get_ssl_mode() {
            _ if is_local => Protection::Local,
            PgSslMode::VerifyFull => Protection::Verified,
            PgSslMode::VerifyCa | PgSslMode::Require => Protection::Encrypted,
            PgSslMode::Prefer | PgSslMode::Allow | PgSslMode::Disable => Protection::None,
        };
        Self {
            options,
            protection,
            is_protection_chosen,
        }
    }
}

/// Whether this host, or directory of a socket, is this machine. A name that leads here by way of a
/// name service is not known to.
fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
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
            check_sqlite(text, rest.strip_prefix("//").unwrap_or(rest))?;
        } else if POSTGRES.contains(&scheme) && rest.starts_with("//") {
            check_postgres(text)?;
        } else {
            return Err(DatabaseUrlError::Scheme);
        }
        Ok(Self(text.to_owned()))
    }
}

fn check_sqlite(text: &str, rest: &str) -> Result<(), DatabaseUrlError> {
    const PARAMETERS: &str = "mode, cache, immutable, vfs";
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    // The driver decodes the path, and SQLite then knows the name `:memory:` again.
    let name = path.to_ascii_lowercase().replace("%3a", ":");
    if name.contains(":memory:") || parameters.split('&').any(|it| it == "mode=memory") {
        return Err(DatabaseUrlError::InMemory);
    }
    if path.is_empty() {
        return Err(DatabaseUrlError::NoFile);
    }
    for (key, value) in url::form_urlencoded::parse(parameters.as_bytes()) {
        let (name, is_known) = match &*key {
            "mode" => ("mode", matches!(&*value, "ro" | "rw" | "rwc")),
            "cache" => ("cache", matches!(&*value, "private" | "shared")),
            "immutable" => ("immutable", matches!(&*value, "true" | "1" | "false" | "0")),
            "vfs" => continue,
            _ => return Err(DatabaseUrlError::UnknownParameter(PARAMETERS)),
        };
        if !is_known {
            return Err(DatabaseUrlError::Parameter(name));
        }
    }
    // All that is left is a path that is not UTF-8.
    match text.parse::<SqliteConnectOptions>() {
        Ok(_) => Ok(()),
        Err(_) => Err(DatabaseUrlError::Encoding),
    }
}

fn check_postgres(text: &str) -> Result<(), DatabaseUrlError> {
    const PARAMETERS: &str = "sslmode, sslrootcert, sslcert, sslkey, statement-cache-capacity, host, \
                              hostaddr, port, dbname, user, password, application_name, options";
    // Where the host ends, nothing but a port, the database and parameters may follow. Any other text there
    // belonged to what comes before.
    let after_host = text.find("://").map_or(text, |at| &text[at + 3..]);
    let after_host = after_host
        .find(['/', '?', '#'])
        .map_or("", |at| &after_host[at..]);
    let path = after_host.split('?').next().unwrap_or_default();
    let url = Url::parse(text);
    if path.contains('@') || text.contains('#') {
        return Err(DatabaseUrlError::NotEncoded);
    }
    let url = url.map_err(|error| match error {
        ParseError::InvalidPort if after_host.contains('@') => DatabaseUrlError::NotEncoded,
        ParseError::InvalidPort => DatabaseUrlError::Port,
        _ => DatabaseUrlError::Host,
    })?;
    for (key, value) in url.query_pairs() {
        let (name, is_known) = match &*key {
            "sslmode" | "ssl-mode" => ("sslmode", value.parse::<PgSslMode>().is_ok()),
            "statement-cache-capacity" => {
                ("statement-cache-capacity", value.parse::<usize>().is_ok())
            }
            "hostaddr" => ("hostaddr", value.parse::<IpAddr>().is_ok()),
            "port" => ("port", value.parse::<u16>().is_ok()),
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" | "sslcert" | "ssl-cert" | "sslkey"
            | "ssl-key" | "host" | "dbname" | "user" | "password" | "application_name"
            | "options" => continue,
            key if key.starts_with("options[") && key.ends_with(']') => continue,
            _ => return Err(DatabaseUrlError::UnknownParameter(PARAMETERS)),
        };
        if !is_known {
            return Err(DatabaseUrlError::Parameter(name));
        }
    }
    // All that is left is a part that is not UTF-8 when it is decoded.
    match PgConnectOptions::from_url(&url) {
        Ok(_) => Ok(()),
        Err(_) => Err(DatabaseUrlError::Encoding),
    }
}

/// The part of a PostgreSQL URL after `//` that holds no secret: host, port and database.
fn without_secrets(rest: &str) -> &str {
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let host_start = rest[..authority_end].rfind('@').map_or(0, |at| at + 1);
    let shown_end = rest.find('?').unwrap_or(rest.len());
    &rest[host_start..shown_end]
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once("://") {
            Some((scheme, rest)) if scheme != SQLITE => {
                write!(f, "{scheme}://{}", without_secrets(rest))
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
mod tests;
