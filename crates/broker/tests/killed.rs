//! What the embedded broker has acknowledged survives `kill -9` in the middle of writing: entries,
//! at their positions, and session records.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use broker::{
    Appended, Broker, Draft, Limits, Partition, Record, SessionRecord, Sessions, embedded::Embedded,
};

/// Callers at once in the process that is killed.
const CALLERS: u64 = 32;

/// How often a caller writes its session's record.
const SESSION_EVERY: u64 = 5;

const LIFE: Duration = Duration::from_mins(9);

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

fn session(round: u64, caller: u64, number: u64) -> SessionRecord {
    SessionRecord {
        key: format!("session {round} {caller}").into(),
        owner: "writer".into(),
        bytes: number.to_string().into(),
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
                    if number % SESSION_EVERY == 0 {
                        let record = session(round, caller, number);
                        assert!(log.keep(record, LIFE).await.unwrap());
                        let line = format!("kept {round} {caller} {number}\n");
                        std::io::stdout().write_all(line.as_bytes()).unwrap();
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        runtime.block_on(caller).unwrap();
    }
}

/// What a process said before it was killed.
#[derive(Default)]
struct Said {
    /// Round, caller, number, seq, offset, time.
    acknowledged: Vec<[u64; 6]>,
    /// The newest number of each round and caller.
    kept: BTreeMap<[u64; 2], u64>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        let numbers = |rest: &str| -> Vec<u64> {
            rest.split(' ').map(|word| word.parse().unwrap()).collect()
        };
        if let Some(rest) = line.strip_prefix("ack ") {
            self.acknowledged.push(numbers(rest).try_into().unwrap());
        }
        if let Some(rest) = line.strip_prefix("kept ") {
            let [round, caller, number] = numbers(rest).try_into().unwrap();
            self.kept.insert([round, caller], number);
        }
    }
}

/// Runs this test again as another process and kills it after so many acknowledgements.
fn write_and_be_killed(path: &Path, round: u64, count: usize, said: &mut Said) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "what_was_acknowledged_survives_a_kill"])
        .arg(format!("round={round}:{}", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let before = said.acknowledged.len();
    while said.acknowledged.len() < before + count {
        said.hear(&lines.next().expect("it goes on until it is killed").unwrap());
    }
    child.kill().unwrap();
    // What was said before the end counts too; the last line may be half a line.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    for line in rest.iter().take(rest.len().saturating_sub(1)) {
        said.hear(line);
    }
    child.wait().unwrap();
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Some(order) =
        std::env::args().find_map(|arg| Some(arg.strip_prefix("round=")?.to_owned()))
    {
        let (round, path) = order.split_once(':').unwrap();
        return write_until_killed(Path::new(path), round.parse().unwrap());
    }
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut epoch = None;
    let mut said = Said::default();
    for (round, count) in [(1, 1), (2, 50), (3, 2_000), (4, 700)] {
        write_and_be_killed(directory.path(), round, count, &mut said);
        let log = Embedded::open(Some(directory.path()), Limits::embedded()).unwrap();
        let (head, records) = runtime.block_on(read(&*log));
        assert_eq!(*epoch.get_or_insert(head.epoch), head.epoch, "it is the same log");
        positions_have_no_holes(&records);
        for &[round, caller, number, seq, offset, at] in &said.acknowledged {
            let (record, draft) = (&records[&seq], draft(round, caller, number));
            assert_eq!((record.offset, record.at), (offset, at));
            assert_eq!((record.room(), record.user()), (&*draft.room, &*draft.user));
            assert_eq!((record.id(), &record.bytes), (&*draft.id, &draft.bytes));
        }
        for &[round, caller, number, seq, ..] in said.acknowledged.iter().rev().take(100) {
            let again = runtime.block_on(log.append(draft(round, caller, number))).unwrap();
            assert_eq!((again.seq, again.duplicate), (seq, true), "a retry finds it");
        }
        for (&[round, caller], &number) in &said.kept {
            let SessionRecord { key, owner, .. } = session(round, caller, number);
            let claimed = runtime.block_on(log.claim(&key, &owner, LIFE)).unwrap();
            let bytes = claimed.expect("it is there").bytes;
            let found: u64 = std::str::from_utf8(&bytes).unwrap().parse().unwrap();
            assert!(found >= number, "{key}: {found} is older than {number}");
        }
        runtime.block_on(log.close());
    }
}

/// Neither in the partition nor in a room, acknowledged or not; and nothing is there twice.
fn positions_have_no_holes(records: &BTreeMap<u64, Record>) {
    let mut heads: BTreeMap<&str, u64> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for ((seq, record), expected) in records.iter().zip(1..) {
        assert_eq!((*seq, record.seq), (expected, expected));
        let head = heads.entry(record.room()).or_default();
        *head += 1;
        assert_eq!(record.offset, *head, "in {}", record.room());
        assert!(ids.insert((record.user(), record.id())), "{record:?} is there twice");
    }
}

async fn read(log: &dyn Broker) -> (broker::Head, BTreeMap<u64, Record>) {
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
