//! A polling client.

use gateway::Metrics;
use serde_json::Value;
use tokio::net::TcpStream;

use super::http::read_reply;
use super::{Http, Reply, Server, until};

pub(crate) struct Session {
    http: Http,
    pub(crate) sid: String,
    /// The target of its requests.
    pub(crate) target: String,
    metrics: Metrics,
}

/// A poll that the server has, and has not answered.
pub(crate) struct Pending(TcpStream);

impl Pending {
    /// The payload, or the status.
    pub(crate) async fn answer(mut self) -> Result<String, u16> {
        read_reply(&mut self.0).await.ok()
    }
}

impl Session {
    pub(crate) async fn open(server: &Server) -> Self {
        let target = format!("{}?EIO=4&transport=polling", server.path);
        let open = server.http().get(&target).await.ok().expect("a handshake");
        let open: Value = serde_json::from_str(open.strip_prefix('0').expect("an open packet"))
            .expect("an open packet in JSON");
        let sid = open["sid"].as_str().expect("a sid").to_owned();
        let (http, metrics) = (server.http(), server.metrics.clone());
        Self { http, metrics, target: format!("{target}&sid={sid}"), sid }
    }

    /// The same session, asked for on another server.
    pub(crate) fn through(&self, server: &Server) -> Self {
        let (sid, target) = (self.sid.clone(), self.target.clone());
        Self { http: server.http(), sid, target, metrics: self.metrics.clone() }
    }

    /// Polls once; the payload, or the status.
    pub(crate) async fn get(&self) -> Result<String, u16> {
        self.reply().await.ok()
    }

    pub(crate) async fn reply(&self) -> Reply {
        self.http.get(&self.target).await
    }

    /// Polls with a value of `t`.
    pub(crate) async fn get_t(&self, t: &str) -> Result<String, u16> {
        self.http.get(&format!("{}&t={t}", self.target)).await.ok()
    }

    /// Sends a payload.
    pub(crate) async fn post(&self, body: &str) -> Result<String, u16> {
        self.http.post(&self.target, body.as_bytes()).await.ok()
    }

    /// Sends a poll; its connection.
    pub(crate) async fn begin(&self) -> TcpStream {
        self.http.send("GET", &self.target, &[], b"").await
    }

    /// Begins a poll and waits until the server has it.
    pub(crate) async fn pending(&self) -> Pending {
        let before = self.metrics.pending_polls();
        let stream = self.begin().await;
        until("a pending poll", || self.metrics.pending_polls() > before).await;
        Pending(stream)
    }

    /// Polls once; the packets.
    pub(crate) async fn packets(&self) -> Vec<String> {
        let payload = self.get().await.expect("200");
        payload.split('\x1e').map(String::from).collect()
    }

    /// Polls until there is more than noops; the packets.
    pub(crate) async fn packets_but_noops(&self) -> Vec<String> {
        loop {
            let mut packets = self.packets().await;
            packets.retain(|packet| packet != "6");
            if !packets.is_empty() {
                return packets;
            }
        }
    }

    /// Polls until the session is gone; what came before that.
    pub(crate) async fn until_gone(&self) -> Vec<String> {
        let mut payloads = Vec::new();
        loop {
            match self.get().await {
                Ok(payload) => payloads.push(payload),
                Err(status) => {
                    assert_eq!(status, 400);
                    return payloads;
                }
            }
        }
    }

    /// Whether the server no longer knows it.
    pub(crate) async fn is_gone(&self) -> bool {
        let reply = self.http.request("DELETE", &self.target, &[], b"").await;
        reply.status == 400 && reply.text() == r#"{"code":1,"message":"Session ID unknown"}"#
    }

    /// The query of its upgrade.
    pub(crate) fn upgrade(&self) -> String {
        format!("?EIO=4&transport=websocket&sid={}", self.sid)
    }
}
