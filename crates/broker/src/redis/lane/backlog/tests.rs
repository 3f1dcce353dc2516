use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn epoch(of: u8) -> Epoch {
    Epoch::from_random([of; 16])
}

fn append(id: &str) -> Append {
    let draft = Draft {
        room: "room".into(),
        user: "user".into(),
        id: id.into(),
        bytes: Bytes::from_static(b"hello"),
        target: None,
        redact: None,
        content: None,
    };
    Append { draft, epoch: None }
}

fn appended(seq: u64) -> Appended {
    Appended { epoch: epoch(1), seq, offset: seq, at: 0, duplicate: false }
}

/// A backlog, and what the callers of its appends have heard.
struct Bench {
    backlog: Backlog,
    answers: Vec<(String, oneshot::Receiver<Answered>)>,
    start: Instant,
}

impl Bench {
    fn new() -> Self {
        let start = Instant::now();
        Self { backlog: Backlog::new(1 << 20), answers: Vec::new(), start }
    }

    /// Calls for appends, each of which expires a second after the one before it.
    fn call(mut self, ids: &str) -> Self {
        for id in ids.split(' ') {
            let deadline = self.start + Duration::from_secs(self.answers.len() as u64 + 1);
            let answer = self.backlog.push(append(id), deadline).unwrap();
            self.answers.push((id.to_owned(), answer));
        }
        self
    }

    fn send(&mut self, count: usize) -> String {
        let mut sent = Vec::new();
        for _ in 0..count {
            let Some((append, _)) = self.backlog.send_next(epoch(1), &mut 0) else { break };
            sent.push(append.draft.id.to_string());
        }
        sent.join(" ")
    }

    fn expire(&mut self, seconds: u64) -> usize {
        self.backlog.expire(self.start + Duration::from_secs(seconds))
    }

    /// What was answered since the last time: place, `lost`, `perhaps`, or a word of the error.
    fn heard(&mut self) -> String {
        let mut heard = Vec::new();
        self.answers.retain_mut(|(id, answer)| {
            let Ok(answered) = answer.try_recv() else { return true };
            let word = match answered {
                Ok(appended) => appended.seq.to_string(),
                Err(AppendError::Unavailable { perhaps_stored: false }) => "lost".to_owned(),
                Err(AppendError::Unavailable { perhaps_stored: true }) => "perhaps".to_owned(),
                Err(AppendError::Fenced) => "fenced".to_owned(),
                Err(AppendError::Refused(_)) => "refused".to_owned(),
                Err(AppendError::Conflict) => "conflict".to_owned(),
            };
            heard.push(format!("{id}={word}"));
            false
        });
        heard.join(" ")
    }
}

#[test]
fn replies_answer_in_the_order_of_sending() {
    let mut bench = Bench::new().call("a b c");
    assert_eq!(bench.send(2), "a b");
    bench.backlog.settle(Ok(appended(1)), true);
    bench.backlog.settle(Err(AppendError::Conflict), false);
    assert_eq!(bench.heard(), "a=1 b=conflict");
    assert_eq!(bench.send(2), "c");
    bench.backlog.settle(Ok(appended(2)), true);
    assert_eq!(bench.heard(), "c=2");
    assert!(bench.backlog.is_settled());
    assert_eq!(bench.backlog.bytes, 0);
}

#[test]
fn a_lost_connection_sends_everything_without_an_answer_again() {
    let mut bench = Bench::new().call("a b c d");
    assert_eq!(bench.send(3), "a b c");
    bench.backlog.settle(Ok(appended(1)), true);
    assert_eq!(bench.backlog.rewind(), 2);
    assert_eq!(bench.send(9), "b c d");
    bench.backlog.settle(Err(AppendError::Refused(String::new())), false);
    bench.backlog.settle(Ok(appended(2)), true);
    bench.backlog.settle(Err(AppendError::Refused(String::new())), false);
    assert_eq!(bench.heard(), "a=1 b=perhaps c=2 d=refused");
}

#[test]
fn what_bounced_goes_first_next_time() {
    let mut bench = Bench::new().call("a b c d");
    assert_eq!(bench.send(3), "a b c");
    bench.backlog.bounce();
    bench.backlog.bounce();
    bench.backlog.bounce();
    assert_eq!(bench.backlog.awaited(), 0);
    assert_eq!(bench.backlog.rewind(), 3);
    assert_eq!(bench.send(9), "a b c d");
    bench.backlog.settle(Err(AppendError::Refused(String::new())), false);
    assert_eq!(bench.heard(), "a=refused", "what bounced is not in doubt");
}

#[test]
fn what_bounced_fails_when_a_later_one_was_stored() {
    let mut bench = Bench::new().call("a b c d");
    assert_eq!(bench.send(4), "a b c d");
    bench.backlog.bounce();
    bench.backlog.settle(Err(AppendError::Conflict), false);
    assert_eq!(bench.heard(), "b=conflict");
    bench.backlog.settle(Ok(appended(1)), true);
    assert_eq!(bench.heard(), "a=lost c=1");
    bench.backlog.bounce();
    assert_eq!(bench.backlog.rewind(), 1);
    assert_eq!(bench.send(9), "d");
}

#[test]
fn time_ends_every_wait_and_says_what_is_known() {
    let mut bench = Bench::new().call("a b c d");
    assert_eq!(bench.send(2), "a b");
    assert_eq!(bench.expire(0), 0);
    assert_eq!(bench.expire(3), 3);
    assert_eq!(bench.heard(), "a=perhaps b=perhaps c=lost");
    assert_eq!(bench.backlog.awaited(), 2, "their replies are still due");
    assert_eq!(bench.backlog.next_deadline(), Some(bench.start + Duration::from_secs(4)));
    assert_eq!(bench.send(9), "d");
    bench.backlog.settle(Ok(appended(1)), true);
    assert_eq!(bench.backlog.rewind(), 1);
    assert_eq!(bench.send(9), "d");
    assert_eq!(bench.expire(4), 1);
    assert_eq!(bench.heard(), "d=perhaps");
    bench.backlog.settle(Ok(appended(2)), true);
    assert_eq!(bench.backlog.bytes, 0);
}

#[test]
fn bounced_ones_expire_as_surely_not_stored() {
    let mut bench = Bench::new().call("a b c");
    assert_eq!(bench.send(2), "a b");
    bench.backlog.bounce();
    assert_eq!(bench.expire(2), 2);
    assert_eq!(bench.heard(), "a=lost b=perhaps");
    bench.backlog.settle(Ok(appended(1)), true);
    assert_eq!(bench.send(9), "c");
}

#[test]
fn what_is_meant_for_another_epoch_is_not_sent() {
    let mut bench = Bench::new();
    for (id, of) in [("a", 1), ("b", 2), ("c", 1)] {
        let append = Append { epoch: Some(epoch(of)), ..append(id) };
        let answer = bench.backlog.push(append, bench.start).unwrap();
        bench.answers.push((id.to_owned(), answer));
    }
    let mut fenced = 0;
    while bench.backlog.send_next(epoch(2), &mut fenced).is_some() {}
    assert_eq!((fenced, bench.heard().as_str()), (2, "a=fenced c=fenced"));
    assert_eq!(bench.backlog.awaited_epoch(), Some(epoch(2)));
}

#[test]
fn a_retry_is_meant_for_the_epoch_of_the_first_try() {
    let mut bench = Bench::new().call("a");
    assert_eq!(bench.send(1), "a");
    bench.backlog.rewind();
    let mut fenced = 0;
    assert!(bench.backlog.send_next(epoch(2), &mut fenced).is_none());
    assert_eq!((fenced, bench.heard().as_str()), (1, "a=fenced"));
}

#[test]
fn bytes_are_bounded() {
    let mut backlog = Backlog::new(2 * (OVERHEAD + 17));
    let now = Instant::now();
    let first = backlog.push(append("four"), now).unwrap();
    let _second = backlog.push(append("four"), now).unwrap();
    assert_eq!(backlog.push(append("four"), now).unwrap_err(), Full::Now);
    drop(first);
    backlog.send_next(epoch(1), &mut 0).unwrap();
    backlog.settle(Ok(appended(1)), true);
    let third = backlog.push(append("four"), now);
    assert!(third.is_ok(), "an answer makes room");
    let mut huge = append("huge");
    huge.draft.bytes = vec![0; 4 * OVERHEAD].into();
    assert_eq!(backlog.push(huge, now).unwrap_err(), Full::Always);
    backlog.close();
    backlog.fail_all();
    assert_eq!((backlog.bytes, backlog.is_settled()), (0, true));
    assert_eq!(backlog.push(append("late"), now).unwrap_err(), Full::Now);
}

proptest! {
    /// Whatever happens: every append gets exactly one answer, stored ones in the order of the
    /// calls, and all the room is given back.
    #[test]
    fn every_append_gets_one_answer(steps in prop::collection::vec(0_u8..8, 0..200)) {
        let mut bench = Bench::new();
        let (mut calls, mut seq, mut seconds) = (0, 0, 0);
        for step in steps {
            match step {
                0 | 1 => {
                    bench = bench.call(&format!("{calls}"));
                    calls += 1;
                }
                2 | 3 => drop(bench.send(1)),
                4 if bench.backlog.awaited() > 0 => {
                    seq += 1;
                    bench.backlog.settle(Ok(appended(seq)), true);
                }
                5 if bench.backlog.awaited() > 0 => bench.backlog.bounce(),
                6 => drop(bench.backlog.rewind()),
                7 => {
                    seconds += 1;
                    bench.expire(seconds);
                }
                _ => {}
            }
        }
        bench.backlog.fail_all();
        prop_assert_eq!(bench.backlog.bytes, 0);
        let heard = bench.heard();
        prop_assert!(bench.answers.is_empty(), "unanswered: {}", bench.answers.len());
        let stored = heard.split(' ').filter_map(|word| word.split_once('=')?.1.parse().ok());
        let stored: Vec<u64> = stored.collect();
        prop_assert!(stored.is_sorted(), "{heard}");
    }
}
