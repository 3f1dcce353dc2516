//! What both kinds of client have in common: they connect through the gate, come back when their
//! connection ends, and go when the run is over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::board::{Board, Phase};
use super::link::{Link, Transport};
use super::outbox::Outbox;
use super::socket::{Heard, Socket};
use super::witness::{What, Witness};

/// The waits before a connection is tried again: as the official client's, but shorter.
const AGAIN_MS: [u64; 4] = [50, 100, 200, 400];

/// What a client is given.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) server: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) board: Arc<Board>,
    pub(crate) every: Duration,
    /// Whether it reads what comes.
    pub(crate) reading: watch::Receiver<bool>,
    pub(crate) has_small_buffer: bool,
}

/// How a kind of client speaks.
pub(crate) trait Voice {
    /// What it says of itself in the payload of CONNECT.
    fn introduction(&self) -> Value;

    /// It is connected; says what that means for it, or, where only later events tell, nothing.
    fn connected(&mut self, accepted: &Value) -> Option<What>;

    /// The event that says something, with its arguments.
    fn say(&self, id: &str, text: &str) -> (&'static str, Vec<Value>);

    /// Takes what came.
    fn hear(&mut self, heard: Incoming<'_>) -> Reaction;

    /// Whether it can say something now.
    fn may_speak(&self) -> bool;

    /// Whether what it said before may be said again with the same id.
    fn is_same_user(&self) -> bool;
}

/// Something for a voice.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    /// An event's name and arguments.
    Event(&'a str, &'a [Value]),
    /// The answer to the last command that the voice asked for.
    Answer(&'a Value),
}

/// What follows from something that came.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    /// What the client saw: a recovery, a restart, texts.
    pub(crate) became: Option<What>,
    pub(crate) texts: Vec<String>,
    /// The next command, and how long to wait before it.
    pub(crate) command: Option<(&'static str, Value)>,
    pub(crate) wait: Duration,
}

/// Lives until the run is over.
pub(crate) async fn live(part: Part, mut voice: impl Voice) -> Witness {
    let mut client = Client {
        witness: Witness::new(part.name.clone()),
        // Clients begin one after the other, so that they don't all speak at once.
        outbox: Outbox::new(
            part.board.clone(),
            part.every,
            part.every.mul_f64((part.number % 97) as f64 / 97.0),
        ),
        part,
    };
    let mut phase = client.part.board.phase.subscribe();
    let over = async {
        // It fails only when the run is gone, which is the end as well.
        let _ = phase.wait_for(|phase| *phase == Phase::Leave).await;
    };
    tokio::select! {
        () = over => {}
        () = client.stay(&mut voice) => {}
    }
    client.witness
}

struct Client {
    part: Part,
    witness: Witness,
    outbox: Outbox,
}

impl Client {
    async fn stay(&mut self, voice: &mut impl Voice) {
        let mut failures = 0;
        loop {
            if let Ok(mut socket) = self.connect(voice).await {
                failures = 0;
                if !voice.is_same_user() {
                    self.outbox.give_up();
                }
                // However it ends, it is the end of this connection.
                let _ = self.converse(&mut socket, voice).await;
                self.outbox.interrupted();
            }
            let wait = AGAIN_MS[failures.min(AGAIN_MS.len() - 1)];
            failures += 1;
            sleep(Duration::from_millis(wait)).await;
        }
    }

    async fn connect(&mut self, voice: &mut impl Voice) -> anyhow::Result<Socket> {
        let part = &self.part;
        let reading = part.reading.clone();
        let link = Link::open(part.server, part.transport, reading, part.has_small_buffer).await?;
        let socket = Socket::join(link, &voice.introduction()).await?;
        let became = voice.connected(&socket.accepted);
        self.note(became, &[]);
        Ok(socket)
    }

    async fn converse(
        &mut self,
        socket: &mut Socket,
        voice: &mut impl Voice,
    ) -> anyhow::Result<()> {
        let mut command = None;
        let (mut next, mut due) = (None, Instant::now());
        loop {
            tokio::select! {
                biased;
                () = sleep_until(due), if next.is_some() => {
                    if let Some((name, takes)) = next.take() {
                        command = Some(socket.emit(name, &[takes]).await?);
                    }
                }
                heard = socket.next() => {
                    let reaction = match heard? {
                        Heard::Event(name, args) => voice.hear(Incoming::Event(&name, &args)),
                        Heard::Answer(number, value) if Some(number) == command => {
                            voice.hear(Incoming::Answer(&value))
                        }
                        Heard::Answer(number, value) => {
                            self.outbox.answered(number, &value);
                            Reaction::default()
                        }
                    };
                    self.note(reaction.became, &reaction.texts);
                    if reaction.command.is_some() {
                        (next, due) = (reaction.command, Instant::now() + reaction.wait);
                    }
                }
                number = self.outbox.turn(), if voice.may_speak() => {
                    let board = &self.part.board;
                    let (name, args) = voice.say(&board.id(number), &board.text(number));
                    let answer = socket.emit(name, &args).await?;
                    self.outbox.sent(answer);
                }
            }
        }
    }

    fn note(&mut self, became: Option<What>, texts: &[String]) {
        let board = &self.part.board;
        let at = board.now();
        if let Some(what) = became {
            self.witness.note(at, what);
        }
        for number in texts.iter().filter_map(|text| board.number_of(text)) {
            self.witness.note(at, What::Message(number));
            board.delivered(self.part.number, number);
        }
    }
}
