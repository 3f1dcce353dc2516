//! The picture of a run: what was done, what came through meanwhile, and when it had healed.

use std::fmt::Write as _;

use super::board::{Fate, Made};
use super::verdict::Verdict;
use super::witness::{What, Witness};

/// Milliseconds of one column.
const COLUMN_MS: u64 = 100;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 110.0;
const ROW: f64 = 70.0;
const TOP: f64 = 56.0;

/// The rows, from above, with their colour.
const ROWS: [(&str, &str); 4] = [
    ("acknowledged", "#5b7f4b"),
    ("delivered", "#b4532a"),
    ("recovered", "#3c6e8f"),
    ("begun afresh", "#a8323e"),
];

/// Draws the timeline of a run as SVG.
pub(crate) fn draw(verdict: &Verdict, made: &[Made], witnesses: &[Witness]) -> String {
    let columns = rows(made, witnesses);
    let length = columns.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let wide = (WIDTH - LEFT - 20.0) / length as f64;
    let height = TOP + ROW * ROWS.len() as f64 + 40.0;
    let bottom = height - 36.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fdfbf6\"/>\n\
         <text x=\"20\" y=\"26\" font-size=\"16\" fill=\"#2b2522\">{}: every promise {}</text>\n",
        verdict.scenario,
        if verdict.kept { "kept" } else { "broken" }
    );
    for fault in &verdict.faults {
        let x = |ms: u64| LEFT + ms as f64 / COLUMN_MS as f64 * wide;
        let (from, to) = (x(fault.at_ms), x(fault.at_ms + fault.lasted_ms));
        let healed = fault.healed_ms.map_or(to, |ms| x(fault.at_ms + fault.lasted_ms + ms));
        let tall = bottom - TOP + 8.0;
        put(&mut svg, "#e9c9a8", (from, TOP - 8.0), ((to - from).max(1.5), tall));
        put(&mut svg, "#f4ead6", (to.max(from + 1.5), TOP - 8.0), ((healed - to).max(0.0), tall));
    }
    for (at, ((name, colour), values)) in ROWS.iter().zip(&columns).enumerate() {
        let base = TOP + ROW * (at + 1) as f64 - 10.0;
        let most = values.iter().copied().max().unwrap_or(0);
        let label = format!(
            "<text x=\"20\" y=\"{}\" fill=\"#2b2522\">{name}</text>\n\
             <text x=\"20\" y=\"{base}\" fill=\"#6d635c\">at most {most}</text>\n",
            base - 16.0
        );
        svg.push_str(&label);
        for (column, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
            let tall = (*value as f64 / most as f64 * (ROW - 20.0)).max(1.0);
            let x = LEFT + column as f64 * wide;
            put(&mut svg, colour, (x, base - tall), ((wide * 0.9).max(0.4), tall));
        }
    }
    let seconds = length as f64 * COLUMN_MS as f64 / 1_000.0;
    let legend = format!(
        "<text x=\"{LEFT}\" y=\"{}\" fill=\"#6d635c\">{seconds:.1} s in steps of {COLUMN_MS} ms · \
         brown: the fault · light: until it had healed</text>\n</svg>\n",
        height - 14.0
    );
    svg + &legend
}

/// How much of each row fell into each column.
fn rows(made: &[Made], witnesses: &[Witness]) -> [Vec<u64>; 4] {
    let mut rows: [Vec<u64>; 4] = Default::default();
    let mut count = |row: usize, at: u64| {
        let column = usize::try_from(at / COLUMN_MS).unwrap_or(usize::MAX);
        let row = &mut rows[row];
        if row.len() <= column {
            row.resize(column + 1, 0);
        }
        row[column] += 1;
    };
    for made in made {
        if let Fate::Acknowledged(at) = made.fate {
            count(0, at);
        }
    }
    for seen in witnesses.iter().flat_map(|witness| &witness.seen) {
        match seen.what {
            What::Message(_) => count(1, seen.at),
            What::Recovered => count(2, seen.at),
            What::Restarted => count(3, seen.at),
            What::Connected => {}
        }
    }
    rows
}

fn put(svg: &mut String, colour: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
    writeln!(
        svg,
        "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" \
         fill=\"{colour}\"/>"
    )
    .expect("a String takes all that is written");
}
