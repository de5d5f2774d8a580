//! The command line: its commands and flags, and their help, which is their documentation as well.

use std::{ffi::OsString, path::PathBuf};

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{
    config::Settings,
    health_probe::{ProbeAddress, ProbeFiles},
};

/// Keeps the conversation lists of a chat product's users, over gRPC
#[derive(Debug, Parser)]
#[command(
    name = "conversation-service",
    version,
    after_help = "Every setting is also an environment variable (--restore-window is CONVERSATION_RESTORE_WINDOW)\n\
                  and, except for --config, a key of the TOML file (restore_window = \"24h\"). The command\n\
                  line wins over the environment, and the environment over the file.\n\
                  The services that may call can only be named in the file, each by a table [[callers]] with\n\
                  name, token_sha256 (one or a list), certificate_name or certificate_common_name, and roles.\n\
                  Callers, sync_deletions and log_filter are read again when the file changes.\n\
                  OTEL_EXPORTER_OTLP_ENDPOINT says where to send traces [default: none are sent]."
)]
pub struct CommandLine {
    /// The command; none is [`Command::Serve`].
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings that are given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// A command of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the database up to date, then serve; this is the default
    Serve,
    /// Bring the database up to date, print what was done, and exit
    Migrate,
    /// Run the background jobs once, print what they have removed, and exit
    Purge {
        /// On SQLite: trust the clock of this machine, although it has jumped ahead
        #[arg(long)]
        trust_clock: bool,
    },
    /// Copy a SQLite database into a new file, even while a server uses it
    Backup {
        /// The file to create; it must not exist
        file: PathBuf,
    },
    /// Run this once after restoring the database from a backup, so that every client lists again
    AfterRestore,
    /// Check the health of a server, for probes: exit with status 0 if it serves
    Health {
        /// The server, as host:port, http://… or https://… [default: the address of --listen]
        #[arg(long)]
        address: Option<ProbeAddress>,
        /// The files that protect the connection.
        #[command(flatten)]
        files: ProbeFiles,
    },
    /// Show what the service does, on a throw-away database
    Demo,
}

impl CommandLine {
    /// Reads the command line, of which the first word is the program's name.
    ///
    /// # Errors
    ///
    /// If it is wrong, or asks for help or the version.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(with_joined_switches(words))
    }
}

/// `--sync-deletions false` is meant as `--sync-deletions=false`. The parser takes a word after a switch
/// for a command, as in `--sync-deletions serve`.
fn with_joined_switches(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let command = CommandLine::command();
    let settings = command.get_arguments();
    let switches: Vec<_> = settings
        .filter(|setting| setting.is_require_equals_set())
        .filter_map(|setting| setting.get_long())
        .map(|name| OsString::from(format!("--{name}")))
        .collect();
    let mut joined: Vec<OsString> = Vec::new();
    for word in words {
        match joined.last_mut() {
            Some(switch) if switches.contains(switch) && (word == "true" || word == "false") => {
                switch.push("=");
                switch.push(word);
            }
            _ => joined.push(word),
        }
    }
    joined
}

#[cfg(test)]
mod reference;
