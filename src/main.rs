//! The `conversation-service` command: settings, log lines, run, exit status.
//!
//! Exit status: 0 when the command did what it was asked to; 1 when it failed at run time; 2 when the
//! command line or the settings are wrong. With `log_format = "json"` each line on standard output and on
//! standard error is a JSON object, except for help and the output of `demo`. Everything else is the library's.

use std::{
    env,
    error::Error,
    ffi::OsString,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use clap::error::{ContextKind, ContextValue};
use conversation_service::{
    command_line::{Command, CommandLine},
    config::{Config, Origin, Settings, Sources},
    demo,
    health_probe::{self, ProbeAddress, ProbeFiles, Protection},
    jobs::{self, Schedule},
    lifecycle::Shutdown,
    machine,
    reload::Reload,
    server::{Server, StartError},
    store::{self, BackupError, Migrated, Vacuum},
    telemetry::{self, Export, LogFormat, Telemetry},
};

const WRONG_USAGE: u8 = 2;

/// How long the end waits for the last log lines to be written, if nobody reads them.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The reason that a command fails; the exit status tells the two apart.
enum Failure {
    /// The settings are wrong. Log lines may not be written yet.
    Settings(Box<dyn Error>),
    /// Something went wrong at run time.
    Run(Box<dyn Error>),
}

#[tokio::main]
async fn main() -> ExitCode {
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment is read here once, and passed on"
    )]
    let environment: Vec<_> = env::vars_os().collect();
    let line = match CommandLine::read(env::args_os()) {
        Ok(line) => line,
        Err(error) => return refuse(error, &environment),
    };
    let sources = Sources::new(line.settings, environment.clone());
    let format = sources.log_format();
    let status = match Box::pin(run(line.command, sources, environment)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Settings(error)) => {
            complain(format, &one_line(&*error));
            ExitCode::from(WRONG_USAGE)
        }
        Err(Failure::Run(error)) => {
            let line = one_line(&*error);
            // Where log lines are collected, the reason for the end has to be one of them.
            if tracing::enabled!(tracing::Level::ERROR) {
                tracing::error!(error = line, "the command failed");
            } else {
                complain(format, &line);
            }
            ExitCode::FAILURE
        }
    };
    telemetry::flush(LAST_LINES);
    status
}

async fn run(
    command: Option<Command>,
    sources: Sources,
    environment: Vec<(OsString, OsString)>,
) -> Result<(), Failure> {
    let export = Export::from_environment(&environment).map_err(Failure::settings)?;
    let config = sources.load().map_err(Failure::settings)?;
    let start_telemetry = |otherwise, export| {
        let filter = config.log_filter.as_deref().unwrap_or(otherwise);
        telemetry::init(config.log_format, filter, export).map_err(Failure::settings)
    };
    let usual = telemetry::DEFAULT_FILTER;
    match command.unwrap_or(Command::Serve) {
        Command::Serve => {
            config.refuse_open_listener().map_err(Failure::settings)?;
            let telemetry = start_telemetry(usual, export)?;
            say_where_settings_are_from(&sources)?;
            let shutdown = Shutdown::new();
            let serving = serve(&config, sources, shutdown.clone(), telemetry);
            shutdown
                .on_signals(Box::pin(serving))
                .await
                .map_err(Failure::run)?
        }
        Command::Migrate => {
            let _telemetry = start_telemetry(usual, None)?;
            migrate(&config).await
        }
        Command::Purge { trust_clock } => {
            let telemetry = start_telemetry(usual, export)?;
            let purged = purge(&config, trust_clock).await;
            telemetry.finish(config.drain_timeout).await;
            purged
        }
        Command::Backup { file } => {
            let _telemetry = start_telemetry(usual, None)?;
            backup(&config, &file).await
        }
        Command::AfterRestore => {
            let _telemetry = start_telemetry(usual, None)?;
            after_restore(&config).await
        }
        Command::Health { address, files } => health(&config, address, &files).await,
        Command::Demo => {
            // The story is what the reader came for; only trouble may interrupt it.
            let _telemetry = start_telemetry("warn", None)?;
            demo::run(&mut io::stdout()).await.map_err(Failure::run)
        }
    }
}

/// Names no values: some are secrets.
fn say_where_settings_are_from(sources: &Sources) -> Result<(), Failure> {
    if tracing::enabled!(tracing::Level::DEBUG) {
        for Origin { name, source } in sources.origins().map_err(Failure::settings)? {
            tracing::debug!(setting = name, from = source, "set");
        }
    }
    Ok(())
}

async fn serve(
    config: &Config,
    sources: Sources,
    shutdown: Shutdown,
    telemetry: Telemetry,
) -> Result<(), Failure> {
    let server = tokio::select! {
        server = Server::bind(config, machine::clock()) => server.map_err(Failure::start)?,
        // Nothing is being served yet, so there is nothing to drain.
        () = shutdown.draining() => return Ok(()),
    };
    let address = server.local_addr().to_string();
    let line = format!("conversation-service listening on {address}");
    say(config.log_format, &line, Some(("address", &address)));
    if let Some(address) = server.metrics_addr() {
        let url = format!("http://{address}/metrics");
        let line = format!("metrics at {url}");
        say(config.log_format, &line, Some(("url", &url)));
    }
    let server = match Reload::new(sources, config.clone(), telemetry.filter()) {
        Some(settings) => server.following(settings),
        None => server,
    };
    server.serve(shutdown.clone()).await;
    // The last calls' traces belong to the drain, too.
    let patience = shutdown.left_of(config.drain_timeout);
    telemetry.finish(patience).await;
    Ok(())
}

async fn migrate(config: &Config) -> Result<(), Failure> {
    let migrated = store::migrate(&config.database).await;
    let Migrated {
        version,
        ran,
        distributed,
    } = migrated.map_err(|source| {
        Failure::run(StartError::Database {
            url: config.database.url.to_string(),
            source,
        })
    })?;
    let url = config.database.url.to_string();
    let line = match (ran, distributed) {
        (0, 0) => format!("{url} is up to date, at {version}"),
        (ran, 0) => format!("ran {ran} migrations on {url}, which is at {version} now"),
        (ran, distributed) => format!(
            "ran {ran} migrations on {url}, which is at {version} now, and distributed {distributed} tables"
        ),
    };
    say(config.log_format, &line, None);
    Ok(())
}

async fn backup(config: &Config, file: &Path) -> Result<(), Failure> {
    let made = store::backup(&config.database.url, file).await;
    let made = made.map_err(|error| match error {
        // Another command does it there.
        error @ BackupError::NotSqlite => Failure::settings(error),
        error => Failure::run(error),
    })?;
    let line = format!(
        "copied {} into {}: {} bytes, at {}",
        config.database.url,
        file.display(),
        made.bytes,
        made.version
    );
    say(config.log_format, &line, None);
    Ok(())
}

async fn purge(config: &Config, trust_clock: bool) -> Result<(), Failure> {
    let store = store::connect(&config.database)
        .await
        .map_err(Failure::run)?
        .keeping(config.jobs.change_retention);
    store.database().migrate().await.map_err(Failure::run)?;
    if trust_clock {
        store.database().trust_clock().await.map_err(Failure::run)?;
    }
    let clock = machine::clock();
    let schedule = Schedule {
        vacuum: Vacuum::AtOnce,
        ..Schedule::of(&config.jobs)
    };
    let erased = jobs::run_due(&store, &clock, schedule)
        .await
        .map_err(Failure::run)?;
    store.close().await.map_err(Failure::run)?;
    let held_back = clock.held_back().as_secs();
    if held_back > 0 {
        let line = format!(
            "the clock has jumped {held_back} seconds ahead since it was last seen; what became due by \
             that was left alone. If the clock is right: purge --trust-clock"
        );
        complain(config.log_format, &line);
    }
    let line = format!(
        "erased {} messages that nobody can see; removed {} changes past their retention",
        erased.messages, erased.changes
    );
    say(config.log_format, &line, None);
    Ok(())
}

async fn after_restore(config: &Config) -> Result<(), Failure> {
    let store = store::connect(&config.database)
        .await
        .map_err(Failure::run)?;
    store.database().migrate().await.map_err(Failure::run)?;
    let base = store
        .users()
        .begin_incarnation(&machine::clock())
        .await
        .map_err(Failure::run)?;
    store.close().await.map_err(Failure::run)?;
    let line = format!(
        "revisions go on after {base}: whoever watches, or is in the midst of a list, is told to list again"
    );
    say(config.log_format, &line, None);
    Ok(())
}

async fn health(
    config: &Config,
    address: Option<ProbeAddress>,
    files: &ProbeFiles,
) -> Result<(), Failure> {
    let address = match address {
        Some(address) => address,
        None => config.listen.try_into().map_err(Failure::settings)?,
    };
    let protection = Protection::choose(&address, files, config.tls.as_ref());
    let protection = protection.map_err(Failure::settings)?;
    health_probe::probe(&address, protection)
        .await
        .map_err(Failure::run)?;
    say(config.log_format, &format!("{address} is SERVING"), None);
    Ok(())
}

/// Answers a command line that asks for help or the version, or is wrong.
fn refuse(mut error: clap::Error, environment: &[(OsString, OsString)]) -> ExitCode {
    hide_urls(&mut error);
    // The command line could not be read; what it says of the format cannot be used, but for this.
    let arguments: Vec<_> = env::args_os().collect();
    let asks_for_json = arguments
        .iter()
        .any(|argument| argument == "--log-format=json")
        || arguments
            .windows(2)
            .any(|two| two[0] == "--log-format" && two[1] == "json");
    let format = if asks_for_json {
        LogFormat::Json
    } else {
        Sources::new(Settings::default(), environment.to_vec()).log_format()
    };
    if error.use_stderr() && format == LogFormat::Json {
        complain(format, error.to_string().trim());
    } else {
        // Where help and complaints cannot be written, the exit status is all that is left to give.
        let _ = error.print();
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The complaint would repeat what it is about, and a URL may hold a password wherever on the command
/// line it has ended up.
fn hide_urls(error: &mut clap::Error) {
    let is_of_database = error
        .get(ContextKind::InvalidArg)
        .is_some_and(|flag| flag.to_string().starts_with("--database-"));
    let hidden: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| {
            let has_url = value.to_string().contains("://");
            let is_value = kind == ContextKind::InvalidValue && is_of_database;
            (has_url || is_value).then_some(kind)
        })
        .collect();
    for kind in hidden {
        error.insert(kind, ContextValue::String("…".to_owned()));
    }
}

/// Writes a line to standard output, in JSON with one more field if `field` names one. A line that nobody
/// reads is no reason to stop.
fn say(format: LogFormat, line: &str, field: Option<(&str, &str)>) {
    let line = match format {
        LogFormat::Text => line.to_owned(),
        LogFormat::Json => telemetry::json_line("INFO", line, field),
    };
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Writes a line to standard error that says why the command did not do its work.
fn complain(format: LogFormat, line: &str) {
    let line = match format {
        LogFormat::Text => format!("conversation-service: {line}"),
        LogFormat::Json => telemetry::json_line("ERROR", line, None),
    };
    let _ = writeln!(io::stderr(), "{line}");
}

/// An error and what led to it.
fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some messages already repeat their cause.
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

impl Failure {
    fn settings(error: impl Error + 'static) -> Self {
        Self::Settings(Box::new(error))
    }

    /// A certificate that cannot be used is a setting that is wrong.
    fn start(error: StartError) -> Self {
        match error {
            StartError::Tls(error) => Self::settings(error),
            error @ (StartError::Database { .. } | StartError::Listen { .. }) => Self::run(error),
        }
    }

    fn run(error: impl Error + 'static) -> Self {
        Self::Run(Box::new(error))
    }
}
