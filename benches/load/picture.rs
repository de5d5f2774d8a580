//! Draws curves as SVG: a column of panels for each database. All axes are logarithmic, and the panels
//! of a row have the same ones, so that they can be compared.
//!
//! The picture has a background of its own: it is looked at on light and on dark pages.

use std::fmt::Write as _;

const PANEL_WIDTH: f64 = 440.0;
const PLOT_HEIGHT: f64 = 210.0;
/// Around what is drawn in a panel.
const LEFT: f64 = 72.0;
const RIGHT: f64 = 28.0;
const BOTTOM: f64 = 50.0;
/// Above and below all panels.
const HEAD: f64 = 92.0;
const FOOT: f64 = 12.0;
/// Where the legend begins, its lines, and what one of the two entries takes of a line.
const LEGEND: f64 = 44.0;
const LEGEND_LINE: f64 = 18.0;
const LEGEND_ENTRY: f64 = 178.0;
/// More marks than this on an axis could not be distinguished.
const MOST_MARKS: usize = 10;

/// The picture to draw.
pub struct Picture {
    pub title: String,
    pub subtitle: [String; 2],
    /// All of the same number of panels.
    pub columns: Vec<Vec<Panel>>,
}

pub struct Panel {
    /// The title, which also says what the vertical axis counts.
    pub title: String,
    /// The label of the horizontal axis.
    pub across: &'static str,
    pub curves: Vec<Curve>,
}

pub struct Curve {
    pub name: String,
    pub colour: Colour,
    pub dashed: bool,
    pub points: Vec<Point>,
}

/// The min, the median and the max of the measurements there.
pub struct Point {
    pub across: f64,
    pub up: [f64; 3],
}

#[derive(Clone, Copy)]
pub enum Colour {
    Blue,
    Orange,
    Grey,
}

impl Colour {
    const fn code(self) -> &'static str {
        match self {
            Self::Blue => "#0969da",
            Self::Orange => "#bc4c00",
            Self::Grey => "#6e7781",
        }
    }
}

/// A logarithmic axis.
struct Axis {
    least: f64,
    greatest: f64,
    /// Where these two are.
    ends: [f64; 2],
}

impl Axis {
    /// One that has all these numbers, which are greater than 0.
    fn of(numbers: impl Iterator<Item = f64>, ends: [f64; 2]) -> Self {
        let (least, greatest) = numbers.fold((f64::INFINITY, 0.0_f64), |(least, greatest), one| {
            (least.min(one), greatest.max(one))
        });
        Self {
            least,
            greatest: greatest.max(least * 1.001),
            ends,
        }
    }

    /// The same, but from one round number to another.
    fn rounded(self) -> Self {
        let below =
            round_numbers(&[1.0, 2.0, 5.0]).take_while(|number| *number <= self.least * 1.001);
        let above = round_numbers(&[1.0, 2.0, 5.0]).find(|number| *number >= self.greatest * 0.999);
        Self {
            least: below.last().unwrap_or(self.least),
            greatest: above.unwrap_or(self.greatest),
            ..self
        }
    }

    fn place(&self, number: f64) -> f64 {
        let [from, to] = self.ends;
        let part = (number / self.least).ln() / (self.greatest / self.least).ln();
        from + part * (to - from)
    }

    /// The round numbers on it: powers of ten and, if there is room, their doubles and halves.
    fn marks(&self) -> Vec<f64> {
        let on_it = self.least * 0.999..=self.greatest * 1.001;
        let marks = |steps| round_numbers(steps).filter(|number| on_it.contains(number));
        let many: Vec<_> = marks(&[1.0, 2.0, 5.0]).collect();
        if many.len() <= MOST_MARKS {
            many
        } else {
            marks(&[1.0]).collect()
        }
    }
}

/// All powers of ten that a figure here could have, times these steps.
fn round_numbers(steps: &'static [f64]) -> impl Iterator<Item = f64> {
    (-6..10).flat_map(move |power| steps.iter().map(move |step| step * 10_f64.powi(power)))
}

impl Picture {
    /// As SVG.
    pub fn draw(&self) -> String {
        let width = PANEL_WIDTH * self.columns.len() as f64;
        let mut panels = String::new();
        let mut height = HEAD;
        for row in 0..self.columns.iter().map(Vec::len).max().unwrap_or(0) {
            let row = self.columns.iter().filter_map(|column| column.get(row));
            let (drawn, row_height) = draw_row(&row.collect::<Vec<_>>());
            let _ = writeln!(
                panels,
                "<g transform=\"translate(0 {height})\">\n{drawn}</g>"
            );
            height += row_height;
        }
        height += FOOT;
        let title = escaped(&self.title);
        let [first, second] = self.subtitle.each_ref().map(|line| escaped(line));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"13\" \
             fill=\"#1f2328\">\n\
             <title>{title}</title>\n\
             <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"6\" fill=\"#ffffff\" \
             stroke=\"#d1d9e0\"/>\n\
             <text x=\"20\" y=\"34\" font-size=\"19\" font-weight=\"600\">{title}</text>\n\
             <text x=\"20\" y=\"56\" fill=\"#59636e\">{first}</text>\n\
             <text x=\"20\" y=\"74\" fill=\"#59636e\">{second}</text>\n{panels}</svg>\n",
            width - 1.0,
            height - 1.0,
        )
    }
}

/// Panels side by side, and how high they are.
fn draw_row(panels: &[&Panel]) -> (String, f64) {
    let points = || panels.iter().flat_map(|panel| panel.points());
    let most_curves = panels.iter().map(|panel| panel.curves.len()).max();
    let top = LEGEND + 6.0 + LEGEND_LINE * most_curves.unwrap_or(0).div_ceil(2) as f64;
    let bottom = top + PLOT_HEIGHT;
    let across = Axis::of(
        points().map(|point| point.across),
        [LEFT, PANEL_WIDTH - RIGHT],
    );
    let up = Axis::of(points().flat_map(|point| point.up), [bottom, top]).rounded();
    let mut svg = String::new();
    for (column, panel) in panels.iter().enumerate() {
        let x = column as f64 * PANEL_WIDTH;
        let drawn = panel.draw(&across, &up);
        let _ = writeln!(svg, "<g transform=\"translate({x} 0)\">\n{drawn}</g>");
    }
    (svg, bottom + BOTTOM)
}

impl Panel {
    fn points(&self) -> impl Iterator<Item = &Point> {
        self.curves.iter().flat_map(|curve| &curve.points)
    }

    fn draw(&self, across: &Axis, up: &Axis) -> String {
        let (right, bottom) = (PANEL_WIDTH - RIGHT, up.ends[0]);
        let mut svg = format!(
            "<text x=\"20\" y=\"22\" font-size=\"15\" font-weight=\"600\">{}</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#59636e\">{}</text>\n",
            escaped(&self.title),
            f64::midpoint(LEFT, right),
            bottom + 38.0,
            escaped(self.across)
        );
        for mark in up.marks() {
            let y = up.place(mark);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#e4e8ec\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.5,
                spelled(mark)
            );
        }
        let mut numbers: Vec<_> = self.points().map(|point| point.across).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        for number in numbers {
            let x = across.place(number);
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {bottom}v5\" stroke=\"#8c959f\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 19.0,
                spelled(number)
            );
        }
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {bottom}H{right}\" stroke=\"#8c959f\"/>"
        );
        for (index, curve) in self.curves.iter().enumerate() {
            svg.push_str(&curve.draw(across, up));
            svg.push_str(&curve.legend(index));
        }
        svg
    }
}

impl Curve {
    /// A line through the medians, with a bar from the least to the greatest at each.
    fn draw(&self, across: &Axis, up: &Axis) -> String {
        let (mut line, mut marks) = (String::new(), String::new());
        for point in &self.points {
            let x = across.place(point.across);
            let [least, median, greatest] = point.up.map(|number| up.place(number));
            let _ = write!(line, "{x:.1},{median:.1} ");
            let _ = write!(
                marks,
                "<circle cx=\"{x:.1}\" cy=\"{median:.1}\" r=\"3\" stroke=\"none\"/>\
                 <path d=\"M{x:.1} {least:.1}V{greatest:.1}\"/>"
            );
        }
        format!(
            "<g fill=\"{0}\" stroke=\"{0}\" stroke-width=\"1.2\">\
             <polyline points=\"{1}\" fill=\"none\" stroke-width=\"2\"{2}/>{marks}</g>\n",
            self.colour.code(),
            line.trim_end(),
            self.dashes()
        )
    }

    /// Its name, above what is drawn.
    fn legend(&self, index: usize) -> String {
        let x = 20.0 + LEGEND_ENTRY * (index % 2) as f64;
        let y = LEGEND + LEGEND_LINE * (index / 2) as f64;
        format!(
            "<path d=\"M{x} {y}h26\" stroke=\"{}\" stroke-width=\"2\"{}/>\
             <text x=\"{}\" y=\"{}\">{}</text>\n",
            self.colour.code(),
            self.dashes(),
            x + 34.0,
            y + 4.5,
            escaped(&self.name)
        )
    }

    const fn dashes(&self) -> &'static str {
        if self.dashed {
            " stroke-dasharray=\"6 4\""
        } else {
            ""
        }
    }
}

/// A number as people write it.
pub fn spelled(number: f64) -> String {
    if number < 1.0 {
        // Not 0.30000000000000004.
        let text = format!("{number:.6}");
        return text.trim_end_matches('0').to_owned();
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
