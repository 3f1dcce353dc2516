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
        rate: 1000.0,
        senders: Some(3),
        duration: 0.1,
        size: 64,
        patience: 1.0,
        transport: Transport::Websocket,
        pid: vec![std::process::id()],
        json: false,
    }
}

async fn report_of(fault: Fault) -> Report {
    let server = Server::start(fault).await;
    let report = bench(args(vec![server.url()])).await.unwrap();
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
    assert!(report.delivery.p50 > 0.0 && report.acknowledgement.max >= report.delivery.p50 / 1e3);
    assert!(report.memory.is_some() && report.cpu_us_per_delivery.is_some());
    assert!(report.to_string().ends_with("\nclean"), "{report}");
}

#[tokio::test]
async fn clients_are_shared_between_servers() {
    let server = Server::start(Fault::None).await;
    let report = bench(args(vec![server.url(), server.other_url()])).await.unwrap();
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
async fn nobody_there_is_an_error() {
    let server = Server::start(Fault::RefuseConnect).await;
    let error = bench(args(vec![server.url()])).await.unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("no client could connect") && text.contains("CONNECT was refused"));
    let error = bench(args(vec!["http://127.0.0.1:1".into()])).await.unwrap_err();
    assert!(format!("{error:#}").contains("refused"), "{error:#}");
}
