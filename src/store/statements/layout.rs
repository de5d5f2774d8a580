//! The layout of a statement in the files of statements.
//!
//! The formatter gives each clause, each item of a list and each condition lines of its own. This puts together again
//! what fits into a line.

use sqlformat::{FormatOptions, Indent, QueryParams};

/// The longest line that a statement is broken into, but for what cannot be broken.
const WIDTH: usize = 100;
const STEP: usize = 2;

/// The formatter takes the first of these words for the beginning of a statement.
const ORDINALITY: (&str, &str) = ("WITH ORDINALITY", "WITH_ORDINALITY");

/// A line and what is indented below it.
struct Block {
    line: String,
    inner: Vec<Block>,
}

/// A line and its indent.
struct Line(usize, String);

impl Line {
    fn fits(&self) -> bool {
        self.0 + self.1.len() <= WIDTH
    }
}

pub(super) fn laid_out(sql: &str) -> String {
    let (words, word) = ORDINALITY;
    let sql = formatted(&sql.replace(words, word)).replace(word, words);
    let lines = sql.lines().filter(|line| !line.trim().is_empty());
    let blocks = blocks(&mut lines.flat_map(broken).peekable(), 0);
    let lines = lines_of(&blocks, 0);
    let lines = lines
        .into_iter()
        .map(|Line(indent, line)| " ".repeat(indent) + &line);
    lines.collect::<Vec<_>>().join("\n")
}

fn formatted(sql: &str) -> String {
    let options = FormatOptions {
        indent: Indent::Spaces(2),
        max_inline_block: WIDTH,
        max_inline_arguments: Some(WIDTH),
        max_inline_top_level: Some(WIDTH),
        ..FormatOptions::default()
    };
    sqlformat::format(sql, &QueryParams::None, &options)
}

/// A line of the formatter. It does not break a list of arrays before the names of its columns.
fn broken(line: &str) -> Vec<Line> {
    let text = line.trim();
    let whole = Line(line.len() - line.trim_start().len(), text.to_owned());
    match text.split_once(&format!(" {}", ORDINALITY.0)) {
        Some((arrays, names)) if !whole.fits() => {
            let names = format!("{}{names}", ORDINALITY.0);
            vec![Line(whole.0, arrays.to_owned()), Line(whole.0, names)]
        }
        _ => vec![whole],
    }
}

fn blocks(
    lines: &mut std::iter::Peekable<impl Iterator<Item = Line>>,
    indent: usize,
) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    while let Some(&Line(depth, _)) = lines.peek() {
        match blocks.last_mut() {
            _ if depth < indent => break,
            Some(last) if depth > indent => last.inner = self::blocks(lines, depth),
            _ => blocks.extend(lines.next().map(|Line(_, line)| Block {
                line,
                inner: Vec::new(),
            })),
        }
    }
    blocks
}

impl Block {
    fn in_one_line(&self) -> String {
        let inner = self.inner.iter().map(Self::in_one_line);
        inner.fold(self.line.clone(), |line, inner| joined(&line, &inner))
    }

    /// Whether it closes the block before it, or continues its condition.
    fn belongs_to(&self, before: &[Self]) -> bool {
        let begins_with = |words: &[&str]| words.iter().any(|word| self.line.starts_with(word));
        begins_with(&[")", "END", ORDINALITY.0])
            || begins_with(&["AND ", "OR ", "THEN "])
                && before
                    .first()
                    .is_some_and(|first| first.line.starts_with("WHEN "))
    }
}

fn joined(one: &str, other: &str) -> String {
    let space = if one.ends_with('(') || other.starts_with(')') {
        ""
    } else {
        " "
    };
    format!("{one}{space}{other}")
}

/// The items of a list, the clauses or the conditions that the blocks are.
fn items(blocks: &[Block]) -> Vec<&[Block]> {
    let mut items = Vec::new();
    let mut rest = blocks;
    while !rest.is_empty() {
        let of_item = (1..rest.len()).find(|end| !rest[*end].belongs_to(&rest[..*end]));
        let (item, others) = rest.split_at(of_item.unwrap_or(rest.len()));
        items.push(item);
        rest = others;
    }
    items
}

/// The lines of blocks that stand below each other. Items of a list fill a line.
fn lines_of(blocks: &[Block], indent: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut may_be_filled = false;
    for item in items(blocks) {
        let mut of_item = lines_of_item(item, indent).into_iter();
        let Some(first) = of_item.next() else {
            continue;
        };
        let is_line = of_item.len() == 0;
        let is_open = first.1.ends_with('(') && !first.1.ends_with(" AS (");
        let follows = |last: &String| {
            let list = may_be_filled && last.ends_with(',') && (is_line || is_open);
            last == "WITH" || list && indent + last.len() + 1 + first.1.len() <= WIDTH
        };
        match lines.last_mut() {
            Some(Line(_, last)) if follows(last) => *last = joined(last, &first.1),
            _ => lines.push(first),
        }
        lines.extend(of_item);
        may_be_filled = is_line;
    }
    lines
}

fn lines_of_item(item: &[Block], indent: usize) -> Vec<Line> {
    let parts = item.iter().map(Block::in_one_line);
    let line = parts
        .reduce(|line, part| joined(&line, &part))
        .unwrap_or_default();
    let line = Line(indent, line);
    if line.fits() {
        return vec![line];
    }
    let mut lines: Vec<Line> = Vec::new();
    for block in item {
        let of_block = lines_of_block(block, indent);
        match (lines.last_mut(), &of_block[..]) {
            // Two that were opened in one line are closed in one.
            (Some(Line(depth, last)), [Line(_, closing)])
                if *depth == indent && last.starts_with(')') && closing.starts_with(')') =>
            {
                last.push_str(closing);
            }
            _ => lines.extend(of_block),
        }
    }
    lines
}

fn lines_of_block(block: &Block, indent: usize) -> Vec<Line> {
    let line = Line(indent, block.in_one_line());
    if line.fits() {
        return vec![line];
    }
    // A keyword is followed by what it has, if that begins in one line; so is a parenthesis by another one.
    let mut inner = lines_of(&block.inner, indent);
    let begins = |line: &&Line| line.0 == indent && !line.1.starts_with(')');
    if inner.iter().filter(begins).count() == 1
        && (!block.line.ends_with('(') || inner[0].1.ends_with('('))
    {
        let first = Line(indent, joined(&block.line, &inner[0].1));
        if first.fits() || !inner[0].fits() {
            inner[0] = first;
            return inner;
        }
    }
    let mut lines = vec![Line(indent, block.line.clone())];
    lines.extend(lines_of(&block.inner, indent + STEP));
    lines
}
