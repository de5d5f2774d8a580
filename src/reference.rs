//! The pages of `docs/reference`: made from the code that they describe, and compared with it.
//!
//! Each page is made beside its subject, in a module `reference` of its own: by `command_line` (settings),
//! `metrics`, `grpc::status` (errors) and `grpc::call` (the log). Its words are those that users of the
//! service read elsewhere, too: the help of the command line, the help of a metric, the comments of the
//! protocol.

use std::{env, fmt::Write as _, fs, path::PathBuf};

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
    #[expect(
        clippy::disallowed_methods,
        reason = "says what to do with the file; nothing else depends on it"
    )]
    pub(crate) fn compare(&self) {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
        let file = directory.join(self.file);
        if env::var_os("RENEW_REFERENCE").is_some() {
            fs::create_dir_all(&directory).expect("the directory can be made");
            fs::write(&file, &self.text).expect("the page can be written");
        }
        let known = fs::read_to_string(&file).unwrap_or_default();
        let lines = known.lines().zip(self.text.lines());
        let same = lines.take_while(|(known, made)| known == made).count();
        assert!(
            known == self.text,
            "docs/reference/{} differs from line {} on; if that is meant, run \
             `RENEW_REFERENCE=yes cargo test --lib reference` and read the difference",
            self.file,
            same + 1
        );
    }
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
