//! The dependencies between modules point one way, as `src/lib.rs` and `src/store/mod.rs` say.
//!
//! Code that is compiled only for tests may use any module.

use std::{
    fs,
    path::{Path, PathBuf},
};

use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, visit::Visit};

/// The modules of the library. Each knows only those before it.
const MODULES: [&str; 21] = [
    "domain",
    "proto",
    "access",
    "telemetry",
    "metrics",
    "lifecycle",
    "machine",
    "config",
    "tls",
    "peers",
    "store",
    "sync",
    "jobs",
    "app",
    "grpc",
    "reload",
    "client",
    "health_probe",
    "server",
    "demo",
    "command_line",
];
/// The rooms of the store, likewise.
const ROOMS: [&str; 11] = [
    "entity", "database", "users", "heads", "log", "lists", "messages", "changes", "groups",
    "events", "erasure",
];

#[test]
fn the_modules_of_the_library_know_only_those_before_them() {
    let arrows = arrows_in("", &MODULES);
    assert!(arrows.contains(&("grpc", "app")), "{arrows:?}");
    assert_eq!(upwards(&arrows, &MODULES), []);
}

#[test]
fn the_rooms_of_the_store_know_only_those_before_them() {
    let arrows = arrows_in("store", &ROOMS);
    assert!(arrows.contains(&("changes", "log")), "{arrows:?}");
    assert_eq!(upwards(&arrows, &ROOMS), []);
}

/// From each of these modules, which lie in `parent`, to the others of them that it names.
fn arrows_in<'a>(parent: &str, modules: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<_> = files(&source.join(parent))
        .iter()
        .map(|file| Named::in_file(&source, file))
        .collect();
    let tests: Vec<_> = files.iter().flat_map(|file| &file.tests).collect();
    let mut arrows = Vec::new();
    for file in &files {
        let Some(from) = within(parent, modules, &file.module) else {
            continue;
        };
        if tests.iter().any(|tests| file.module.starts_with(tests)) {
            continue;
        }
        let to = file.paths.iter();
        let to = to.filter_map(|path| within(parent, modules, path));
        arrows.extend(to.filter(|to| *to != from).map(|to| (from, to)));
    }
    arrows.sort_unstable();
    arrows.dedup();
    arrows
}

/// Those of these arrows that point to a later module.
fn upwards<'a>(arrows: &[(&'a str, &'a str)], modules: &[&str]) -> Vec<(&'a str, &'a str)> {
    let place = |module| modules.iter().position(|one| *one == module);
    let arrows = arrows.iter().copied();
    arrows
        .filter(|(from, to)| place(*from) < place(*to))
        .collect()
}

/// Which of these modules, which lie in `parent`, this path leads into.
fn within<'a>(parent: &str, modules: &[&'a str], path: &[String]) -> Option<&'a str> {
    let child = match (parent, path) {
        ("", [child, ..]) => child,
        (parent, [first, child, ..]) if first == parent => child,
        _ => return None,
    };
    modules.iter().copied().find(|module| module == child)
}

/// The source files in a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("the directory is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The path of the module that a file is.
fn module_of(source: &Path, file: &Path) -> Vec<String> {
    let path = file.strip_prefix(source).expect("it lies there");
    let path = path.with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

/// The paths that a module names, from the root of the library.
struct Named {
    module: Vec<String>,
    paths: Vec<Vec<String>>,
    /// The modules that it has for tests alone.
    tests: Vec<Vec<String>>,
}

impl Named {
    fn in_file(source: &Path, file: &Path) -> Self {
        let text = fs::read_to_string(file).expect("the file is there");
        let mut named = Self {
            module: module_of(source, file),
            paths: Vec::new(),
            tests: Vec::new(),
        };
        named.visit_file(&syn::parse_file(&text).expect("the file is Rust"));
        named
    }

    /// Adds a path that begins with `crate` or `super`.
    fn add(&mut self, path: &[String]) {
        let above = path.iter().take_while(|part| *part == "super").count();
        let path = match path.first().map(String::as_str) {
            Some("crate") => path[1..].to_vec(),
            Some("super") if above <= self.module.len() => {
                let parent = &self.module[..self.module.len() - above];
                [parent, &path[above..]].concat()
            }
            _ => return,
        };
        self.paths.push(path);
    }

    fn add_tree(&mut self, before: &[String], tree: &UseTree) {
        let then = |part: &syn::Ident| [before, &[part.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&then(&path.ident), &path.tree),
            UseTree::Name(name) => self.add(&then(&name.ident)),
            UseTree::Rename(name) => self.add(&then(&name.ident)),
            UseTree::Glob(_) => self.add(before),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_tree(before, tree);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.module.push(module.ident.to_string());
        if module.attrs.iter().any(is_for_tests) {
            self.tests.push(self.module.clone());
        } else {
            syn::visit::visit_item_mod(self, module);
        }
        self.module.pop();
    }

    fn visit_item(&mut self, item: &'ast Item) {
        let is_for_tests = match item {
            Item::Fn(item) => item.attrs.iter().any(is_for_tests),
            Item::Impl(item) => item.attrs.iter().any(is_for_tests),
            Item::Use(item) => item.attrs.iter().any(is_for_tests),
            _ => false,
        };
        if !is_for_tests {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<_> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        self.add(&parts);
        syn::visit::visit_path(self, path);
    }
}

/// `#[cfg(test)]`
fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Ident>()
            .is_ok_and(|condition| condition == "test")
}
