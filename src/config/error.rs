//! The mistakes in settings. Every variant says where the mistake is, and none repeats a value that could be a
//! password.

use std::{
    borrow::Cow,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::domain::CallerName;

/// Why the service does not start with the settings it was given.
///
/// All of them are the operator's to mend; none goes away by trying again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A source sets something that does not exist, as a typing error does.
    #[error("{place}: there is no such setting; these exist: {known}")]
    Unknown {
        /// The variable, or the file and its key.
        place: String,
        /// The names that would have been right in that place, separated by commas.
        known: String,
    },

    /// A setting has a value that it cannot take.
    #[error("{place}: {reason}")]
    Malformed {
        /// The variable, or the file and its key.
        place: String,
        /// The reason that the value cannot be used.
        reason: String,
    },

    /// The settings file could not be read.
    #[error("the settings file {} cannot be read", shown_path(path))]
    File {
        /// The file that was asked for.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },

    /// The settings file is not TOML.
    #[error("{}, line {line}: {reason}", path.display())]
    Syntax {
        /// The file that was asked for.
        path: PathBuf,
        /// The line of the mistake, from 1.
        line: usize,
        /// The parser's message.
        reason: String,
    },

    /// Changes would be forgotten while they can still be undone.
    #[error("change_retention must not be shorter than restore_window")]
    RetentionTooShort,

    /// A direct way to a database that is there already.
    #[error(
        "database_direct_url goes with a database_url that names PostgreSQL, and names PostgreSQL itself"
    )]
    DirectUrl,

    /// A certificate without its key, or the other way round, or authorities without both.
    #[error("{given} is set and {missing} is not: they go together")]
    IncompleteTls {
        /// The setting that is there.
        given: &'static str,
        /// The setting that it needs.
        missing: &'static str,
    },

    /// A caller is known by its certificate, and no client is asked for one.
    #[error(
        "the caller `{caller}` is known by its certificate; tls_client_ca must say whose are accepted"
    )]
    NoClientCa {
        /// The caller.
        caller: CallerName,
    },

    /// The service would have been open to every machine that can reach it.
    #[error(
        "refusing to listen on {listen}: callers are not authenticated; name them in the settings \
         file, listen on a loopback address, or say --allow-anonymous if everyone who reaches it may call"
    )]
    OpenListener {
        /// The address that was asked for.
        listen: SocketAddr,
    },
}

impl ConfigError {
    /// The message with what led to it.
    pub(crate) fn with_cause(&self) -> String {
        match self {
            Self::File { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}

/// A path, unless it is a URL that was given by mistake.
fn shown_path(path: &Path) -> Cow<'_, str> {
    let text = path.to_string_lossy();
    if text.contains(":/") {
        "…".into()
    } else {
        text
    }
}

/// A key that is no setting's, unless it may be a value that was given by mistake.
pub(super) fn shown_key(key: &str) -> &str {
    let is_name = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if key.chars().all(is_name) { key } else { "…" }
}
