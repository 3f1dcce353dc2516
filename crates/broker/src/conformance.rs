//! What every [`Broker`] must do, as named cases; for the tests of the implementations and of
//! whoever simulates one. A case panics where a promise is broken. What is particular to one
//! implementation is left to its own tests.
//!
//! An implementation's integration test writes a [`Place`] and then
//! `broker::conformance_tests!(core, make);` and `broker::conformance_tests!(lasting, make);`
//! where `make` is an `async fn() -> impl Place` that gives a new, empty place for each case.

mod appends;
mod deliveries;
mod instances;
mod lasting;
mod limits;
mod mail;
mod reads;
mod rooms;
mod sessions;

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

pub use self::{
    appends::*, deliveries::*, instances::*, lasting::*, limits::*, mail::*, reads::*, rooms::*,
    sessions::*,
};
use crate::{
    Answer, Appended, Broker, Deliveries, Delivery, Draft, Error, Limits, Names, Partition, Record,
    partition_of,
};

/// Somewhere a log can be kept. Dropping it throws the log away.
pub trait Place: Send + Sync {
    /// Gives one more instance's handle of the log that is kept here, connected and ready. After
    /// every handle was closed it opens what is stored again, as a restart does. A log that can't
    /// be opened (`Error::NewerSchema` and so on) is an error, not a wait.
    fn open(&self, limits: Limits) -> Answer<Result<Arc<dyn Broker>, Error>>;
}

/// A place where the log outlives its handles and where a test can do harm.
pub trait LastingPlace: Place {
    /// Makes what is stored look as if a release with the next schema version had written it.
    /// Every handle is closed when this is called.
    fn write_newer_schema(&self) -> Answer<()>;

    /// Makes every append err in the middle, after something was written and before all was; or
    /// ends that. Handles are open when this is called.
    fn break_appends(&self, broken: bool) -> Answer<()>;
}

/// Names every case of a list as a `#[tokio::test]`.
#[macro_export]
macro_rules! conformance_tests {
    (core, $make:expr) => {
        $crate::conformance_tests!(cases $make;
            head_is_made_once
            append_is_stored_and_delivered_as_it_was_answered
            any_bytes_and_names_come_back_as_they_were
            same_id_is_a_duplicate_everywhere
            same_id_at_once_makes_one_entry
            same_id_with_other_content_conflicts
            same_content_in_other_bytes_is_a_duplicate
            same_id_elsewhere_is_another_entry
            concurrent_appends_leave_no_hole
            appends_of_one_caller_keep_their_order
            append_goes_on_when_nobody_waits
            missing_target_is_refused_and_leaves_nothing
            redaction_replaces_what_is_stored
            closed_broker_says_so
            partition_is_read_in_pages
            room_is_read_from_any_place
            unknown_room_is_empty
            page_comes_with_what_targets_it
            deliveries_are_the_log
            followers_begin_with_now
            signals_are_heard_and_not_kept
            heartbeats_carry_the_head
            lagging_follower_is_interrupted_alone
            partitions_that_do_not_exist_are_refused
            room_keeps_its_newest_entries
            partition_keeps_its_newest_entries
            entries_pass_with_age
            room_is_made_once
            made_room_takes_entries_and_a_room_with_entries_is_made_already
            what_is_known_of_a_room_is_any_bytes_up_to_a_limit
            rooms_are_listed_youngest_first
            list_of_many_rooms_is_whole_and_sorted
            instances_see_each_other_until_they_resign
            leases_end
            instances_have_limits
            session_is_written_by_its_owner_only
            session_claimed_at_once_goes_from_one_to_the_next
            session_lives_as_long_as_it_is_renewed
            many_sessions_are_renewed_at_once
            many_sessions_are_kept_and_forgotten_at_once
            large_sessions_are_kept_at_once
            sessions_have_limits
            mail_reaches_whom_it_is_for
            mail_keeps_its_order
            mailbox_that_is_full_drops_what_comes
            mailbox_opened_again_ends_the_earlier_one
            mail_has_a_limit
        );
    };
    (lasting, $make:expr) => {
        $crate::conformance_tests!(cases $make;
            restart_finds_everything_acknowledged
            secret_is_one_and_stays
            newer_schema_is_refused
            error_in_the_middle_leaves_nothing
            restart_finds_every_room
            sessions_outlive_a_restart
        );
    };
    (cases $make:expr; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let place = ($make)().await;
                $crate::conformance::$case(&place).await;
            }
        )*
    };
}

/// How long a case waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the cases use where a limit is not what they are about: everything is kept.
fn limits() -> Limits {
    Limits { append_wait: PATIENCE, ..Limits::embedded() }
}

async fn open(place: &(impl Place + ?Sized)) -> Arc<dyn Broker> {
    open_with(place, limits()).await
}

async fn open_with(place: &(impl Place + ?Sized), limits: Limits) -> Arc<dyn Broker> {
    within(place.open(limits)).await.expect("the place opens")
}

/// Waits for what must come.
async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it came in time")
}

fn draft(room: &str, user: &str, id: &str, text: &str) -> Draft {
    Draft {
        room: room.into(),
        user: user.into(),
        id: id.into(),
        bytes: text.to_owned().into(),
        target: None,
        redact: None,
        content: None,
    }
}

/// A draft of one user in one room whose id and text follow from a number.
fn numbered(room: &str, number: usize) -> Draft {
    draft(room, "ann", &format!("number-{number:05}"), &format!("text {number}"))
}

async fn append(broker: &dyn Broker, draft: Draft) -> Appended {
    within(broker.append(draft)).await.expect("the entry is appended")
}

/// What the log must hold for a draft that was answered so.
fn recorded(draft: Draft, appended: &Appended) -> Record {
    Record {
        seq: appended.seq,
        offset: appended.offset,
        at: appended.at,
        names: Names::new(&draft.room, &draft.user, &draft.id),
        target: draft.target,
        bytes: draft.bytes,
    }
}

fn home(broker: &dyn Broker, room: &str) -> Partition {
    partition_of(room, broker.partitions())
}

/// Follows a room's partition and waits until nothing is missed any more.
async fn listen(broker: &dyn Broker, room: &str) -> Deliveries {
    let mut deliveries = broker.follow(home(broker, room));
    let first = within(deliveries.recv()).await;
    assert!(matches!(first, Some(Delivery::Live)), "the first delivery is Live, not {first:?}");
    deliveries
}

/// The next entry that is delivered; signals and watermarks are passed over.
async fn heard(deliveries: &mut Deliveries) -> Arc<Record> {
    loop {
        match within(deliveries.recv()).await {
            Some(Delivery::Entry(_, record)) => return record,
            Some(Delivery::Signal { .. } | Delivery::Watermark { .. }) => {}
            other => panic!("an entry should be heard, not {other:?}"),
        }
    }
}

/// All that a partition holds, read in pages; it must be whole.
async fn log_of(broker: &dyn Broker, partition: Partition) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    loop {
        let after = all.len() as u64;
        let page = within(broker.read_partition(partition, after, u64::MAX, 64)).await;
        let page = page.expect("the partition is read");
        assert!(page.reaches_back && page.records.len() <= 64);
        if page.records.is_empty() {
            assert_eq!(page.head.seq, after, "the log ends at its head");
            return all;
        }
        all.extend(page.records);
        for (record, seq) in all.iter().zip(1..) {
            assert_eq!(record.seq, seq, "seq has no holes");
        }
    }
}
