//! What the gateway counts.

use std::sync::{Arc, OnceLock};

use hub::CloseReason;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use wire::engine::Transport;
use wire::socket::MAIN_NAMESPACE;

/// Handles to the gateway's metrics; clones count into the same place.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Counts>);

#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Open TCP and Unix connections, whatever they are used for.
    pub(crate) connections: Gauge,
    pub(crate) refused_connections: Counter,
    sessions: Family<TransportLabel, Gauge>,
    sockets: Family<NamespaceLabel, Gauge>,
    /// The member for the main namespace, which nearly every socket is in: counting takes no lock.
    main_sockets: OnceLock<Gauge>,
    pub(crate) handshakes: Counter,
    rejections: Family<RejectionLabel, Counter>,
    upgrades: Family<OutcomeLabel, Counter>,
    closes: Family<ReasonLabel, Counter>,
    pub(crate) packets_received: Counter,
    pub(crate) bytes_received: Counter,
    pub(crate) poll_packets_sent: Counter,
    pub(crate) poll_bytes_sent: Counter,
    pub(crate) pending_polls: Gauge,
    pub(crate) repeated_polls: Counter,
    pub(crate) events: Counter,
    pub(crate) events_waiting: Counter,
    pub(crate) given_up_acks: Counter,
    pub(crate) forwards_pending: Gauge,
    pub(crate) relays: Gauge,
    pub(crate) peer_connections: Gauge,
    pub(crate) strangers: Counter,
    pub(crate) draining: Gauge,
    forwards: Family<OutcomeLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransportLabel {
    transport: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NamespaceLabel {
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectionLabel {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

impl Metrics {
    /// Makes metrics that nobody sees yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows the metrics in a registry, under names that begin with `gateway_`.
    pub fn register(&self, registry: &mut Registry) {
        let to = registry.sub_registry_with_prefix("gateway");
        let own = &*self.0;
        to.register("connections", "Open TCP and Unix connections", own.connections.clone());
        to.register(
            "refused_connections",
            "Connections closed at once because there were too many",
            own.refused_connections.clone(),
        );
        to.register("sessions", "Open sessions by transport", own.sessions.clone());
        to.register("sockets", "Sockets by namespace", own.sockets.clone());
        to.register("handshakes", "Sessions opened", own.handshakes.clone());
        to.register("rejections", "Requests refused, by error code", own.rejections.clone());
        to.register("upgrades", "Upgrades to WebSocket by outcome", own.upgrades.clone());
        to.register("closes", "Sessions ended by reason", own.closes.clone());
        to.register("packets_received", "Packets received", own.packets_received.clone());
        to.register("bytes_received", "Bytes of messages received", own.bytes_received.clone());
        to.register(
            "poll_packets_sent",
            "Packets sent in poll responses",
            own.poll_packets_sent.clone(),
        );
        to.register(
            "poll_bytes_sent",
            "Bytes sent in poll responses, uncompressed",
            own.poll_bytes_sent.clone(),
        );
        to.register("pending_polls", "Polls that wait", own.pending_polls.clone());
        to.register("repeated_polls", "Poll responses sent once more", own.repeated_polls.clone());
        to.register("events", "Events handed to the application", own.events.clone());
        to.register(
            "events_waiting",
            "Times a session had to wait because too many of its events were in flight",
            own.events_waiting.clone(),
        );
        to.register(
            "given_up_acks",
            "Acknowledgements no longer waited for because there were too many",
            own.given_up_acks.clone(),
        );
        to.register(
            "draining",
            "Sessions about to be closed that wait for their last answers",
            own.draining.clone(),
        );
        own.register_forwards(to);
    }

    /// Open sessions on a transport.
    pub fn sessions(&self, transport: Transport) -> i64 {
        self.session_gauge(transport).get()
    }

    /// Sockets in a namespace.
    pub fn sockets(&self, namespace: &str) -> i64 {
        self.socket_gauge(namespace).get()
    }

    /// Sessions ended for a reason.
    pub fn closes(&self, reason: CloseReason) -> u64 {
        self.0.closes.get_or_create(&ReasonLabel { reason: reason.as_str() }).get()
    }

    /// Upgrades that came to this: `switched`, `failed` or `superfluous`.
    pub fn upgrades(&self, outcome: &'static str) -> u64 {
        self.0.upgrades.get_or_create(&OutcomeLabel { outcome }).get()
    }

    /// Polls that wait for something to say.
    pub fn pending_polls(&self) -> i64 {
        self.0.pending_polls.get()
    }

    /// Sessions about to be closed that wait for their last answers.
    pub fn draining(&self) -> i64 {
        self.0.draining.get()
    }

    /// Packets received.
    pub fn packets_received(&self) -> u64 {
        self.0.packets_received.get()
    }

    /// Open TCP and Unix connections.
    pub fn connections(&self) -> i64 {
        self.0.connections.get()
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.0
    }

    pub(crate) fn session_gauge(&self, transport: Transport) -> Gauge {
        self.0.sessions.get_or_create(&TransportLabel { transport: transport.as_str() }).clone()
    }

    /// Namespaces are named by the application: a refused one gets no gauge.
    pub(crate) fn socket_gauge(&self, namespace: &str) -> Gauge {
        let gauge = || {
            let label = NamespaceLabel { namespace: namespace.to_owned() };
            self.0.sockets.get_or_create(&label).clone()
        };
        if namespace == MAIN_NAMESPACE {
            return self.0.main_sockets.get_or_init(gauge).clone();
        }
        gauge()
    }

    pub(crate) fn count_rejection(&self, code: &'static str) {
        self.0.rejections.get_or_create(&RejectionLabel { code }).inc();
    }

    pub(crate) fn count_upgrade(&self, outcome: &'static str) {
        self.0.upgrades.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Requests for sessions of other instances that came to this: `answered`, `relayed`, `gone`,
    /// `failed` or `full`.
    pub fn forwards(&self, outcome: &'static str) -> u64 {
        self.0.forwards.get_or_create(&OutcomeLabel { outcome }).get()
    }

    pub(crate) fn count_forward(&self, outcome: &'static str) {
        self.0.forwards.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub(crate) fn count_close(&self, reason: CloseReason) {
        self.0.closes.get_or_create(&ReasonLabel { reason: reason.as_str() }).inc();
    }
}

impl Counts {
    fn register_forwards(&self, to: &mut Registry) {
        to.register(
            "forwards",
            "Requests for sessions of other instances by outcome",
            self.forwards.clone(),
        );
        to.register(
            "forwards_pending",
            "Requests that wait for another instance",
            self.forwards_pending.clone(),
        );
        to.register(
            "relays",
            "WebSockets whose session is on another instance",
            self.relays.clone(),
        );
        to.register(
            "peer_connections",
            "Connections of other instances",
            self.peer_connections.clone(),
        );
        to.register(
            "strangers",
            "Requests refused that were to come from another instance",
            self.strangers.clone(),
        );
    }
}
