//! The pages of `docs/reference`: made from the code that they describe, and compared with it.
//!
//! Each page is made beside its subject, in a module `reference` of its own: by `command_line` (settings),
//! `metrics`, `grpc::status` (errors) and `grpc::call` (the log). Its words are those that users of the
//! service read elsewhere, too: the help of the command line, the help of a metric, the comments of the
//! protocol.

use std::{env, fmt::Write as _, fs, path::Path};

/// A page that is being written.
pub(crate) struct Page {
    file: &'static str,
    text: String,
}

impl Page {
    /// A page with nothing but its title and what it is about.
    pub(crate) fn new(file: &'static str, title: &str, about: &str) -> Self {
        let text = format!(
            "<!-- Made from the code: `RENEW_REFERENCE=yes cargo test --lib reference` writes it. -->\n\n\
             # {title}\n\n{about}\n"
        );
        Self { file, text }
    }

    /// A section, with a table.
    pub(crate) fn section<const N: usize>(
        &mut self,
        title: &str,
        about: &str,
        columns: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let _ = writeln!(self.text, "\n## {title}\n");
        if !about.is_empty() {
            let _ = writeln!(self.text, "{about}\n");
        }
        self.row(columns.map(str::to_owned));
        let _ = writeln!(self.text, "|{}", "---|".repeat(N));
        for row in rows {
            self.row(row);
        }
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.text.push('|');
        for cell in cells {
            let _ = write!(self.text, " {} |", cell.replace('|', "\\|"));
        }
        self.text.push('\n');
    }

    /// Compares the page with its file, or writes the file if that is asked for.
    pub(crate) fn compare(&self) {
        let file = format!("docs/reference/{}", self.file);
        compare(&file, &self.text, ("RENEW_REFERENCE", "reference"));
    }
}

/// Compares a file that is made from the code with what is made now, or writes it if this variable is set.
/// `tests` are those that do so.
#[expect(
    clippy::disallowed_methods,
    reason = "says what to do with the file; nothing else depends on it"
)]
pub(crate) fn compare(file: &str, made: &str, (variable, tests): (&str, &str)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if env::var_os(variable).is_some() {
        fs::write(&path, made).expect("the file can be written");
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    let lines = known.lines().zip(made.lines());
    let same = lines.take_while(|(known, made)| known == made).count();
    assert!(
        known == made,
        "{file} differs from line {} on; if that is meant, run \
         `{variable}=yes cargo test --lib {tests}` and read the difference",
        same + 1
    );
}

/// A name as code.
pub(crate) fn code(name: &str) -> String {
    format!("`{name}`")
}

/// Names as code, one after the other.
pub(crate) fn codes<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(code).collect();
    names.join(", ")
}
