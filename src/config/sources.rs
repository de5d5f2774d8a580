//! The sources of settings: the command line, the environment and the TOML file, and their combination.
//!
//! Each variable and each key is spelled as the flag of the same name and read by the parser of the
//! command line, one at a time, so that a message can say where the mistake stands.
//!
//! Deliberately absent: variables of other programs, but for `RUST_LOG`, which stands for `log_filter`. Those
//! of OpenTelemetry are for [`crate::telemetry`].

use std::{
    error::Error as _,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use clap::{CommandFactory, Parser};

use super::{Config, ConfigError, Settings, callers, error::shown_key};
use crate::{access::Callers, telemetry::LogFormat};

const PREFIX: &str = "CONVERSATION_";

/// The variable that Rust programs are used to for [`Config::log_filter`].
const FILTER: &str = "RUST_LOG";

/// The prefixes of the variables that Kubernetes puts into every container for a Service that is called
/// `conversation` or `conversation-service`. They are not ours, and their names cannot be chosen.
const KUBERNETES: [&str; 2] = ["CONVERSATION_SERVICE_", "CONVERSATION_PORT"];

/// The only setting that the file cannot hold, since it says which file.
const NOT_IN_FILE: &str = "config";

/// One setting, as a command line of its own.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Single {
    #[command(flatten)]
    settings: Settings,
}

/// All sources of one start. They can be read again: the file may have changed.
#[derive(Clone, Debug)]
pub struct Sources {
    flags: Settings,
    environment: Vec<(OsString, OsString)>,
}

/// Where the value of a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The setting, as the file spells it.
    pub name: String,
    /// The source that has won.
    pub source: &'static str,
}

impl Sources {
    /// The command line and the process's whole environment.
    pub const fn new(flags: Settings, environment: Vec<(OsString, OsString)>) -> Self {
        Self { flags, environment }
    }

    /// Puts the settings together: the defaults, then the TOML file, then the environment, then the
    /// command line.
    ///
    /// The file is the one that the command line names, or else `CONVERSATION_CONFIG`. Of the environment
    /// only names that begin with `CONVERSATION_` are looked at, and `RUST_LOG`; a variable that is set to
    /// nothing counts as unset.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, a source holds a setting that is unknown or malformed, or
    /// settings contradict each other.
    pub fn load(&self) -> Result<Config, ConfigError> {
        self.load_with(&self.text()?)
    }

    /// The same with this text of the settings file.
    pub(crate) fn load_with(&self, text: &str) -> Result<Config, ConfigError> {
        let (settings, callers) = match self.file() {
            Some(path) => parsed(&path, text)?,
            None => (Settings::default(), Callers::default()),
        };
        let settings = self.above_the_file()?.or(settings);
        settings.into_config(callers)?.check()
    }

    /// Which source has won, for each setting that one of them sets.
    ///
    /// # Errors
    ///
    /// As [`Sources::load`].
    pub fn origins(&self) -> Result<Vec<Origin>, ConfigError> {
        let file = match self.file() {
            Some(path) => parsed(&path, &self.text()?)?.0,
            None => Settings::default(),
        };
        let environment = self.of_environment()?;
        let by_source = [
            ("command line", &self.flags),
            ("environment", &environment),
            ("file", &file),
        ];
        let mut origins: Vec<Origin> = Vec::new();
        for (source, settings) in by_source {
            for name in settings.set() {
                if !origins.iter().any(|origin| origin.name == name) {
                    origins.push(Origin { name, source });
                }
            }
        }
        Ok(origins)
    }

    /// How the messages of a start are to be written that fails before its settings are known: as the
    /// sources say, as far as they can be read.
    pub fn log_format(&self) -> LogFormat {
        let of_environment = self.environment.iter().find_map(|(name, value)| {
            (name == "CONVERSATION_LOG_FORMAT").then(|| value.to_str()?.parse().ok())?
        });
        let of_file = || {
            let table: toml::Table = self.text().ok()?.parse().ok()?;
            table.get("log_format")?.as_str()?.parse().ok()
        };
        let format = self.flags.log_format.or(of_environment).or_else(of_file);
        format.unwrap_or_default()
    }

    /// The settings file, if one is named.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        if let Some(path) = self.flags.file() {
            return Some(path.to_owned());
        }
        let named = |(name, value): &&(OsString, OsString)| {
            name == "CONVERSATION_CONFIG" && !value.is_empty()
        };
        let (_, path) = self.environment.iter().find(named)?;
        Some(path.into())
    }

    /// The text of the settings file; empty if there is none.
    pub(crate) fn text(&self) -> Result<String, ConfigError> {
        self.file()
            .map_or_else(|| Ok(String::new()), |path| text(&path))
    }

    fn above_the_file(&self) -> Result<Settings, ConfigError> {
        Ok(self.flags.clone().or(self.of_environment()?))
    }

    fn of_environment(&self) -> Result<Settings, ConfigError> {
        let mut settings = from_environment(self.environment.iter().cloned())?;
        if settings.log_filter.is_none() {
            let named = |(name, value): &&(OsString, OsString)| name == FILTER && !value.is_empty();
            let filter = self.environment.iter().find(named);
            settings.log_filter = filter.map(|(_, value)| value.to_string_lossy().into_owned());
        }
        Ok(settings)
    }
}

fn text(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::File {
        path: path.to_owned(),
        source,
    })
}

/// The settings in the variables of `environment`.
///
/// # Errors
///
/// When a variable that begins with [`PREFIX`] is unknown or malformed.
pub(super) fn from_environment(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Settings, ConfigError> {
    let names = names();
    let mut settings = Settings::default();
    for (variable, value) in environment {
        // A name that is not UTF-8 is compared in its readable part, which is enough to find ours.
        let variable = variable.to_string_lossy().into_owned();
        let Some(suffix) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        if value.is_empty() || KUBERNETES.iter().any(|ours| variable.starts_with(ours)) {
            continue;
        }
        let Some(name) = names.iter().find(|name| name.to_uppercase() == suffix) else {
            return Err(ConfigError::Unknown {
                place: shown_key(&variable).to_owned(),
                known: list(
                    names
                        .iter()
                        .map(|name| PREFIX.to_owned() + &name.to_uppercase()),
                ),
            });
        };
        let Ok(value) = value.into_string() else {
            return Err(ConfigError::Malformed {
                place: variable,
                reason: "the value is not UTF-8".to_owned(),
            });
        };
        settings = settings.or(single(&variable, name, &value)?);
    }
    Ok(settings)
}

/// The settings of the TOML file at `path`, which holds `text`, and the callers that it names.
///
/// # Errors
///
/// When the text is not TOML, or has a key that is unknown or malformed.
fn parsed(path: &Path, text: &str) -> Result<(Settings, Callers), ConfigError> {
    // The parser's own rendering quotes the line, and the line may hold a password.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        let before = text.get(..offset).unwrap_or_default();
        ConfigError::Syntax {
            path: path.to_owned(),
            line: 1 + before.matches('\n').count(),
            reason: error.message().to_owned(),
        }
    })?;

    let mut names = names();
    names.retain(|name| name != NOT_IN_FILE);
    let mut settings = Settings::default();
    let mut callers = Callers::default();
    for (key, value) in table {
        if key == callers::KEY {
            callers = callers::parse(&path.display().to_string(), value)?;
            continue;
        }
        let place = format!("{}: `{}`", path.display(), shown_key(&key));
        if !names.contains(&key) {
            names.push(callers::KEY.to_owned());
            let known = list(names.into_iter());
            return Err(ConfigError::Unknown { place, known });
        }
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(switch) => switch.to_string(),
            other => {
                return Err(ConfigError::Malformed {
                    place,
                    reason: format!(
                        "expected a text, a whole number, `true` or `false`, not {}",
                        other.type_str()
                    ),
                });
            }
        };
        settings = settings.or(single(&place, &key, &value)?);
    }
    Ok((settings, callers))
}

/// The names of all settings, as the file spells them.
fn names() -> Vec<String> {
    Single::command()
        .get_arguments()
        .map(|argument| argument.get_id().to_string())
        .collect()
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// The one setting `name` with the value `value`, found at `place`.
fn single(place: &str, name: &str, value: &str) -> Result<Settings, ConfigError> {
    let flag = format!("--{}={value}", name.replace('_', "-"));
    match Single::try_parse_from([flag]) {
        Ok(Single { settings }) => Ok(settings),
        // Clap's own rendering repeats the value; the parser's message does not.
        Err(error) => Err(ConfigError::Malformed {
            place: place.to_owned(),
            reason: error
                .source()
                .map_or_else(|| error.kind().to_string(), ToString::to_string),
        }),
    }
}
