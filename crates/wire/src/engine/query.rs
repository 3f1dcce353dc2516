//! The query string of an Engine.IO request, read as `URLSearchParams` reads it.

use std::borrow::Cow;

use super::{PROTOCOL, Rejection, Transport};

/// What a request says in its query. Of a name that comes several times the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// `EIO`: the protocol revision.
    pub eio: Option<Cow<'a, str>>,
    /// `transport`, as given.
    pub transport: Option<Cow<'a, str>>,
    /// `sid`: the session; absent in a handshake, also when empty.
    pub sid: Option<Cow<'a, str>>,
    /// `t`: differs from request to request, so that no cache answers.
    pub t: Option<Cow<'a, str>>,
    /// `b64` is there and not empty: the client can't receive binary frames.
    pub b64: bool,
    /// `cursor`: `0` asks for events without a cursor.
    pub cursor: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    /// Reads what stands behind the `?` of a request's target. Every text is a query.
    pub fn parse(raw: &'a str) -> Self {
        let mut query = Self::default();
        for (name, value) in Pairs::of(raw) {
            match &*name {
                "EIO" => query.eio = Some(value),
                "transport" => query.transport = Some(value),
                "sid" => query.sid = Some(value).filter(|sid| !sid.is_empty()),
                "t" => query.t = Some(value),
                "b64" => query.b64 = !value.is_empty(),
                "cursor" => query.cursor = Some(value),
                _ => {}
            }
        }
        query
    }

    /// Finds any parameter, also those that applications add; the last of that name.
    pub fn find(raw: &'a str, name: &str) -> Option<Cow<'a, str>> {
        Pairs::of(raw).filter(|(found, _)| found == name).last().map(|(_, value)| value)
    }

    /// Which transport the request wants.
    ///
    /// # Errors
    ///
    /// [`Rejection::UnknownTransport`].
    pub fn transport(&self) -> Result<Transport, Rejection> {
        match self.transport.as_deref() {
            Some("polling") => Ok(Transport::Polling),
            Some("websocket") => Ok(Transport::WebSocket),
            _ => Err(Rejection::UnknownTransport),
        }
    }

    /// Checks a request without `sid` in the order in which Node's server does; `get` is
    /// whether its method is GET, `upgrade` whether it asks for a WebSocket.
    ///
    /// # Errors
    ///
    /// The first check that fails. [`Rejection::Forbidden`] is not among them: it is the
    /// application's own word.
    pub fn handshake(&self, get: bool, upgrade: bool) -> Result<Transport, Rejection> {
        let transport = self.transport()?;
        if !get {
            return Err(Rejection::BadMethod);
        }
        if upgrade != (transport == Transport::WebSocket) {
            return Err(Rejection::BadRequest);
        }
        if self.eio.as_deref() != Some(PROTOCOL) {
            return Err(Rejection::UnsupportedVersion);
        }
        Ok(transport)
    }
}

/// The decoded names and values of a query string, in order.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: Option<&'a str>,
}

impl<'a> Pairs<'a> {
    /// Reads what stands behind the `?` of a request's target.
    pub fn of(raw: &'a str) -> Self {
        Self { rest: Some(raw) }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest?;
            let (pair, rest) = match rest.split_once('&') {
                Some((pair, rest)) => (pair, Some(rest)),
                None => (rest, None),
            };
            self.rest = rest;
            if !pair.is_empty() {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                return Some((decode(name), decode(value)));
            }
        }
    }
}

/// `+` is a space, `%` and two hexadecimal digits a byte, anything else itself; what then is
/// not UTF-8 becomes replacement characters.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => match escaped(rest) {
                Some((byte, after)) => {
                    bytes.push(byte);
                    rest = after;
                }
                None => bytes.push(b'%'),
            },
            byte => bytes.push(byte),
        }
    }
    Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn escaped(rest: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], after) = rest.split_first_chunk::<2>()?;
    let high = char::from(*high).to_digit(16)?;
    let low = char::from(*low).to_digit(16)?;
    Some(((high << 4 | low) as u8, after))
}
