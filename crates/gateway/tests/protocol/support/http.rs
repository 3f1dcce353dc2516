//! HTTP/1.1 by hand: one request, one connection.

use std::fmt::Write as _;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::soon;

#[derive(Clone, Copy)]
pub(crate) struct Http {
    pub(crate) address: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body, if all is well.
    pub(crate) fn ok(self) -> Result<String, u16> {
        if self.status == 200 { Ok(self.text().to_owned()) } else { Err(self.status) }
    }
}

impl Http {
    pub(crate) async fn get(self, target: &str) -> Reply {
        self.request("GET", target, &[], b"").await
    }

    pub(crate) async fn post(self, target: &str, body: &[u8]) -> Reply {
        self.request("POST", target, &[("Content-Type", "text/plain;charset=UTF-8")], body).await
    }

    pub(crate) async fn request(
        self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut stream = self.send(method, target, headers, body).await;
        read_reply(&mut stream).await
    }

    /// Sends a request; its answer is still to be read.
    pub(crate) async fn send(
        self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> TcpStream {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("a String takes it");
        }
        if method != "GET" {
            write!(head, "Content-Length: {}\r\n", body.len()).expect("a String takes it");
        }
        head.push_str("\r\n");
        let mut stream = self.connect().await;
        stream.write_all(head.as_bytes()).await.expect("written");
        // A server may refuse a body before it has read it.
        let _ = stream.write_all(body).await;
        stream
    }

    pub(crate) async fn connect(self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connected")
    }
}

/// Reads one response.
pub(crate) async fn read_reply(stream: &mut TcpStream) -> Reply {
    soon("a reply", try_read_reply(stream)).await.expect("a reply")
}

/// Reads one response; `None` if the connection ends before.
pub(crate) async fn try_read_reply(stream: &mut TcpStream) -> Option<Reply> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).expect("an ASCII head");
    let mut body = bytes.split_off(end + 4);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.parse::<usize>().ok())
        .unwrap_or(0);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    assert!(status == 101 || body.len() == length, "nothing behind the body");
    Some(Reply { status, headers, body })
}
