//! Reads the settings file again when it changes: callers, `sync_deletions` and the log filter are followed
//! while the service runs.
//!
//! Invariants:
//! - A file that cannot be used changes nothing, and the log says why, once.
//! - The file is read like at the start, with the same command line and environment on top of it. So a
//!   setting that the environment overrides stays overridden.
//! - A file that is being written is not used: its content counts once it was read twice in a row.
//! - A file that no longer names any callers is refused, because it would let everyone in. That takes a restart.
//!
//! Deliberately absent: following any other setting. The log names those that have changed. They take effect at
//! the next start.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    access::Callers,
    config::{Config, Sources},
    telemetry::LogFilter,
};

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// A settings file that is followed.
#[derive(Debug)]
pub struct Reload {
    sources: Arc<Sources>,
    filter: LogFilter,
    in_use: Config,
}

impl Reload {
    /// Follows the file of `sources`, which at the start have come to `in_use`; `filter` chooses log lines.
    /// `None` if there is no file.
    pub fn new(sources: Sources, in_use: Config, filter: LogFilter) -> Option<Self> {
        sources.file()?;
        Some(Self {
            sources: Arc::new(sources),
            filter,
            in_use,
        })
    }

    /// Follows the file until dropped.
    pub(crate) async fn follow(
        mut self,
        callers: watch::Sender<Arc<Callers>>,
        sync_deletions: watch::Sender<bool>,
    ) {
        let (mut before, mut done) = (None, None);
        loop {
            let sources = Arc::clone(&self.sources);
            // A task that did not run to its end has read nothing, and the next one will.
            if let Ok(text) = spawn_blocking(move || text(&sources)).await {
                if before.as_ref() == Some(&text) && done.as_ref() != Some(&text) {
                    let used = text
                        .as_ref()
                        .map_err(Clone::clone)
                        .and_then(|text| load(&self.sources, text))
                        .and_then(|config| self.take(&config, &callers, &sync_deletions));
                    if let Err(error) = used {
                        tracing::warn!(
                            error,
                            "the settings file cannot be used; the settings stay as they are"
                        );
                    }
                    done = Some(text.clone());
                }
                before = Some(text);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Uses what is followed of new settings.
    fn take(
        &mut self,
        new: &Config,
        callers: &watch::Sender<Arc<Callers>>,
        sync_deletions: &watch::Sender<bool>,
    ) -> Result<(), String> {
        let old = &self.in_use;
        if new == old {
            return Ok(());
        }
        if new.callers.is_empty() && !old.callers.is_empty() {
            return Err(
                "it names no callers any more, which would let everyone in; restart the \
                        service if that is meant"
                    .to_owned(),
            );
        }
        if new.log_filter != old.log_filter {
            self.filter.choose(new.log_filter.as_deref())?;
        }
        let changed = [
            ("callers", new.callers != old.callers),
            (
                "sync_deletions",
                new.deletion.sync_by_default != old.deletion.sync_by_default,
            ),
            ("log_filter", new.log_filter != old.log_filter),
        ];
        let changed: Vec<_> = changed
            .into_iter()
            .filter_map(|(name, has)| has.then_some(name))
            .collect();
        callers.send_replace(Arc::new(new.callers.clone()));
        sync_deletions.send_replace(new.deletion.sync_by_default);
        self.in_use.callers = new.callers.clone();
        self.in_use.deletion.sync_by_default = new.deletion.sync_by_default;
        self.in_use.log_filter.clone_from(&new.log_filter);
        tracing::info!(
            changed = changed.join(", "),
            callers = new.callers.len(),
            others_need_a_restart = *new != self.in_use,
            "the settings file has changed"
        );
        Ok(())
    }
}

/// The text of the file.
fn text(sources: &Sources) -> Result<String, String> {
    sources.text().map_err(|error| error.with_cause())
}

/// The settings with this text of the file.
fn load(sources: &Sources, text: &str) -> Result<Config, String> {
    let config = sources.load_with(text).and_then(|config| {
        config.refuse_open_listener()?;
        Ok(config)
    });
    config.map_err(|error| error.with_cause())
}

#[cfg(test)]
mod tests;
