//! The polling side of a session: the pending poll, the last response, the POST in progress.
//!
//! # The repeated poll
//!
//! A response that was produced may get lost on its way. It is kept until a GET with another
//! `t` comes; a GET with the same `t` gets the same bytes again. A poll without `t` can't be
//! told from the next one, so it is never repeated.
//!
//! A poll that is still *pending* when its connection breaks is another matter: nothing was
//! said, so nothing can be lost, and the client is taken to be gone: the session ends, as with
//! the reference implementation. A poll that comes before the broken connection was noticed
//! meets the pending one and ends the session as well (two polls at once are an error), also
//! with the same `t`.
//!
//! # After the end
//!
//! A pending poll is answered with what was still to be said; when that is all out, with a close
//! packet, or a noop if it was the client that closed. The two never go together: the official
//! client handles a close before the events in front of it, takes these for not received when it
//! asks for what it missed, and then hands them out twice. For the polls that fetch what is left a
//! session that the server ended on its own account waits [`Config::close_linger`]
//! ([`Config::close_timeout`] where the whole instance ends), and one that the client closed waits
//! a moment. A session that ended because of an error is gone at once.
//!
//! A poll that is pending when the session moves to a WebSocket is treated as one that comes
//! later: 400. The reference closes it, which says something wrong about the session; clients
//! have none by then, and nothing orders their two connections.
//!
//! [`Config::close_linger`]: crate::Config
//! [`Config::close_timeout`]: crate::Config

mod guards;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use hub::CloseReason;
use tokio::sync::oneshot;
use wire::Frame;
use wire::engine::encode_payload;

pub(crate) use self::guards::{Answer, PostGuard, ProbeGuard};
use super::{Phase, Session};

/// The payload that ends a session.
pub(crate) const CLOSE: &str = "1";
const NOOP: &str = "6";

#[derive(Default)]
pub(crate) struct Polling {
    poll: Current,
    last: Option<Last>,
    /// The POST in progress; dropping it cuts that POST short.
    posting: Option<oneshot::Sender<()>>,
    probing: bool,
    /// The next response begins with a ping: behind all that waits it could come too late for a
    /// client that polls as fast as it can.
    ping_due: bool,
    /// The polling task has ended: nobody would answer a poll.
    over: bool,
    polls: u64,
    task: Option<Waker>,
}

/// The poll that the client waits for.
#[derive(Default)]
enum Current {
    #[default]
    None,
    Pending(Pending),
    /// Its response is being made: for others it is still pending.
    Answering,
}

struct Pending {
    number: u64,
    t: Option<Box<str>>,
    answer: oneshot::Sender<Bytes>,
}

struct Last {
    t: Box<str>,
    body: Bytes,
}

/// What becomes of a GET.
pub(crate) enum BeginPoll {
    /// It waits.
    Wait(Answer),
    /// It is the last one again.
    Repeat(Bytes),
    /// There is one already: both end, and the session.
    Overlap,
    /// The session has ended, or left polling.
    Gone,
}

/// What becomes of a POST.
pub(crate) enum BeginPost {
    /// Its body may be read.
    Go(PostGuard),
    /// There is one already: both end, and the session.
    Overlap,
    /// The session has ended, or left polling.
    Gone,
}

impl Session {
    pub(crate) fn begin_poll(self: &Arc<Self>, t: Option<&str>) -> BeginPoll {
        let mut state = self.state.lock();
        let Phase::Polling(polling) = &mut state.phase else { return BeginPoll::Gone };
        if let Some(last) = &polling.last
            && t == Some(&*last.t)
        {
            return BeginPoll::Repeat(last.body.clone());
        }
        if polling.over {
            return BeginPoll::Gone;
        }
        if !matches!(polling.poll, Current::None) {
            drop(state);
            self.close(CloseReason::TransportError);
            return BeginPoll::Overlap;
        }
        polling.last = None;
        polling.polls += 1;
        let number = polling.polls;
        let (answer, body) = oneshot::channel();
        let t: Option<Box<str>> = t.filter(|t| !t.is_empty()).map(Into::into);
        let repeatable = t.is_some();
        polling.poll = Current::Pending(Pending { number, t, answer });
        let task = polling.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        let session = Arc::clone(self);
        self.core.metrics.counts().pending_polls.inc();
        BeginPoll::Wait(Answer { session, number, repeatable, arrived: false, body })
    }

    pub(crate) fn begin_post(self: &Arc<Self>) -> BeginPost {
        let mut state = self.state.lock();
        let Phase::Polling(polling) = &mut state.phase else { return BeginPost::Gone };
        if polling.posting.take().is_some() {
            drop(state);
            self.close(CloseReason::TransportError);
            return BeginPost::Overlap;
        }
        let (keep, cut_short) = oneshot::channel();
        polling.posting = Some(keep);
        drop(state);
        BeginPost::Go(PostGuard { session: Arc::clone(self), cut_short, done: false })
    }

    /// `None` if the session is upgrading or upgraded already.
    pub(crate) fn begin_probe(self: &Arc<Self>) -> Option<ProbeGuard> {
        match &mut self.state.lock().phase {
            Phase::Polling(polling) if !polling.probing && !polling.over => {
                polling.probing = true;
                Some(ProbeGuard(Arc::clone(self)))
            }
            _ => None,
        }
    }

    /// Ends a pending poll, so that the client can switch.
    pub(crate) fn answer_poll_with_noop(&self) {
        if let Some(pending) = self.take_pending() {
            self.answer(pending, Bytes::from_static(NOOP.as_bytes()));
        }
    }

    /// For how long a session that is closed still answers polls.
    pub(crate) fn linger(&self) -> Duration {
        use CloseReason::{ParseError, PingTimeout, ShuttingDown, TransportClose, TransportError};
        match self.closed() {
            Some(TransportError | PingTimeout | ParseError) => Duration::ZERO,
            Some(TransportClose) => self.core.config.linger_timeout,
            Some(ShuttingDown) => self.core.config.close_timeout,
            _ => self.core.config.close_linger,
        }
    }

    /// Has the next response begin with a ping; false if the session polls no more.
    pub(super) fn ping_by_poll(&self) -> bool {
        let mut state = self.state.lock();
        let Phase::Polling(polling) = &mut state.phase else { return false };
        polling.ping_due = true;
        let task = polling.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        true
    }

    fn take_ping(&self) -> bool {
        match &mut self.state.lock().phase {
            Phase::Polling(polling) => std::mem::take(&mut polling.ping_due),
            Phase::WebSocket => false,
        }
    }

    fn take_pending(&self) -> Option<Pending> {
        match &mut self.state.lock().phase {
            Phase::Polling(polling) if polling.poll.is_pending() => {
                match std::mem::replace(&mut polling.poll, Current::Answering) {
                    Current::Pending(pending) => Some(pending),
                    Current::None | Current::Answering => None,
                }
            }
            _ => None,
        }
    }

    fn answer(&self, pending: Pending, body: Bytes) {
        if let Phase::Polling(polling) = &mut self.state.lock().phase {
            polling.poll = Current::None;
            polling.last = pending.t.map(|t| Last { t, body: body.clone() });
        }
        // Fails if the client has just gone; then `Answer` has seen to it.
        let _ = pending.answer.send(body);
    }

    /// Answers the pending poll with what waits, or for a session that is closed with the end, when
    /// nothing is left. True when that was said.
    fn answer_poll(&self) -> bool {
        let Some(pending) = self.take_pending() else { return false };
        let config = &self.core.config;
        let closed = self.closed();
        let ping = self.take_ping().then(|| Frame::text("2")).filter(|_| closed.is_none());
        // The ping is a packet as well.
        let packets = config.poll_packets_max.saturating_sub(usize::from(ping.is_some()));
        let mut frames = self.connection.take(packets, config.poll_bytes_max);
        frames.splice(..0, ping);
        let mut payload = String::new();
        encode_payload(frames.iter().flat_map(Frame::parts), &mut payload);
        let said = closed.is_some() && payload.is_empty();
        if payload.is_empty() {
            payload.push_str(match closed {
                // It knows: it was the client that closed.
                Some(CloseReason::TransportClose) | None => NOOP,
                Some(_) => CLOSE,
            });
        }
        let counts = self.core.metrics.counts();
        counts.poll_packets_sent.inc_by(frames.iter().map(|frame| frame.packets() as u64).sum());
        counts.poll_bytes_sent.inc_by(payload.len() as u64);
        self.answer(pending, payload.into());
        said
    }

    /// What the polling task does next. Pending until there is something.
    fn poll_turn(&self, cx: &mut Context<'_>) -> Poll<Turn> {
        let mut state = self.state.lock();
        let Phase::Polling(polling) = &mut state.phase else { return Poll::Ready(Turn::Switched) };
        polling.task = Some(cx.waker().clone());
        let (is_pending, ping_due) = (polling.poll.is_pending(), polling.ping_due);
        drop(state);
        let something = if is_pending && ping_due {
            Poll::Ready(())
        } else if is_pending {
            self.connection.poll_outgoing(cx)
        } else {
            // Without a stream this is ready only when the connection is closed.
            self.connection.poll_flush(cx).map(|_| ())
        };
        something.map(|()| if self.closed().is_some() { Turn::Closed } else { Turn::Answer })
    }

    fn poll_pending_poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.state.lock().phase {
            Phase::Polling(polling) if !polling.poll.is_pending() => {
                polling.task = Some(cx.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    fn poll_went_away(&self, number: u64, repeatable: bool) {
        let mut state = self.state.lock();
        let Phase::Polling(polling) = &mut state.phase else { return };
        let was_pending =
            matches!(&polling.poll, Current::Pending(pending) if pending.number == number);
        if was_pending {
            polling.poll = Current::None;
        }
        drop(state);
        if was_pending || !repeatable {
            self.close(CloseReason::TransportError);
        }
    }
}

enum Turn {
    Answer,
    Closed,
    Switched,
}

/// The task that is responsible for a session as long as it polls.
pub(crate) async fn poll_task(session: Arc<Session>) {
    let mut end = End { session: &session, switched: false };
    loop {
        match poll_fn(|cx| session.poll_turn(cx)).await {
            Turn::Answer => _ = session.answer_poll(),
            Turn::Closed => break,
            Turn::Switched => {
                end.switched = true;
                return;
            }
        }
    }
    session.finish();
    if !session.answer_poll() && !session.linger().is_zero() {
        // Boxed: most sessions never come here, and all would pay for its size.
        Box::pin(last_polls(&session)).await;
    }
}

/// Waits, bounded, for the polls that fetch the last words.
async fn last_polls(session: &Session) {
    let core = &session.core;
    let said = async {
        loop {
            poll_fn(|cx| session.poll_pending_poll(cx)).await;
            if session.answer_poll() {
                return;
            }
        }
    };
    tokio::select! {
        () = said => {}
        () = tokio::time::sleep(session.linger()) => {}
        // Whatever it ended for: an instance that stops waits no longer than for its own ends.
        () = async {
            core.stop.cancelled().await;
            tokio::time::sleep(core.config.close_timeout).await;
        } => {}
        () = core.winding_up.cancelled() => {}
    }
}

/// Ends a session also when its task panics.
struct End<'a> {
    session: &'a Arc<Session>,
    switched: bool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if self.switched {
            return;
        }
        self.session.finish();
        if let Phase::Polling(polling) = &mut self.session.state.lock().phase {
            polling.over = true;
            polling.posting = None;
            polling.poll = Current::None;
        }
        self.session.forget();
    }
}

impl Current {
    fn is_pending(&self) -> bool {
        matches!(self, Self::Pending(_))
    }
}

impl Polling {
    /// Whether a ping was still to be sent.
    pub(super) fn ping_due(&self) -> bool {
        self.ping_due
    }

    /// The session has moved to a WebSocket: what was under way here ends with this.
    pub(super) fn wake_task(self) {
        if let Some(task) = self.task {
            task.wake();
        }
    }
}
