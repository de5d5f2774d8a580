//! Checks of the Markdown files: their links lead somewhere, their sessions print what they say, and the README
//! stays short.
//!
//! Deliberately absent: following addresses on the network.

mod sessions;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// The most lines of the README, so that it is read in five minutes.
const README_LINES: usize = 200;

/// The anchors that a document's headings make, and the targets of its links.
#[derive(Debug)]
struct Document {
    anchors: Vec<String>,
    links: Vec<String>,
}

impl Document {
    /// Reads Markdown as it is written here: headings begin with `#`, links stand in their line, and code
    /// that is not part of a line is fenced.
    fn parse(text: &str) -> Self {
        let (mut anchors, mut links) = (Vec::new(), Vec::new());
        let mut in_code = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            } else if !in_code {
                if line.starts_with('#') {
                    anchors.push(anchor(line.trim_start_matches('#')));
                }
                let targets = line.split("](").skip(1);
                let targets = targets.filter_map(|rest| rest.split_once(')'));
                links.extend(targets.map(|(target, _)| target.to_owned()));
            }
        }
        Self { anchors, links }
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let heading = heading.trim().to_lowercase();
    let kept = heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

/// The blocks of code in this language.
pub(crate) fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    let blocks = document.split(&begin).skip(1);
    blocks
        .map(|rest| rest.split("```").next().expect("it ends"))
        .collect()
}

fn extension_of(path: &Path) -> Option<&str> {
    path.extension().and_then(OsStr::to_str)
}

/// The paths of all files below a directory with one of these extensions, without hidden and built ones.
pub(crate) fn files_below(directory: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("the directory can be read") {
        let entry = entry.expect("an entry");
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        if entry.file_type().expect("a kind of file").is_dir() {
            found.extend(files_below(&path, extensions));
        } else if extension_of(&path).is_some_and(|own| extensions.contains(&own)) {
            found.push(path.canonicalize().expect("the file is there"));
        }
    }
    found
}

/// Each relative link below `root` that leads to no file or to no heading, after the file that has it; and
/// how many links there are.
fn broken_links(root: &Path) -> (Vec<String>, usize) {
    let documents: BTreeMap<_, _> = files_below(root, &["md"])
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a document is a text");
            (path, Document::parse(&text))
        })
        .collect();
    let (mut broken, mut all) = (Vec::new(), 0);
    for (path, document) in &documents {
        for link in document.links.iter().filter(|link| !link.contains(':')) {
            all += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                Ok(path.clone())
            } else {
                path.with_file_name(file).canonicalize()
            };
            let leads = target.is_ok_and(|target| {
                heading.is_empty()
                    || documents.get(&target).is_some_and(|document| {
                        document.anchors.iter().any(|anchor| anchor == heading)
                    })
            });
            if !leads {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    (broken, all)
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let (broken, all) = broken_links(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(all > 200, "{all} links were found");
}

#[test]
fn a_link_that_leads_nowhere_is_noticed() {
    let root = tempfile::tempdir().expect("a directory can be made");
    let text = "# A `b`, c\n[1](#a-b-c) [2](#d) [3](other.md) [4](is.md#a-b-c)\n\
                ```sh\n[5](code)\n```\n[6](https://example.org/)\n";
    fs::write(root.path().join("is.md"), text).expect("it can be written");
    let (broken, all) = broken_links(root.path());
    let links: Vec<_> = broken
        .iter()
        .filter_map(|line| line.split(": ").nth(1))
        .collect();
    assert_eq!(links, ["#d", "other.md"]);
    assert_eq!(all, 4);
}

#[test]
fn the_readme_is_short() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(path).expect("there is a README");
    let lines = text.lines().count();
    assert!(lines <= README_LINES, "{lines} lines");
}
