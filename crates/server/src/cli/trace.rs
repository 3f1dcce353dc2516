//! `palabre trace`: asks an instance how an entry travelled, and says it in words.

use std::fmt::Write;

use axum::body::{Body, to_bytes};
use hyper::{Request, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::trace::{
    By, Way,
    journey::{Journey, Part},
};

/// The largest answer.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Which entry, and whom to ask.
// No `Debug`: there is a token in it.
pub struct Trace {
    pub(super) room: String,
    pub(super) offset: u64,
    pub(super) url: String,
    pub(super) token: String,
    pub(super) json: bool,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trace({} {} at {})", self.room, self.offset, self.url)
    }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum TraceError {
    #[error("--url: {0:?} is not like http://127.0.0.1:3000")]
    Url(String),
    #[error("can't ask {0}: {1}")]
    Unreachable(String, String),
    #[error("{0}")]
    Refused(String),
}

impl Trace {
    /// The answer, in words or as it came.
    pub(super) async fn text(self) -> Result<String, TraceError> {
        let unreachable = |error: &dyn std::fmt::Display| {
            TraceError::Unreachable(self.url.clone(), error.to_string())
        };
        let bad_url = || TraceError::Url(self.url.clone());
        let uri: Uri = self.url.parse().map_err(|_| bad_url())?;
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(bad_url)?;
        let address = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        let base = uri.path().trim_end_matches('/');
        let path = format!("{base}/api/v1/trace/{}/{}", in_path(&self.room), self.offset);
        let request = Request::get(path)
            .header(header::HOST, &address)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Body::empty())
            .map_err(|error| TraceError::Refused(error.to_string()))?;
        let stream = TcpStream::connect(&address).await.map_err(|error| unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
        let answered = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX).await;
            Ok::<_, hyper::Error>((status, body.unwrap_or_default()))
        };
        let answer = tokio::select! {
            answer = answered => answer,
            ended = connection => Err(match ended {
                Err(error) => error,
                Ok(()) => return Err(unreachable(&"the connection ended")),
            }),
        };
        let (status, body) = answer.map_err(|error| unreachable(&error))?;
        if !status.is_success() {
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let detail = problem["detail"].as_str().unwrap_or("no reason is given");
            return Err(TraceError::Refused(format!("{status}: {detail}")));
        }
        let text = String::from_utf8_lossy(&body);
        match serde_json::from_slice::<Journey>(&body) {
            Ok(journey) if !self.json => Ok(in_words(&journey)),
            _ => Ok(format!("{text}\n")),
        }
    }
}

/// A text as one segment of a path.
fn in_path(text: &str) -> String {
    let mut path = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            path.push(char::from(byte));
        } else {
            write!(path, "%{byte:02X}").expect("a String takes all");
        }
    }
    path
}

/// Times are told as milliseconds from the earliest one.
fn in_words(journey: &Journey) -> String {
    let ways: Vec<&Way> = journey.instances.iter().filter_map(|part| part.way.as_ref()).collect();
    let begins = ways.iter().filter_map(|way| way.accepted.map(|accepted| accepted.asked));
    let stores = ways.iter().filter_map(|way| way.received.map(|received| received.stored));
    let begin = begins.chain(stores).min().unwrap_or(0);
    let at = |ms: u64| format!("+{} ms", ms.saturating_sub(begin));
    let mut text = format!("{} {}\n", journey.room, journey.offset);
    for Part { instance, way } in &journey.instances {
        let mut line = |words: String| {
            writeln!(text, "  {instance}: {words}").expect("a String takes all");
        };
        let Some(way) = way else {
            line("knows nothing of it".into());
            continue;
        };
        if let Some(accepted) = way.accepted {
            let again = if accepted.duplicate { ", which had it already" } else { "" };
            let (asked, answered) = (at(accepted.asked), at(accepted.answered));
            line(format!("asked the log at {asked}, answered at {answered}{again}"));
        }
        if let Some(received) = way.received {
            let how = match received.by {
                By::Live => "heard it live",
                By::Repaired => "read it from the log",
            };
            let (seq, stored) = (received.seq, at(received.stored));
            let over = received.fanned_out.map_or(String::new(), |ms| format!(" by {}", at(ms)));
            line(format!(
                "{how} at {} (seq {seq}, stored at {stored}), handed to {} sockets{over}",
                at(received.at),
                received.sockets
            ));
        }
    }
    for missing in &journey.missing {
        writeln!(text, "  {missing}: did not answer").expect("a String takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Accepted, Received};

    #[test]
    fn rooms_are_one_segment_of_a_path() {
        assert_eq!(in_path("général-2.0"), "g%C3%A9n%C3%A9ral-2.0");
        assert_eq!(in_path("a/b"), "a%2Fb");
    }

    #[test]
    fn a_journey_is_told_from_its_beginning() {
        let accepted = Some(Accepted { asked: 1_000, answered: 1_004, duplicate: false });
        let received = |by| {
            let times = (1_002, 1_003, Some(1_005));
            let (stored, at, fanned_out) = times;
            Some(Received { seq: 9, stored, at, by, sockets: 3, fanned_out })
        };
        let part = |instance: &str, way| Part { instance: instance.into(), way };
        let way = |accepted, received| Some(Way { epoch: "e".into(), accepted, received });
        let journey = Journey {
            room: "garden".into(),
            offset: 7,
            instances: vec![
                part("a#1", way(accepted, received(By::Live))),
                part("b#1", way(None, received(By::Repaired))),
                part("c#1", None),
            ],
            missing: vec!["d#1".into()],
        };
        let words = "garden 7\n  \
            a#1: asked the log at +0 ms, answered at +4 ms\n  \
            a#1: heard it live at +3 ms (seq 9, stored at +2 ms), handed to 3 sockets by +5 ms\n  \
            b#1: read it from the log at +3 ms (seq 9, stored at +2 ms), handed to 3 sockets by \
            +5 ms\n  \
            c#1: knows nothing of it\n  \
            d#1: did not answer\n";
        assert_eq!(in_words(&journey), words);
    }
}
