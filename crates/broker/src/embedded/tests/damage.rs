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
