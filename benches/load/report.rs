//! The printed report: the settings of the measurement, every scenario's figures, and the table of the
//! results with their targets.

use crate::{
    arguments::Arguments,
    picture::Panel,
    process,
    sample::{Figure, Sample, median, spread},
    subject::Subject,
    support::Outcome,
};

/// The target of a figure.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Nothing: it is only good to know.
    None,
}

/// One line of the table.
struct Row {
    name: String,
    target: Target,
    unit: &'static str,
    /// Min, median and max.
    spread: [f64; 3],
}

#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    /// The panels that the curves are drawn into, a column for each database.
    pub pictured: Vec<Vec<Panel>>,
}

/// Says on what is measured.
pub fn begin(arguments: &Arguments) -> Outcome<()> {
    let Arguments {
        users,
        conversations,
        messages,
        runs,
        duration,
        ..
    } = arguments;
    println!(
        "Data: {users} users with {conversations} one-to-one conversations each, {messages} message(s) in each \
         conversation: {} rows of members, {} heads. Deletions have a request ID, clear the history and can be \
         undone, all as by default.",
        users * conversations,
        users * conversations / 2
    );
    println!(
        "Machine: {} cores, {}. Client, service and database share them: compare ratios, not figures of \
         different runs.",
        process::cores(),
        process::model()?
    );
    println!(
        "Compared, in turns, {runs} runs of about {:.1} s each, the same number of calls for each: the service \
         (the real program, a process of its own, all settings as by default); no-op RPC (a process that decodes \
         the same request and answers in the same shape); direct SQL (the service's own statements, by the bare \
         driver, the same durability and number of connections); on PostgreSQL a bare server (a process that \
         runs direct SQL for each request, checks nothing and answers in the same shape). Each conversation is deleted once before all \
         are listed again by SQL, outside of the measurements; that exactly as many are deleted as were asked \
         for is checked then.",
        duration.as_secs_f64()
    );
    Ok(())
}

pub fn settings(database: &str, settings: &str) {
    println!("{database}: {settings}");
}

pub fn note(text: &str) {
    println!("{text}");
}

pub fn heading(text: &str) {
    println!("\n{text}");
    println!(
        "  {:<22}{:>10}{:>10}{:>10}{:>13}{:>13}{:>12}{:>12}",
        "medians",
        "calls/s",
        "p50 us",
        "p99 us",
        "CPU: service",
        "database us",
        "client us",
        "WAL bytes"
    );
}

/// The figures of one of those that are compared.
pub fn figures(name: &str, samples: &[Sample]) {
    let of = |figure: Figure| {
        let figure = median(samples.iter().map(figure));
        if figure.is_nan() {
            "-".to_owned()
        } else {
            format!("{figure:.0}")
        }
    };
    println!(
        "  {name:<22}{:>10}{:>10}{:>10}{:>13}{:>13}{:>12}{:>12}",
        of(Sample::rate),
        of(|sample| sample.percentile(50)),
        of(|sample| sample.percentile(99)),
        of(|sample| sample.each(sample.service)),
        of(|sample| sample.each(sample.database)),
        of(|sample| sample.each(sample.client)),
        of(Sample::log_bytes),
    );
}

/// The figures of all of those that are compared.
pub fn all_figures(title: &str, subjects: &[Subject], samples: &[Vec<Sample>]) {
    heading(title);
    for (subject, samples) in subjects.iter().zip(samples) {
        figures(&subject.name, samples);
    }
}

impl Report {
    /// Puts a line into the table.
    pub fn row(
        &mut self,
        name: &str,
        target: Target,
        unit: &'static str,
        numbers: impl IntoIterator<Item = f64>,
    ) {
        let row = Row {
            name: name.to_owned(),
            target,
            unit,
            spread: spread(numbers),
        };
        println!("  -> {}", row.text(0).trim_matches(['|', ' ']));
        self.rows.push(row);
    }

    /// Puts the ratio of these figures of the runs into the table.
    pub fn ratio(&mut self, name: &str, target: Target, of: &[f64], to: &[f64]) {
        let ratios = of.iter().zip(to).map(|(of, to)| of / to);
        self.row(name, target, "", ratios);
    }

    /// Prints what has to be shown, and what is good to know, as Markdown.
    pub fn end(&self) {
        for (heading, has_target) in [("In short", true), ("Beside it", false)] {
            let rows = self.rows.iter();
            let rows: Vec<_> = rows.filter(|row| row.has_target() == has_target).collect();
            if rows.is_empty() {
                continue;
            }
            let widths = rows.iter().map(|row| row.name.chars().count());
            let width = widths.max().unwrap_or(0).max(heading.len());
            println!(
                "\n| {heading:<width$} |       min |    median |       max | target |\n|{}|----------:|----------:|----------:|--------|",
                "-".repeat(width + 2)
            );
            for row in rows {
                println!("{}", row.text(width));
            }
        }
    }
}

impl Row {
    fn has_target(&self) -> bool {
        !matches!(self.target, Target::None)
    }

    fn text(&self, width: usize) -> String {
        let Self {
            name,
            target,
            unit,
            spread,
        } = self;
        let [least, middle, greatest] = spread.map(|number| figure(number) + unit);
        let median = spread[1];
        let (target, met) = match *target {
            Target::AtLeast(target) => (format!("at least {target}{unit}"), median >= target),
            Target::AtMost(target) => (format!("at most {target}{unit}"), median <= target),
            Target::None => ("-".to_owned(), true),
        };
        let missed = if met { "" } else { ": missed" };
        format!("| {name:<width$} | {least:>9} | {middle:>9} | {greatest:>9} | {target}{missed} |")
    }
}

/// Three digits, for a number of any size.
fn figure(number: f64) -> String {
    let digits = match number.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{number:.digits$}")
}
