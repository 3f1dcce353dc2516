//! What instances write to each other: JSON with a version.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::asked::Reply;

/// The version that this release writes and reads.
const VERSION: u32 = 1;

/// A letter from one instance to another.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Letter {
    /// Who wrote it.
    pub(super) from: Box<str>,
    /// What it says.
    pub(super) said: Said,
}

/// What a letter says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Said {
    /// Something that wants no answer.
    Told { kind: Box<str>, body: Value },
    /// A question, with the asker's number of it.
    Asked { number: u64, kind: Box<str>, body: Value },
    /// The answer to a question.
    Answered { number: u64, reply: Reply },
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    #[serde(flatten)]
    letter: &'a Letter,
}

impl Letter {
    pub(super) fn encode(&self) -> Bytes {
        let written = Written { v: VERSION, letter: self };
        serde_json::to_vec(&written).expect("its keys are texts").into()
    }

    /// # Errors
    /// Another version, or no letter.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let version: Version = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if version.v != VERSION {
            return Err(format!("a letter of version {}", version.v));
        }
        serde_json::from_slice(bytes).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_letter_is_read_as_it_was_written() {
        let all = [
            Said::Told { kind: "k".into(), body: json!([1]) },
            Said::Asked { number: 7, kind: "k".into(), body: Value::Null },
            Said::Answered { number: 7, reply: Reply::Known(json!({ "a": "b" })) },
            Said::Answered { number: 7, reply: Reply::Unknown },
        ];
        for said in all {
            let letter = Letter { from: "a#1".into(), said };
            assert_eq!(Letter::decode(&letter.encode()), Ok(letter));
        }
    }

    #[test]
    fn what_is_no_letter_of_this_version_is_an_error() {
        let later = br#"{"v":2,"from":"a#1","whatever":[]}"#;
        for bad in [&b""[..], b"x", b"{}", br#"{"v":1}"#, later] {
            assert!(Letter::decode(bad).is_err());
        }
        let longer = br#"{"v":1,"from":"a#1","said":{"told":{"kind":"k","body":1,"x":2}},"y":3}"#;
        assert!(Letter::decode(longer).is_ok(), "more fields are passed over");
    }
}
