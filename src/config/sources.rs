//! The sources other than the command line: the environment and the TOML file.
//!
//! Each variable and each key is spelled as the flag of the same name and read by the parser of the
//! command line, one at a time, so that a message can say where the mistake stands.
//!
//! Deliberately absent: variables of other programs. `RUST_LOG` and those of OpenTelemetry are for
//! [`crate::telemetry`].

use std::{error::Error as _, ffi::OsString, fs, path::Path};

use clap::{CommandFactory, Parser};

use super::{ConfigError, Settings, callers};
use crate::access::Callers;

const PREFIX: &str = "CONVERSATION_";

/// What Kubernetes puts into every container for a Service that is called `conversation` or
/// `conversation-service`. They are not ours, and their names cannot be chosen.
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

/// What the variables of `environment` set.
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
                place: variable,
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

/// What the TOML file at `path` sets, and the callers that it names.
///
/// # Errors
///
/// When the file cannot be read, is not TOML, or has a key that is unknown or malformed.
pub(super) fn from_file(path: &Path) -> Result<(Settings, Callers), ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::File {
        path: path.to_owned(),
        source,
    })?;
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
        let place = format!("{}: `{key}`", path.display());
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
        // What clap itself renders repeats the value; the parser's own message does not.
        Err(error) => Err(ConfigError::Malformed {
            place: place.to_owned(),
            reason: error
                .source()
                .map_or_else(|| error.kind().to_string(), ToString::to_string),
        }),
    }
}
