//! What a ring begins with: the newest entries of the log, so that an instance that has just
//! started can serve who comes back.

use std::time::Duration;

use broker::{Broker, Head, Partition, Record};
use tokio::time::{Instant, timeout_at};

use super::ring::Limits;

/// Entries that are read at once.
const PAGE: u64 = 1_000;

/// How long the start may wait for it; what was read by then is what the ring begins with.
const WAIT: Duration = Duration::from_secs(5);

/// Reads the newest entries up to a head, as far back as a ring would keep them; ascending,
/// without holes, the last one at the head. Fewer, or none, where the log can't be read.
pub(super) async fn newest(
    broker: &dyn Broker,
    partition: Partition,
    head: Head,
    limits: Limits,
) -> Vec<Record> {
    let deadline = Instant::now() + WAIT;
    let time = u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX);
    let (mut pages, mut to, mut bytes) = (Vec::new(), head.seq, 0);
    let mut newest_at = None;
    while to > 0 {
        let after = to.saturating_sub(PAGE);
        let page = broker.read_partition(partition, after, to, PAGE as usize);
        let page = match timeout_at(deadline, page).await {
            Ok(Ok(page)) if page.head.epoch == head.epoch => page,
            Ok(Ok(_)) => return Vec::new(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "recent entries could not be read at the start");
                break;
            }
            Err(_late) => {
                tracing::warn!("recent entries were not read in time at the start");
                break;
            }
        };
        let records = page.records;
        let (Some(first), Some(last)) = (records.first(), records.last()) else { break };
        if last.seq != to {
            break;
        }
        let newest_at = *newest_at.get_or_insert(last.at);
        bytes += records.iter().map(|record| record.bytes.len()).sum::<usize>();
        let is_enough = first.seq != after + 1
            || bytes >= limits.bytes
            || first.at.saturating_add(time) < newest_at;
        to = after;
        pages.push(records);
        if is_enough {
            break;
        }
    }
    pages.into_iter().rev().flatten().collect()
}
