//! What a reply to an append means.

use redis::Value;

use super::super::reply::{self, Reply};
use super::backlog::Answered;
use crate::{AppendError, Appended, Epoch, Error};

/// Codes of Redis for "not now": nothing was carried out, and trying again can help.
const NOT_NOW: [&str; 9] = [
    "NOSCRIPT",
    "TRYAGAIN",
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "BUSY",
    "NOAUTH",
    "MOVED",
];

/// What became of an append.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is in the log now, or was before. The time is Redis' own, where it was told.
    Answered { answered: Answered, now: Option<u64> },
    /// It is in the log, and could not be published.
    Unpublished { answered: Answered, now: u64, why: String },
    /// The partition has another epoch, or none. Nothing was stored.
    Fenced(Option<Epoch>),
    /// It was not carried out, and can be sent again.
    NotNow(String),
    /// Redis' clock says that its time is over. Nothing was stored.
    Late { now: u64 },
    /// What came makes no sense: the connection can't be trusted.
    Strange(Error),
}

/// Judges a reply; `epoch` is the one that the append was sent for.
pub(super) fn judge(value: Value, epoch: Epoch) -> Verdict {
    if let Value::ServerError(refusal) = &value {
        let text = reply::text_of(refusal);
        if NOT_NOW.contains(&refusal.code()) {
            return Verdict::NotNow(text);
        }
        return refused(text);
    }
    match Reply::read(value) {
        Ok(Reply::Missing) => Verdict::Fenced(None),
        Ok(Reply::Said(word, fields)) => {
            said(&word, fields, epoch).unwrap_or_else(Verdict::Strange)
        }
        Err(error @ Error::NewerSchema { .. }) => refused(error.to_string()),
        Err(error) => Verdict::Strange(error),
    }
}

fn refused(text: String) -> Verdict {
    Verdict::Answered { answered: Err(AppendError::Refused(text)), now: None }
}

fn said(word: &str, mut fields: reply::Fields, epoch: Epoch) -> Result<Verdict, Error> {
    let answered = |answered, now| Ok(Verdict::Answered { answered, now: Some(now) });
    match word {
        "stored" | "duplicate" => {
            let (seq, offset, at) = (fields.number()?, fields.number()?, fields.number()?);
            let now = fields.number()?;
            let duplicate = word == "duplicate";
            let appended = Ok(Appended { epoch, seq, offset, at, duplicate });
            if !duplicate {
                let why = fields.text()?;
                if !why.is_empty() {
                    return Ok(Verdict::Unpublished { answered: appended, now, why });
                }
            }
            answered(appended, now)
        }
        "conflict" => answered(Err(AppendError::Conflict), fields.number()?),
        "refused" => Ok(refused(fields.text()?)),
        "fenced" => Ok(Verdict::Fenced(Some(fields.epoch()?))),
        "late" => Ok(Verdict::Late { now: fields.number()? }),
        _ => Err(reply::strange()),
    }
}
