use clap::Parser;

use super::{BenchArgs, Board, Effort, Findings, Progress, Remains, Report, Settlement, Tally};
use crate::bench::plans;
use crate::ledger::Fate;
use crate::plan::{Bin, News};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: BenchArgs,
}

/// Of two workers who share ten clients.
fn args(options: &[&str]) -> BenchArgs {
    let line = ["bench", "--clients", "10", "--workers", "2"].iter().chain(options);
    Line::parse_from(line).args
}

/// Their board.
fn board(options: &[&str]) -> Board {
    let args = args(options);
    Board::new(&args, &plans(&args).unwrap())
}

fn stopped(order: Vec<u32>, fates: Vec<(u32, Fate)>) -> News {
    let remains = Remains { fates, messages: 3, orders: vec![order], ..Remains::default() };
    News::Stopped(Box::new(remains))
}

#[test]
fn workers_that_saw_another_order_disagree() {
    for (order, disordered) in [(vec![0, 1, 2], 0), (vec![0, 2, 1], 1)] {
        let mut board = board(&[]);
        board.take(0, stopped(vec![0, 1, 2], Vec::new()));
        assert!(!board.has_stopped());
        board.take(1, stopped(order, Vec::new()));
        assert!(board.has_stopped());
        board.settle();
        assert_eq!(board.disordered, disordered);
    }
}

#[test]
fn what_no_worker_saw_acknowledged_is_owed_to_nobody() {
    let mut board = board(&[]);
    board.take(0, stopped(Vec::new(), vec![(1, Fate::Refused)]));
    board.take(1, stopped(Vec::new(), vec![(2, Fate::Unanswered)]));
    let excused = [1, 2].into();
    assert_eq!(board.settle(), Settlement { messages: 3, excused });
    assert_eq!(board.unanswered(), 1);
}

/// What two workers found who saw two messages in different orders, each of them spending this.
fn report(effort: Effort) -> Report {
    let mut board = board(&[]);
    let tally = Tally { received: 7, doubled: 1, disordered: 2, misdirected: 3, lost: 4 };
    for (worker, order) in [(0, vec![0, 1, 2]), (1, vec![0, 2, 1])] {
        board.take(worker, News::Progress(Progress { effort, ..Progress::default() }));
        board.take(worker, stopped(order, Vec::new()));
        let bin = Bin { at: 0, deliveries: 7, times: vec![(1000, 7)] };
        board.take(worker, News::Bin(bin));
        let findings = Findings { tally, last_us: 1_000_000, ..Findings::default() };
        board.take(worker, News::Settled(Box::new(findings)));
    }
    board.settle();
    assert!(board.has_settled());
    board.report(&args(&[]))
}

#[test]
fn report_has_what_all_workers_found_and_what_only_together_shows() {
    let report = report(Effort::default());
    assert_eq!((report.deliveries, report.doubled, report.misdirected), (14, 2, 6));
    assert_eq!((report.disordered, report.lost), (2 + 2 + 1, 8));
    assert!(!report.is_clean());
}

#[test]
fn figures_that_the_generator_falsified_are_not_given() {
    for (cpu, are_given) in [(100, true), (990, false)] {
        let report = report(Effort { wall: 1000, cpu, waited: 0 });
        assert_eq!(report.generator.was_bottleneck, !are_given);
        assert_eq!(report.delivery.is_some(), are_given);
        assert_eq!(report.acknowledgement.is_some(), are_given);
        assert_eq!(report.deliveries_per_second.is_some(), are_given);
        assert_eq!(report.messages_per_second.is_some(), are_given);
        let [point] = report.timeline[..] else { panic!("{:?}", report.timeline) };
        assert_eq!((point.deliveries, point.p50.is_some()), (14, are_given));
        assert_eq!(point.p99.is_some(), are_given);
    }
}

#[test]
fn loop_is_closed_when_all_workers_have_got_a_message() {
    let mut board = board(&["--in-flight", "2", "--messages", "9"]);
    assert_eq!(board.allowed(), Some(2));
    assert_eq!(board.take(1, News::Reached(vec![1, 0])), None);
    assert_eq!(board.take(0, News::Reached(vec![0])), Some(3));
    assert_eq!(board.take(0, News::Void(vec![2])), Some(4), "nobody waits for that one");
}
