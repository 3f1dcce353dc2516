//! `docs/benchmarks.md`: what was measured, on what, and what was not. The tables are made in
//! `page/tables.rs`; what never changes stands here.

mod tables;

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, bail};

use self::tables::{Kept, number};
use super::results::{self, Results, Spread};
use super::servers::{FLOOR, Made, PALABRE, SERVERS};
use super::{Place, loads, machine, missing, plot};

const PAGE: &str = "docs/benchmarks.md";
const PICTURES: &str = "docs/benchmarks";

const OPENING: &str = "\
# Benchmarks

The same load on Palabre, on what people would use instead, and on a *bare floor*: the least that \
any server has to do, a loop of `send` of the same bytes. All are loaded by the same generator \
(`palabre bench`) over loopback with WebSockets and texts of 64 bytes; every message goes to \
everybody, the sender included. Servers (and Redis) are on one core, the generator is on another. \
What counts is CPU time, as the kernel accounts it to the server's processes (user and system), \
for one delivery: one message at one client. It depends least on how fast the generator is, and \
says how many deliveries a core can do.

Runs were interleaved: each repetition measured all servers after each other. Tables show the \
median, and in brackets the least and the most. Multiples of the floor compare runs of the same \
repetition. A run in which anything was lost, doubled or out of order, in which a client was \
turned away or a message was not acknowledged, doesn't count, and stands under its table. \
Palabre's rate limits are off while measuring; everything else is on: it keeps and orders what \
the others only pass on.

This page is written by `cargo xtask bench peers`; figures change with the machine, multiples less.
";

const MISSED: &str = "\
## Where a goal is missed, and why

Figures of one run lie apart by as much as a goal allows: compare the brackets before a \
multiple that is just above.

- **Latency.** The bare floor itself is above the bound, which counts CPU time and \
leaves out that the system wakes the generator for each delivery and shares one core \
between two instances and Redis.
- **Many rooms.** A message has to be read, stored, ordered and acknowledged, whoever \
gets it; with ten receivers that is shared by ten. On six instances each hears of each \
message, and the floor, which has to do the same, is above the goal there as well: a \
delivery costs it 1.6 times what it costs in one room (`cargo xtask bench peers \
--only rooms --only growth`).
- **Skipping an entry** of a room that nobody is in (see [capacity.md](capacity.md)): \
each one is kept in memory for clients that come back, and for repairing the log.
";

const ELSEWHERE: &str = "\
## From elsewhere

Not measured here, but published by those who made it: Centrifugo's documentation gives about \
27 KB of memory for an idle connection, and about 11 KB when tuned for it.
";

const NOT_MEASURED: &str = "\
## What is not measured

- A network. All goes over loopback, where sending costs about as much as over a card without \
offloading, and where latency is that of the scheduler.
- TLS, compression, and long polling.
- More than one core for one server. Palabre, socketioxide and the floor's kind would use more; \
Node, Bun and Python take one process for each core, and then Redis or the like between them.
- What the others don't do: history, one order for all, no loss across a reconnect. Palabre does \
it in these figures.
- Socket.IO on Node with other WebSocket engines (eiows, µWebSockets.js), which its documentation \
mentions as alternatives: the first is compiled when it is installed, the second is in no \
registry.
- Peers on machines that they were tuned for. Each is set up as its own documentation \
recommends; whoever knows better finds its few lines in `bench/peers/`.
";

const AGAIN: &str = "\
## Measure it yourself

```sh
cargo xtask bench peers                        # all of it: about half an hour; writes this page
cargo xtask bench peers --quick                # a few minutes: does it all work?
cargo xtask bench peers --only one --servers floor,palabre,node
cargo xtask bench peers --only connections --connections 19000
cargo xtask bench peers --write                # this page from what is kept in target/bench
```

It builds Palabre, the floor and the peers, installs the peers' pinned packages into their own \
folders, and needs Linux, Rust, Node, Python and `redis-server`, two cores, and `ulimit -n 20000`. \
On another machine look at the multiples of the floor. One load alone is `palabre bench`, and \
[capacity.md](capacity.md) makes from such figures what a machine can take.
";

/// Writes the page and its pictures from what is kept.
pub(super) fn write(place: &Place) -> Result<()> {
    let results = Results::read(&place.results);
    if results.runs.is_empty() {
        bail!("nothing was measured yet: `cargo xtask bench peers`");
    }
    let kept = Kept { results, missing: missing(place) };
    let pictures = place.root.join(PICTURES);
    fs::create_dir_all(&pictures)?;
    for (name, svg) in drawn(&kept) {
        fs::write(pictures.join(format!("{name}.svg")), svg)?;
    }
    let text = text(place, &kept);
    fs::write(place.root.join(PAGE), text).with_context(|| format!("writing {PAGE}"))?;
    println!("wrote {PAGE} from {} runs", kept.results.runs.len());
    Ok(())
}

fn text(place: &Place, kept: &Kept) -> String {
    let mut page = OPENING.to_owned();
    if kept.results.runs.iter().any(|run| run.is_quick) {
        page.push_str("\n**Some of these runs were short ones (`--quick`): a trial only.**\n");
    }
    page.push_str(&in_short(kept));
    page.push_str(&tables::one(kept));
    page.push_str(&tables::thirty_two(kept));
    page.push_str(&tables::connections(kept));
    page.push_str(&tables::redis(kept));
    page.push_str(&tables::latency(kept));
    page.push_str(&tables::rooms(kept));
    page.push_str(&tables::growth(kept));
    page.push_str("\n## The machine\n\n| | |\n|---|---|\n");
    for (name, value) in machine::rows(place) {
        push(&mut page, format_args!("| {name} | {value} |\n"));
    }
    page.push_str(
        "\n## How each server is set up\n\n| server | versions | set up |\n|---|---|---|\n",
    );
    for server in &SERVERS {
        let versions = match server.made {
            Made::Palabre | Made::Floor => "this repository".to_owned(),
            _ => machine::versions(&place.root, server).join(", "),
        };
        push(&mut page, format_args!("| {} | {versions} | {} |\n", server.title, server.setup));
    }
    page.push_str(
        "\nRedis is the same for all: one process on the servers' core, nothing written to disk, \
         `noeviction`, new for each run.\n\n",
    );
    for part in [MISSED, ELSEWHERE, NOT_MEASURED, AGAIN] {
        page.push_str(part);
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// What this project set itself, and what came of it.
fn in_short(kept: &Kept) -> String {
    let at = |load, server| results::Place { load, server };
    let to_floor = |load, figure| kept.results.ratio(at(load, PALABRE), at(load, FLOOR), figure);
    let times = |ratio: Option<Spread>| ratio.map(|ratio| format!("{} ×", number(ratio.median)));
    let kibibytes = |spread: Spread| format!("{} KiB", number(spread.median / 1024.0));
    let memory = kept.results.spread("connections", PALABRE, results::connection_bytes);
    let many_to =
        |load, one| times(kept.results.ratio(at(load, PALABRE), at(one, PALABRE), results::cpu_us));
    let rows: [(&str, &str, Option<String>); 10] = [
        (
            "CPU per delivery, one message at a time, 1,000 receivers: multiple of the floor",
            "1.10 ×",
            times(to_floor("one", results::cpu_us)),
        ),
        (
            "the same with 10,000 receivers",
            "1.10 ×",
            times(to_floor("connections", results::cpu_us)),
        ),
        (
            "CPU per delivery, 32 messages in flight: multiple of the floor that joins 32",
            "1.5 ×",
            times(to_floor("thirty-two", results::cpu_us)),
        ),
        ("memory of an idle connection", "2 KiB", memory.map(kibibytes)),
        (
            "CPU to accept a connection, up to the CONNECT answer: multiple of the floor",
            "1.5 ×",
            times(to_floor("connections", results::accept_us)),
        ),
        (
            "CPU per delivery through Redis, two instances: multiple of one without",
            "1.10 ×",
            many_to("redis", loads::WITHOUT_REDIS),
        ),
        (
            "p99 at 50 messages a second through Redis: multiple of floor and round trip",
            "1.3 ×",
            times(tables::latency_ratio(kept, PALABRE)),
        ),
        (
            "CPU per delivery, 1,900 rooms of 10: multiple of one room of 19,000",
            "1.5 ×",
            many_to("rooms-1900", "rooms-1"),
        ),
        (
            "CPU per delivery, 10,000 rooms of 10 on 6 instances: multiple of one room of 100,000",
            "1.5 ×",
            many_to("rooms-10000", "growth-100000"),
        ),
        (
            "CPU per delivery, 100,000 receivers on 6 instances: multiple of the floor",
            "1.10 ×",
            times(to_floor("growth-100000", results::cpu_us)),
        ),
    ];
    let mut text =
        "\n## Palabre in short\n\n| what | at most | measured |\n|---|---|---|\n".to_owned();
    for (what, goal, measured) in rows {
        let measured = measured.unwrap_or_else(|| "–".to_owned());
        push(&mut text, format_args!("| {what} | {goal} | {measured} |\n"));
    }
    text
}

/// A picture: its file, its title, and which figure of which load it shows.
struct Picture {
    name: &'static str,
    title: &'static str,
    load: &'static str,
    figure: results::Figure,
    show: fn(f64) -> String,
}

/// The pictures, by the name of their file.
fn drawn(kept: &Kept) -> Vec<(&'static str, String)> {
    let micros = |value: f64| format!("{} µs", number(value));
    let kib = |value: f64| format!("{} KiB", number(value / 1024.0));
    let pictures = [
        Picture {
            name: "one",
            title: "CPU per delivery: one message at a time, 1,000 receivers",
            load: "one",
            figure: results::cpu_us,
            show: micros,
        },
        Picture {
            name: "thirty-two",
            title: "CPU per delivery: 32 messages in flight, 1,000 receivers",
            load: "thirty-two",
            figure: results::cpu_us,
            show: micros,
        },
        Picture {
            name: "memory",
            title: "Memory of an idle connection",
            load: "connections",
            figure: results::connection_bytes,
            show: kib,
        },
        Picture {
            name: "accept",
            title: "CPU to accept a connection",
            load: "connections",
            figure: results::accept_us,
            show: micros,
        },
    ];
    let drawn = pictures.into_iter().filter_map(|picture| {
        let bars = kept.bars(picture.load, picture.figure);
        Some((picture.name, plot::bars(picture.title, &bars, picture.show)?))
    });
    drawn.collect()
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes all");
}

#[cfg(test)]
mod tests;
