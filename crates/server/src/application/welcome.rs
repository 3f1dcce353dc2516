//! The first event of every socket: what this instance is, and what it allows. All but a few words
//! are the same for everybody, and rendered once.

use chat::RoomKey;
use serde_json::json;
use wire::Frame;

use crate::sequencer::order::Audience;

/// The event's name.
const NAME: &str = "palabre:welcome";

/// Version of the commands and events, as the welcome tells it.
const PROTOCOL: u32 = 1;

/// The welcome of one instance.
#[derive(Debug)]
pub struct Welcome {
    /// The JSON object for stock clients.
    stock: Box<str>,
    /// The end of the one for palabre clients, behind what is their own.
    palabre: Box<str>,
}

impl Welcome {
    /// Renders what all are told.
    #[must_use]
    pub fn new(instance: &str, lobby: &RoomKey, limits: &chat::Limits) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let stock = json!({ "instance": instance, "version": version }).to_string();
        let palabre = json!({
            "instance": instance,
            "version": version,
            "protocol": PROTOCOL,
            "lobby": lobby.as_str(),
            "limits": {
                "text": limits.text_chars,
                "name": limits.name_chars,
                "room": chat::limits::ROOM_CHARS_MAX,
                "page": limits.page_max,
                "rooms": limits.rooms_per_socket,
                "title": limits.title_chars,
            },
            "features": chat::Command::NAMES,
        });
        let palabre = palabre.to_string().split_off(1).into();
        Self { stock: stock.into(), palabre }
    }

    /// For a stock client, with the cursor that is right there. Who comes back gets it too, with
    /// the cursor it came with: what it missed is still to come.
    pub(super) fn stock(&self, audience: Audience, cursor: &str) -> Frame {
        audience.event(NAME, &[&self.stock], cursor)
    }

    /// For a palabre client: who it is, and the token that proves it.
    pub(super) fn palabre(&self, user: &str, name: &str, token: &str) -> Frame {
        let mut welcome = json!({ "user": user, "name": name, "token": token }).to_string();
        // In place of the brace that closes it.
        welcome.pop();
        welcome.push(',');
        welcome.push_str(&self.palabre);
        Audience::Palabre.event(NAME, &[&welcome], "")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn args(frame: &Frame) -> Value {
        let Some(wire::frame::Part::Text(text)) = frame.parts().next() else { panic!("a text") };
        serde_json::from_str(text.strip_prefix("42").unwrap()).unwrap()
    }

    #[test]
    fn everybody_is_told_who_answers_and_palabre_clients_who_they_are() {
        let lobby = RoomKey::parse("general").unwrap();
        let welcome = Welcome::new("a \"b\"", &lobby, &chat::Limits::default());
        let told = args(&welcome.palabre("g1", "O'\"}", "v1.g1.x"));
        assert_eq!(told[0], "palabre:welcome");
        for (key, expected) in [
            ("user", json!("g1")),
            ("name", json!("O'\"}")),
            ("token", json!("v1.g1.x")),
            ("instance", json!("a \"b\"")),
            ("protocol", json!(1)),
            ("lobby", json!("general")),
            ("features", json!(chat::Command::NAMES)),
        ] {
            assert_eq!(told[1][key], expected, "{key}");
        }
        assert!(told[1]["limits"]["text"].as_u64().unwrap() > 0);
        let version = env!("CARGO_PKG_VERSION");
        let common = json!({ "instance": "a \"b\"", "version": version });
        let plain = args(&welcome.stock(Audience::StockPlain, "e.1"));
        assert_eq!(plain, json!(["palabre:welcome", common]));
        let stock = args(&welcome.stock(Audience::Stock, "e.1"));
        assert_eq!(stock, json!(["palabre:welcome", common, "e.1"]));
    }
}
