//! What a client missed: from the rings, or else from the log; and as frames, one after the other.

use std::sync::Arc;

use broker::{Broker, Error, Head, Partition, Range, Record, partition_of};
use gateway::Frames;
use tokio::time::{Instant, timeout_at};

use crate::{
    metrics::Recovered,
    sequencer::{
        cursor,
        order::{Audience, Returned, Wanted},
        ring::{Recent, Stretch},
    },
};

/// Entries of a room that are read from the log at once, newest first. Most who come back when
/// the ring is empty or too short missed little.
const PAGE: usize = 100;

/// Entries that are read from the log for one client. Who missed more gets a new session.
const ENTRIES_MAX: usize = 10_000;

/// Bytes of them, which are held in memory until the client has taken them.
const BYTES_MAX: usize = 4 << 20;

/// How long the log may take.
const READ_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// What is known of what somebody missed.
pub(super) enum Missed {
    /// All of it, and where it was found.
    Known(Entries, Recovered),
    /// Something is missing, or it is too much.
    Lost(Recovered),
}

/// Entries by partition: perhaps more than were missed, in the order of their seqs.
pub(super) struct Entries(Vec<(Partition, Stretch)>);

/// Finds all that was missed up to the place.
///
/// # Errors
/// The log can't be read.
pub(super) async fn find(
    broker: &dyn Broker,
    wanted: &[Wanted],
    returned: &Returned,
) -> Result<Missed, Error> {
    let place = &returned.place;
    let lost_epoch = |wanted: &Wanted| place.head_of(&wanted.room).epoch != wanted.after.epoch;
    if wanted.iter().any(lost_epoch) {
        return Ok(Missed::Lost(Recovered::PastLost));
    }
    if let Some(recent) = &returned.recent {
        return Ok(Missed::Known(Entries(recent.clone()), Recovered::Ring));
    }
    let deadline = Instant::now() + READ_WAIT;
    let partitions = broker.partitions();
    let mut found: Vec<(Partition, Vec<Recent>)> = Vec::new();
    for Wanted { room, after } in wanted {
        let read = behind(broker, room, *after, place.head_of(room));
        let read = timeout_at(deadline, read).await;
        let late = |_| Error::Unavailable("it did not answer in time".into());
        let records = match read.map_err(late)?? {
            Ok(records) => records,
            Err(why) => return Ok(Missed::Lost(why)),
        };
        let entries = records.into_iter().map(|r| Recent::new(after.epoch, Arc::new(r)));
        let partition = partition_of(room, partitions);
        match found.iter_mut().find(|(other, _)| *other == partition) {
            Some((_, known)) => known.extend(entries),
            None => found.push((partition, entries.collect())),
        }
    }
    let in_order = |(partition, mut entries): (Partition, Vec<Recent>)| {
        entries.sort_by_key(|entry| entry.record().seq);
        (partition, vec![entries.into()])
    };
    let entries = Entries(found.into_iter().map(in_order).collect());
    Ok(Missed::Known(entries, Recovered::Log))
}

/// All entries of a room behind `after` up to `place`, from the newest back; or why not.
async fn behind(
    broker: &dyn Broker,
    room: &str,
    after: Head,
    place: Head,
) -> Result<Result<Vec<Record>, Recovered>, Error> {
    let mut newest_first: Vec<Record> = Vec::new();
    let (mut range, mut bytes) = (Range::Newest, 0);
    loop {
        let page = broker.read_room(room, range, PAGE).await?;
        if page.epoch != place.epoch {
            return Ok(Err(Recovered::PastLost));
        }
        let oldest = page.records.first().map(|record| (record.offset, record.seq));
        for record in page.records.into_iter().rev() {
            if record.seq > after.seq && record.seq <= place.seq {
                bytes += record.bytes.len();
                newest_first.push(record);
            }
        }
        if newest_first.len() > ENTRIES_MAX || bytes > BYTES_MAX {
            return Ok(Err(Recovered::TooMuch));
        }
        match oldest {
            Some((_, seq)) if seq <= after.seq => break,
            Some((offset, _)) if page.more => range = Range::Before(offset),
            // What was kept of it ends here; whether it ever had more says the log.
            _ if page.reaches_back => break,
            _ => return Ok(Err(Recovered::PastLost)),
        }
    }
    newest_first.reverse();
    Ok(Ok(newest_first))
}

impl Entries {
    /// The frames of what was missed: of each partition in the order of the seqs. Each bears the
    /// cursor of a client that has got all of them up to it.
    pub(super) fn frames(self, wanted: Arc<[Wanted]>, place: &[Head]) -> Frames {
        let mut heads = place.to_vec();
        for (partition, _) in &self.0 {
            let of_it = wanted
                .iter()
                .filter(|wanted| partition_of(&wanted.room, heads.len() as u16) == *partition);
            if let Some(after) = of_it.map(|wanted| wanted.after.seq).min() {
                heads[usize::from(partition.0)].seq = after;
            }
        }
        let entries = self.0.into_iter().flat_map(|(partition, stretch)| {
            let places = stretch
                .into_iter()
                .flat_map(|piece| (0..piece.len()).map(move |place| (piece.clone(), place)));
            places.map(move |(piece, place)| (partition, piece, place))
        });
        Box::new(entries.filter_map(move |(partition, piece, place)| {
            let entry = &piece[place];
            let record = entry.record();
            let is_wanted =
                |wanted: &Wanted| *wanted.room == *record.room() && record.seq > wanted.after.seq;
            if !wanted.iter().any(is_wanted) {
                return None;
            }
            heads[usize::from(partition.0)].seq = record.seq;
            match &*heads {
                [_] => entry.frame_alone(),
                heads => entry.frame(Audience::Stock, &cursor::text(heads)),
            }
        }))
    }
}

#[cfg(test)]
mod tests;
