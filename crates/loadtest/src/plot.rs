//! The picture of a load test: how long deliveries took, by how many took longer, and when they
//! came. It takes the colours of whoever looks at it, light or dark.

use std::fmt::Write as _;

use crate::report::{Point, Report};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 640.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 930.0;

/// The upper frame: from here to there.
const UPPER: (f64, f64) = (96.0, 330.0);
/// The lower one.
const LOWER: (f64, f64) = (400.0, 580.0);

/// The parts of deliveries that are marked, and how.
const MARKS: [(f64, &str); 6] = [
    (0.0, "0"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.99999, "99.999 %"),
];

/// The part of the lower frame that the highest bar takes.
const BAR_HEIGHT: f64 = 0.6;

/// Points of the upper curve for each mark.
const POINTS_PER_MARK: u32 = 40;

const STYLE: &str = "\
<style>
  .paper { fill: #fdfbf6 } .ink { fill: #2b2522 } .faint { fill: #6d635c }
  .grid { stroke: #ddd3c4 } .p50 { stroke: #3c6e8f } .p99 { stroke: #b4532a }
  .key50 { fill: #3c6e8f } .key99 { fill: #b4532a } .bar { fill: #dbe4cc }
  .keybar { fill: #5b7f4b }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #1d1a18 } .ink { fill: #efe7da } .faint { fill: #a89c8f }
    .grid { stroke: #3b3531 } .p50 { stroke: #7fb3d3 } .p99 { stroke: #e58a5f }
    .key50 { fill: #7fb3d3 } .key99 { fill: #e58a5f } .bar { fill: #333d2c }
    .keybar { fill: #9dbb86 }
  }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round }
</style>
";

/// Draws a report as SVG.
pub(crate) fn draw(report: &Report) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n{STYLE}\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n"
    );
    let (first, second) = headings(report);
    text(&mut svg, ("ink", "start"), (20.0, 30.0), &first);
    text(&mut svg, ("faint", "start"), (20.0, 50.0), &second);
    draw_distribution(&mut svg, report);
    draw_timeline(&mut svg, report);
    svg + "</svg>\n"
}

fn headings(report: &Report) -> (String, String) {
    let Report { clients, size, deliveries, lost, doubled, disordered, .. } = report;
    let pace = match (report.rate, report.in_flight) {
        (Some(rate), _) => format!("{rate} messages a second"),
        (None, in_flight) => format!("{} messages under way at once", in_flight.unwrap_or(1)),
    };
    let rooms = report.rooms.map_or(String::new(), |rooms| format!(" in {rooms} rooms"));
    let first = format!("{clients} clients{rooms}, {pace} of {size} bytes");
    let second = format!(
        "{deliveries} deliveries: {lost} lost, {doubled} doubled, {disordered} out of order"
    );
    (first, second)
}

fn draw_distribution(svg: &mut String, report: &Report) {
    let (top, bottom) = UPPER;
    let since = if report.in_flight.is_some() { "sent" } else { "due" };
    let title = format!("milliseconds from when a message was {since} to its arrival");
    text(svg, ("faint", "start"), (LEFT, top - 12.0), &title);
    if report.delivery.is_none() || report.distribution.is_empty() {
        let why = if report.generator.was_bottleneck {
            "the load generator was too slow to tell"
        } else {
            "nothing arrived"
        };
        text(svg, ("ink", "middle"), (LEFT.midpoint(RIGHT), top.midpoint(bottom)), why);
        return;
    }
    // What fewer than one delivery stands for can't be shown.
    let count = report.distribution.len();
    let marks = MARKS.iter().filter(|(part, _)| (1.0 - part) * count as f64 >= 1.0);
    let marks: Vec<_> = marks.collect();
    let end = marks.len() as f64;
    let x = |nines: f64| LEFT + nines / end * (RIGHT - LEFT);
    let highest = report.distribution.max() as f64 / 1000.0;
    let scale = Scale::new(highest, (top, bottom));
    scale.draw(svg);
    for (at, (_, name)) in marks.iter().enumerate() {
        let x = x(at as f64);
        line(svg, "grid", (x, top), (x, bottom));
        text(svg, ("faint", "middle"), (x, bottom + 18.0), name);
    }
    text(svg, ("faint", "end"), (RIGHT, bottom + 18.0), "of deliveries took less");
    let points = (0..=marks.len() as u32 * POINTS_PER_MARK).map(|at| {
        let nines = f64::from(at) / f64::from(POINTS_PER_MARK);
        let part = 1.0 - 10_f64.powf(-nines);
        let took = report.distribution.value_at_quantile(part) as f64 / 1000.0;
        (x(nines), scale.y(took))
    });
    curve(svg, "p50", points);
}

fn draw_timeline(svg: &mut String, report: &Report) {
    let (top, bottom) = LOWER;
    let points = &report.timeline;
    text(svg, ("faint", "start"), (LEFT, top - 12.0), "over time: milliseconds");
    text(svg, ("key50", "start"), (LEFT + 150.0, top - 12.0), "half took less");
    text(svg, ("key99", "start"), (LEFT + 250.0, top - 12.0), "99 of 100 took less");
    let most = points.iter().map(|point| point.deliveries).max().unwrap_or(0);
    let seconds_each = points.get(1).map_or(1, |point| point.second);
    let bars = format!("deliveries, at most {most} in {seconds_each} s");
    text(svg, ("keybar", "end"), (RIGHT, top - 12.0), &bars);
    let wide = (RIGHT - LEFT) / points.len().max(1) as f64;
    for (at, point) in points.iter().enumerate().filter(|(_, point)| point.deliveries > 0) {
        let tall = point.deliveries as f64 / most as f64 * (bottom - top) * BAR_HEIGHT;
        let (x, y) = (LEFT + at as f64 * wide, bottom - tall);
        let wide = (wide - 1.0).max(0.5);
        write_to(
            svg,
            format_args!(
                "<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" \
             height=\"{tall:.1}\"/>\n"
            ),
        );
    }
    let highest = points.iter().filter_map(|point| point.p99).fold(0.0, f64::max);
    let scale = Scale::new(highest, (top, bottom));
    if highest > 0.0 {
        scale.draw(svg);
    }
    let mut over_time = |class, of: fn(&Point) -> Option<f64>| {
        let shown = points.iter().enumerate().filter_map(|(at, point)| Some((at, of(point)?)));
        // As long as the stretch that it stands for.
        let ends = |at: usize| [at as f64, at as f64 + 1.0].map(|at| LEFT + at * wide);
        let steps = shown.flat_map(|(at, took)| ends(at).map(|x| (x, scale.y(took))));
        curve(svg, class, steps);
    };
    over_time("p50", |point| point.p50);
    over_time("p99", |point| point.p99);
    let end = points.last().map_or(0, |point| point.second + seconds_each);
    text(svg, ("faint", "start"), (LEFT, bottom + 18.0), "0 s");
    text(svg, ("faint", "end"), (RIGHT, bottom + 18.0), &format!("{end} s"));
}

/// Milliseconds on a vertical axis.
struct Scale {
    step: f64,
    steps: u32,
    top: f64,
    bottom: f64,
}

impl Scale {
    /// Four to ten even steps of a round number that reach beyond the highest value.
    fn new(highest: f64, (top, bottom): (f64, f64)) -> Self {
        let highest = highest.max(0.001);
        let power = 10_f64.powf((highest / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|of| of * power);
        let step = step.into_iter().find(|step| highest / step <= 6.0).unwrap_or(10.0 * power);
        #[expect(clippy::cast_sign_loss, reason = "it is positive")]
        let steps = (highest / step).ceil().max(1.0) as u32;
        Self { step, steps, top, bottom }
    }

    fn y(&self, value: f64) -> f64 {
        let part = value / (self.step * f64::from(self.steps));
        self.bottom - part.clamp(0.0, 1.0) * (self.bottom - self.top)
    }

    fn draw(&self, svg: &mut String) {
        for at in 0..=self.steps {
            let value = self.step * f64::from(at);
            let y = self.y(value);
            line(svg, "grid", (LEFT, y), (RIGHT, y));
            #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
            let decimals = (-self.step.log10().floor()).max(0.0) as usize;
            text(svg, ("faint", "end"), (LEFT - 8.0, y + 4.0), &format!("{value:.decimals$}"));
        }
    }
}

fn text(svg: &mut String, (class, anchor): (&str, &str), (x, y): (f64, f64), what: &str) {
    write_to(
        svg,
        format_args!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" \
             x=\"{x:.1}\" y=\"{y:.1}\">{what}</text>\n"
        ),
    );
}

fn line(svg: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    write_to(
        svg,
        format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" \
             x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"
        ),
    );
}

fn curve(svg: &mut String, class: &str, points: impl Iterator<Item = (f64, f64)>) {
    let mut list = String::new();
    for (x, y) in points {
        write_to(&mut list, format_args!("{x:.1},{y:.1} "));
    }
    write_to(
        svg,
        format_args!("<polyline class=\"line {class}\" points=\"{}\"/>\n", list.trim_end()),
    );
}

fn write_to(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("memory can be written");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(was_bottleneck: bool) -> Report {
        let mut report = Report::sample();
        for took_us in 1..=20_000 {
            report.distribution.record(took_us).unwrap();
        }
        report.generator.was_bottleneck = was_bottleneck;
        report.delivery = report.delivery.filter(|_| !was_bottleneck);
        let times = |took| (!was_bottleneck).then_some(took);
        let point = |second, took| Point {
            second,
            deliveries: 100,
            p50: times(took),
            p99: times(took * 2.0),
            memory: None,
        };
        report.timeline = vec![point(0, 1.0), point(1, 2.0)];
        report
    }

    #[test]
    fn picture_shows_the_distribution_and_the_timeline() {
        let svg = draw(&report(false));
        assert_eq!(svg.matches("<polyline").count(), 3, "{svg}");
        assert_eq!(svg.matches("class=\"bar\"").count(), 2);
        assert!(svg.contains(">99.9 %<") && !svg.contains(">99.999 %<"), "20,000 are that many");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn picture_refuses_what_the_generator_falsified() {
        let svg = draw(&report(true));
        assert!(svg.contains("the load generator was too slow to tell"));
        assert!(!svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn scale_reaches_beyond_the_highest_value_in_a_few_steps() {
        for highest in [0.0, 0.013, 1.0, 4.2, 99.0, 12_345.0] {
            let scale = Scale::new(highest, (10.0, 110.0));
            assert!(scale.step * f64::from(scale.steps) >= highest, "{highest}");
            assert!((1..=10).contains(&scale.steps), "{highest}: {} steps", scale.steps);
            assert_eq!((scale.y(0.0), scale.y(1e9)), (110.0, 10.0));
        }
    }
}
