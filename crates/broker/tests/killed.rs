//! What the embedded broker has acknowledged survives `kill -9` in the middle of writing.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use broker::{Appended, Broker, Draft, Limits, Partition, embedded::Embedded};

/// Callers at once in the process that is killed.
const CALLERS: u64 = 8;

fn draft(round: u64, caller: u64, number: u64) -> Draft {
    Draft {
        room: format!("room {}", caller % 3).into(),
        user: format!("user {caller} of round {round}").into(),
        id: format!("number-{number:08}").into(),
        bytes: format!("text {number} of {caller}").into(),
        target: None,
        redact: None,
        content: None,
    }
}

/// Appends until somebody kills it, and says what was acknowledged.
fn write_until_killed(path: &Path, round: u64) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let log = Embedded::open(Some(path), Limits::embedded()).unwrap();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let log = log.clone();
            runtime.spawn(async move {
                for number in 0.. {
                    let Appended { seq, offset, at, .. } =
                        log.append(draft(round, caller, number)).await.unwrap();
                    let line = format!("ack {round} {caller} {number} {seq} {offset} {at}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        runtime.block_on(caller).unwrap();
    }
}

/// Runs this test again as another process and kills it after so many acknowledgements.
fn acknowledged_before_the_kill(path: &Path, round: u64, count: usize) -> Vec<[u64; 6]> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "acknowledged_entries_survive_a_kill"])
        .arg(format!("round={round}:{}", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let mut take = |line: &str| {
        if let Some(rest) = line.strip_prefix("ack ") {
            let numbers: Vec<u64> = rest.split(' ').map(|word| word.parse().unwrap()).collect();
            acknowledged.push(<[u64; 6]>::try_from(numbers).unwrap());
        }
        acknowledged.len()
    };
    while take(&lines.next().expect("it goes on until it is killed").unwrap()) < count {}
    child.kill().unwrap();
    // What was said before the end counts too; the last line may be half a line.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    for line in rest.iter().take(rest.len().saturating_sub(1)) {
        take(line);
    }
    child.wait().unwrap();
    acknowledged
}

#[test]
fn acknowledged_entries_survive_a_kill() {
    if let Some(order) =
        std::env::args().find_map(|arg| Some(arg.strip_prefix("round=")?.to_owned()))
    {
        let (round, path) = order.split_once(':').unwrap();
        return write_until_killed(Path::new(path), round.parse().unwrap());
    }
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut epoch = None;
    let mut acknowledged = Vec::new();
    for (round, count) in [(1, 1), (2, 50), (3, 700)] {
        let new = acknowledged_before_the_kill(directory.path(), round, count);
        assert!(new.len() >= count);
        acknowledged.extend(new);
        let log = Embedded::open(Some(directory.path()), Limits::embedded()).unwrap();
        let (head, records) = runtime.block_on(read(&*log));
        assert_eq!(*epoch.get_or_insert(head.epoch), head.epoch, "it is the same log");
        for &[round, caller, number, seq, offset, at] in &acknowledged {
            let (record, draft) = (&records[&seq], draft(round, caller, number));
            assert_eq!((record.offset, record.at), (offset, at));
            assert_eq!((&record.user, &record.id), (&draft.user, &draft.id));
            assert_eq!(record.bytes, draft.bytes);
            let again = runtime.block_on(log.append(draft)).unwrap();
            assert_eq!((again.seq, again.duplicate), (seq, true), "a retry finds it");
        }
        runtime.block_on(log.close());
    }
}

async fn read(log: &dyn Broker) -> (broker::Head, BTreeMap<u64, broker::Record>) {
    let mut records = BTreeMap::new();
    loop {
        let after = records.len() as u64;
        let page = log.read_partition(Partition(0), after, u64::MAX, 1_000).await.unwrap();
        for record in page.records {
            records.insert(record.seq, record);
        }
        if records.len() as u64 == after {
            assert_eq!(page.head.seq, after, "no holes");
            return (page.head, records);
        }
    }
}
