//! The configuration: which source beats which, what is refused and how, and what is printed.

#![expect(clippy::unwrap_used, reason = "what can't be set up fails the test")]

use std::{fs, path::PathBuf};

use server::config::{
    self, Loaded, Origin, Sources,
    form::Shown,
    options::{OPTIONS, find},
    print,
};

/// For each option a value for the file, for a variable and for a flag: all different, and none
/// the default.
const SAMPLES: &[(&str, &str, &str, &str)] = &[
    ("bind", r#""::1""#, "unix:/tmp/p.sock", "0.0.0.0"),
    ("port", "1", "2", "3"),
    ("base-path", r#""a""#, "/b", "/c/d/"),
    ("public", r#""src""#, "tests", "."),
    ("cors", r#"["https://a.example", "http://b.example:1"]"#, "*", "http://c.example"),
    ("instance", r#""a""#, "b", "c:1"),
    ("redis", r#""redis://a""#, "redis://b:7/1", "unix:///run/c.sock"),
    ("redis-prefix", r#""a""#, "b", "c"),
    ("data", r#""a""#, "b", "c"),
    // There are only two values: the layers below are left out one by one.
    ("ephemeral", "true", "false", "true"),
    ("room-entries", "100", "200", "300"),
    ("room-age", r#""1d""#, "2d", "3d"),
    ("lobby", r#""a""#, "b", "Ç"),
    ("open-rooms", "false", "true", "false"),
    ("secret", r#""aaaaaaaaaaaaaaaa""#, "bbbbbbbbbbbbbbbb", "cccccccccccccccc"),
    ("admin-token", r#""aaaaaaaaaaaaaaaa""#, "bbbbbbbbbbbbbbbb", "cccccccccccccccc"),
    ("rate-limit", r#""none""#, "default", "none"),
    ("text-max", "10", "20", "30"),
    ("log", r#""json""#, "text", "json"),
    ("log-level", r#""warn""#, "debug", "info,gateway=trace"),
    ("internal-bind", r#""127.0.0.1:0""#, "[::1]:1", "10.0.0.1:2"),
    ("advertise", r#""a:1""#, "b:2", "[::1]:3"),
    ("ping-interval", "100", "200ms", "3s"),
    ("ping-timeout", "100", "200ms", "3s"),
    ("upgrade-timeout", "100", "200ms", "3s"),
    ("connect-timeout", "100", "200ms", "3s"),
    ("recovery-window", "0", "200ms", "3s"),
    ("drain-delay", "0", "200ms", "3s"),
    ("drain-window", "0", "200ms", "3s"),
    ("shards", "1", "2", "3"),
    ("sessions-max", "1", "2", "3"),
    ("max-payload", r#""100kB""#, "64KiB", "200000"),
    ("max-attachments", "0", "1", "2"),
    ("name-max", "1", "2", "3"),
    ("rooms-per-socket", "1", "2", "3"),
    ("outbox-bytes", "100_000", "64KiB", "2MiB"),
    ("held-bytes", "100_000", "64KiB", "2MiB"),
    ("append-wait", "100", "200ms", "3s"),
    ("append-queue-bytes", "100_000", "64KiB", "2MiB"),
    ("delivery-queue", "16", "17", "18"),
    ("id-window", r#""1h""#, "2h", "3h"),
    ("partition-entries", "1000", "2000", "3000"),
    ("partition-age", r#""1h""#, "2h", "3h"),
    ("ring-time", "1000", "2s", "1h"),
    ("ring-bytes", "100_000", "64KiB", "2MiB"),
];

/// What one configuration is made from; the file lies in a folder of its own.
struct Given {
    folder: tempfile::TempDir,
    sources: Sources,
}

impl Given {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let default_file = folder.path().join("palabre.toml");
        Self { folder, sources: Sources { default_file, ..Sources::default() } }
    }

    fn file(self, text: &str) -> Self {
        fs::write(&self.sources.default_file, text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.push((find(key).unwrap(), value.into()));
        self
    }

    fn load(&self) -> Result<Loaded, String> {
        let folder = format!("{}/", self.folder.path().display());
        config::load(&self.sources).map_err(|error| error.to_string().replace(&folder, ""))
    }

    #[track_caller]
    fn is_refused(&self, message: &str) {
        assert_eq!(self.load().map(|_| "accepted"), Err(message.into()));
    }
}

fn shown(loaded: &Loaded, key: &str) -> Shown {
    (find(key).unwrap().show)(&loaded.config)
}

#[test]
fn every_option_has_a_sample() {
    let options: Vec<&str> = OPTIONS.iter().map(|option| option.key).collect();
    let samples: Vec<&str> = SAMPLES.iter().map(|(key, ..)| *key).collect();
    assert_eq!(options, samples);
}

#[test]
fn a_later_source_beats_an_earlier_one() {
    for (key, in_file, in_variable, in_flag) in SAMPLES {
        let option = find(key).unwrap();
        let alone = |text: &str| {
            let mut config = config::Config::default();
            (option.set)(&mut config, text).unwrap();
            config
        };
        let given = Given::new();
        let loaded = given.load().unwrap();
        assert_eq!(loaded.origin(key), &Origin::Default, "{key}");

        let given = given.file(&format!("\n{key} = {in_file}\n"));
        let loaded = given.load().unwrap();
        let path = given.sources.default_file.clone();
        assert_eq!(loaded.origin(key), &Origin::File(path, 2), "{key}");
        let file_shown = shown(&loaded, key);

        let name = option.variable();
        let given = given.variable(&name, in_variable);
        let loaded = given.load().unwrap();
        assert_eq!(loaded.origin(key), &Origin::Variable(name), "{key}");
        let variable_shown = shown(&loaded, key);
        assert_eq!(variable_shown, (option.show)(&alone(in_variable)), "{key}");

        let given = given.flag(key, in_flag);
        let loaded = given.load().unwrap();
        assert_eq!(loaded.origin(key), &Origin::Flag(option.key), "{key}");
        let flag_shown = shown(&loaded, key);
        assert_eq!(flag_shown, (option.show)(&alone(in_flag)), "{key}");

        if !matches!(flag_shown, Shown::Hidden(_)) {
            assert_ne!(file_shown, variable_shown, "{key}: the samples prove nothing");
            assert_ne!(variable_shown, flag_shown, "{key}: the samples prove nothing");
        }
    }
}

#[test]
fn a_secret_is_layered_too() {
    let given = Given::new().file("secret = 'aaaaaaaaaaaaaaaa'");
    let secret = |given: &Given| {
        let config = given.load().unwrap().config;
        config.secret.map(|secret| secret.expose().to_owned())
    };
    assert_eq!(secret(&given).as_deref(), Some("aaaaaaaaaaaaaaaa"));
    let given = given.variable("PALABRE__SECRET", "bbbbbbbbbbbbbbbb");
    assert_eq!(secret(&given).as_deref(), Some("bbbbbbbbbbbbbbbb"));
    let given = given.flag("secret", "");
    assert_eq!(secret(&given), None, "an empty value unsets it");
}

#[test]
fn names_are_the_same_everywhere() {
    for option in OPTIONS {
        assert_eq!(option.key, option.field.replace('_', "-"));
        assert!(option.variable().starts_with("PALABRE__"));
        let is_unset = matches!((option.show)(&config::Config::default()), Shown::Unset);
        assert_eq!(is_unset, !option.unset.is_empty(), "{}: says what unset means", option.key);
    }
}

#[test]
fn variables_of_the_platform_are_beaten_by_our_own() {
    let given = Given::new().file("port = 1").variable("PORT", "").variable("REDIS_URL", "");
    assert_eq!(given.load().unwrap().config.port, 1, "what is empty is not set");
    let given = given.variable("PORT", "2");
    let loaded = given.load().unwrap();
    assert_eq!((loaded.config.port, &loaded.config.redis), (2, &None));
    assert_eq!(loaded.origin("port"), &Origin::Variable("PORT".into()));

    let given = given.variable("PALABRE__PORT", "3").variable("REDIS_URL", "redis://h");
    let config = given.load().unwrap().config;
    assert_eq!((config.port, config.redis.unwrap().expose()), (3, "redis://h"));

    let given = given.variable("PALABRE__REDIS", "");
    assert_eq!(given.load().unwrap().config.redis, None);
}

#[test]
fn variables_of_others_are_passed_over() {
    let given = Given::new()
        .variable("PALABRE_PORT", "tcp://10.0.0.1:3000")
        .variable("PALABRE", "x")
        .variable("palabre__port", "x")
        .variable("HOME", "/root");
    assert_eq!(given.load().unwrap().config, Given::new().load().unwrap().config);
}

#[test]
fn a_file_can_be_named() {
    let given = Given::new().file("port = 1");
    let named = given.folder.path().join("other.toml");
    fs::write(&named, "port = 2").unwrap();
    let given = given.variable("PALABRE__CONFIG", named.to_str().unwrap());
    assert_eq!(given.load().unwrap().config.port, 2);

    let third = given.folder.path().join("third.toml");
    fs::write(&third, "port = 3").unwrap();
    let mut given = given;
    given.sources.file = Some(third.clone());
    let loaded = given.load().unwrap();
    assert_eq!((loaded.config.port, loaded.file), (3, Some(third)));

    given.sources.file = Some(given.folder.path().join("missing.toml"));
    given.is_refused("--config: missing.toml: no such file or directory");
    given.sources.file = None;
    let given = given.variable("PALABRE__PORT", "9");
    fs::remove_file(&named).unwrap();
    given.is_refused("PALABRE__CONFIG: other.toml: no such file or directory");
}

#[test]
fn a_disk_keeps_all_and_the_rest_does_not() {
    let kept = |given: Given| {
        let config = given.load().unwrap().config;
        (config.room_entries, config.partition_entries)
    };
    assert_eq!(kept(Given::new()), (u64::MAX, u64::MAX));
    assert_eq!(kept(Given::new().flag("room-entries", "500")), (500, u64::MAX));
    assert_eq!(kept(Given::new().flag("ephemeral", "true")), (10_000, 100_000));
    assert_eq!(kept(Given::new().flag("redis", "redis://h")), (10_000, 100_000));
    let given = Given::new().file("room-age = 'all'").flag("redis", "redis://h");
    given.is_refused(
        "room-age (palabre.toml:1) can be 'all' only for the log on disk, not for Redis or memory",
    );
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_line() {
    let cases = [
        ("prot = 1", "palabre.toml:1: unknown key 'prot', did you mean 'port'?"),
        (
            "\n# x\nbase_path = '/'",
            "palabre.toml:3: unknown key 'base_path', did you mean 'base-path'?",
        ),
        ("colour = 'green'", "palabre.toml:1: unknown key 'colour'"),
        ("zoom = 1\nangle = 2", "palabre.toml:1: unknown key 'zoom'"),
        ("[listening]\nport = 1", "palabre.toml:1: unknown key 'listening'"),
        ("config = 'x'", "palabre.toml:1: unknown key 'config': a file can't name another one"),
        ("port = 1\n\nport = 2", "palabre.toml:3: not TOML: duplicate key"),
        ("port = = 1", "palabre.toml:1: not TOML: extra `=`, expected nothing"),
        ("port = 'many'", "palabre.toml:1: port: expected a number from 0 to 65535, not 'many'"),
        ("port = 70000", "palabre.toml:1: port: expected a number from 0 to 65535, not '70000'"),
        ("port = 0x1F90\nlog = 'xml'", "palabre.toml:2: log: expected text or json, not 'xml'"),
        (
            "port = 3000.0",
            "palabre.toml:1: port: a text, a whole number, true or false, or a list is needed",
        ),
        ("cors = [1]", "palabre.toml:1: cors: a list can have texts only, each in quotes"),
        (
            "port.x = 1",
            "palabre.toml:1: port: a text, a whole number, true or false, or a list is needed",
        ),
        ("ephemeral = 1", "palabre.toml:1: ephemeral: expected true or false, not '1'"),
        (
            "lobby = 'a b'",
            "palabre.toml:1: lobby: a room's name has letters, digits, '-', '_' and '.', not ' '",
        ),
    ];
    for (text, message) in cases {
        Given::new().file(text).is_refused(message);
    }
}

#[test]
fn a_file_that_can_not_be_read_is_refused() {
    let given = Given::new();
    fs::create_dir(&given.sources.default_file).unwrap();
    given.is_refused("palabre.toml: is a directory");

    let given = Given::new();
    fs::write(&given.sources.default_file, b"lobby = '\xff'").unwrap();
    given.is_refused("palabre.toml: stream did not contain valid UTF-8");

    Given::new().file(&"#\n".repeat(1 << 19)).load().unwrap();
    Given::new().file(&"#\n".repeat((1 << 19) + 1)).is_refused("palabre.toml: over 1 MiB");
}

#[test]
fn a_variable_that_is_wrong_is_refused_with_its_name() {
    let cases = [
        ("PORT", "many", "PORT: expected a number from 0 to 65535, not 'many'"),
        ("PALABRE__PORT", "", "PALABRE__PORT: expected a number from 0 to 65535"),
        (
            "PALABRE__PROT",
            "1",
            "PALABRE__PROT: unknown variable (those that begin with PALABRE__ are options), did you \
             mean PALABRE__PORT?",
        ),
        (
            "PALABRE__COLOUR",
            "green",
            "PALABRE__COLOUR: unknown variable (those that begin with PALABRE__ are options)",
        ),
        (
            "PALABRE__port",
            "1",
            "PALABRE__port: unknown variable (those that begin with PALABRE__ are options), did you \
             mean PALABRE__PORT?",
        ),
    ];
    for (name, value, message) in cases {
        Given::new().variable(name, value).is_refused(message);
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt;

    let mut given = Given::new();
    let value = std::ffi::OsString::from_vec(vec![0xff]);
    given.sources.environment.push(("PALABRE__LOBBY".into(), value.clone()));
    given.is_refused("PALABRE__LOBBY: the value is not UTF-8");

    let mut given = Given::new();
    given.sources.environment.push(("HOME".into(), value));
    given.load().unwrap();
}

#[test]
fn values_are_written_in_several_ways() {
    let text = |text: &str| Shown::Text(text.into());
    let bare = |text: &str| Shown::Bare(text.into());
    let cases = [
        ("bind", "[::1]", text("::1")),
        ("port", "3_000", bare("3000")),
        ("base-path", "/", text("/")),
        ("base-path", "chat", text("/chat/")),
        ("base-path", "/a/b.c/", text("/a/b.c/")),
        (
            "cors",
            " HTTPS://A.example , http://[::1]:3000",
            text("https://a.example,http://[::1]:3000"),
        ),
        ("cors", "", Shown::Unset),
        ("public", "", Shown::Unset),
        ("redis", "redis://h", text("redis://h")),
        (
            "redis",
            "redis://u@[::1]:6380/15?protocol=resp3",
            text("redis://u@[::1]:6380/15?protocol=resp3"),
        ),
        ("redis", "redis+unix:///run/r.sock?db=2", text("redis+unix:///run/r.sock?db=2")),
        ("redis", "unix:/run/r.sock", text("unix:/run/r.sock")),
        ("redis", "redis://:p%40ss@h", Shown::Hidden("redis://:***@h".into())),
        ("room-age", "90min", text("90min")),
        ("room-age", "60min", text("1h")),
        ("room-age", "86400s", text("1d")),
        ("room-age", "all", text("all")),
        ("ping-interval", "25000", text("25s")),
        ("ping-interval", "1500", text("1500ms")),
        ("ping-interval", "25 s", text("25s")),
        ("drain-window", "0", bare("0")),
        ("max-payload", "1_000_000", text("1MB")),
        ("max-payload", "1048576", text("1MiB")),
        ("max-payload", "100001", bare("100001")),
        ("lobby", "CAFÉ", text("café")),
        (
            "log-level",
            "off,hub=debug,broker::redis=trace",
            text("off,hub=debug,broker::redis=trace"),
        ),
        ("shards", "", Shown::Unset),
    ];
    for (key, written, want) in cases {
        let loaded = Given::new().flag(key, written).load().unwrap();
        assert_eq!(shown(&loaded, key), want, "{key} {written}");
    }
}

#[test]
fn a_value_that_is_wrong_is_refused() {
    let cases = [
        ("bind", "localhost", "expected an IP address: 127.0.0.1 or ::1, not 'localhost'"),
        (
            "bind",
            "127.0.0.1:80",
            "expected an address without a port (the port is an option, port), not '127.0.0.1:80'",
        ),
        ("bind", "unix:", "expected a path after 'unix:', not 'unix:'"),
        ("bind", "::g", "expected an IP address or unix:PATH, not '::g'"),
        ("port", "65536", "expected a number from 0 to 65535, not '65536'"),
        ("port", "-1", "expected a number from 0 to 65535, not '-1'"),
        (
            "base-path",
            "/a//b",
            "expected a path like /chat/ (letters, digits, '-', '.', '_', '~'), not '/a//b'",
        ),
        (
            "base-path",
            "/../",
            "expected a path like /chat/ (letters, digits, '-', '.', '_', '~'), not '/../'",
        ),
        ("public", "/no/such/folder", "'/no/such/folder': no such file or directory"),
        ("public", "Cargo.toml", "'Cargo.toml' is not a directory"),
        (
            "cors",
            "https://a.example/",
            "expected origins like https://chat.example:8443 (no path, no '/' at the end), not \
             'https://a.example/'",
        ),
        ("cors", "*,https://a.example", "'*' stands alone: it already allows every origin"),
        ("instance", "a b", "expected 1 to 128 letters, digits, '-', '_', '.', ':', not 'a b'"),
        ("redis-prefix", "{a}", "expected 1 to 64 letters, digits, '-', '_', '.', ':', not '{a}'"),
        ("data", "", "a path is needed"),
        ("ephemeral", "yes", "expected true or false, not 'yes'"),
        ("room-entries", "1", "expected a number from 100 to 1000000000 or 'all', not '1'"),
        ("room-age", "7", "expected a time from 1min to 36500d or 'all', not '7'"),
        ("ping-interval", "1y", "expected a time from 10ms to 1h, not '1y'"),
        ("max-payload", "1TB", "expected a size from 1KiB to 1GiB, not '1TB'"),
        (
            "max-payload",
            "99999999999GiB",
            "expected a size from 1KiB to 1GiB, not '99999999999GiB'",
        ),
        ("shards", "0", "expected a number from 1 to 1024, not '0'"),
        ("rate-limit", "off", "expected default or none, not 'off'"),
        (
            "log-level",
            "loud",
            "expected one of off, error, warn, info, debug, trace, perhaps followed by levels of \
             parts (info,gateway=debug), not 'loud'",
        ),
        ("log", "\u{1b}[31m\n", "expected text or json, not '\\u{1b}[31m\\n'"),
    ];
    for (key, value, message) in cases {
        Given::new().flag(key, value).is_refused(&format!("--{key}: {message}"));
    }
}

#[test]
fn values_that_can_not_be_together_are_refused() {
    let given = Given::new().file("text-max = 20000").flag("outbox-bytes", "100kB");
    given.is_refused(
        "outbox-bytes (--outbox-bytes) is too small for one message of text-max (palabre.toml:1) \
         characters: at least 128192 bytes are needed",
    );
    let least = |bytes| Given::new().file("text-max = 20000").flag("outbox-bytes", bytes).load();
    assert!(least("128191").is_err());
    assert!(least("128192").is_ok());
    for key in ["max-payload", "held-bytes", "append-queue-bytes"] {
        let given = Given::new().flag("text-max", "90000").flag(key, "64KiB");
        let error = given.load().map(|_| ()).unwrap_err();
        assert!(error.starts_with(&format!("{key} (--{key}) is too small")), "{error}");
    }
}

#[test]
fn secrets_are_never_shown() {
    const PASSWORD: &str = "correct-horse-battery";
    let urls = [
        format!("redis://:{PASSWORD}@h"),
        format!("redis://user:{PASSWORD}@h:6380/1"),
        format!("unix:///run/redis.sock?pass={PASSWORD}&db=1"),
        format!("redis+sentinel://user:{PASSWORD}@h,[::1]:26380/rooms/1"),
    ];
    for url in &urls {
        let given = Given::new()
            .file(&format!("redis = '{url}'"))
            .variable("REDIS_URL", url)
            .variable("PALABRE__SECRET", PASSWORD);
        let loaded = given.load().unwrap();
        assert_eq!(loaded.config.redis.as_ref().unwrap().expose(), url);
        for text in [print::as_file(&loaded), format!("{loaded:?}")] {
            assert!(!text.contains(PASSWORD), "{text}");
        }
    }
    let wrong = [
        format!("redis://:{PASSWORD}@"),
        format!("redis://:{PASSWORD}/x@h:port"),
        format!("redis://user:x@{PASSWORD}@h"),
        format!("redis://:{PASSWORD}@h/x"),
        format!("redis://:{PASSWORD}@h?db=1"),
        format!("redis:user:{PASSWORD}@h"),
        format!("rediss://:{PASSWORD}@h"),
        format!("redis+sentinel://:{PASSWORD}@h:1"),
        format!("redis+sentinel://:{PASSWORD}@h:1,/m"),
        format!("redis+sentinel://:{PASSWORD}@h:1/m/x"),
        format!("redis+sentinel://:{PASSWORD}@h:1/m?db=1"),
        format!("http://:{PASSWORD}@h"),
        format!(":{PASSWORD}@h"),
        format!("unix:relative?pass={PASSWORD}"),
        format!("unix:///run/redis.sock?password={PASSWORD}"),
        format!("redis://:{PASSWORD}#@h"),
    ];
    for url in &wrong {
        let error = Given::new().flag("redis", url).load().map(|_| ()).unwrap_err();
        assert!(!error.contains(PASSWORD), "{url}: {error}");
        assert!(error.starts_with("--redis: "), "{error}");
    }
    Given::new()
        .flag("secret", "short")
        .is_refused("--secret: a secret has at least 16 characters");
}

#[test]
fn what_is_printed_can_be_read_again() {
    for (key, in_file, ..) in SAMPLES {
        let given = Given::new().file(&format!("{key} = {in_file}"));
        let loaded = given.load().unwrap();
        let printed = print::as_file(&loaded);
        let again = Given::new().file(&printed).load().unwrap();
        if ["secret", "admin-token"].contains(key) {
            assert!(printed.contains(&format!("# {key}: *** (secret)  # ")), "{printed}");
            assert_eq!(again.config, Given::new().load().unwrap().config, "{printed}");
        } else {
            assert_eq!(again.config, loaded.config, "{printed}");
        }
    }
}

#[test]
fn print_says_where_values_came_from() {
    let given = Given::new()
        .file("lobby = 'agora'")
        .variable("REDIS_URL", "redis://:word@h")
        .variable("PALABRE__LOG", "json")
        .flag("port", "0");
    let printed = print::as_file(&given.load().unwrap());
    let path = given.sources.default_file.display();
    for line in [
        "bind = \"127.0.0.1\"",
        "port = 0  # --port",
        "# public: the built-in page",
        "# redis: redis://:***@h (secret)  # REDIS_URL",
        "log = \"json\"  # PALABRE__LOG",
        "room-age = \"7d\"",
        &format!("lobby = \"agora\"  # {path}:1"),
    ] {
        assert!(printed.lines().any(|printed| printed == line), "no line {line:?} in\n{printed}");
    }
}

#[test]
fn the_documentation_is_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let documented = fs::read_to_string(&path).unwrap_or_default();
    let is_up_to_date = documented == print::as_documentation();
    assert!(is_up_to_date, "run: palabre config docs > docs/configuration.md");
}
