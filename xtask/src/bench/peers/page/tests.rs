use serde_json::json;

use super::*;
use crate::bench::peers::Missing;
use crate::bench::peers::results::Run;

fn run(load: &str, server: &str, cpu: f64) -> Run {
    Run {
        load: load.to_owned(),
        server: server.to_owned(),
        repetition: 1,
        is_quick: false,
        clients: 1000,
        report: json!({
            "cpu_us_per_delivery": cpu,
            "connect": { "cpu_us_per_connection": 70.0 },
            "memory": { "before": 0, "connected": 2_048_000, "after": 4_096_000 },
            "delivery": { "p50": 5.0, "p99": 10.05 },
        }),
        round_trip_us: (server != FLOOR).then_some(50.0),
        fault: None,
    }
}

fn kept() -> Kept {
    let mut runs = vec![run("redis", PALABRE, 9.0)];
    for load in ["one", loads::WITHOUT_REDIS, "thirty-two", "connections", "latency", "growth-1000"]
    {
        runs.push(run(load, FLOOR, 8.0));
        runs.push(run(load, PALABRE, 8.4));
    }
    let disordered = Some("7 out of order".to_owned());
    runs.push(Run { fault: disordered, ..run("latency", "node", 20.0) });
    let missing =
        Missing::from([("flask-socketio".to_owned(), "no such package\nmore".to_owned())]);
    Kept { results: Results { runs }, missing }
}

fn page(kept: &Kept) -> String {
    text(&Place::fictional(), kept)
}

fn has_line(page: &str, line: &str) {
    assert!(page.lines().any(|other| other == line), "no line {line:?} in\n{page}");
}

#[test]
fn numbers_have_three_digits_and_thousands_apart() {
    for (value, expected) in [
        (0.241, "0.24"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (66.04, "66.0"),
        (812.3, "812"),
        (19_000.0, "19,000"),
        (1_234_567.0, "1,234,567"),
        (-4.0, "-4.00"),
    ] {
        assert_eq!(number(value), expected);
    }
}

#[test]
fn tables_show_figures_multiples_and_what_is_missing() {
    let page = page(&kept());
    has_line(&page, "| **Palabre** | 8.40 | 1.05 × |");
    has_line(&page, "| **Palabre** | 2.00 | 70.0 | 1.00 × | 8.40 | 1.05 × |");
    has_line(&page, "| **Palabre** | 9.00 | 8.40 | 1.07 × |");
    has_line(&page, "| Flask-SocketIO | – | – |");
    has_line(&page, "- Flask-SocketIO: not measured, no such package.");
    has_line(&page, "- python-socketio: not measured.");
    has_line(&page, "| 1,000 receivers | 8.00 | 8.40 | 1.05 × |");
    has_line(&page, "| memory of an idle connection | 2 KiB | 2.00 KiB |");
}

#[test]
fn latency_is_compared_with_the_floor_and_one_round_trip() {
    let page = page(&kept());
    // 1,000 receivers at 8 µs and 50 µs are 8.05 ms; 10.05 ms are 1.25 times as much.
    has_line(&page, "| **Palabre** | 5.00 | 10.1 | 8.05 | 1.25 × | 50.0 |");
    has_line(&page, "| Socket.IO on Node | – | – | – | – | – |");
    has_line(&page, "- Socket.IO on Node: 1 of 1 runs don't count: 7 out of order.");
}

#[test]
fn the_page_is_whole_and_says_when_it_is_only_a_trial() {
    let whole = page(&kept());
    for heading in ["## The machine", "## From elsewhere", "## What is not measured"] {
        has_line(&whole, heading);
    }
    assert!(whole.ends_with(".\n") && !whole.contains("--quick`)"));
    let mut kept = kept();
    kept.results.runs[0].is_quick = true;
    assert!(page(&kept).contains("a trial only"));
    let drawn: Vec<&str> = drawn(&kept).into_iter().map(|(name, _)| name).collect();
    assert_eq!(drawn, ["one", "thirty-two", "memory", "accept"]);
}
