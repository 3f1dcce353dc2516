//! The configuration as text: a file that says what is in force, and the page about all options.

use std::fmt::Write as _;

use super::{
    form::Shown,
    layers::{ALIASES, Loaded, Origin},
    options::{Group, OPTIONS, Opt},
    words::one_line,
};

/// A file that makes the same configuration again. Secrets are left out, with a remark.
pub fn as_file(loaded: &Loaded) -> String {
    let mut text = String::from("# The configuration in force, as a file.\n");
    for group in Group::ALL {
        let _ = write!(text, "\n# {}\n\n", group.title());
        for (option, origin) in loaded.options().filter(|(option, _)| option.group == group) {
            let key = option.key;
            let remark = match origin {
                Origin::Default => String::new(),
                origin => format!("  # {}", one_line(&origin.to_string())),
            };
            let _ = match (option.show)(&loaded.config) {
                Shown::Text(value) => {
                    writeln!(text, "{key} = {}{remark}", toml::Value::String(value))
                }
                Shown::Bare(value) => writeln!(text, "{key} = {value}{remark}"),
                Shown::Unset => writeln!(text, "# {key}: {}", option.unset),
                Shown::Hidden(shown) => writeln!(text, "# {key}: {shown} (secret){remark}"),
            };
        }
    }
    text
}

/// The documentation of all options, in Markdown.
pub fn as_documentation() -> String {
    let mut text = INTRODUCTION.to_owned();
    for group in Group::ALL {
        let _ = write!(text, "\n## {}\n\n", group.title());
        text.push_str("| option | default | what it does |\n| --- | --- | --- |\n");
        for option in OPTIONS.iter().filter(|option| option.group == group) {
            let _ = writeln!(text, "{}", row(option));
        }
    }
    text.push_str(CONCLUSION);
    text
}

fn row(option: &Opt) -> String {
    let default = match (option.show)(&super::Config::default()) {
        Shown::Text(value) | Shown::Bare(value) => format!("`{value}`"),
        Shown::Unset | Shown::Hidden(_) => option.unset.to_owned(),
    };
    let mut what = option.summary();
    let allowed = (option.allowed)();
    if !allowed.is_empty() {
        let _ = write!(what, " Values: {allowed}.");
    }
    if let Some((alias, _)) = ALIASES.iter().find(|(_, key)| *key == option.key) {
        let _ = write!(what, " Also set by `{alias}`.");
    }
    format!("| `{}` | {default} | {} |", option.key, what.replace('|', "\\|"))
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Written by the program: palabre config docs > docs/configuration.md -->

Palabre runs without any configuration. Every option can be set in three places; a later one
beats an earlier one, and all beat the default:

1. a **file**, in TOML: `port = 3001`. It is `palabre.toml` in the working directory, if there is
   one, or the one named by `--config FILE` or `PALABRE__CONFIG`;
2. the **environment**: `PALABRE__PORT=3001`, the option's name in capitals with `_` for `-` (two
   underscores come first: orchestrators set variables like `PALABRE_PORT` on their own). `PORT`
   and `REDIS_URL`, which platforms set, work too; the option's own variable beats them;
3. a **flag**: `--port 3001`.

A key, variable or flag that does not exist, and a value that makes no sense, end the program with
exit code 2 and one line that names the place. `palabre config check` only looks for such errors;
`palabre config print` shows what is in force and where it came from, as a file that can be used
again. Secrets are never printed.

How values are written, the same in all places:

- a **time** has a unit: `500ms`, `25s`, `15min`, `24h`, `7d`; a plain number is milliseconds;
- a **size** may have one: `64KiB`, `16MiB`, `1GiB` (or `kB`, `MB`); a plain number is bytes;
- a **switch** is `true` or `false`; as a flag, `--ephemeral` alone means true;
- a **list** is `[\"https://a.example\", \"https://b.example\"]` in the file, has commas in a
  variable, and both commas and repetition work for the flag;
- an option without a default is unset by an empty value, for example `--redis \"\"`;
- relative paths start at the working directory.
";

const CONCLUSION: &str = "\
\n## The address of Redis

| form | what |
| --- | --- |
| `redis://HOST[:PORT][/DB]` | over TCP; port 6379 and database 0 where nothing is said |
| `redis://[USER]:PASSWORD@HOST[:PORT][/DB]` | the same with a login; write `@`, `/`, `#` and `?` \
of a password as `%40`, `%2F`, `%23` and `%3F` |
| `unix:///PATH/redis.sock[?db=DB&user=USER&pass=PASSWORD]` | over a Unix socket |
| `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT],…/NAME[/DB]` | the master that these \
sentinels call NAME; their port is 26379 where nothing is said. The login is the master's, and \
theirs if they ask for one |

TLS (`rediss://`) is not supported yet and is refused.

## The demo

`palabre demo` runs several instances in one process, which share one log in memory. It has the
same options but for `redis`, `redis-prefix`, `data` and `ephemeral`, whose keys and variables it
passes over.
";
