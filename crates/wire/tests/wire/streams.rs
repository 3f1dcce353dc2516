//! Properties of the WebSocket decoder over whole streams.

use proptest::prelude::*;
use wire::websocket::{Decoder, Opcode, encode_client};
use wire::{Frame, Part};

use crate::websocket::{LIMIT, Seen, decode};

/// A message and how it is cut into frames, with pings in between.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) seen: Seen,
    pub(crate) cuts: Vec<prop::sample::Index>,
    pub(crate) mask: [u8; 4],
    pub(crate) ping: Option<Vec<u8>>,
}

/// Any message that may be sent, but for a close.
pub(crate) fn sent() -> impl Strategy<Value = Sent> {
    let small = prop::collection::vec(any::<u8>(), 0..=125);
    let large = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (100_usize..70_000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ];
    let seen = prop_oneof![
        any::<String>().prop_map(|text| Seen::Text(text.into_bytes())),
        large.prop_map(Seen::Binary),
        small.clone().prop_map(Seen::Ping),
        small.clone().prop_map(Seen::Pong),
    ];
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    (seen, cuts, any::<[u8; 4]>(), prop::option::of(small))
        .prop_map(|(seen, cuts, mask, ping)| Sent { seen, cuts, mask, ping })
}

impl Sent {
    /// Appends its frames to `out` and what a decoder sees of them to `seen`.
    pub(crate) fn put(&self, out: &mut Vec<u8>, seen: &mut Vec<Seen>) {
        let (opcode, payload) = self.seen.opcode_and_payload().expect("no error is sent");
        let mut ends: Vec<usize> =
            self.cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
        if opcode.is_control() {
            ends.clear();
        }
        ends.push(payload.len());
        ends.sort_unstable();
        let mut start = 0;
        for (place, end) in ends.iter().enumerate() {
            let first = place == 0;
            let opcode = if first { opcode } else { Opcode::Continuation };
            let header = out.len();
            encode_client(opcode, &payload[start..*end], self.mask, out);
            if place + 1 < ends.len() {
                out[header] &= 0x7f;
                if let Some(ping) = self.ping.as_ref().filter(|_| first) {
                    encode_client(Opcode::Ping, ping, self.mask, out);
                    seen.push(Seen::Ping(ping.clone()));
                }
            }
            start = *end;
        }
        seen.push(self.seen.clone());
    }
}

/// The pieces of `bytes` between random places.
pub(crate) fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut start = 0;
    ends.into_iter().map(|end| &bytes[std::mem::replace(&mut start, end)..end]).collect()
}

proptest! {
    #[test]
    fn what_is_sent_is_seen_however_it_is_cut(
        sent in prop::collection::vec(sent(), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for message in &sent {
            message.put(&mut bytes, &mut expected);
        }
        let mut decoder = Decoder::server(LIMIT);
        prop_assert_eq!(decode(&mut decoder, pieces(&bytes, &cuts)), expected);
        prop_assert_eq!(decoder.buffered(), 0);
    }

    #[test]
    fn a_frame_is_read_by_a_client(text in any::<String>(), large in 0_usize..70_000) {
        let binary = vec![7; large];
        let frames = [Frame::text(&text), Frame::binary(&binary), Frame::close(Some(1001))];
        let joined = Frame::join(&frames);
        let seen = decode(&mut Decoder::client(LIMIT), [&joined.bytes()[..]]);
        let expected = [
            Seen::Text(text.clone().into_bytes()),
            Seen::Binary(binary.clone()),
            Seen::Close(Some(1001)),
        ];
        prop_assert_eq!(&seen[..], &expected[..]);
        let parts: Vec<Part<'_>> = joined.parts().collect();
        prop_assert_eq!(parts, [Part::Text(&text), Part::Binary(&binary)]);
    }

    #[test]
    fn no_input_makes_it_panic_or_depend_on_the_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        for decoder in [Decoder::server, Decoder::client] {
            let whole = decode(&mut decoder(1000), [&bytes[..]]);
            prop_assert_eq!(&decode(&mut decoder(1000), pieces(&bytes, &cuts)), &whole);
        }
    }
}
