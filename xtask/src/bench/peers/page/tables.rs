//! The tables of the page, one for each load.

use super::{loads, push};
use crate::bench::peers::results::{self, Figure, Results, Run, Spread};
use crate::bench::peers::servers::{self, FLOOR, PALABRE, SERVERS, Server};
use crate::bench::peers::{Missing, plot::Bar};

/// All that a page is made from.
pub(super) struct Kept {
    pub(super) results: Results,
    pub(super) missing: Missing,
}

/// What a column says of a server.
type Cell<'a> = Box<dyn Fn(&Server) -> Option<String> + 'a>;

/// One column: its heading, and what it says of a server.
pub(super) struct Column<'a> {
    pub(super) title: &'a str,
    pub(super) cell: Cell<'a>,
}

/// Three significant digits, with thousands apart.
pub(super) fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    let plain = format!("{value:.digits$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// The median, and how far the others lie from it.
fn shown(spread: Spread, scale: f64) -> String {
    let Spread { median, min, max } = spread;
    let [median, min, max] = [median, min, max].map(|value| number(value * scale));
    if min == max { median } else { format!("{median} ({min}–{max})") }
}

impl Kept {
    /// One bar for each server that has the figure.
    pub(super) fn bars(&self, load: &str, figure: Figure) -> Vec<Bar> {
        let bar = |server: &Server| {
            let spread = self.results.spread(load, server.name, figure)?;
            let is_ours = server.name == PALABRE;
            Some(Bar { label: server.title.to_owned(), spread, is_ours })
        };
        SERVERS.iter().filter_map(bar).collect()
    }

    fn column<'a>(
        &'a self,
        title: &'a str,
        load: &'a str,
        figure: Figure,
        scale: f64,
    ) -> Column<'a> {
        let cell = move |server: &Server| {
            Some(shown(self.results.spread(load, server.name, figure)?, scale))
        };
        Column { title, cell: Box::new(cell) }
    }

    fn to_floor<'a>(&'a self, load: &'a str, figure: Figure) -> Column<'a> {
        let cell = move |server: &Server| {
            let of = results::Place { load, server: server.name };
            let to = results::Place { load, server: FLOOR };
            Some(format!("{} ×", number(self.results.ratio(of, to, figure)?.median)))
        };
        Column { title: "× floor", cell: Box::new(cell) }
    }

    /// A row for each server, and under them why some have none.
    fn table(&self, load: &str, servers: &[&str], columns: &[Column<'_>]) -> String {
        let mut text = "| server |".to_owned();
        for column in columns {
            push(&mut text, format_args!(" {} |", column.title));
        }
        push(&mut text, format_args!("\n|---|{}\n", "---:|".repeat(columns.len())));
        let mut notes = Vec::new();
        for server in SERVERS.iter().filter(|server| servers.contains(&server.name)) {
            let name = if server.name == PALABRE {
                format!("**{}**", server.title)
            } else {
                server.title.to_owned()
            };
            push(&mut text, format_args!("| {name} |"));
            for column in columns {
                let cell = (column.cell)(server).unwrap_or_else(|| "–".to_owned());
                push(&mut text, format_args!(" {cell} |"));
            }
            text.push('\n');
            notes.extend(self.note(load, server));
        }
        if !notes.is_empty() {
            push(&mut text, format_args!("\n{}\n", notes.join("\n")));
        }
        text
    }

    /// What a reader must know of a row: runs that don't count, or none at all.
    fn note(&self, load: &str, server: &Server) -> Option<String> {
        let runs: Vec<&Run> = self.results.of(load, server.name).collect();
        let faulty = runs.iter().filter(|run| run.fault.is_some()).count();
        let title = server.title;
        match self.missing.get(server.name) {
            Some(why) => {
                let why = why.lines().next().unwrap_or_default();
                Some(format!("- {title}: not measured, {why}."))
            }
            None if runs.is_empty() => Some(format!("- {title}: not measured.")),
            None if faulty == 0 => limited(load, title, &runs),
            None => {
                let faults = self.results.faults(load, server.name).join("; ");
                let faults = faults.split_whitespace().collect::<Vec<_>>().join(" ");
                Some(format!("- {title}: {faulty} of {} runs don't count: {faults}.", runs.len()))
            }
        }
    }
}

/// Says why a run that counts gives no latency.
fn limited(load: &str, title: &str, runs: &[&Run]) -> Option<String> {
    let lacks = |run: &&&Run| load == "latency" && results::p99_ms(run).is_none();
    let count = runs.iter().filter(lacks).count();
    let all = runs.len();
    (count > 0).then(|| {
        format!("- {title}: in {count} of {all} runs the generator was the limit: no latency.")
    })
}

fn names() -> Vec<&'static str> {
    SERVERS.iter().map(|server| server.name).collect()
}

fn section(title: &str, text: &str, table: &str, picture: Option<(&str, &str)>) -> String {
    let mut section = format!("\n## {title}\n\n{text}\n\n{table}");
    if let Some((name, what)) = picture {
        push(&mut section, format_args!("\n![{what}](benchmarks/{name}.svg)\n"));
    }
    section
}

/// One message at a time to 1,000.
pub(super) fn one(kept: &Kept) -> String {
    let columns = [
        kept.column("µs per delivery", "one", results::cpu_us, 1.0),
        kept.to_floor("one", results::cpu_us),
    ];
    let text = "1,000 receivers; the next message goes when one has reached all of them. So \
                nothing can be joined, and each delivery costs a `send`: nearly all of it is the \
                kernel's.";
    let table = kept.table("one", &names(), &columns);
    let picture = ("one", "CPU per delivery, one message at a time");
    section("One message at a time", text, &table, Some(picture))
}

/// 32 under way at once.
pub(super) fn thirty_two(kept: &Kept) -> String {
    let load = "thirty-two";
    let columns = [
        kept.column("µs per delivery", load, results::cpu_us, 1.0),
        kept.to_floor(load, results::cpu_us),
    ];
    let text = "1,000 receivers, 32 messages under way at once: who joins what waits for the same \
                client needs fewer `send`s. The floor joins 32 and sends them as one.";
    let table = kept.table(load, &names(), &columns);
    let picture = (load, "CPU per delivery, 32 messages in flight");
    section("32 messages in flight", text, &table, Some(picture))
}

/// Idle memory, accepting, and one message at a time to all of them.
pub(super) fn connections(kept: &Kept) -> String {
    let load = "connections";
    let columns = [
        kept.column("KiB a connection", load, results::connection_bytes, 1.0 / 1024.0),
        kept.column("µs to accept", load, results::accept_us, 1.0),
        kept.to_floor(load, results::accept_us),
        kept.column("µs per delivery", load, results::cpu_us, 1.0),
        kept.to_floor(load, results::cpu_us),
    ];
    let mut clients: Vec<u32> =
        kept.results.runs.iter().filter(|run| run.load == load).map(|run| run.clients).collect();
    clients.dedup();
    let clients: Vec<String> = clients.iter().map(|clients| number(f64::from(*clients))).collect();
    let text = format!(
        "{} connections to one instance, each up to the answer to its Socket.IO CONNECT; then one \
         message at a time to all of them. Memory is the growth of what is resident, without the \
         kernel's own; it is read when all are connected and again at the end, and the lesser \
         counts.",
        if clients.is_empty() { "10,000".to_owned() } else { clients.join(" or ") }
    );
    let table = kept.table(load, &names(), &columns);
    let picture = ("memory", "Memory of an idle connection");
    let mut text = section("Many connections", &text, &table, Some(picture));
    text.push_str("\n![CPU to accept a connection](benchmarks/accept.svg)\n");
    text
}

/// Two instances on one Redis.
pub(super) fn redis(kept: &Kept) -> String {
    let load = "redis";
    let own = move |server: &Server| {
        let of = results::Place { load, server: server.name };
        let to = results::Place { load: loads::WITHOUT_REDIS, server: server.name };
        Some(format!("{} ×", number(kept.results.ratio(of, to, results::cpu_us)?.median)))
    };
    let columns = [
        kept.column("µs per delivery", load, results::cpu_us, 1.0),
        kept.column("without Redis", loads::WITHOUT_REDIS, results::cpu_us, 1.0),
        Column { title: "× without", cell: Box::new(own) },
    ];
    let text = "Two instances that share a Redis, 1,000 receivers each, one message at a time; \
                CPU of the instances, without Redis' own. Beside it the server's own figure for \
                one instance without Redis.";
    let sharing = [PALABRE, "socketioxide", "node", "python-socketio", "flask-socketio"];
    section("Through Redis", text, &kept.table(load, &sharing, &columns), None)
}

/// How many times the floor and a round trip a server's p99 is.
pub(super) fn latency_ratio(kept: &Kept, server: &str) -> Option<Spread> {
    let ratios = kept.results.of("latency", server).filter(|run| run.fault.is_none());
    let ratio = |run: &Run| Some(results::p99_ms(run)? * 1000.0 / bound_us(kept, run)?);
    Spread::of(ratios.filter_map(ratio))
}

/// What the floor needs for all receivers, in the same repetition, and one round trip of the run's
/// Redis, where it has one.
fn bound_us(kept: &Kept, run: &Run) -> Option<f64> {
    let mut floors = kept.results.of("latency", FLOOR);
    let floor = floors.find(|floor| floor.repetition == run.repetition && floor.fault.is_none())?;
    let receivers = f64::from(run.clients);
    Some(results::cpu_us(floor)? * receivers + results::round_trip_us(run).unwrap_or(0.0))
}

/// 50 messages a second.
pub(super) fn latency(kept: &Kept) -> String {
    let load = "latency";
    let bound = |server: &Server| {
        let runs = kept.results.of(load, server.name).filter(|run| run.fault.is_none());
        Some(shown(Spread::of(runs.filter_map(|run| bound_us(kept, run)))?, 0.001))
    };
    let ratio =
        |server: &Server| Some(format!("{} ×", number(latency_ratio(kept, server.name)?.median)));
    let columns = [
        kept.column("p50 ms", load, results::p50_ms, 1.0),
        kept.column("p99 ms", load, results::p99_ms, 1.0),
        Column { title: "bound ms", cell: Box::new(bound) },
        Column { title: "p99 / bound", cell: Box::new(ratio) },
        kept.column("round trip µs", load, results::round_trip_us, 1.0),
    ];
    let text = "50 messages a second by the clock, 1,000 receivers on two instances (500 each) \
                that share a Redis; from when a message should have been sent to its arrival at \
                each client. The bound is what the floor needs for 1,000 `send`s, in CPU time of \
                the same repetition, and one round trip through Redis (publication to \
                subscriber). The floor itself is one instance without Redis. A server that needs \
                more than 20 ms for a message falls behind. Where each instance gives a message \
                to its \
                own clients before the others hear of it, two instances show two orders: such \
                runs are out of order, and don't count.";
    let servers = [FLOOR, PALABRE, "socketioxide", "node", "python-socketio", "flask-socketio"];
    section("Latency", text, &kept.table(load, &servers, &columns), None)
}

/// A row for each of several loads, on the same servers.
fn rows(kept: &Kept, loads: &[(String, String)], servers: &[&str]) -> String {
    let mut text = "| |".to_owned();
    let servers: Vec<&Server> = servers.iter().filter_map(|name| servers::find(name)).collect();
    for server in &servers {
        push(&mut text, format_args!(" {}, µs per delivery |", server.title));
    }
    let has_floor = servers.iter().any(|server| server.name == FLOOR);
    let columns = servers.len() + usize::from(has_floor);
    text.push_str(if has_floor { " × floor |" } else { "" });
    push(&mut text, format_args!("\n|---|{}\n", "---:|".repeat(columns)));
    let mut notes = Vec::new();
    for (load, title) in loads {
        push(&mut text, format_args!("| {title} |"));
        for server in &servers {
            let spread = kept.results.spread(load, server.name, results::cpu_us);
            let cell = spread.map_or_else(|| "–".to_owned(), |spread| shown(spread, 1.0));
            push(&mut text, format_args!(" {cell} |"));
            notes.extend(kept.note(load, server).map(|note| format!("{note} ({title})")));
        }
        if has_floor {
            let at = |server| results::Place { load, server };
            let ratio = kept.results.ratio(at(PALABRE), at(FLOOR), results::cpu_us);
            let cell = ratio.map_or_else(|| "–".to_owned(), |r| format!("{} ×", number(r.median)));
            push(&mut text, format_args!(" {cell} |"));
        }
        text.push('\n');
    }
    if !notes.is_empty() {
        push(&mut text, format_args!("\n{}\n", notes.join("\n")));
    }
    text
}

/// Many small rooms against a large one.
pub(super) fn rooms(kept: &Kept) -> String {
    let (rooms, spread, each) = (loads::ROOMS, loads::SPREAD_ROOMS, loads::ROOM_CLIENTS);
    let crowd = number(f64::from(rooms * each));
    let many =
        |rooms: u32| format!("{} rooms of {each}, 32 messages in flight", number(f64::from(rooms)));
    let of = [
        ("rooms-1".to_owned(), format!("one room of {crowd}, one message at a time")),
        (format!("rooms-{rooms}"), many(rooms)),
        (
            format!("rooms-{spread}"),
            format!("{}, on six instances that share a Redis", many(spread)),
        ),
    ];
    let text = "Palabre clients, which join a room and get whole entries, on one instance: as \
                many as its descriptors allow. A message in a small room has few receivers to \
                share its own cost: it is read, stored and acknowledged for ten of them. The \
                floor reads and acknowledges it too; it stores nothing. In the last row the \
                members of each room are spread over three of the instances, and the other three \
                skip its entries.";
    section("Many rooms", text, &rows(kept, &of, &[FLOOR, PALABRE]), None)
}

/// From one instance to several.
pub(super) fn growth(kept: &Kept) -> String {
    let of = loads::GROWN.map(|clients| {
        let receivers = number(f64::from(clients));
        (format!("growth-{clients}"), format!("{receivers} receivers"))
    });
    let text = "Receivers over one, one and six instances that share a Redis, one message at a \
                time. The floor's instances follow one of them.";
    section("As it grows", text, &rows(kept, &of, &[FLOOR, PALABRE]), None)
}
