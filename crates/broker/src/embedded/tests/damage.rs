//! Files that something else has written in: a clear error, and never a panic.

use std::path::PathBuf;

use proptest::prelude::*;
use tokio::sync::OnceCell;

use super::*;

/// What happens to a file.
#[derive(Clone, Debug)]
enum Damage {
    /// Bytes are overwritten, at so many parts of a million.
    Overwrite { at: usize, bytes: Vec<u8> },
    /// A stretch of zeros, as after a lost sector.
    Zero { at: usize, length: usize },
    /// The end is missing.
    Cut { at: usize },
}

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = prop::collection::vec(any::<u8>(), 1..64);
    prop_oneof![
        (0..1_000_000_usize, bytes).prop_map(|(at, bytes)| Damage::Overwrite { at, bytes }),
        // Where SQLite keeps what it believes most.
        (0..2_000_usize, any::<u8>())
            .prop_map(|(at, byte)| Damage::Overwrite { at, bytes: vec![byte] }),
        (0..1_000_000_usize, 1..9_000_usize).prop_map(|(at, length)| Damage::Zero { at, length }),
        (0..1_000_000_usize).prop_map(|at| Damage::Cut { at }),
    ]
}

fn harm(file: &Path, damage: &Damage) {
    let mut content = std::fs::read(file).unwrap();
    let place = |at: usize| at * content.len() / 1_000_000;
    match damage {
        Damage::Overwrite { at, bytes } => {
            let at = place(*at);
            let end = (at + bytes.len()).min(content.len());
            content[at..end].copy_from_slice(&bytes[..end - at]);
        }
        Damage::Zero { at, length } => {
            let at = place(*at);
            let end = (at + length).min(content.len());
            content[at..end].fill(0);
        }
        Damage::Cut { at } => content.truncate(place(*at)),
    }
    std::fs::write(file, content).unwrap();
}

/// A closed log with some hundred entries.
async fn filled() -> (TempDir, PathBuf) {
    static FILE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let content = FILE.get_or_init(async || {
        let (directory, log) = on_disk();
        let calls: Vec<_> = (0..300)
            .map(|number| log.append(draft(&format!("room {}", number % 7), number)))
            .collect();
        for call in calls {
            within(call).await.unwrap();
        }
        within(log.close()).await;
        std::fs::read(directory.path().join("palabre.sqlite")).unwrap()
    });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("palabre.sqlite");
    std::fs::write(&file, content.await).unwrap();
    (directory, file)
}

/// Does what can be done; says whether the writer came through.
async fn use_it(log: &Embedded) -> bool {
    let _ = within(log.head(Partition(0))).await;
    let _ = within(log.read_partition(Partition(0), 0, u64::MAX, 1_000)).await;
    for number in 0..7 {
        let room = format!("room {number}");
        let _ = within(log.read_room(&room, Range::Newest, 1_000)).await;
        let _ = within(log.append(draft(&room, 10_000 + number))).await;
        let again = Draft { target: Some(1), redact: Some("x".into()), ..draft(&room, 20_000) };
        let _ = within(log.append(again)).await;
    }
    let lives = within(log.heartbeat(Partition(0), "me")).await;
    within(log.close()).await;
    lives.is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn damaged_file_is_an_error_or_is_survived(harms in prop::collection::vec(damage(), 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (directory, file) = filled().await;
            for damage in &harms {
                harm(&file, damage);
            }
            match Embedded::open(Some(directory.path()), Limits::embedded()) {
                Ok(log) => assert!(use_it(&log).await, "the writer panicked"),
                Err(Error::Damaged(text)) => assert!(text.contains("palabre.sqlite"), "{text}"),
                Err(Error::NewerSchema { .. } | Error::Unavailable(_)) => {}
                Err(other) => panic!("{other:?}"),
            }
        });
    }
}

#[tokio::test]
async fn overwritten_file_is_a_clear_error() {
    let (directory, file) = filled().await;
    let length = std::fs::metadata(&file).unwrap().len();
    std::fs::write(&file, vec![b'x'; length as usize]).unwrap();
    match Embedded::open(Some(directory.path()), Limits::embedded()) {
        Err(Error::Damaged(text)) => {
            assert!(text.contains(file.to_str().unwrap()) && text.contains("not a database"));
            assert!(text.contains("Put a backup in its place"), "it says what to do: {text}");
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn log_that_is_damaged_under_way_errs_and_keeps_answering() {
    let (directory, file) = filled().await;
    let log = Embedded::open(Some(directory.path()), Limits::embedded()).unwrap();
    let length = std::fs::metadata(&file).unwrap().len() as usize;
    harm(&file, &Damage::Zero { at: 100_000, length });
    let read = within(log.read_partition(Partition(0), 0, u64::MAX, 1_000)).await;
    assert!(matches!(read, Err(Error::Damaged(_))), "{read:?}");
    let appended = within(log.append(draft("room 1", 10_000))).await;
    assert!(matches!(appended, Err(AppendError::Refused(_))), "{appended:?}");
    assert!(matches!(log.state(), State::Away(_)));
    within(log.heartbeat(Partition(0), "me")).await.unwrap();
}

/// Zeroes the page of the file that holds a text.
fn lose_page_with(file: &Path, text: &str) {
    const PAGE: usize = 4_096;
    let mut content = std::fs::read(file).unwrap();
    let place = content.windows(text.len()).position(|bytes| bytes == text.as_bytes()).unwrap();
    let page = place / PAGE * PAGE;
    content[page..page + PAGE].fill(0);
    std::fs::write(file, content).unwrap();
}

#[tokio::test]
async fn reading_and_writing_go_on_beside_a_page_that_is_lost() {
    let (directory, log) = on_disk();
    // One entry fills a page.
    let large = |room: &str, number: usize| Draft {
        bytes: format!("<{room} {number}>{}", "x".repeat(3_000)).into(),
        ..draft(room, number)
    };
    for room in ["hurt", "whole"] {
        for number in 1..=60 {
            within(log.append(large(room, number))).await.unwrap();
        }
    }
    within(log.close()).await;
    let log = Embedded::open(Some(directory.path()), Limits::embedded()).unwrap();
    lose_page_with(&directory.path().join("palabre.sqlite"), "<hurt 30>");
    let read = async |room: &'static str, after| {
        let page = within(log.read_room(room, Range::After(after), 20)).await;
        page.map(|page| page.records.len())
    };
    let hurt = read("hurt", 20).await;
    assert!(matches!(hurt, Err(Error::Damaged(_))), "{hurt:?}");
    for (room, after, expected) in [("hurt", 0, 20), ("hurt", 40, 20), ("whole", 20, 20)] {
        assert_eq!(read(room, after).await, Ok(expected), "{room} after {after}");
    }
    for (room, seq) in [("hurt", 121), ("whole", 122)] {
        assert_eq!(append(&log, room, 61).await.seq, seq);
    }
    let redaction = |target| Draft {
        target: Some(target),
        redact: Some("gone".into()),
        ..draft("hurt", 100 + target as usize)
    };
    let lost = within(log.append(redaction(30))).await;
    let Err(AppendError::Refused(text)) = &lost else { panic!("{lost:?}") };
    assert!(text.contains("damaged"), "{text}");
    assert!(matches!(log.state(), State::Away(reason) if reason == *text));
    let busy = keep_busy(&log).await;
    let [before, lost, after] =
        [draft("whole", 62), redaction(30), draft("whole", 63)].map(|draft| log.append(draft));
    drop(busy);
    assert_eq!(within(before).await.unwrap().seq, 123);
    assert!(within(lost).await.is_err());
    assert_eq!(within(after).await.unwrap().seq, 124, "it takes nothing else along");
    assert_eq!(log.state(), State::Connected);
}
