use std::sync::atomic::Ordering;

use broker::Sessions as _;
use hub::Hub;
use moody::Moody;
use prometheus_client::registry::Registry;

use super::*;

#[path = "../../../../tests/clients/moody.rs"]
mod moody;

struct House {
    hub: Hub,
    keeper: Keeper,
    broker: Arc<Moody>,
    metrics: Arc<Metrics>,
    _tasks: TaskTracker,
}

/// An instance with the longest id that there may be.
fn house() -> House {
    let id: Box<str> = format!("{}#AbCdEf12", "x".repeat(100)).into();
    let broker = Moody::new();
    let metrics = Arc::new(Metrics::new(&mut Registry::default()));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let living = vec![id.clone()];
    let control = Control::start(
        id,
        broker.clone(),
        Box::new(move || living.clone()),
        metrics.clone(),
        &tasks,
        &stop,
    );
    let window = Duration::from_mins(2);
    let keeper = Keeper::start(window, broker.clone(), &control, metrics.clone(), &tasks, &stop);
    let hub = Hub::start(1, hub::Limits::default(), hub::Metrics::new(), &tasks);
    House { hub, keeper, broker, metrics, _tasks: tasks }
}

#[tokio::test]
async fn a_token_names_its_instance_and_closes_its_own_connection_only() {
    let House { hub, keeper, .. } = house();
    let (one, other) = (hub.connection(), hub.connection());
    let lease_of = async |connection: &Arc<Connection>| {
        keeper.lease(hub.attach(connection.clone()).await, connection, Pid::random())
    };
    let (a, b) = (lease_of(&one).await, lease_of(&other).await);
    let (owner_a, owner_b) = (keeper.0.owner(&a.kept), keeper.0.owner(&b.kept));
    assert!(owner_a.len() <= broker::SESSION_NAME_BYTES_MAX, "{owner_a}");
    assert_eq!(mark_of_token(&owner_a), "AbCdEf12");
    let last = if owner_a.ends_with('x') { 'y' } else { 'x' };
    let forged = format!("{}{last}", &owner_a[..owner_a.len() - 1]);
    for nonsense in ["", "AbCdEf12", "AbCdEf12.zz.x", "AbCdEf12.0.x", &forged] {
        keeper.replace(nonsense);
    }
    assert_eq!((one.closed(), other.closed()), (None, None));
    keeper.replace(&owner_a);
    assert_eq!((one.closed(), other.closed()), (Some(CloseReason::Replaced), None));
    keeper.let_go(&b);
    keeper.replace(&owner_b);
    assert_eq!(other.closed(), None, "it has let go of it");
}

impl House {
    /// Begins a session that ends at once, for this reason; gives its pid.
    async fn come_and_go(&self, reason: CloseReason) -> String {
        let (connection, pid) = (self.hub.connection(), Pid::random());
        let key = self.hub.attach(connection.clone()).await;
        self.keeper.begin(key, &connection, pid.clone(), b"record"[..].into());
        self.keeper.part(key, reason);
        pid.as_str().into()
    }

    async fn claim(&self, pid: &str) -> Option<SessionRecord> {
        self.broker.claim(pid, "x", Duration::from_mins(1)).await.unwrap()
    }

    /// Waits until all that was to be done has been done: the record of a second session is
    /// written in a later batch than that of a first one.
    async fn settle(&self) {
        for _ in 0..2 {
            let pid = self.come_and_go(CloseReason::TransportClose).await;
            let written = async {
                while self.claim(&pid).await.is_none() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_mins(1), written).await.unwrap();
        }
    }
}

#[tokio::test]
async fn who_was_ended_on_purpose_or_lost_its_past_can_not_come_back() {
    let house = house();
    for (reason, is_kept) in [
        (CloseReason::TransportClose, true),
        (CloseReason::SlowConsumer, true),
        (CloseReason::ShuttingDown, true),
        (CloseReason::Replaced, true),
        (CloseReason::LogReset, false),
        (CloseReason::ClientDisconnect, false),
        (CloseReason::ServerDisconnect, false),
    ] {
        let pid = house.come_and_go(reason).await;
        house.settle().await;
        let kept = house.claim(&pid).await.map(|record| record.bytes);
        assert_eq!(kept, is_kept.then_some(Bytes::from_static(b"record")), "{reason}");
    }
    assert!(house.keeper.0.live.lock().is_empty());
}

#[tokio::test]
async fn who_was_ended_while_the_store_was_away_can_not_come_back_either() {
    let house = house();
    house.broker.away.store(true, Ordering::SeqCst);
    let pid = house.come_and_go(CloseReason::ClientDisconnect).await;
    let waiting = &house.metrics.session_records_waiting;
    let both = waiting.get();
    let tried = async {
        while waiting.get() == both {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), tried).await.unwrap();
    house.broker.away.store(false, Ordering::SeqCst);
    house.settle().await;
    assert!(house.claim(&pid).await.is_none(), "its record was written behind its end");
}

#[tokio::test]
async fn a_record_that_can_not_be_kept_takes_no_other_along() {
    let house = house();
    let mut sessions = Vec::new();
    for size in [6, broker::SESSION_BYTES_MAX + 1, 7] {
        let connection = house.hub.connection();
        let key = house.hub.attach(connection.clone()).await;
        sessions.push((key, connection, Pid::random(), size));
    }
    // They wait together: the writer has no turn in between.
    for (key, connection, pid, size) in &sessions {
        house.keeper.begin(*key, connection, pid.clone(), vec![b'x'; *size].into());
    }
    house.settle().await;
    let mut kept = Vec::new();
    for (_, _, pid, _) in &sessions {
        kept.push(house.claim(pid.as_str()).await.map(|record| record.bytes.len()));
    }
    assert_eq!(kept, [Some(6), None, Some(7)]);
    assert_eq!(house.keeper.0.metrics.session_records_waiting.get(), 0);
}
