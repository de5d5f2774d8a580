//! Credentials and the callers that have them.

use super::*;

/// The SHA-256 of `test`.
const TEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
/// The SHA-256 of nothing.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn caller(name: &str, credential: Credential) -> Caller {
    Caller {
        name: CallerName::new(name).unwrap(),
        credential,
        roles: BTreeSet::from([Role::Pipeline]),
    }
}

fn token(token: &str) -> Credential {
    Credential::Tokens(vec![TokenDigest::of(token.as_bytes())])
}

fn certificate(name: &str) -> Credential {
    Credential::Certificate(CertificateName::dns(name))
}

fn name(caller: Option<&Caller>) -> Option<&str> {
    caller.map(|caller| caller.name.as_str())
}

#[test]
fn a_digest_is_read_in_either_case_and_nothing_else_is_one() {
    for text in [TEST, &TEST.to_uppercase()] {
        assert_eq!(text.parse(), Ok(TokenDigest::of(b"test")));
    }
    assert_ne!(TEST.parse(), Ok(TokenDigest::of(b"test\n")));
    let long = format!("{TEST}0");
    for text in [
        "",
        "test",
        &TEST[1..],
        &long,
        &TEST.replace('9', "g"),
        &"é".repeat(32),
    ] {
        assert!(text.parse::<TokenDigest>().is_err(), "{text}");
    }
}

#[test]
fn the_digest_of_an_empty_token_is_refused() {
    assert!(
        NOTHING
            .parse::<TokenDigest>()
            .unwrap_err()
            .contains("empty")
    );
}

#[test]
fn a_digest_is_not_printed() {
    assert_eq!(format!("{:?}", TokenDigest::of(b"test")), "TokenDigest(…)");
}

#[test]
fn a_token_is_that_of_one_caller_or_of_none() {
    let callers = [
        caller("one", token("1")),
        caller("two", token("2")),
        caller("three", certificate("3")),
    ];
    let callers = Callers::new(callers.into()).unwrap();
    assert_eq!(name(callers.by_token(b"1")), Some("one"));
    assert_eq!(name(callers.by_token(b"2")), Some("two"));
    for other in ["", "3", "12", "one"] {
        assert_eq!(callers.by_token(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn a_certificate_is_that_of_the_caller_whom_its_first_known_name_names() {
    let callers = [
        caller("one", certificate("One.internal")),
        caller("two", certificate("two.internal")),
        caller("three", token("three.internal")),
    ];
    let callers = Callers::new(callers.into()).unwrap();
    let by = |names: &[&str]| {
        let names: Vec<_> = names.iter().copied().map(CertificateName::dns).collect();
        name(callers.by_certificate(&names)).map(str::to_owned)
    };
    assert_eq!(by(&["one.INTERNAL"]).as_deref(), Some("one"));
    assert_eq!(
        by(&["x", "two.internal", "one.internal"]).as_deref(),
        Some("two")
    );
    for names in [
        &[][..],
        &["three.internal"],
        &["internal"],
        &["*.internal"],
        &["x.one.internal"],
    ] {
        assert_eq!(by(names), None, "{names:?}");
    }
}

#[test]
fn callers_that_cannot_be_told_apart_are_refused() {
    let refused = |callers: [Caller; 2]| Callers::new(callers.into()).unwrap_err().to_string();
    let same_name = refused([caller("a", token("1")), caller("a", token("2"))]);
    assert_eq!(same_name, "two callers are named `a`");
    let same_token = refused([caller("a", token("1")), caller("b", token("1"))]);
    assert_eq!(same_token, "`a` and `b` have the same credential");
    let same_certificate = refused([caller("a", certificate("c")), caller("b", certificate("C"))]);
    assert_eq!(same_certificate, "`a` and `b` have the same credential");
}
