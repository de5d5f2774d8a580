//! The command line: its commands and flags, and their help, which is their documentation as well.

use std::{ffi::OsString, path::PathBuf};

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{
    config::Settings,
    health_probe::{ProbeAddress, ProbeFiles},
};

/// Owns the conversation lists of a chat product's users.
#[derive(Debug, Parser)]
#[command(
    name = "conversation-service",
    version,
    after_help = "Every setting is also a variable (--restore-window is CONVERSATION_RESTORE_WINDOW)\n\
                  and, but for --config, a key of the TOML file (restore_window = \"24h\"). The command\n\
                  line wins over the environment, and the environment over the file.\n\
                  The services that may call stand in the file alone, each as a table [[callers]] with name,\n\
                  token_sha256 (one or a list), certificate_name or certificate_common_name, and roles. They,\n\
                  sync_deletions and log_filter are followed when the file changes.\n\
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
    /// Bring the database up to date, then serve; this is also done without a command
    Serve,
    /// Bring the database up to date and exit, saying what was done
    Migrate,
    /// Run the background jobs once and exit, saying what they have removed
    Purge {
        /// On SQLite: the clock of this machine has jumped ahead, and is right
        #[arg(long)]
        trust_clock: bool,
    },
    /// Copy a SQLite database into a new file, also while a server uses it
    Backup {
        /// The file to make; it must not exist
        file: PathBuf,
    },
    /// To be run once after the database was restored from a backup: every client lists again
    AfterRestore,
    /// Exit with status 0 if a server serves, for probes
    Health {
        /// The server, as host:port, http://… or https://… [default: the address to accept calls on]
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
