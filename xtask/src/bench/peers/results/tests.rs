use super::*;

fn report() -> Value {
    json!({
        "clients": 3, "connected": 3, "failures": {}, "sent": 2, "acknowledged": 2,
        "deliveries": 6, "expected": 6, "misdirected": 0, "lost": 0, "doubled": 0, "disordered": 0,
        "cpu_us_per_delivery": 8.5,
        "connect": { "seconds": 1.0, "cpu_us_per_connection": 70.0 },
        "memory": { "before": 1000, "connected": 7000, "after": 4000 },
        "delivery": { "p50": 1.5, "p99": 2.5 },
    })
}

fn run(server: &str, repetition: u32, cpu: f64) -> Run {
    let mut report = report();
    report["cpu_us_per_delivery"] = json!(cpu);
    Run {
        load: "one".to_owned(),
        server: server.to_owned(),
        repetition,
        is_quick: false,
        clients: 3,
        report,
        round_trip_us: Some(40.0),
        fault: None,
    }
}

fn at(server: &str) -> Place<'_> {
    Place { load: "one", server }
}

fn at_most(results: &Results, server: &str) -> Option<f64> {
    Some(results.spread("one", server, cpu_us)?.max)
}

#[test]
fn the_middle_is_the_median() {
    let of = |numbers: &[f64]| Spread::of(numbers.iter().copied());
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[3.0]), Some(Spread { median: 3.0, min: 3.0, max: 3.0 }));
    assert_eq!(of(&[9.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 9.0 }));
    assert_eq!(of(&[4.0, 1.0, 2.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
}

#[test]
fn ratios_compare_what_was_measured_together() {
    let runs = vec![
        run("floor", 1, 8.0),
        run("floor", 2, 16.0),
        run("floor", 3, 8.0),
        run("node", 1, 16.0),
        run("node", 2, 32.0),
        run("node", 3, 24.0),
        run("node", 4, 99.0),
    ];
    let mut results = Results { runs };
    let ratio = results.ratio(at("node"), at("floor"), cpu_us).unwrap();
    assert_eq!(ratio, Spread { median: 2.0, min: 2.0, max: 3.0 });
    results.runs[2].fault = Some("1 lost".to_owned());
    let ratio = results.ratio(at("node"), at("floor"), cpu_us).unwrap();
    assert_eq!((ratio.min, ratio.max), (2.0, 2.0), "what doesn't count is no base either");
    assert!(results.ratio(at("node"), at("nobody"), cpu_us).is_none());
    assert_eq!(at_most(&results, "floor"), Some(16.0));
    assert_eq!(results.faults("one", "floor"), ["1 lost"]);
}

#[test]
fn figures_are_found_in_a_report_and_missing_ones_are_none() {
    let run = run("node", 1, 8.5);
    assert_eq!(cpu_us(&run), Some(8.5));
    assert_eq!(accept_us(&run), Some(70.0));
    assert_eq!(connection_bytes(&run), Some(1000.0));
    assert_eq!((p50_ms(&run), p99_ms(&run)), (Some(1.5), Some(2.5)));
    let nothing = Run { report: Value::Null, ..run };
    assert_eq!((cpu_us(&nothing), connection_bytes(&nothing)), (None, None));
}

#[test]
fn whatever_was_not_as_promised_makes_a_run_not_count() {
    assert_eq!(fault(&report()), None);
    let with = |name: &str, value: Value| {
        let mut report = report();
        report[name] = value;
        fault(&report).unwrap()
    };
    assert_eq!(with("lost", json!(4)), "4 lost");
    assert_eq!(with("doubled", json!(1)), "1 doubled");
    assert_eq!(with("disordered", json!(7)), "7 out of order");
    assert_eq!(with("disordered", Value::Null), "no word about what was out of order");
    assert_eq!(with("connected", json!(2)), "2 of 3 clients connected");
    assert_eq!(with("failures", json!({ "it hung up": 2 })), "2 clients: it hung up");
    assert_eq!(with("acknowledged", json!(1)), "1 of 2 messages acknowledged");
    assert_eq!(with("deliveries", json!(5)), "5 of 6 deliveries");
    assert_eq!(with("misdirected", json!(2)), "2 in the wrong room");
    assert!(fault(&Value::Null).is_some());
}

#[test]
fn what_is_kept_is_read_again_until_it_is_forgotten() {
    let folder = std::env::temp_dir().join(format!("palabre-results-{}", std::process::id()));
    let faulty = Run { fault: Some("1 lost".to_owned()), ..run("node", 2, 9.0) };
    for kept in [run("node", 1, 8.0), faulty, run("floor", 1, 7.0)] {
        kept.keep(&folder).unwrap();
    }
    fs::write(folder.join("one/half.1.json"), "{").unwrap();
    let results = Results::read(&folder);
    assert_eq!(results.runs.len(), 3);
    assert_eq!(at_most(&results, "node"), Some(8.0));
    assert_eq!(results.faults("one", "node"), ["1 lost"]);
    assert_eq!(results.of("one", "floor").next().and_then(round_trip_us), Some(40.0));
    Results::forget(&folder, "one", "node").unwrap();
    assert_eq!(Results::read(&folder).runs.len(), 1);
    fs::remove_dir_all(folder).unwrap();
}
