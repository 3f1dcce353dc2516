//! What a reply to an append means.

use redis::Value;

use super::super::reply::{self, Reply};
use super::backlog::Answered;
use crate::{AppendError, Appended, Epoch, Error};

/// Codes of Redis for "not now": nothing was carried out, and trying again can help.
const NOT_NOW: [&str; 10] = [
    "NOSCRIPT",
    "TRYAGAIN",
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "NOREPLICAS",
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
        Ok(Reply::Doubted) => Verdict::NotNow(reply::doubted().to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply as Redis writes it.
    fn reply(text: &str) -> Value {
        redis::parse_redis_value(text.replace(' ', "\r\n").replace('_', " ").as_bytes()).unwrap()
    }

    fn judged(text: &str) -> String {
        let epoch = Epoch::from_random([1; 16]);
        match judge(reply(text), epoch) {
            Verdict::Answered { answered: Ok(appended), now } => {
                assert_eq!(appended.epoch, epoch);
                let Appended { seq, offset, at, duplicate, .. } = appended;
                format!("{seq} {offset} {at} {duplicate} {now:?}")
            }
            Verdict::Answered { answered: Err(why), now } => format!("{why} {now:?}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn replies_are_judged() {
        let epoch = Epoch::from_random([2; 16]);
        let fenced = format!("*2 $6 fenced $16 {epoch} ");
        for (reply, expected) in [
            ("*6 $6 stored :7 :3 :1700 :1701 $0  ", "7 3 1700 false Some(1701)"),
            ("*5 $9 duplicate :7 :3 :1700 :1799 ", "7 3 1700 true Some(1799)"),
            ("*2 $8 conflict :1701 ", "this id was used before, with other content Some(1701)"),
            ("*2 $7 refused $3 why ", "the store refused the entry: why None"),
            ("*1 $7 missing ", "Fenced(None)"),
            (&fenced, &format!("Fenced(Some({epoch:?}))")),
            (
                "*1 $7 doubted ",
                "NotNow(\"the log can't be reached: the log is checked after a change of Redis\")",
            ),
            ("*2 $4 late :1701 ", "Late { now: 1701 }"),
            ("-NOSCRIPT_No_such_script ", "NotNow(\"NOSCRIPT No such script\")"),
            ("-BUSY_Redis_is_busy ", "NotNow(\"BUSY Redis is busy\")"),
            ("-OOM_no_memory ", "the store refused the entry: OOM no memory None"),
            (
                "*2 $6 schema $1 2 ",
                "the store refused the entry: the log has schema version 2, this release knows 1 \
                 None",
            ),
        ] {
            assert_eq!(judged(reply), expected, "{reply:?}");
        }
        let unpublished = judged("*6 $6 stored :7 :3 :1700 :1701 $6 NOPERM ");
        assert!(unpublished.starts_with("Unpublished") && unpublished.contains("\"NOPERM\""));
        for reply in
            ["+OK ", ":1 ", "*0 ", "*1 $6 stored ", "*1 $5 other ", "*2 $6 stored $1 x ", "$-1 "]
        {
            assert!(judged(reply).starts_with("Strange"), "{reply:?}: {}", judged(reply));
        }
    }
}
