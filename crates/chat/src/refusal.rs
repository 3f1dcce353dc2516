//! A refusal is an answer with a stable code, not a failure of the program.

use serde_json::{Value, json};

/// The stable code of a refusal; clients translate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The command can't be understood.
    BadRequest,
    /// Who asks is not known.
    Unauthorized,
    /// Who asks may not.
    Forbidden,
    /// There is no such room or entry.
    NotFound,
    /// A text, name or list is over its limit.
    TooLarge,
    /// Too much at once.
    RateLimited,
    /// The id was used with other content, or the epoch is another.
    Conflict,
    /// Who asks may not write in the room for now; moderation says it.
    Muted,
    /// Nobody may write in the room for now; moderation says it.
    Locked,
    /// The log can't be reached; it may or may not have been stored.
    Unavailable,
    /// A fault of the server's.
    Internal,
}

impl Code {
    /// Every code of the contract.
    pub const ALL: [Self; 11] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::TooLarge,
        Self::RateLimited,
        Self::Conflict,
        Self::Muted,
        Self::Locked,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The code as it goes over the wire, and as a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::Conflict => "conflict",
            Self::Muted => "muted",
            Self::Locked => "locked",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// English, for developers.
    pub message: String,
    /// After how many milliseconds asking again makes sense.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A refusal without advice on when to ask again.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None }
    }

    /// A command that can't be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// The argument of the acknowledgement.
    pub fn to_answer(&self) -> String {
        json!({ "ok": false, "error": self.to_value() }).to_string()
    }

    /// The argument of a `notice`, for a command that asked for no acknowledgement.
    pub fn to_notice(&self) -> String {
        self.to_value().to_string()
    }

    fn to_value(&self) -> Value {
        let mut error = json!({ "code": self.code.as_str(), "message": self.message });
        if let Some(retry_after_ms) = self.retry_after_ms {
            error["retryAfterMs"] = retry_after_ms.into();
        }
        error
    }
}
