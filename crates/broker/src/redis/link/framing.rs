//! Finds where a reply of Redis ends. The reply itself is read by the client library, which wants
//! to have all of it; but publications are read here.

use std::ops::Range;

/// The longest text inside a reply; Redis' own default for a value.
const TEXT_MAX: usize = 512 << 20;

/// The most values in one reply.
const VALUES_MAX: usize = 1 << 20;

/// The longest line that says what follows; errors can be long.
const LINE_MAX: usize = 64 << 10;

/// How a publication begins.
const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n";

/// Digits of the longest text's length.
const DIGITS_MAX: usize = 9;

/// What can't be a reply.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("what Redis sent can't be understood")]
pub(super) struct Malformed;

/// How many bytes the first reply takes, or nothing if its end has not arrived.
pub(super) fn reply_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut at = 0;
    let mut expected = 1;
    let mut seen = 0;
    while expected > 0 {
        let rest = bytes.get(at..).unwrap_or_default();
        let searched = &rest[..rest.len().min(LINE_MAX)];
        let Some(end) = searched.windows(2).position(|two| two == b"\r\n") else {
            return if rest.len() > LINE_MAX { Err(Malformed) } else { Ok(None) };
        };
        let (kind, rest_of_line) = rest[..end].split_first().ok_or(Malformed)?;
        at += end + 2;
        expected -= 1;
        seen += 1;
        match kind {
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {}
            b'$' | b'!' | b'=' => {
                if let Some(length) = count(rest_of_line, TEXT_MAX)? {
                    at += length + 2;
                }
            }
            b'*' | b'~' | b'>' => {
                expected += count(rest_of_line, VALUES_MAX)?.unwrap_or(0);
            }
            b'%' => expected += 2 * count(rest_of_line, VALUES_MAX)?.unwrap_or(0),
            _ => return Err(Malformed),
        }
        if seen + expected > VALUES_MAX {
            return Err(Malformed);
        }
    }
    Ok((at <= bytes.len()).then_some(at))
}

/// Finds publications. They are what an instance reads most, so they have a way of their own;
/// whatever looks otherwise takes the long one.
#[derive(Default)]
pub(in crate::redis) struct Messages {
    /// How the last one began, up to its payload's length: nearly always as the next one does.
    front: Vec<u8>,
}

impl Messages {
    /// Takes the payloads of the publications that come first, as far as they are whole. Says how
    /// many bytes they took.
    pub(in crate::redis) fn take(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> usize {
        let mut taken = 0;
        while let Some(message) = self.next(&bytes[taken..]) {
            take(&bytes[taken..][message.clone()]);
            taken += message.end + 2;
        }
        taken
    }

    /// Where the payload is, if a whole publication comes first.
    fn next(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        if self.front.is_empty() || !bytes.starts_with(&self.front) {
            bytes.starts_with(MESSAGE).then_some(())?;
            let channel = text(bytes, MESSAGE.len())?;
            self.front = bytes[..channel.end + 2].to_vec();
        }
        text(bytes, self.front.len())
    }
}

/// Where the text is that begins here with its length, if it is whole.
fn text(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let [b'$', line @ ..] = bytes.get(at..)? else { return None };
    let (mut length, mut digits) = (0, 0);
    for digit in line.iter().take(DIGITS_MAX).map(|byte| byte.wrapping_sub(b'0')) {
        if digit > 9 {
            break;
        }
        length = 10 * length + usize::from(digit);
        digits += 1;
    }
    let start = at + 1 + digits + 2;
    let end = start + length;
    let is_whole = digits > 0
        && length <= TEXT_MAX
        && line[digits..].starts_with(b"\r\n")
        && bytes.get(end..end + 2)? == b"\r\n";
    is_whole.then_some(start..end)
}

/// A length; nothing where it is -1, which stands for nil.
fn count(digits: &[u8], max: usize) -> Result<Option<usize>, Malformed> {
    if digits == b"-1" {
        return Ok(None);
    }
    let text = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    let count: usize = text.parse().map_err(|_| Malformed)?;
    if count <= max { Ok(Some(count)) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_replies_are_found_and_halves_are_waited_for() {
        for reply in [
            "+OK\r\n",
            "-ERR what\r\n",
            ":12\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "$5\r\na\r\nbc\r\n",
            "*0\r\n",
            "*-1\r\n",
            "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n\r\n\r\n",
            "*2\r\n*1\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n",
            "%1\r\n+a\r\n*1\r\n:2\r\n",
        ] {
            let bytes = reply.as_bytes();
            for cut in 0..bytes.len() {
                assert_eq!(reply_length(&bytes[..cut]), Ok(None), "{reply:?} cut at {cut}");
            }
            assert_eq!(reply_length(bytes), Ok(Some(bytes.len())), "{reply:?}");
            let followed = [bytes, b"+next"].concat();
            assert_eq!(reply_length(&followed), Ok(Some(bytes.len())), "{reply:?}");
        }
    }

    #[test]
    fn publications_are_read_when_they_are_whole() {
        for (reply, payload) in [
            ("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n\r\n\r\n", "\r\n"),
            ("*3\r\n$7\r\nmessage\r\n$0\r\n\r\n$0\r\n\r\n", ""),
            ("*3\r\n$7\r\nmessage\r\n$10\r\npalabre:x0\r\n$12\r\nsome payload\r\n", "some payload"),
        ] {
            let bytes = reply.as_bytes();
            for cut in 0..bytes.len() {
                assert_eq!(Messages::default().next(&bytes[..cut]), None, "{reply:?} cut at {cut}");
            }
            let followed = [bytes, b"*3\r\n$7\r\nmess"].concat();
            let found = Messages::default().next(&followed).expect("it is whole");
            assert_eq!(&followed[found.clone()], payload.as_bytes());
            assert_eq!(Ok(Some(found.end + 2)), reply_length(&followed), "{reply:?}");
        }
    }

    #[test]
    fn publications_that_follow_each_other_are_read_whatever_their_channels() {
        let message = |channel: &str, payload: &str| {
            let (of_channel, length) = (channel.len(), payload.len());
            format!(
                "*3\r\n$7\r\nmessage\r\n${of_channel}\r\n{channel}\r\n${length}\r\n{payload}\r\n"
            )
        };
        let all = [("c", "one"), ("c", ""), ("cc", "two"), ("c", "three")];
        let mut bytes: Vec<u8> = all
            .iter()
            .flat_map(|(channel, payload)| message(channel, payload).into_bytes())
            .collect();
        let whole = bytes.len();
        bytes.extend_from_slice(b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$9\r\nhalf of");
        let (mut messages, mut payloads) = (Messages::default(), Vec::new());
        let taken = messages.take(&bytes, |payload| payloads.push(payload.to_vec()));
        assert_eq!((taken, payloads), (whole, all.map(|(_, payload)| payload.into()).to_vec()));
    }

    #[test]
    fn what_is_no_publication_takes_the_long_way() {
        for reply in [
            "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
            "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n:1\r\n",
            "*3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\nc\r\n",
            "*3\r\n$7\r\nmessage\r\n$1\r\ncc\r\n$1\r\nc\r\n",
            "*3\r\n$7\r\nmessage\r\n$1 \r\nc\r\n$1\r\nc\r\n",
            "*3\r\n$7\r\nmessage\r\n$0000000000000000000001\r\nc\r\n$1\r\nc\r\n",
            "*2\r\n$4\r\npong\r\n$4\r\nlive\r\n",
        ] {
            assert_eq!(Messages::default().next(reply.as_bytes()), None, "{reply:?}");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bytes in [
            "HTTP/1.1 400 Bad Request\r\n",
            "\r\n",
            "$x\r\n",
            "$-2\r\n",
            "$99999999999999999999\r\n",
            "$1073741824\r\n",
            "*9999999\r\n",
        ] {
            assert_eq!(reply_length(bytes.as_bytes()), Err(Malformed), "{bytes:?}");
        }
        assert_eq!(reply_length(&vec![b'+'; LINE_MAX + 1]), Err(Malformed));
        let nested = "*1000\r\n".repeat(2_000);
        assert_eq!(reply_length(nested.as_bytes()), Err(Malformed));
    }
}
