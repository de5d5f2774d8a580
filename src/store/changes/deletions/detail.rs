//! The `detail` of a deletion's change: what the request asked for, beside the result for each conversation.
//!
//! A deletion without special requests has none, and neither has a deletion of a former version.

use serde::{Deserialize, Serialize};

use super::forgetting::Forgotten;
use crate::{
    domain::{Reappearance, Settings},
    store::{database::error::StoreError, log::Recorded},
};

/// It as JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::store) struct Detail {
    #[serde(skip_serializing_if = "is_default")]
    never: bool,
    /// The settings that there were, of each conversation that had some; `None` if they were kept.
    #[serde(skip_serializing_if = "is_default")]
    forgot: Option<Vec<Option<Forgotten>>>,
    /// How many conversations matched, of a deletion by selector.
    #[serde(skip_serializing_if = "is_default")]
    matched: Option<u64>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Detail {
    pub(super) fn new(reappearance: Reappearance) -> Self {
        Self {
            never: reappearance == Reappearance::Never,
            forgot: None,
            matched: None,
        }
    }

    /// The same of a deletion by selector that so many matched.
    pub(super) fn matching(self, matched: u64) -> Self {
        Self {
            matched: Some(matched),
            ..self
        }
    }

    /// How many conversations matched; `None` if no selector has chosen them.
    pub(super) const fn matched(&self) -> Option<u64> {
        self.matched
    }

    /// The same of a deletion that forgets settings: these.
    pub(super) fn forgetting(self, forgot: Vec<Option<Forgotten>>) -> Self {
        Self {
            forgot: Some(forgot),
            ..self
        }
    }

    /// Reads that of a deletion or clearing.
    pub(in crate::store) fn of(recorded: &Recorded) -> Result<Self, StoreError> {
        match recorded.detail.as_deref() {
            None => Ok(Self::default()),
            Some(text) => serde_json::from_str(text).map_err(|_| recorded.inconsistent("detail")),
        }
    }

    /// The text to record; `None` if there is nothing to say.
    pub(super) fn to_text(&self) -> Option<String> {
        (!is_default(self)).then(|| serde_json::json!(self).to_string())
    }

    /// The rule that the deletion has asked for.
    pub(in crate::store) const fn reappearance(&self) -> Reappearance {
        if self.never {
            Reappearance::Never
        } else {
            Reappearance::OnMessage
        }
    }

    /// Whether the deletion was to take the settings, too.
    pub(in crate::store) const fn settings(&self) -> Settings {
        match self.forgot {
            None => Settings::Keep,
            Some(_) => Settings::Forget,
        }
    }

    /// The settings that the conversation at this place had, if they are known to have been anything.
    pub(super) fn forgotten(&self, place: usize) -> Option<&Forgotten> {
        self.forgot.as_ref()?.get(place)?.as_ref()
    }
}
