//! What both kinds of clients share: an Engine.IO session over either transport, Socket.IO
//! packets, and connections that went silent.

use std::{path::Path, time::Duration};

use serde_json::Value;

use super::{
    Disturbance,
    pipe::Pipe,
    polling::Polling,
    upgrade::{Moved, Upgrade},
};
use crate::chance::Chance;

/// How long a silent connection is kept before the client's side forgets it.
const SILENCE: Duration = Duration::from_secs(8);

/// How often a polling session begins to move to a WebSocket, in a thousand turns.
const UPGRADED: u64 = 30;

enum Transport {
    WebSocket(Box<Pipe>),
    Polling(Box<Polling>),
    Upgrade(Box<Upgrade>),
}

impl Transport {
    fn send(&mut self, packet: &str, now: Duration, chance: &mut Chance) {
        match self {
            Self::WebSocket(pipe) => pipe.send(packet, now, chance),
            Self::Polling(polling) => polling.send(packet, now, chance),
            Self::Upgrade(upgrade) => upgrade.send(packet, now, chance),
        }
    }

    /// What has arrived, and the transport that the session has then; `None` where it has ended.
    fn turn(self, now: Duration, chance: &mut Chance) -> Option<(Self, Vec<String>)> {
        match self {
            Self::WebSocket(mut pipe) => {
                let packets = pipe.turn(now, chance)?;
                Some((Self::WebSocket(pipe), packets))
            }
            Self::Polling(mut polling) => {
                let packets = polling.turn(now, chance)?;
                if chance.per_mille(UPGRADED)
                    && let Some(pipe) = Upgrade::begin(&polling, now, chance)
                {
                    return Some((Self::Upgrade(Upgrade::new(*polling, pipe)), packets));
                }
                Some((Self::Polling(polling), packets))
            }
            Self::Upgrade(upgrade) => match upgrade.turn(now, chance) {
                Moved::NotYet(upgrade, packets) => Some((Self::Upgrade(upgrade), packets)),
                Moved::Over(pipe) => Some((Self::WebSocket(pipe), Vec::new())),
                Moved::Back(polling, packets) => Some((Self::Polling(polling), packets)),
                Moved::Ended => None,
            },
        }
    }

    fn stall(&mut self, until: Duration) {
        match self {
            Self::WebSocket(pipe) => pipe.stall(until),
            Self::Polling(polling) => polling.stall(until),
            Self::Upgrade(upgrade) => upgrade.stall(until),
        }
    }
}

/// What came from the server.
#[derive(Debug)]
pub(super) enum Heard {
    /// The answer to CONNECT.
    Connected(Value),
    /// The refusal of CONNECT.
    Refused(Value),
    /// An event: its name and arguments.
    Event(Vec<Value>),
    /// The answer to a command.
    Answer(u64, Value),
    /// The connection has ended.
    Ended,
}

/// A session, if there is one, and what is left of earlier ones.
#[derive(Default)]
pub(crate) struct Session {
    transport: Option<Transport>,
    ghosts: Vec<(Duration, Transport)>,
    /// What to say as soon as the session is open.
    introduction: String,
    patience: Duration,
    heard: Duration,
    next_ack: u64,
    pending: Option<Disturbance>,
    /// Times that it moved to a WebSocket.
    upgraded: u64,
}

impl Session {
    pub(super) fn upgraded(&self) -> u64 {
        self.upgraded
    }

    pub(super) fn is_open(&self) -> bool {
        self.transport.is_some()
    }

    /// Opens a session and says CONNECT with this payload.
    pub(super) fn connect(
        &mut self,
        path: &Path,
        introduction: String,
        now: Duration,
        chance: &mut Chance,
    ) -> bool {
        self.transport = if chance.per_mille(400) {
            Polling::open(path, "").map(|polling| Transport::Polling(Box::new(polling)))
        } else {
            Pipe::open(path, "").map(|pipe| Transport::WebSocket(Box::new(pipe)))
        };
        self.introduction = introduction;
        self.patience = Duration::from_secs(10);
        self.heard = now;
        self.next_ack = 0;
        self.is_open()
    }

    /// Sends an event that wants an answer; the number by which that will come.
    pub(super) fn ask(&mut self, event: &Value, now: Duration, chance: &mut Chance) -> u64 {
        let number = self.next_ack;
        self.next_ack += 1;
        if let Some(transport) = &mut self.transport {
            transport.send(&format!("42{number}{event}"), now, chance);
        }
        number
    }

    pub(super) fn disturb(&mut self, how: Disturbance) {
        self.pending = Some(how);
    }

    /// All that has arrived.
    pub(super) fn turn(&mut self, now: Duration, chance: &mut Chance) -> Vec<Heard> {
        self.haunt(now, chance);
        if let Some(how) = self.pending.take() {
            return self.end(how, now, chance);
        }
        let Some(transport) = self.transport.take() else { return Vec::new() };
        let was_moving = matches!(transport, Transport::Upgrade(_));
        let Some((transport, packets)) = transport.turn(now, chance) else {
            return vec![Heard::Ended];
        };
        let has_moved = was_moving && matches!(transport, Transport::WebSocket(_));
        self.upgraded += u64::from(has_moved);
        self.transport = Some(transport);
        let mut heard = Vec::new();
        for packet in &packets {
            self.heard = now;
            heard.extend(self.take_in(packet, now, chance));
        }
        if now > self.heard + self.patience {
            self.transport = None;
            heard.push(Heard::Ended);
        }
        heard
    }

    fn end(&mut self, how: Disturbance, now: Duration, chance: &mut Chance) -> Vec<Heard> {
        let Some(mut transport) = self.transport.take() else { return Vec::new() };
        match how {
            Disturbance::Pause => {
                transport.stall(now + chance.millis(50, 3_000));
                self.transport = Some(transport);
                return Vec::new();
            }
            Disturbance::Cut => {}
            Disturbance::Silence => {
                transport.stall(Duration::MAX);
                self.ghosts.push((now + SILENCE, transport));
            }
            Disturbance::Delay => {
                transport.stall(now + chance.millis(50, 2_500));
                self.ghosts.push((now + SILENCE, transport));
            }
        }
        vec![Heard::Ended]
    }

    /// Connections that were given up go on for a while.
    fn haunt(&mut self, now: Duration, chance: &mut Chance) {
        for (until, transport) in std::mem::take(&mut self.ghosts) {
            if now < until
                && let Some((transport, _)) = transport.turn(now, chance)
            {
                self.ghosts.push((until, transport));
            }
        }
    }

    fn take_in(&mut self, packet: &str, now: Duration, chance: &mut Chance) -> Option<Heard> {
        let transport = self.transport.as_mut()?;
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let (kind, rest) = packet.split_at_checked(1)?;
        match kind {
            "0" => {
                let open = parsed(rest);
                let millis = |name: &str| open[name].as_u64().unwrap_or(0);
                let patience = millis("pingInterval") + millis("pingTimeout");
                self.patience = Duration::from_millis(patience);
                transport.send(&format!("40{}", self.introduction), now, chance);
            }
            "2" => transport.send("3", now, chance),
            "1" => {
                self.transport = None;
                return Some(Heard::Ended);
            }
            "4" => return self.take_in_message(rest),
            _ => {}
        }
        None
    }

    fn take_in_message(&mut self, message: &str) -> Option<Heard> {
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let (kind, rest) = message.split_at_checked(1)?;
        Some(match kind {
            "0" => Heard::Connected(parsed(rest)),
            "4" => Heard::Refused(parsed(rest)),
            "2" => Heard::Event(serde_json::from_str(rest).unwrap_or_default()),
            "3" => {
                let start = rest.find('[')?;
                Heard::Answer(rest[..start].parse().ok()?, parsed(&rest[start..])[0].clone())
            }
            _ => {
                self.transport = None;
                Heard::Ended
            }
        })
    }
}
