//! The flags of the commands that take options, made from the table of options.

use std::path::PathBuf;

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, ValueHint,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};

use crate::config::{
    form::Shape,
    layers::{ALIASES, DEFAULT_FILE, FILE_KEY},
    options::{Group, OPTIONS, Opt},
};

/// What the flags of one command line say.
// No `Debug`: there are secrets in it.
#[derive(Clone, Default)]
pub(super) struct Flags {
    /// The file that they name.
    pub(super) file: Option<PathBuf>,
    /// The options that they set, each once.
    pub(super) set: Vec<(&'static Opt, String)>,
}

/// The flags of `serve`: all options.
#[derive(Clone)]
pub(super) struct ServeFlags(pub(super) Flags);

/// The flags of `demo`: the options that it has too.
#[derive(Clone)]
pub(super) struct DemoFlags(pub(super) Flags);

fn command_with(command: Command, applies: fn(&Opt) -> bool) -> Command {
    let options = Group::ALL
        .into_iter()
        .flat_map(|group| OPTIONS.iter().filter(move |option| option.group == group))
        .filter(|option| applies(option));
    command.arg(file_arg()).args(options.map(arg))
}

fn file_arg() -> Arg {
    Arg::new(FILE_KEY)
        .long(FILE_KEY)
        .value_name("FILE")
        .value_hint(ValueHint::FilePath)
        .value_parser(clap::value_parser!(PathBuf))
        .help(format!("File with options [default: {DEFAULT_FILE}, if it exists]"))
}

fn arg(option: &'static Opt) -> Arg {
    let shape = (option.shape)();
    let arg = Arg::new(option.key)
        .long(option.key)
        .help(help(option))
        .help_heading(option.group.title())
        .hide_short_help(option.group.is_for_experts())
        .hide_possible_values(true)
        .allow_negative_numbers(true)
        .value_parser(AnyText(shape.clone()));
    match shape {
        Shape::Switch => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .hide_default_value(true)
            .value_name(option.value_name),
        Shape::Several => arg.action(ArgAction::Append).value_name(option.value_name),
        Shape::Directory => arg.value_hint(ValueHint::DirPath).value_name(option.value_name),
        Shape::One | Shape::Choice(_) => arg.value_name(option.value_name),
    }
}

fn help(option: &Opt) -> String {
    let summary = option.summary().replace('`', "");
    let sentence = summary.strip_suffix('.').unwrap_or(&summary);
    let choice = match (option.shape)() {
        Shape::Choice(words) => format!(" [{}]", words.join(" or ")),
        _ => String::new(),
    };
    let alias = ALIASES.iter().find(|(_, key)| *key == option.key);
    let variable = alias.map_or(String::new(), |(name, _)| format!(" [env: {name}]"));
    format!("{sentence}{choice} [default: {}]{variable}", option.default_in_words())
}

fn flags_from(matches: &ArgMatches) -> Flags {
    let values = |option: &Opt| {
        let values = matches.try_get_many::<String>(option.key).ok().flatten()?;
        Some(values.map(String::as_str).collect::<Vec<_>>().join(","))
    };
    Flags {
        file: matches.get_one::<PathBuf>(FILE_KEY).cloned(),
        set: OPTIONS.iter().filter_map(|option| Some((option, values(option)?))).collect(),
    }
}

/// Takes every text: the table checks values, with the same words for all sources. The choices are
/// for the shells that complete them.
#[derive(Clone)]
struct AnyText(Shape);

impl TypedValueParser for AnyText {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        match &self.0 {
            Shape::Choice(words) => Some(Box::new(words.iter().map(PossibleValue::new))),
            Shape::Switch => Some(Box::new(["true", "false"].map(PossibleValue::new).into_iter())),
            Shape::One | Shape::Several | Shape::Directory => None,
        }
    }
}

macro_rules! args_of {
    ($flags:ident, $applies:expr) => {
        impl Args for $flags {
            fn augment_args(command: Command) -> Command {
                command_with(command, $applies)
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }

        impl FromArgMatches for $flags {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                Ok(Self(flags_from(matches)))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                self.0 = flags_from(matches);
                Ok(())
            }
        }
    };
}

args_of!(ServeFlags, |_| true);
args_of!(DemoFlags, |option| option.in_demo);
