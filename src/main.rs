//! The `conversation-service` command: command line, settings, log lines, run, exit status.
//!
//! Exit status: 0 when the command did what it was asked to; 1 when it failed at run time; 2 when the
//! command line or the settings are wrong. Everything else is the library's.

use std::{
    env,
    error::Error,
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{
    Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};
use conversation_service::{
    config::{Config, Settings},
    demo,
    health_probe::{self, ProbeAddress, ProbeFiles, Protection},
    jobs::{self, Schedule},
    lifecycle::Shutdown,
    machine,
    server::{Server, StartError},
    store::{self, Vacuum},
    telemetry::{self, Export, Telemetry},
};

const WRONG_USAGE: u8 = 2;

/// Owns the conversation lists of a chat product's users.
#[derive(Parser)]
#[command(
    name = "conversation-service",
    version,
    after_help = "Every setting is also a variable (--restore-window is CONVERSATION_RESTORE_WINDOW)\n\
                  and, but for --config, a key of the TOML file (restore_window = \"24h\"). The command\n\
                  line wins over the environment, and the environment over the file.\n\
                  RUST_LOG chooses the log lines [default: info]. OTEL_EXPORTER_OTLP_ENDPOINT says where to\n\
                  send traces [default: none are sent]."
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Bring the database up to date, then serve; this is also done without a command
    Serve,
    /// Bring the database up to date and exit
    Migrate,
    /// Run the background jobs once and exit, saying what they have removed
    Purge {
        /// On SQLite: the clock of this machine has jumped ahead, and is right
        #[arg(long)]
        trust_clock: bool,
    },
    /// To be run once after the database was restored from a backup: every client lists again
    AfterRestore,
    /// Exit with status 0 if a server serves, for probes
    Health {
        /// The server, as host:port, http://… or https://… [default: the address to accept calls on]
        #[arg(long)]
        address: Option<ProbeAddress>,
        #[command(flatten)]
        files: ProbeFiles,
    },
    /// Tell the whole story on a throw-away database
    Demo,
}

/// What keeps a command from its end; the exit status tells the two apart.
enum Failure {
    /// The settings are wrong. Log lines may not be written yet.
    Settings(Box<dyn Error>),
    /// Something went wrong at run time.
    Run(Box<dyn Error>),
}

#[tokio::main]
async fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => return refuse(error),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment is read here once, and passed on"
    )]
    let environment: Vec<_> = env::vars_os().collect();
    match Box::pin(run(line, environment)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Settings(error)) => {
            complain(&one_line(&*error));
            ExitCode::from(WRONG_USAGE)
        }
        Err(Failure::Run(error)) => {
            let line = one_line(&*error);
            // Where log lines are collected, the reason for the end has to be one of them.
            if tracing::enabled!(tracing::Level::ERROR) {
                tracing::error!(error = line, "the command failed");
            } else {
                complain(&line);
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(
    CommandLine { command, settings }: CommandLine,
    environment: Vec<(OsString, OsString)>,
) -> Result<(), Failure> {
    let filter = environment
        .iter()
        .find(|(name, value)| name == "RUST_LOG" && !value.is_empty())
        .map(|(_, value)| value.to_string_lossy().into_owned());
    let export = Export::from_environment(&environment).map_err(Failure::settings)?;
    let config = Config::load(settings, environment).map_err(Failure::settings)?;
    let start_telemetry = |otherwise, export| {
        telemetry::init(
            config.log_format,
            filter.as_deref().unwrap_or(otherwise),
            export,
        )
        .map_err(Failure::settings)
    };
    let usual = telemetry::DEFAULT_FILTER;
    match command.unwrap_or(Command::Serve) {
        Command::Serve => {
            config.refuse_open_listener().map_err(Failure::settings)?;
            let telemetry = start_telemetry(usual, export)?;
            let shutdown = Shutdown::new();
            shutdown
                .on_signals(Box::pin(serve(&config, shutdown.clone(), telemetry)))
                .await
                .map_err(Failure::run)?
        }
        Command::Migrate => {
            let _telemetry = start_telemetry(usual, None)?;
            store::migrate(&config.database).await.map_err(Failure::run)
        }
        Command::Purge { trust_clock } => {
            let telemetry = start_telemetry(usual, export)?;
            let purged = purge(&config, trust_clock).await;
            telemetry.finish(config.drain_timeout).await;
            purged
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

async fn serve(config: &Config, shutdown: Shutdown, telemetry: Telemetry) -> Result<(), Failure> {
    let server = tokio::select! {
        server = Server::bind(config, machine::clock()) => server.map_err(Failure::start)?,
        // Nothing is being served yet, so there is nothing to drain.
        () = shutdown.draining() => return Ok(()),
    };
    say(&format!(
        "conversation-service listening on {}",
        server.local_addr()
    ));
    if let Some(address) = server.metrics_addr() {
        say(&format!("metrics at http://{address}/metrics"));
    }
    let outcome = server.serve(shutdown.clone()).await;
    // The last calls' traces belong to the drain, too.
    let patience = shutdown.left_of(config.drain_timeout);
    telemetry.finish(patience).await;
    outcome.map_err(Failure::run)
}

async fn purge(config: &Config, trust_clock: bool) -> Result<(), Failure> {
    let store = store::connect(&config.database)
        .await
        .map_err(Failure::run)?
        .keeping(config.jobs.change_retention);
    store.migrate().await.map_err(Failure::run)?;
    if trust_clock {
        store.trust_clock().await.map_err(Failure::run)?;
    }
    let clock = machine::clock();
    let schedule = Schedule {
        vacuum: Vacuum::AtOnce,
        ..config.jobs.schedule()
    };
    let erased = jobs::run_due(&store, &clock, schedule)
        .await
        .map_err(Failure::run)?;
    store.close().await.map_err(Failure::run)?;
    let held_back = clock.held_back().as_secs();
    if held_back > 0 {
        complain(&format!(
            "the clock has jumped {held_back} seconds ahead since it was last seen; what became due by \
             that was left alone. If the clock is right: purge --trust-clock"
        ));
    }
    say(&format!(
        "erased {} messages that nobody can see; removed {} changes past their retention",
        erased.messages, erased.changes
    ));
    Ok(())
}

async fn after_restore(config: &Config) -> Result<(), Failure> {
    let store = store::connect(&config.database)
        .await
        .map_err(Failure::run)?;
    store.migrate().await.map_err(Failure::run)?;
    let base = store
        .begin_incarnation(&machine::clock())
        .await
        .map_err(Failure::run)?;
    store.close().await.map_err(Failure::run)?;
    say(&format!(
        "revisions go on after {base}: whoever watches, or is in the midst of a list, is told to list again"
    ));
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
    say(&format!("{address} is SERVING"));
    Ok(())
}

/// Answers a command line that asks for help or the version, or is wrong.
fn refuse(mut error: clap::Error) -> ExitCode {
    let flag = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if error.kind() == ErrorKind::ValueValidation
        && flag.is_some_and(|flag| flag.starts_with("--database-url"))
    {
        // The message would repeat the value, and with it the password.
        error.insert(
            ContextKind::InvalidValue,
            ContextValue::String("…".to_owned()),
        );
    }
    // Where help and complaints cannot be written, the exit status is all that is left to give.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Writes a line for whoever started the command. That nobody reads it is no reason to stop.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Writes a line for whoever wonders why the command did not do its work.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "conversation-service: {line}");
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
