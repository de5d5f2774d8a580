//! The page of the settings and commands: their help, as the parser has it.

use clap::{Arg, CommandFactory as _, Parser as _};

use super::CommandLine;
use crate::{
    config::{Config, Settings},
    reference::{Page, code},
    telemetry,
};

const ABOUT: &str = "\
Every setting is a flag, an environment variable and, except for `--config`, a key of the TOML file: the flag's name
with underscores (`restore_window = \"24h\"`). [Settings](../settings.md) says which of them wins, and what can be
changed while the server runs. Callers can only be named in the file: see [Access](../access.md).

A duration is a number with its unit, such as `10s`, `24h` or `1h 30m`, and at most 3650 days. An address is an IP
address or `localhost`, and a port. A limit (`--max-…`) is a whole number from 1 to 1000000. A flag without a
value means `true`. `conversation-service --help` says the same as this page.";

/// How the help of a setting names its default.
const DEFAULT: &str = " [default: ";

/// The help of a setting or an argument.
struct Help {
    /// In one text.
    text: String,
    default: Option<String>,
}

impl Help {
    fn of(argument: &Arg) -> Self {
        let help = argument.get_long_help().or(argument.get_help());
        let help = help.expect("every argument has a help").to_string();
        let (first, rest) = help.split_once("\n\n").unwrap_or((&help, ""));
        let (first, default) = match first.split_once(DEFAULT) {
            Some((first, default)) => (first, default.strip_suffix(']')),
            None => (first, None),
        };
        let paragraphs = [first].into_iter().chain(rest.split("\n\n"));
        let paragraphs: Vec<_> = paragraphs
            .filter(|paragraph| !paragraph.is_empty())
            .map(|paragraph| paragraph.trim_end_matches('.').replace('\n', " "))
            .collect();
        Self {
            text: paragraphs.join(". "),
            default: default.map(str::to_owned),
        }
    }
}

/// The settings, each with its name in the file.
fn settings() -> Vec<(String, Help)> {
    let command = CommandLine::command();
    let settings = command.get_arguments();
    settings
        .map(|setting| (setting.get_id().to_string(), Help::of(setting)))
        .collect()
}

/// The flag of a setting.
fn flag(setting: &str) -> String {
    format!("--{}", setting.replace('_', "-"))
}

/// The variable of a setting.
fn variable(setting: &str) -> String {
    format!("CONVERSATION_{}", setting.to_uppercase())
}

#[test]
fn the_settings_and_commands_are_as_documented() {
    let mut page = Page::new("settings.md", "Settings and commands", ABOUT);
    let settings = settings().into_iter().map(|(name, help)| {
        [
            code(&flag(&name)),
            code(&variable(&name)),
            help.default.as_deref().map_or("none".to_owned(), code),
            help.text,
        ]
    });
    let columns = ["flag", "variable", "default", "meaning"];
    page.section("Settings", "", columns, settings);

    let command = CommandLine::command();
    let commands = command.get_subcommands().map(|command| {
        let about = command.get_about().expect("every command has a help");
        [code(command.get_name()), about.to_string()]
    });
    page.section("Commands", "", ["command", "does"], commands);

    let arguments = command.get_subcommands().flat_map(|command| {
        command.get_arguments().map(|argument| {
            let help = Help::of(argument);
            let name = argument.get_long().map_or_else(
                || argument.get_id().to_string().to_uppercase(),
                |flag| format!("--{flag}"),
            );
            [
                code(command.get_name()),
                code(&name),
                help.default.unwrap_or_else(|| "none".to_owned()),
                help.text,
            ]
        })
    });
    let about = "Every command takes the settings as well.";
    let columns = ["command", "argument", "default", "meaning"];
    page.section("Arguments of commands", about, columns, arguments);
    page.compare();
}

#[test]
fn each_default_in_the_help_is_the_default() {
    let mut defaults = settings();
    defaults.retain(|(_, help)| help.default.is_some());
    assert!(defaults.len() > 15, "defaults are found");
    for (name, help) in defaults {
        let default = help.default.unwrap_or_default();
        if name == "log_filter" {
            assert_eq!(default, telemetry::DEFAULT_FILTER);
            continue;
        }
        let words = ["program".to_owned(), format!("{}={default}", flag(&name))];
        let line = CommandLine::try_parse_from(words).unwrap();
        let by_flag = Config::load(line.settings, []);
        assert_eq!(by_flag.unwrap(), Config::default(), "{name}");
        let environment = [(variable(&name).into(), default.into())];
        let by_variable = Config::load(Settings::default(), environment);
        assert_eq!(by_variable.unwrap(), Config::default(), "{name}");
    }
}
