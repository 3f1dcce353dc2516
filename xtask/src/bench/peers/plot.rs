//! Bars with a whisker from the least to the most, as SVG that reads on light and dark pages.

use std::fmt::Write as _;

use super::results::Spread;

/// One bar.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) spread: Spread,
    /// Whether it is this repository's own.
    pub(super) is_ours: bool,
}

const WIDTH: f64 = 760.0;
const LABEL_WIDTH: f64 = 170.0;
const VALUE_WIDTH: f64 = 90.0;
const ROW: f64 = 28.0;
const TOP: f64 = 48.0;
const OURS: &str = "#2a6f6b";
const OTHERS: &str = "#9aa7b1";

/// All bars from zero, under a title; numbers as `show` gives them. No bars, no picture.
pub(super) fn bars(title: &str, bars: &[Bar], show: fn(f64) -> String) -> Option<String> {
    let most = bars.iter().map(|bar| bar.spread.max).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / most;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"15\" font-weight=\"600\" fill=\"#1d2733\">{title}\
         </text>\n",
        title = escaped(title),
    );
    for (at, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * at as f64;
        push_bar(&mut svg, bar, y, scale, show);
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn push_bar(svg: &mut String, bar: &Bar, y: f64, scale: f64, show: fn(f64) -> String) {
    let Spread { median, min, max } = bar.spread;
    let x = |value: f64| LABEL_WIDTH + value * scale;
    let (middle, text) = (y + ROW / 2.0 - 3.0, y + ROW / 2.0 + 1.5);
    let (colour, weight) = if bar.is_ours { (OURS, "600") } else { (OTHERS, "400") };
    let written = write!(
        svg,
        "<text x=\"{label:.1}\" y=\"{text:.1}\" text-anchor=\"end\" fill=\"#1d2733\" \
         font-weight=\"{weight}\">{name}</text>\n\
         <rect x=\"{LABEL_WIDTH:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{bar_height:.1}\" \
         rx=\"2\" fill=\"{colour}\"/>\n\
         <path d=\"M{from:.1} {middle:.1}H{to:.1}\" stroke=\"#1d2733\" stroke-width=\"1.5\"/>\n\
         <text x=\"{value:.1}\" y=\"{text:.1}\" fill=\"#1d2733\" font-weight=\"{weight}\">{shown}\
         </text>\n",
        label = LABEL_WIDTH - 8.0,
        name = escaped(&bar.label),
        width = (median * scale).max(1.0),
        bar_height = ROW - 6.0,
        from = x(min),
        to = x(max),
        value = x(max) + 8.0,
        shown = escaped(&show(median)),
    );
    written.expect("a string takes all");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fits_and_the_others_are_in_proportion() {
        let bar = |label: &str, median: f64, max: f64| Bar {
            label: label.to_owned(),
            spread: Spread { median, min: median, max },
            is_ours: label == "a",
        };
        let bars_of = [bar("a", 10.0, 20.0), bar("b <c>", 5.0, 5.0)];
        let svg = bars("CPU & memory", &bars_of, |n| format!("{n} µs")).unwrap();
        assert!(svg.contains("<title>CPU &amp; memory</title>"));
        assert!(svg.contains("width=\"250.0\"") && svg.contains("width=\"125.0\""), "{svg}");
        assert!(svg.contains("b &lt;c&gt;") && svg.contains(">10 µs</text>"), "{svg}");
        assert_eq!(svg.matches(OURS).count(), 1);
        assert!(bars("nothing", &[], |n| n.to_string()).is_none());
    }
}
