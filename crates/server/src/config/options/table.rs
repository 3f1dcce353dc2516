//! The table of options: for each one, in one place, what it does, its name, type and default, how
//! it is written, what its value is called, and
//!
//! - `unset`: what happens where it has no value;
//! - `in_demo`: whether `demo` has it too. There it can't share a Redis or a disk.

options! {
    Listening {
        /// Address to listen on: IPv4, IPv6, or `unix:PATH` for a Unix socket.
        "bind" bind: Bind = Bind::default(), itself::<Bind>(), "ADDRESS";

        /// Port to listen on; 0 picks a free one.
        "port" port: u16 = 3000, Count(0..=u16::MAX), "PORT";

        /// Path under which all is served, for a proxy that puts it elsewhere than at the root.
        "base-path" base_path: String = "/".into(), Checked(base_path), "PATH";

        /// Folder of your own page, served in the place of the built-in one.
        "public" public: Option<PathBuf> = None, Maybe(Directory), "DIR",
        unset: "the built-in page";

        /// Origins whose pages may talk to this server, with commas or repeated; `*` for all.
        "cors" cors: Cors = Cors::Off, OriginList, "ORIGIN",
        unset: "none but its own";

        /// Name of this instance, of letters, digits and `-_.:`.
        "instance" instance: Option<String> = None, Maybe(Checked(instance)), "NAME",
        unset: "host name and port";
    }

    Keeping {
        /// Redis that instances share: `redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]` or
        /// `unix:///PATH`.
        "redis" redis: Option<RedisUrl> = None, Maybe(Server), "URL",
        unset: "none: one instance on its own disk", in_demo: false;

        /// What keys and channels in Redis begin with; instances with the same one are together.
        "redis-prefix" redis_prefix: String = "palabre".into(), Checked(prefix), "NAME",
        in_demo: false;

        /// Folder of the log; unused with Redis.
        "data" data: PathBuf = "./palabre-data".into(), NewDirectory, "DIR", in_demo: false;

        /// Keeps the log in memory only; unused with Redis.
        "ephemeral" ephemeral: bool = false, Switch, "BOOL", in_demo: false;

        /// Entries kept for each room; on disk all, unless this is set.
        "room-entries" room_entries: u64 = KEPT.room_entries,
        OrAll(Count(100..=1_000_000_000), u64::MAX), "N";

        /// How long the entries of a room are kept; on disk for ever, unless this is set.
        "room-age" room_age: Duration = KEPT.room_age,
        OrAll(Span(MINUTE..=CENTURY), Duration::MAX), "TIME";
    }

    Chat {
        /// Room that plain Socket.IO clients are in.
        "lobby" lobby: RoomKey = RoomKey::parse("general").expect("it is a room key"), Room, "ROOM";

        /// Whether joining a room that doesn't exist makes it; else rooms are only made by `create`.
        "open-rooms" open_rooms: bool = true, Switch, "BOOL";

        /// Key that signs the tokens of guests; set it by variable, flags can be seen by others.
        "secret" secret: Option<Secret> = None, Maybe(Hidden), "TEXT",
        unset: "made once and kept with the log";

        /// Token of whoever runs the server: it may ask for what only members of a room may know.
        "admin-token" admin_token: Option<Secret> = None, Maybe(Hidden), "TEXT",
        unset: "none: nobody may";

        /// Limits on how fast one may make rooms; `none` is for measuring.
        "rate-limit" rate_limit: RateLimit = RateLimit::Default,
        Choice(&[("default", RateLimit::Default), ("none", RateLimit::None)]), "RULE";

        /// Characters of a message at most.
        "text-max" text_max: usize = chat::Limits::default().text_chars, Count(1..=100_000), "N";
    }

    Logging {
        /// Form of the log lines, which go to standard error.
        "log" log: LogFormat = LogFormat::Text,
        Choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]), "FORM";

        /// Least level to be written: off, error, warn, info, debug or trace; others for parts of
        /// the program may follow, as in `info,gateway=debug`.
        "log-level" log_level: LogLevel = LogLevel::default(), itself::<LogLevel>(), "LEVEL";
    }

    Connections {
        /// Where other instances ask this one for its polling sessions; port 0 picks a free one.
        /// Only with Redis, where it need not be set.
        "internal-bind" internal_bind: Option<SocketAddr> = None, Maybe(AddressAndPort),
        "ADDRESS:PORT", unset: "the address of `bind`, with a free port", in_demo: false;

        /// Host and port under which other instances reach that one.
        "advertise" advertise: Option<String> = None, Maybe(Checked(host_and_port)), "HOST:PORT",
        unset: "where it listens, or else its address in the direction of Redis", in_demo: false;

        /// Time between two pings to a client.
        "ping-interval" ping_interval: Duration = gateway().ping_interval, Span(INSTANT..=HOUR),
        "TIME";

        /// How long a client may take to answer a ping.
        "ping-timeout" ping_timeout: Duration = gateway().ping_timeout, Span(INSTANT..=HOUR),
        "TIME";

        /// How long the upgrade from polling to WebSocket may take.
        "upgrade-timeout" upgrade_timeout: Duration = gateway().upgrade_timeout,
        Span(INSTANT..=HOUR), "TIME";

        /// How long a session may stay without joining a namespace.
        "connect-timeout" connect_timeout: Duration = gateway().connect_timeout,
        Span(INSTANT..=HOUR), "TIME";

        /// How long after a drop a stock client can take up its session and is sent what it
        /// missed; 0 switches that off.
        "recovery-window" recovery_window: Duration = Duration::from_mins(2),
        Span(Duration::ZERO..=DAY), "TIME";

        /// When the server stops, time between the moment `/readyz` says so and the moment no more
        /// connections are accepted: for balancers that learn from the one not to make the other.
        "drain-delay" drain_delay: Duration = Duration::ZERO, Span(Duration::ZERO..=HOUR), "TIME";

        /// Time over which connections are closed, one after the other, when the server stops.
        "drain-window" drain_window: Duration = gateway().drain_window,
        Span(Duration::ZERO..=HOUR), "TIME";

        /// Tasks that write to the connections.
        "shards" shards: Option<usize> = None, Maybe(Count(1..=1_024)), "N",
        unset: "one for each core";
    }

    Limits {
        /// Sessions at most; a further one is refused.
        "sessions-max" sessions_max: usize = gateway().sessions_max, Count(1..=10_000_000), "N";

        /// Size of a client's message, or of the body of its polling request.
        "max-payload" max_payload: usize = gateway().max_payload, Bytes(KIB..=GIB), "SIZE";

        /// Binary attachments of one packet.
        "max-attachments" max_attachments: usize = gateway().max_attachments, Count(0..=1_000),
        "N";

        /// Characters of a display name.
        "name-max" name_max: usize = chat::Limits::default().name_chars, Count(1..=200), "N";

        /// Rooms that one socket may be in.
        "rooms-per-socket" rooms_per_socket: usize = chat::Limits::default().rooms_per_socket,
        Count(1..=10_000), "N";

        /// Bytes that may wait for one connection; beyond it the connection is too slow and closed.
        "outbox-bytes" outbox_bytes: usize = hub::Limits::default().outbox_bytes,
        Bytes(64 * KIB..=GIB), "SIZE";

        /// Bytes that may wait for one connection while it joins a room.
        "held-bytes" held_bytes: usize = hub::Limits::default().held_bytes,
        Bytes(64 * KIB..=GIB), "SIZE";

        /// How long a message may wait for the log before its sender is told so.
        "append-wait" append_wait: Duration = KEPT.append_wait, Span(INSTANT..=MINUTE * 10),
        "TIME";

        /// Bytes of messages that may wait for the log.
        "append-queue-bytes" append_queue_bytes: usize = KEPT.append_queue_bytes,
        Bytes(64 * KIB..=16 * GIB), "SIZE";

        /// Entries from the log that may wait to be handed on before they are read again.
        "delivery-queue" delivery_queue: usize = KEPT.delivery_queue, Count(16..=10_000_000), "N";

        /// How long the id of a message is known, so that sending it again stores it once.
        "id-window" id_window: Duration = KEPT.id_window, Span(MINUTE..=DAY * 365), "TIME";

        /// Entries of all rooms kept for clients that come back; on disk all, unless this is set.
        "partition-entries" partition_entries: u64 = KEPT.partition_entries,
        OrAll(Count(1_000..=1_000_000_000), u64::MAX), "N";

        /// How long these are kept; on disk for ever, unless this is set.
        "partition-age" partition_age: Duration = KEPT.partition_age,
        OrAll(Span(MINUTE..=CENTURY), Duration::MAX), "TIME";

        /// How long entries stay in memory for clients that come back; older ones are read from
        /// the log.
        "ring-time" ring_time: Duration = Duration::from_mins(2), Span(Duration::from_secs(1)..=DAY),
        "TIME";

        /// Bytes of entries that stay in memory for them.
        "ring-bytes" ring_bytes: usize = 64 << 20, Bytes(64 * KIB..=16 * GIB), "SIZE";
    }
}
