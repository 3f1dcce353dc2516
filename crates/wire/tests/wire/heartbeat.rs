//! The heartbeat against its transcripts, on a virtual clock.

use std::time::Duration;

use wire::engine::{Beat, Heartbeat, Rhythm};

use crate::vectors;

const MOMENT: Duration = Duration::from_millis(1);

/// `300 late 350 > ping`: what happens, when it is due, and when the timer runs.
struct Step<'a> {
    due: Duration,
    ran: Duration,
    what: &'a str,
}

fn milliseconds(text: &str) -> Duration {
    Duration::from_millis(text.parse().unwrap_or_else(|_| panic!("{text:?} is no time")))
}

fn step(line: &str) -> Step<'_> {
    let at = line.find(['<', '>', '!']).expect("<, > or !");
    let (times, what) = line.split_at(at);
    let (due, ran) = times.trim().split_once(" late ").unwrap_or((times.trim(), times.trim()));
    Step { due: milliseconds(due), ran: milliseconds(ran), what }
}

#[test]
fn transcripts_are_followed() {
    let mut heartbeat = None;
    for (place, line) in vectors::lines("heartbeat.txt") {
        if let Some(settings) = line.strip_prefix("interval ") {
            let (settings, _title) = settings.split_once(':').expect("a title");
            let (interval, timeout) = settings.split_once(" timeout ").expect("a timeout");
            let rhythm =
                Rhythm { interval: milliseconds(interval), timeout: milliseconds(timeout) };
            heartbeat = Some((Heartbeat::new(Duration::ZERO, rhythm), rhythm));
            continue;
        }
        let (heartbeat, rhythm) = heartbeat.as_mut().expect("settings first");
        follow(heartbeat, *rhythm, &step(&line), &place);
    }
    assert!(heartbeat.is_some());
}

fn follow(heartbeat: &mut Heartbeat, rhythm: Rhythm, step: &Step<'_>, place: &str) {
    let deadline = heartbeat.deadline();
    let early = step.due.min(deadline).saturating_sub(MOMENT);
    assert_eq!(
        heartbeat.on_timer(early, rhythm),
        Beat::Wait(deadline),
        "{place}: before it is due"
    );
    match step.what {
        "< pong" | "< other" => {
            assert!(deadline > step.due, "{place}: something was due at {deadline:?}");
            heartbeat.on_packet(step.due, step.what == "< pong", rhythm);
        }
        "> ping" => {
            assert_eq!(deadline, step.due, "{place}");
            assert_eq!(heartbeat.on_timer(step.ran, rhythm), Beat::Ping, "{place}");
        }
        "! timed out" => {
            assert_eq!(deadline, step.due, "{place}");
            assert_eq!(heartbeat.on_timer(step.ran, rhythm), Beat::TimedOut, "{place}");
        }
        other => panic!("{place}: {other:?} is no step"),
    }
}
