use super::*;

fn parse(text: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
    text.parse()
}

#[test]
fn files_and_postgres_are_accepted_and_kept_as_they_are() {
    for text in [
        "sqlite://conversations.db",
        "sqlite:conversations.db?mode=rwc",
        "sqlite:///var/lib/conversations.db",
        "sqlite:///tmp/50%25 off%3F/demo.db",
        "postgres://user:secret@db:5432/chat?sslmode=require",
        "postgres://user:p%2F%23%3F%40%3A@db/chat",
        "postgresql:///chat?host=/run/postgresql",
        "postgres://db/chat?options[search_path]=chat&application_name=chat",
    ] {
        assert_eq!(parse(text).unwrap().expose(), text);
    }
}

#[test]
fn other_databases_are_refused() {
    for text in [
        "mysql://db/chat",
        "conversations.db",
        "postgres:db",
        "",
        "://",
    ] {
        assert_eq!(parse(text), Err(DatabaseUrlError::Scheme), "{text}");
    }
}

#[test]
fn sqlite_in_memory_is_refused_however_it_is_written() {
    for text in [
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite://:memory:?cache=shared",
        "sqlite://%3Amemory%3A",
        "sqlite:file::memory:",
        "sqlite://?mode=memory",
        "sqlite://chat.db?cache=shared&mode=memory",
    ] {
        assert_eq!(parse(text), Err(DatabaseUrlError::InMemory), "{text}");
    }
}

#[test]
fn sqlite_without_a_file_is_refused() {
    for text in ["sqlite:", "sqlite://", "sqlite://?mode=rwc"] {
        assert_eq!(parse(text), Err(DatabaseUrlError::NoFile), "{text}");
    }
}

#[test]
fn what_is_printed_says_where_the_database_is() {
    for (text, shown) in [
        ("sqlite://conversations.db", "sqlite://conversations.db"),
        ("postgres://user:pw@db:5432/chat", "postgres://db:5432/chat"),
        ("postgres://user:pw@[::1]/chat", "postgres://[::1]/chat"),
        ("postgresql://db/chat?password=pw", "postgresql://db/chat"),
    ] {
        let url = parse(text).unwrap();
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?}"), format!("DatabaseUrl({shown})"));
    }
}

#[test]
fn no_part_of_a_password_is_printed() {
    for text in [
        "postgres://user:hunter2@db/chat",
        "postgres://user:hunter2@hunter2@db/chat",
        "postgres://user:hunter2:hunter2@db/chat",
        "postgres://db/chat?password=hunter2",
        "postgres://db/chat?password=hunter2@hunter2/hunter2",
        "postgres://db?password=hunter2@hunter2/hunter2",
    ] {
        let url = parse(text).unwrap();
        assert!(!format!("{url} {url:?}").contains("hunter2"), "{text}");
    }
}

#[test]
fn a_password_that_is_not_percent_encoded_is_refused() {
    for text in [
        "postgres://user:hun/ter2@db/chat",
        "postgres://user:1/ter2@db/chat",
        "postgres://user:hun?ter2@db/chat",
        "postgres://user:hun#ter2@db/chat",
        "postgres://user#ter2@db/chat",
        "postgres://user:hun@ter2/hunter2@db/chat",
    ] {
        assert_eq!(parse(text), Err(DatabaseUrlError::NotEncoded), "{text}");
    }
    let text = "postgres://user:1?ter2@db/chat";
    let error = parse(text).unwrap_err();
    assert!(matches!(error, DatabaseUrlError::UnknownParameter(_)));
}

fn protection(text: &str) -> (Protection, bool) {
    let address = parse(text).unwrap().postgres().unwrap();
    (address.protection, address.is_protection_chosen)
}

#[test]
fn over_a_network_the_database_must_prove_that_it_is_the_one_unless_the_url_says_otherwise() {
    for host in [
        "db",
        "db.internal:5432",
        "10.0.0.1",
        "0.0.0.0",
        "[2001:db8::1]",
    ] {
        let text = format!("postgres://user@{host}/chat");
        assert_eq!(protection(&text), (Protection::Verified, true), "{text}");
    }
    assert_eq!(
        protection("postgres:///chat?host=db"),
        (Protection::Verified, true)
    );
    for (mode, expected) in [
        ("disable", Protection::None),
        ("allow", Protection::None),
        ("prefer", Protection::None),
        ("require", Protection::Encrypted),
        ("verify-ca", Protection::Encrypted),
        ("verify-full", Protection::Verified),
    ] {
        for parameter in SSL_MODE {
            let text = format!("postgres://db/chat?{parameter}={mode}");
            assert_eq!(protection(&text), (expected, false), "{text}");
        }
    }
}

#[test]
fn on_this_machine_nothing_has_to_protect_a_connection() {
    for text in [
        "postgres://localhost/chat",
        "postgres://LocalHost/chat",
        "postgres://127.0.0.1/chat",
        "postgres://127.8.8.8:5432/chat?sslmode=disable",
        "postgres://[::1]/chat",
        "postgres://[::ffff:127.0.0.1]/chat",
        "postgres:///chat?host=/run/postgresql",
        "postgres://%2Frun%2Fpostgresql/chat",
        "postgres://db/chat?hostaddr=127.0.0.1",
    ] {
        assert_eq!(protection(text), (Protection::Local, false), "{text}");
    }
}
