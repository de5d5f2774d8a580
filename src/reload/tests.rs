//! The effects of a changed file.

use super::*;
use crate::config::Settings;

struct Followed {
    reload: Reload,
    callers: watch::Sender<Arc<Callers>>,
    sync_deletions: watch::Sender<bool>,
    file: tempfile::NamedTempFile,
}

const CALLER: &str = "[[callers]]\nname = 'a'\ntoken_sha256 = \
                      '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'\nroles = ['pipeline']\n";

fn followed(text: &str) -> Followed {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().as_os_str().to_owned();
    let sources = Sources::new(
        Settings::default(),
        vec![("CONVERSATION_CONFIG".into(), path)],
    );
    let config = sources.load().unwrap();
    Followed {
        callers: watch::Sender::new(Arc::new(config.callers.clone())),
        sync_deletions: watch::Sender::new(config.deletion.sync_by_default),
        reload: Reload::new(sources, config, LogFilter::none()).unwrap(),
        file,
    }
}

impl Followed {
    fn change(&mut self, text: &str) -> Result<(), String> {
        std::fs::write(self.file.path(), text).unwrap();
        let sources = &self.reload.sources;
        let config = load(sources, &super::text(sources)?)?;
        self.reload
            .take(&config, &self.callers, &self.sync_deletions)
    }
}

#[test]
fn callers_and_synchronisation_change_with_the_file() {
    let mut followed = followed(CALLER);
    let other = CALLER.replace("'a'", "'b'");
    followed
        .change(&format!(
            "sync_deletions = true\n{CALLER}{}",
            other.replace("9f86", "9f87")
        ))
        .unwrap();
    assert_eq!(followed.callers.borrow().len(), 2);
    assert!(*followed.sync_deletions.borrow());
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing() {
    let mut followed = followed(CALLER);
    for text in ["sync_deletions = 1", "callers =", "unknown = 1"] {
        assert!(followed.change(text).is_err(), "{text}");
        assert_eq!(followed.callers.borrow().len(), 1);
        assert!(!*followed.sync_deletions.borrow());
    }
}

#[test]
fn a_file_without_callers_does_not_let_everyone_in() {
    let mut followed = followed(CALLER);
    let error = followed.change("sync_deletions = true").unwrap_err();
    assert!(error.contains("let everyone in"), "{error}");
    assert_eq!(followed.callers.borrow().len(), 1);
    assert!(!*followed.sync_deletions.borrow(), "nothing of it is used");
}
