//! Reads the channel logs.

/// An event in the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Joined(&'a str),
    Left(&'a str),
    /// Somebody said or did something, at a minute of a clock with twelve hours.
    Said {
        minute: u64,
        nick: &'a str,
        words: &'a str,
    },
    /// The channel's own word on something, often beginning with a nick.
    Noticed(&'a str),
}

/// The minutes of the logs' clock, which starts again after twelve hours.
pub(super) const CLOCK: u64 = 12 * 60;

/// Reads one line; `None` for one that says nothing.
pub(super) fn event(line: &str) -> Option<Event<'_>> {
    if let Some(notice) = line.strip_prefix("=== ") {
        let (nick, what) = notice.split_once(' ')?;
        let what = what.to_ascii_lowercase();
        return Some(if what.ends_with("has joined #ubuntu") {
            Event::Joined(nick)
        } else if what.contains("has left #ubuntu") || what.starts_with("was kicked off #ubuntu") {
            Event::Left(nick)
        } else {
            Event::Noticed(notice)
        });
    }
    let (time, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let (hour, minute) = time.split_once(':')?;
    let minute = (hour.parse::<u64>().ok()? * 60 + minute.parse::<u64>().ok()?) % CLOCK;
    let (nick, words) = match rest.strip_prefix('<') {
        Some(said) => said.split_once("> ")?,
        None => rest.trim_start().strip_prefix("* ")?.split_once(' ')?,
    };
    (!words.trim().is_empty()).then_some(Event::Said {
        minute,
        // The logs pad some nicks.
        nick: nick.trim(),
        words,
    })
}

/// The name that a message addresses, if it begins with one and a colon or comma.
pub(super) fn addressee(words: &str) -> Option<&str> {
    let (name, _) = words.split_once([':', ','])?;
    (!name.is_empty() && !name.contains(' ')).then_some(name)
}

#[test]
fn every_kind_of_line_is_read() {
    let said = |nick, words| {
        Some(Event::Said {
            minute: 5 * 60 + 7,
            nick,
            words,
        })
    };
    assert_eq!(event("[05:07] <a|b> c: d"), said("a|b", "c: d"));
    assert_eq!(event("[05:07] <a[1] > hi"), said("a[1]", "hi"));
    assert_eq!(event("[05:07]  * [a] waves"), said("[a]", "waves"));
    assert_eq!(event("[05:07] <a>  "), None);
    assert_eq!(
        event("=== a_ has joined #ubuntu"),
        Some(Event::Joined("a_"))
    );
    assert_eq!(
        event("=== a [n=x@y.invalid]  has joined #Ubuntu"),
        Some(Event::Joined("a"))
    );
    assert_eq!(event("=== a has left #ubuntu []"), Some(Event::Left("a")));
    assert_eq!(
        event("=== a was kicked off #ubuntu by b (b)"),
        Some(Event::Left("a"))
    );
    assert_eq!(
        event("=== a is now known as b"),
        Some(Event::Noticed("a is now known as b"))
    );
    assert_eq!(addressee("c: d, e"), Some("c"));
    assert_eq!(addressee("oh well, no"), None);
}
