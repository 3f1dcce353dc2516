//! A disk that takes no more, under the embedded broker: sends are refused with the reason, reading
//! goes on, and all is well again when there is space. The process is limited in the size of its
//! files, which needs no rights and no file system of its own; SQLite meets real failing writes.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    path::Path,
    process::{Command, id},
    time::Duration,
};

use broker::{
    AppendError, Broker, Draft, Limits, Partition, SessionRecord, Sessions, State,
    embedded::Embedded,
};

const NAME: &str = "full_disk_refuses_and_heals";

/// How large a file may become, in blocks of 512 bytes.
const BLOCKS: u32 = 1_024;

fn draft(number: u64) -> Draft {
    Draft {
        room: "lobby".into(),
        user: "ann".into(),
        id: format!("number-{number:05}").into(),
        bytes: vec![b'x'; 3_000].into(),
        target: None,
        redact: None,
        content: None,
    }
}

async fn entries(log: &Embedded) -> u64 {
    let page = log.read_partition(Partition(0), 0, u64::MAX, 10_000).await.unwrap();
    assert_eq!(page.head.seq, page.records.len() as u64);
    page.head.seq
}

/// Lets this process write files of any size again.
fn make_space() {
    let pid = id().to_string();
    let made = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status();
    assert!(made.expect("util-linux has prlimit").success());
}

async fn fill_and_heal(path: &Path) {
    let log = Embedded::open(Some(path), Limits::embedded()).unwrap();
    let mut count = 0;
    let reason = loop {
        match log.append(draft(count + 1)).await {
            Ok(appended) => {
                count += 1;
                assert_eq!(appended.seq, count);
            }
            Err(AppendError::Refused(reason)) => break reason,
            Err(other) => panic!("after {count}: {other:?}"),
        }
    };
    assert!(count > 10, "only {count} entries went in");
    assert!(reason.contains("full"), "{reason}");
    // Until there is no space for less either.
    let about = || vec![b'x'; 4_096].into();
    for number in 0.. {
        if log.create_room(&format!("room {number}"), about()).await.is_err() {
            break;
        }
    }
    log.heartbeat(Partition(0), "me").await.unwrap();
    for _ in 0..3 {
        assert_eq!(log.state(), State::Away(reason.clone()));
        assert_eq!(entries(&log).await, count, "reading goes on");
        let again = log.append(draft(count + 1)).await;
        assert!(matches!(again, Err(AppendError::Refused(_))), "{again:?}");
        let large = vec![b'x'; 30_000].into();
        let record = SessionRecord { key: "key".into(), owner: "me".into(), bytes: large };
        assert!(log.keep(record, Duration::from_mins(9)).await.is_err());
        assert!(log.create_room("kitchen", about()).await.is_err());
        log.heartbeat(Partition(0), "me").await.unwrap();
    }
    make_space();
    log.heartbeat(Partition(0), "me").await.unwrap();
    assert_eq!(log.state(), State::Connected, "a heartbeat finds out");
    assert_eq!(log.append(draft(count + 1)).await.unwrap().seq, count + 1);
    assert_eq!(log.create_room("kitchen", "about".into()).await, Ok(true));
    log.close().await;
    let log = Embedded::open(Some(path), Limits::embedded()).unwrap();
    assert_eq!(entries(&log).await, count + 1);
    assert!(log.append(draft(1)).await.unwrap().duplicate);
}

#[test]
fn full_disk_refuses_and_heals() {
    let order = std::env::args().find_map(|arg| Some(arg.strip_prefix("in=")?.to_owned()));
    if let Some(path) = order {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(fill_and_heal(Path::new(&path)));
    }
    let directory = tempfile::tempdir().unwrap();
    // Without the trap the first write too many would end the process.
    let script = format!("trap '' XFSZ; ulimit -S -f {BLOCKS}; exec \"$0\" \"$@\"");
    let ended = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", NAME])
        .arg(format!("in={}", directory.path().display()))
        .status();
    assert!(ended.unwrap().success());
}
