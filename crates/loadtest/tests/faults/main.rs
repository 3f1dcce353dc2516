//! The load test against a small server that does one thing wrong at a time: each fault has to
//! show in the report.

#![expect(clippy::unwrap_used, reason = "what fails in a test shall say where")]

mod server;

use loadtest::{BenchArgs, Report, Transport, bench};
use server::{Fault, Server};

fn args(urls: Vec<String>) -> BenchArgs {
    BenchArgs {
        url: urls,
        clients: 5,
        rooms: None,
        senders: Some(3),
        rate: Some(1000.0),
        in_flight: None,
        duration: Some(0.1),
        messages: None,
        size: 64,
        churn: None,
        patience: 1.0,
        transport: Transport::Websocket,
        workers: None,
        pid: vec![std::process::id()],
        plot: None,
        json: false,
        worker: false,
    }
}

/// The load test waits, and the server of these tests must go on meanwhile.
async fn load(args: BenchArgs) -> anyhow::Result<Report> {
    tokio::task::spawn_blocking(move || bench(&args)).await.unwrap()
}

fn closed_loop(url: String, in_flight: u32) -> BenchArgs {
    let (rate, duration) = (None, None);
    BenchArgs { rate, in_flight: Some(in_flight), duration, messages: Some(100), ..args(vec![url]) }
}

async fn report_of(fault: Fault) -> Report {
    let server = Server::start(fault).await;
    let report = load(args(vec![server.url()])).await.unwrap();
    assert_eq!((report.connected, report.sent), (5, 100), "{report}");
    report
}

/// Deliveries, lost, doubled, disordered.
fn counts(report: &Report) -> (u64, u64, u64, u64) {
    (report.deliveries, report.lost, report.doubled, report.disordered)
}

#[tokio::test]
async fn good_server_is_clean() {
    let report = report_of(Fault::None).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(counts(&report), (500, 0, 0, 0));
    assert_eq!((report.acknowledged, report.unanswered), (100, 0));
    assert_eq!((report.distribution.len(), report.expected), (500, Some(500)));
    assert_eq!(report.timeline.iter().map(|point| point.deliveries).sum::<u64>(), 500);
    assert_eq!(report.delivery.is_none(), report.generator.was_bottleneck, "{report}");
    let memory = report.memory.unwrap();
    assert!(memory.peak >= memory.after && report.cpu_us_per_delivery.is_some());
    assert!(report.connect.cpu_us_per_connection.is_some());
    assert!(report.to_string().ends_with("\nclean"), "{report}");
}

#[tokio::test]
async fn clients_are_shared_between_servers() {
    let server = Server::start(Fault::None).await;
    let report = load(args(vec![server.url(), server.other_url()])).await.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(server.connections_by_path(), (3, 2));
}

#[tokio::test]
async fn lost_message_shows() {
    let report = report_of(Fault::Lose).await;
    assert_eq!(counts(&report), (499, 1, 0, 0));
    assert!(!report.is_clean() && report.to_string().ends_with("NOT CLEAN"));
}

#[tokio::test]
async fn message_that_nobody_gets_shows() {
    let report = report_of(Fault::LoseForAll).await;
    assert_eq!(counts(&report), (495, 5, 0, 0));
    assert!(!report.is_clean());
}

#[tokio::test]
async fn doubled_message_shows() {
    let report = report_of(Fault::Double).await;
    assert_eq!(counts(&report), (500, 0, 1, 0));
    assert!(!report.is_clean());
}

#[tokio::test]
async fn other_order_shows() {
    let report = report_of(Fault::Swap).await;
    assert_eq!((report.deliveries, report.lost, report.doubled), (500, 0, 0));
    assert!(report.disordered > 0 && !report.is_clean());
}

#[tokio::test]
async fn refused_message_shows_and_is_no_loss() {
    let report = report_of(Fault::Refuse).await;
    assert_eq!(counts(&report), (495, 0, 0, 0));
    assert_eq!((report.acknowledged, report.refused["unavailable"]), (99, 1));
    assert!(!report.is_clean());
}

#[tokio::test]
async fn missing_answer_shows() {
    let report = report_of(Fault::Silence).await;
    assert_eq!(counts(&report), (500, 0, 0, 0));
    assert_eq!((report.acknowledged, report.unanswered), (99, 1));
    assert!(!report.is_clean());
}

#[tokio::test]
async fn lost_connection_shows_and_costs_no_losses() {
    let report = report_of(Fault::HangUp).await;
    assert_eq!((report.lost, report.failures.values().sum::<u64>()), (0, 1), "{report}");
    assert!(!report.is_clean());
}

#[tokio::test]
async fn stranger_in_the_room_is_counted_apart() {
    let report = report_of(Fault::Stranger).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.strangers, 5);
}

#[tokio::test]
async fn silent_connection_answers_pings() {
    // This server answers a message only when all of its pings were answered.
    let report = report_of(Fault::PingFirst).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn closed_loop_sends_as_many_as_were_asked_for() {
    for in_flight in [1, 7, 1000] {
        let server = Server::start(Fault::None).await;
        let report = load(closed_loop(server.url(), in_flight)).await.unwrap();
        assert!(report.is_clean(), "{in_flight}: {report}");
        assert_eq!((report.messages, report.deliveries), (100, 500));
    }
}

#[tokio::test]
async fn closed_loop_goes_on_past_what_was_refused_and_past_who_is_gone() {
    let server = Server::start(Fault::Refuse).await;
    let report = load(closed_loop(server.url(), 1)).await.unwrap();
    assert_eq!((report.acknowledged, report.deliveries), (99, 495), "{report}");
    let server = Server::start(Fault::HangUp).await;
    let report = load(closed_loop(server.url(), 1)).await.unwrap();
    assert_eq!((report.acknowledged, report.lost), (100, 0), "{report}");
}

#[tokio::test]
async fn closed_loop_stops_at_what_is_lost_and_says_so() {
    let server = Server::start(Fault::Lose).await;
    let report = load(closed_loop(server.url(), 1)).await.unwrap();
    assert_eq!((report.lost, report.messages), (1, 50), "{report}");
    assert!(!report.is_clean());
}

#[tokio::test]
async fn options_that_contradict_each_other_are_errors() {
    let any = || args(vec!["http://127.0.0.1:1".into()]);
    let contradictions = [
        (BenchArgs { in_flight: Some(1), ..any() }, "--in-flight"),
        (BenchArgs { messages: Some(1), ..any() }, "--messages"),
        (BenchArgs { rooms: Some(6), ..any() }, "--rooms"),
        (BenchArgs { senders: Some(6), ..any() }, "--senders"),
        (BenchArgs { workers: Some(6), ..any() }, "--workers"),
        (BenchArgs { churn: Some(5.0), senders: Some(5), ..any() }, "--churn"),
        (BenchArgs { churn: Some(5.0), ..closed_loop("http://127.0.0.1:1".into(), 1) }, "--churn"),
        (BenchArgs { churn: Some(7000.0), ..any() }, "--churn"),
        (BenchArgs { duration: Some(1e7), ..any() }, "--duration"),
    ];
    for (args, option) in contradictions {
        let error = load(args.clone()).await.unwrap_err().to_string();
        assert!(error.contains(option), "{args:?}: {error}");
    }
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let server = Server::start(Fault::RefuseConnect).await;
    let error = load(args(vec![server.url()])).await.unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("no client could connect") && text.contains("CONNECT was refused"));
    let error = load(args(vec!["http://127.0.0.1:1".into()])).await.unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("to http://127.0.0.1:1: ") && text.contains("refused"), "{text}");
}
