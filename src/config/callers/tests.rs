//! The tables of callers: what is read, and what stops the start.

use super::*;

/// The SHA-256 of `test`.
const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// The callers of a file with this text.
fn callers(text: &str) -> Result<Callers, ConfigError> {
    let mut file: Table = text.replace("{DIGEST}", DIGEST).parse().unwrap();
    parse("settings.toml", file.remove(KEY).unwrap())
}

fn refused(text: &str) -> String {
    callers(text).unwrap_err().to_string()
}

#[test]
fn a_caller_has_a_name_a_credential_and_roles() {
    let read = callers(
        r#"
        [[callers]]
        name = "gateway"
        token_sha256 = "{DIGEST}"
        roles = ["conversations"]

        [[callers]]
        name = "admin tool"
        certificate_name = "Admin.internal"
        roles = ["pipeline", "conversations"]

        [[callers]]
        name = "mesh"
        certificate_name = "spiffe://Internal/mesh"
        roles = ["pipeline"]

        [[callers]]
        name = "old"
        certificate_common_name = "Admin.internal"
        roles = ["pipeline"]
        "#,
    );
    let expected = vec![
        Caller {
            name: CallerName::new("gateway").unwrap(),
            credential: Credential::Tokens(vec![DIGEST.parse().unwrap()]),
            roles: BTreeSet::from([Role::Conversations]),
        },
        Caller {
            name: CallerName::new("admin tool").unwrap(),
            credential: Credential::Certificate(CertificateName::dns("admin.internal")),
            roles: BTreeSet::from([Role::Conversations, Role::Pipeline]),
        },
        Caller {
            name: CallerName::new("mesh").unwrap(),
            credential: Credential::Certificate(CertificateName::uri("spiffe://Internal/mesh")),
            roles: BTreeSet::from([Role::Pipeline]),
        },
        Caller {
            name: CallerName::new("old").unwrap(),
            credential: Credential::Certificate(CertificateName::common("admin.internal")),
            roles: BTreeSet::from([Role::Pipeline]),
        },
    ];
    assert_eq!(read.unwrap(), Callers::new(expected).unwrap());
}

#[test]
fn an_empty_list_names_nobody() {
    assert!(callers("callers = []").unwrap().is_empty());
}

#[test]
fn what_is_no_list_of_tables_is_refused() {
    for text in ["callers = 'gateway'", "[callers]\nname = 'gateway'"] {
        let message = refused(text);
        assert!(
            message.starts_with("settings.toml: `callers`: "),
            "{message}"
        );
        assert!(message.contains("[[callers]]"), "{message}");
    }
    let message = refused("callers = ['gateway']");
    assert!(
        message.starts_with("settings.toml: `callers[0]`: "),
        "{message}"
    );
}

#[test]
fn an_unknown_key_is_refused_and_those_that_exist_are_named() {
    let message = refused("callers = [{ name = 'a', token = 'hunter2', roles = ['pipeline'] }]");
    assert!(message.starts_with("settings.toml: `callers[0]`: `token`: there is no such setting"));
    assert!(
        message.contains("token_sha256, certificate_name"),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");
}

fn refused_where_it_stands(table: &str, place: &str, reason: &str) {
    let good = "name = 'good', certificate_name = 'good', roles = ['pipeline']";
    let message = refused(&format!("callers = [{{ {good} }}, {{ {table} }}]"));
    let expected = format!("settings.toml: `callers[1]`{place}: ");
    assert!(message.starts_with(&expected), "{message}");
    assert!(message.contains(reason), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn each_mistake_about_a_common_name_is_refused_where_it_stands() {
    for (table, place, reason) in [
        (
            "name = 'a', certificate_name = 'a', certificate_common_name = 'a', roles = ['pipeline']",
            "",
            "exclude each other",
        ),
        (
            "name = 'a', certificate_common_name = '*', roles = ['pipeline']",
            ": `certificate_common_name`",
            "one whole name",
        ),
    ] {
        refused_where_it_stands(table, place, reason);
    }
}

#[test]
fn each_mistake_is_refused_where_it_stands() {
    for (table, place, reason) in [
        (
            "certificate_name = 'a', roles = ['pipeline']",
            "",
            "`name` is missing",
        ),
        (
            "name = '', certificate_name = 'a', roles = ['pipeline']",
            ": `name`",
            "empty",
        ),
        (
            "name = \"a\\n\", certificate_name = 'a', roles = ['pipeline']",
            ": `name`",
            "control",
        ),
        (
            "name = 1, certificate_name = 'a', roles = ['pipeline']",
            ": `name`",
            "not integer",
        ),
        (
            "name = 'a', roles = ['pipeline']",
            "",
            "must say how the caller is known",
        ),
        (
            "name = 'a', token_sha256 = '{DIGEST}', certificate_name = 'a', roles = ['pipeline']",
            "",
            "exclude each other",
        ),
        (
            "name = 'a', token_sha256 = 'hunter2', roles = ['pipeline']",
            ": `token_sha256`",
            "64 hex",
        ),
        (
            "name = 'a', token_sha256 = 7, roles = ['pipeline']",
            ": `token_sha256`",
            "or a list of them",
        ),
        (
            "name = 'a', certificate_name = ' a', roles = ['pipeline']",
            ": `certificate_name`",
            "a name",
        ),
        (
            "name = 'a', certificate_name = '', roles = ['pipeline']",
            ": `certificate_name`",
            "a name",
        ),
        (
            "name = 'a', certificate_name = '*.a', roles = ['pipeline']",
            ": `certificate_name`",
            "`*`",
        ),
        (
            "name = 'a', certificate_name = 'a'",
            ": `roles`",
            "at least one",
        ),
        (
            "name = 'a', certificate_name = 'a', roles = []",
            ": `roles`",
            "at least one",
        ),
        (
            "name = 'a', certificate_name = 'a', roles = 'pipeline'",
            ": `roles`",
            "a list",
        ),
        (
            "name = 'a', certificate_name = 'a', roles = [1]",
            ": `roles`",
            "a list",
        ),
        (
            "name = 'a', certificate_name = 'a', roles = ['admin']",
            ": `roles`",
            "`pipeline`",
        ),
        (
            "name = 'a', certificate_name = 'a', roles = ['pipeline', 'pipeline']",
            ": `roles`",
            "twice",
        ),
    ] {
        refused_where_it_stands(table, place, reason);
    }
    let long = "x".repeat(LONGEST_NAME + 1);
    let table = format!("name = 'a', certificate_name = '{long}', roles = ['pipeline']");
    assert!(refused(&format!("callers = [{{ {table} }}]")).contains("at most 253"));
}

#[test]
fn callers_that_cannot_be_told_apart_are_refused() {
    let one = "{ name = 'a', token_sha256 = '{DIGEST}', roles = ['pipeline'] }";
    let other = one
        .replace("'a'", "'b'")
        .replace("pipeline", "conversations");
    let message = refused(&format!("callers = [{one}, {other}]"));
    assert_eq!(
        message,
        "settings.toml: `callers`: `a` and `b` have the same credential"
    );
    let message = refused(&format!("callers = [{one}, {one}]"));
    assert_eq!(
        message,
        "settings.toml: `callers`: two callers are named `a`"
    );
}
