//! The forms in which values are written: one for each kind of option, the same in a file, in a
//! variable and in a flag.

use std::{
    fmt::Display, marker::PhantomData, ops::RangeInclusive, path::PathBuf, str::FromStr,
    time::Duration,
};

use super::words::shortened;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something else was expected here; the message shows what there was.
    Expected(String),
    /// A sentence of its own; the value is not shown.
    Because(String),
}

impl Fault {
    /// Says what was expected in the place of the value.
    pub fn expected(what: impl Into<String>) -> Self {
        Self::Expected(what.into())
    }

    /// Says what is wrong, without showing the value.
    pub fn because(reason: impl Into<String>) -> Self {
        Self::Because(reason.into())
    }
}

/// A value as the configuration shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As text, to be quoted in a file.
    Text(String),
    /// As a number, `true` or `false`, which a file has without quotes.
    Bare(String),
    /// There is none.
    Unset,
    /// There is one, and it is a secret: what may be said about it.
    Hidden(String),
}

/// What a command line has to know about a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One text.
    One,
    /// One text or several.
    Several,
    /// Nothing, or `true` or `false`.
    Switch,
    /// One of these words.
    Choice(Vec<&'static str>),
    /// The path of a directory.
    Directory,
}

/// One way of writing values.
pub trait Form {
    /// What is written.
    type Value;

    /// Reads a value.
    ///
    /// # Errors
    /// Says what is wrong with it.
    fn parse(&self, text: &str) -> Result<Self::Value, Fault>;

    /// Shows a value so that [`Form::parse`] reads it again, unless it is hidden.
    fn show(&self, value: &Self::Value) -> Shown;

    /// Which values there are, in words; empty where the option's description says it.
    fn allowed(&self) -> String {
        String::new()
    }

    /// What a command line has to know about it.
    fn shape(&self) -> Shape {
        Shape::One
    }
}

/// A whole number within bounds.
pub struct Count<T>(pub RangeInclusive<T>);

impl<T: FromStr + PartialOrd + Display> Form for Count<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Result<T, Fault> {
        let number = text.replace('_', "").parse().ok().filter(|number| self.0.contains(number));
        number.ok_or_else(|| Fault::expected(format!("a number from {}", self.allowed())))
    }

    fn allowed(&self) -> String {
        format!("{} to {}", self.0.start(), self.0.end())
    }

    fn show(&self, value: &T) -> Shown {
        Shown::Bare(value.to_string())
    }
}

/// A number of bytes within bounds, plain or with a unit.
pub struct Bytes(pub RangeInclusive<usize>);

const BYTE_UNITS: &[(&str, u64)] =
    &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("MB", 1_000_000), ("kB", 1_000)];

impl Form for Bytes {
    type Value = usize;

    fn parse(&self, text: &str) -> Result<usize, Fault> {
        let bytes = with_unit(text, BYTE_UNITS).and_then(|bytes| usize::try_from(bytes).ok());
        bytes
            .filter(|bytes| self.0.contains(bytes))
            .ok_or_else(|| Fault::expected(format!("a size from {}", self.allowed())))
    }

    fn allowed(&self) -> String {
        let [min, max] =
            [self.0.start(), self.0.end()].map(|bound| write_unit(*bound as u64, BYTE_UNITS));
        format!("{min} to {max}")
    }

    fn show(&self, value: &usize) -> Shown {
        shown_number(write_unit(*value as u64, BYTE_UNITS))
    }
}

/// A length of time within bounds: with a unit, or a plain number of milliseconds.
pub struct Span(pub RangeInclusive<Duration>);

/// In milliseconds.
const TIME_UNITS: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    // Before `s`, which it ends with.
    ("ms", 1),
    ("s", 1_000),
];

impl Form for Span {
    type Value = Duration;

    fn parse(&self, text: &str) -> Result<Duration, Fault> {
        let span = with_unit(text, TIME_UNITS).map(Duration::from_millis);
        span.filter(|span| self.0.contains(span))
            .ok_or_else(|| Fault::expected(format!("a time from {}", self.allowed())))
    }

    fn allowed(&self) -> String {
        let [min, max] = [self.0.start(), self.0.end()]
            .map(|bound| write_unit(bound.as_millis() as u64, TIME_UNITS));
        format!("{min} to {max}")
    }

    fn show(&self, value: &Duration) -> Shown {
        shown_number(write_unit(value.as_millis() as u64, TIME_UNITS))
    }
}

/// Yes or no.
pub struct Switch;

impl Form for Switch {
    type Value = bool;

    fn parse(&self, text: &str) -> Result<bool, Fault> {
        text.parse().map_err(|_| Fault::expected("true or false"))
    }

    fn show(&self, value: &bool) -> Shown {
        Shown::Bare(value.to_string())
    }

    fn shape(&self) -> Shape {
        Shape::Switch
    }
}

/// One of a few words.
pub struct Choice<T: 'static>(pub &'static [(&'static str, T)]);

impl<T> Choice<T> {
    fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|(word, _)| *word).collect()
    }
}

impl<T: Copy + PartialEq> Form for Choice<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Result<T, Fault> {
        let found = self.0.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| Fault::expected(self.words().join(" or ")))
    }

    fn allowed(&self) -> String {
        self.words().join(" or ")
    }

    fn show(&self, value: &T) -> Shown {
        let word = self.0.iter().find(|(_, known)| known == value);
        Shown::Text(word.map_or("", |(word, _)| word).to_owned())
    }

    fn shape(&self) -> Shape {
        Shape::Choice(self.words())
    }
}

/// The form of a type that reads and writes itself.
pub struct Itself<T>(PhantomData<T>);

/// The form of a type that reads and writes itself.
pub fn itself<T>() -> Itself<T> {
    Itself(PhantomData)
}

impl<T: FromStr<Err = Fault> + Display> Form for Itself<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Result<T, Fault> {
        text.parse()
    }

    fn show(&self, value: &T) -> Shown {
        Shown::Text(value.to_string())
    }
}

/// A text that a function checks and may tidy.
pub struct Checked(pub fn(&str) -> Result<String, Fault>);

impl Form for Checked {
    type Value = String;

    fn parse(&self, text: &str) -> Result<String, Fault> {
        (self.0)(text)
    }

    fn show(&self, value: &String) -> Shown {
        Shown::Text(value.clone())
    }
}

/// The path of a directory that need not exist yet.
pub struct NewDirectory;

impl Form for NewDirectory {
    type Value = PathBuf;

    fn parse(&self, text: &str) -> Result<PathBuf, Fault> {
        if text.is_empty() {
            return Err(Fault::because("a path is needed"));
        }
        Ok(text.into())
    }

    fn show(&self, value: &PathBuf) -> Shown {
        Shown::Text(value.display().to_string())
    }

    fn shape(&self) -> Shape {
        Shape::Directory
    }
}

/// The path of a directory that exists.
pub struct Directory;

impl Form for Directory {
    type Value = PathBuf;

    fn parse(&self, text: &str) -> Result<PathBuf, Fault> {
        match std::fs::metadata(text) {
            Ok(found) if found.is_dir() => Ok(text.into()),
            Ok(_) => Err(Fault::because(format!("'{}' is not a directory", shortened(text)))),
            Err(error) => Err(Fault::because(format!("'{}': {}", shortened(text), plain(&error)))),
        }
    }

    fn show(&self, value: &PathBuf) -> Shown {
        NewDirectory.show(value)
    }

    fn shape(&self) -> Shape {
        Shape::Directory
    }
}

/// A value that may be missing; an empty text says that it is.
pub struct Maybe<F>(pub F);

impl<F: Form> Form for Maybe<F> {
    type Value = Option<F::Value>;

    fn parse(&self, text: &str) -> Result<Self::Value, Fault> {
        if text.is_empty() { Ok(None) } else { self.0.parse(text).map(Some) }
    }

    fn show(&self, value: &Self::Value) -> Shown {
        value.as_ref().map_or(Shown::Unset, |value| self.0.show(value))
    }

    fn allowed(&self) -> String {
        self.0.allowed()
    }

    fn shape(&self) -> Shape {
        self.0.shape()
    }
}

/// A value, or the word for no limit, which is written where the value is the given one.
pub struct OrAll<F: Form>(pub F, pub F::Value);

impl<F: Form<Value: Copy + PartialEq>> OrAll<F> {
    const WORD: &str = "all";
}

impl<F: Form<Value: Copy + PartialEq>> Form for OrAll<F> {
    type Value = F::Value;

    fn parse(&self, text: &str) -> Result<Self::Value, Fault> {
        if text == Self::WORD {
            return Ok(self.1);
        }
        self.0.parse(text).map_err(|fault| match fault {
            Fault::Expected(what) => Fault::expected(format!("{what} or '{}'", Self::WORD)),
            Fault::Because(reason) => Fault::Because(reason),
        })
    }

    fn show(&self, value: &Self::Value) -> Shown {
        if *value == self.1 { Shown::Text(Self::WORD.into()) } else { self.0.show(value) }
    }

    fn allowed(&self) -> String {
        format!("{}, or {}", self.0.allowed(), Self::WORD)
    }
}

/// What the system says, without its number, fit for the middle of a line.
pub(super) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1));
    number.trim_end().replace('_', "").parse::<u64>().ok()?.checked_mul(factor)
}

/// In the greatest unit that leaves no remainder.
fn write_unit(number: u64, units: &[(&str, u64)]) -> String {
    let whole = |factor: u64| number >= factor && number.is_multiple_of(factor);
    let best = units.iter().filter(|(_, factor)| whole(*factor)).max_by_key(|(_, factor)| *factor);
    match best {
        Some((unit, factor)) => format!("{}{unit}", number / factor),
        None => number.to_string(),
    }
}

fn shown_number(text: String) -> Shown {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Shown::Bare(text)
    } else {
        Shown::Text(text)
    }
}
