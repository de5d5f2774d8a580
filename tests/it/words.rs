//! The words of comments and documents: a comment begins with its subject, and documents use the terms of the
//! glossary in docs/concepts.md.

use std::{fs, path::Path};

use crate::documents::files_below;

/// The words that open a clause without a subject, as in "What comes later is not in the copy."
const HEADLESS: [&str; 6] = ["What", "Who", "Whoever", "Whatever", "Whose", "Whom"];

/// Words that documents and the protocol avoid, each with the term to use.
const SYNONYMS: [(&str, &str); 12] = [
    ("anew", "again"),
    ("door", "entry point"),
    ("eldest", "oldest"),
    ("heartbeat", "bookmark"),
    ("idempotency key", "request ID"),
    ("sweep", "purge"),
    ("taken down", "unpinned"),
    ("that of before", "the earlier one"),
    ("told", "notified"),
    ("tongue", "dialect"),
    ("what was deleted", "deleted conversations"),
    ("whoever", "caller, reader or operator"),
];

/// The text of a line that is a comment, in Rust, Protocol Buffers or SQL.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let marked = line
        .strip_prefix("//")
        .or_else(|| line.strip_prefix("--"))?;
    Some(marked.trim_start_matches(['/', '!']).trim())
}

/// The numbers of the lines with a comment that begins a sentence with a headless clause. A question may
/// begin like this, and so may a line that goes on with a sentence.
fn headless_lines(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut before: Option<&str> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let comment = comment(line);
        let begins =
            before.is_none_or(|before| before.is_empty() || before.ends_with(['.', ':', ';']));
        let is_headless = comment.is_some_and(|comment| {
            let first = comment.split_whitespace().next().unwrap_or_default();
            HEADLESS.contains(&first) && !comment.ends_with('?')
        });
        if begins && is_headless {
            found.push(number);
        }
        before = comment;
    }
    found
}

/// The synonyms in a text, in whole words, whatever their case and however the lines are broken.
fn synonyms(text: &str) -> Vec<(&'static str, &'static str)> {
    let text = text.to_lowercase();
    let words: Vec<_> = text
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .collect();
    let words = format!(" {} ", words.join(" "));
    let mut found = SYNONYMS.to_vec();
    found.retain(|(synonym, _)| words.contains(&format!(" {synonym} ")));
    found
}

#[test]
fn comments_begin_with_their_subject() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for directory in ["src", "tests", "benches", "proto"] {
        for path in files_below(&root.join(directory), &["rs", "proto", "sql"]) {
            let text = fs::read_to_string(&path).expect("a source is a text");
            for line in headless_lines(&text) {
                found.push(format!("{}:{line}", path.display()));
            }
        }
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn documents_and_the_protocol_use_the_terms_of_the_glossary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = files_below(root, &["md"]);
    documents.extend(files_below(&root.join("proto/conversation"), &["proto"]));
    for path in documents {
        let text = fs::read_to_string(&path).expect("a document is a text");
        let found = synonyms(&text);
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
}

#[test]
fn a_comment_without_a_subject_is_noticed() {
    let text = "//! What is new.\n//! Who calls: see\n//! What is wrapped.\n//!\n//! Whose turn is it?\n\
                fn what() {\n    // Whatever comes.\n    // Whatsoever.\n}\n-- Who asks.\n";
    assert_eq!(headless_lines(text), [1, 2, 7, 10]);
}

#[test]
fn a_synonym_is_noticed() {
    let text = "Two doors. A client was TOLD so. `a_client_is_told_of_it` has an idempotency\nkey.";
    let found: Vec<_> = synonyms(text).into_iter().map(|(word, _)| word).collect();
    assert_eq!(found, ["idempotency key", "told"]);
}
