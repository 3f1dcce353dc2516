//! The layers of the configuration, each beating the one before: defaults, file, environment,
//! flags. A value that is wrong is an error also where a later layer beats it.

use std::{
    ffi::OsString,
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Config, VARIABLE_PREFIX, check,
    error::ConfigError,
    form::Fault,
    options::{OPTIONS, Opt, find},
};

/// The file that is read where none is named and this one exists.
pub const DEFAULT_FILE: &str = "palabre.toml";

/// The key of the option that names the file: a flag or a variable, but no key of the file.
pub const FILE_KEY: &str = "config";

/// Variables that platforms set, and the options they stand for. The option's own variable beats
/// them; empty ones count as not set.
pub const ALIASES: [(&str, &str); 2] = [("PORT", "port"), ("REDIS_URL", "redis")];

/// More than any configuration has, so that a wrong path can't fill the memory.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is the default.
    Default,
    /// A line of the file, from 1.
    File(PathBuf, usize),
    /// A variable of the environment.
    Variable(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(key) => write!(f, "--{key}"),
        }
    }
}

/// What a configuration is made from.
pub struct Sources {
    /// What all layers lie on.
    pub defaults: Config,
    /// The file that a flag named.
    pub file: Option<PathBuf>,
    /// The file that is read where none is named, if it exists.
    pub default_file: PathBuf,
    /// The variables of the environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The flags, each option once.
    pub flags: Vec<(&'static Opt, String)>,
    /// Which options there are; variables and keys of others are passed over.
    pub applies: fn(&Opt) -> bool,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            defaults: Config::default(),
            file: None,
            default_file: DEFAULT_FILE.into(),
            environment: Vec::new(),
            flags: Vec::new(),
            applies: |_| true,
        }
    }
}

/// A configuration, and where each value came from.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// One for each of [`OPTIONS`], in its order.
    origins: Vec<Origin>,
}

impl Loaded {
    /// All options, each with the origin of its value.
    pub fn options(&self) -> impl Iterator<Item = (&'static Opt, &Origin)> {
        OPTIONS.iter().zip(&self.origins)
    }

    /// Where the value of an option came from.
    pub fn origin(&self, key: &str) -> &Origin {
        let found = self.options().find(|(option, _)| option.key == key);
        found.map_or(&Origin::Default, |(_, origin)| origin)
    }

    /// A disk holds all entries, unless somebody says otherwise; a Redis and the memory do not.
    fn keep_all_on_disk(&mut self) {
        const KEYS: [&str; 4] = ["room-entries", "room-age", "partition-entries", "partition-age"];
        if self.config.redis.is_some() || self.config.ephemeral {
            return;
        }
        for (option, origin) in OPTIONS.iter().zip(&self.origins) {
            if KEYS.contains(&option.key) && *origin == Origin::Default {
                (option.set)(&mut self.config, "all").expect("these options take this word");
            }
        }
    }

    fn set(&mut self, option: &Opt, text: &str, origin: Origin) -> Result<(), ConfigError> {
        (option.set)(&mut self.config, text)
            .map_err(|fault| ConfigError::value(&origin, option, text, fault))?;
        let place = OPTIONS.iter().position(|known| known.key == option.key);
        self.origins[place.expect("every option is in the table")] = origin;
        Ok(())
    }
}

/// Makes a configuration.
///
/// # Errors
/// Names the source of the first value that is wrong, unknown, or can't be together with another.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut loaded = Loaded {
        config: sources.defaults.clone(),
        file: None,
        origins: vec![Origin::Default; OPTIONS.len()],
    };
    let variables = variables(&sources.environment)?;
    if let Some((path, text)) = open_file(sources, &variables)? {
        apply_file(&mut loaded, &path, &text, sources.applies)?;
        loaded.file = Some(path);
    }
    for (name, value) in &variables {
        apply_variable(&mut loaded, name, value, sources.applies)?;
    }
    for (option, text) in &sources.flags {
        loaded.set(option, text, Origin::Flag(option.key))?;
    }
    loaded.keep_all_on_disk();
    check::together(&loaded)?;
    Ok(loaded)
}

/// The variables that are meant for this program, in the order in which they apply.
fn variables(environment: &[(OsString, OsString)]) -> Result<Vec<(String, String)>, ConfigError> {
    let mut ours = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str() else { continue };
        let is_alias = ALIASES.iter().any(|(alias, _)| *alias == name);
        if !is_alias && !name.starts_with(VARIABLE_PREFIX) {
            continue;
        }
        let Some(value) = value.to_str() else {
            return Err(ConfigError::NotText { origin: name.to_owned() });
        };
        if !(is_alias && value.is_empty()) {
            ours.push((name.to_owned(), value.to_owned()));
        }
    }
    ours.sort_by_key(|(name, _)| (name.starts_with(VARIABLE_PREFIX), name.clone()));
    Ok(ours)
}

fn open_file(
    sources: &Sources,
    variables: &[(String, String)],
) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let variable = format!("{VARIABLE_PREFIX}{}", FILE_KEY.to_uppercase());
    let named = variables.iter().find(|(name, value)| *name == variable && !value.is_empty());
    let (origin, path) = match (&sources.file, named) {
        (Some(path), _) => (format!("--{FILE_KEY}"), path.as_path()),
        (None, Some((name, value))) => (name.clone(), Path::new(value)),
        (None, None) if sources.default_file.exists() => {
            (String::new(), sources.default_file.as_path())
        }
        (None, None) => return Ok(None),
    };
    match read(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(error) => Err(ConfigError::Unreadable { origin, path: path.to_owned(), error }),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "over 1 MiB"));
    }
    Ok(text)
}

fn apply_file(
    loaded: &mut Loaded,
    path: &Path,
    text: &str,
    applies: fn(&Opt) -> bool,
) -> Result<(), ConfigError> {
    let origin_at = |start: usize| Origin::File(path.to_owned(), line_of(text, start));
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        ConfigError::syntax(&origin_at(start), error.message())
    })?;
    // By place, so that the first error is the first one in the file.
    let mut pairs: Vec<_> = table.get_ref().iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in pairs {
        let origin = origin_at(key.span().start);
        let Some(option) = find(key.get_ref()) else {
            return Err(ConfigError::unknown_key(&origin, key.get_ref()));
        };
        if applies(option) {
            let text = file_value(value)
                .map_err(|fault| ConfigError::value(&origin, option, "", fault))?;
            loaded.set(option, &text, origin)?;
        }
    }
    Ok(())
}

/// A value of the file as it would be written in a variable.
fn file_value(value: &Spanned<DeValue<'_>>) -> Result<String, Fault> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Ok(number.to_string()),
            Err(_) => Err(Fault::because("the number is out of range")),
        },
        DeValue::Array(items) => {
            let texts: Option<Vec<&str>> =
                items.iter().map(|item| item.get_ref().as_str()).collect();
            texts
                .map(|texts| texts.join(","))
                .ok_or_else(|| Fault::because("a list can have texts only, each in quotes"))
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => {
            Err(Fault::because("a text, a whole number, true or false, or a list is needed"))
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.get(..at).unwrap_or(text).matches('\n').count()
}

fn apply_variable(
    loaded: &mut Loaded,
    name: &str,
    value: &str,
    applies: fn(&Opt) -> bool,
) -> Result<(), ConfigError> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let option = match alias {
        Some((_, key)) => find(key),
        None => OPTIONS.iter().find(|option| option.variable() == name),
    };
    match option {
        Some(option) if applies(option) => {
            loaded.set(option, value, Origin::Variable(name.to_owned()))
        }
        Some(_) => Ok(()),
        None if name.strip_prefix(VARIABLE_PREFIX) == Some(&FILE_KEY.to_uppercase()) => Ok(()),
        None => Err(ConfigError::unknown_variable(name)),
    }
}
