//! One run: instances and clients take turns while the virtual time passes, first in trouble and
//! then in peace, until everybody has what is due or the patience is over.

mod panics;

use std::{path::PathBuf, time::Duration};

use broker::Limits;

use crate::{
    broker::SharedWorld,
    chance::Chance,
    client::{Client, Palabre, Stock, Tally, Turn},
    instance::{Instance, Settings},
    trouble::{Kind, Trouble},
    world::{Plant, World},
};

/// How long everything may take to be well again once the trouble is over. The longest wait in
/// the program is the follower's, which gives a gap up after a minute.
const HEALING_MAX: Duration = Duration::from_mins(2);

/// Everything stays well for so long before the run ends.
const CALM: Duration = Duration::from_secs(2);

/// The longest steps in which time passes, in milliseconds: one of these in trouble, and in peace.
const STEPS_MAX: [u64; 3] = [6, 16, 40];
const PEACE_STEP_MAX: u64 = 80;

/// How long stock clients may be away.
const WINDOWS: [Duration; 4] =
    [Duration::from_mins(2), Duration::from_mins(2), Duration::from_secs(3), Duration::ZERO];

/// What recent entries are kept in memory: all, those of a second, or hardly any.
const RINGS: [(Duration, usize); 4] = [
    (Duration::from_mins(2), 1 << 20),
    (Duration::from_mins(2), 1 << 20),
    (Duration::from_secs(1), 1 << 20),
    (Duration::from_mins(2), 2_000),
];

/// What a run is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides everything.
    pub seed: u64,
    /// What may go wrong.
    pub kinds: Vec<Kind>,
    /// A defect of the store, to see that it is found.
    pub plant: Option<Plant>,
    /// A folder of its own for the instances' sockets.
    pub folder: PathBuf,
}

/// What came of a run.
pub struct Outcome {
    /// Promises that were broken, in words.
    pub violations: Vec<String>,
    /// Everything that happened.
    pub lines: Vec<String>,
    /// Differs where anything in the lines does.
    pub digest: u64,
    /// What clients had.
    pub tally: Tally,
    /// Virtual time that passed.
    pub took: Duration,
}

struct Run {
    now: Duration,
    chance: Chance,
    world: SharedWorld,
    instances: Vec<Instance>,
    clients: Vec<Client>,
    paths: Vec<PathBuf>,
    trouble: Trouble,
}

/// Runs a seed to its end.
pub fn run(options: &Options) -> Outcome {
    panics::watch();
    let mut run = Run::new(options);
    let long = run.chance.millis(2_000, 8_000);
    let step_max = *run.chance.pick(&STEPS_MAX);
    while run.now < long && run.is_unbroken() {
        run.step(step_max, true);
    }
    run.trouble.end(&run.world, &mut run.instances);
    run.heal();
    run.outcome()
}

impl Run {
    fn new(options: &Options) -> Self {
        let mut chance = Chance::new(options.seed);
        let limits = Limits {
            append_wait: chance.millis(800, 5_000),
            delivery_queue: *chance.pick(&[16, 64, 4_096]),
            room_entries: *chance.pick(&[20, 100, 100_000, 100_000]),
            partition_entries: *chance.pick(&[50, 1_000, 100_000, 100_000]),
            ..Limits::default()
        };
        let partitions = *chance.pick(&[1, 1, 1, 2, 3]);
        let world = World::new(chance.fork().below(u64::MAX), partitions, limits.clone());
        let world = SharedWorld::new(parking_lot::Mutex::new(world));
        world.lock().plant = options.plant;
        // What passes a limit is lost to whoever was away meanwhile.
        world.lock().forgot = limits.room_entries < 1_000 || limits.partition_entries < 10_000;
        let shards = 1 + chance.index(2);
        let window = *chance.pick(&WINDOWS);
        // Who is away for longer than the window isn't recovered, and that is no defect.
        world.lock().was_away = window < WINDOWS[0];
        let ring = *chance.pick(&RINGS);
        let settings = Settings { limits, shards, window, ring, folder: options.folder.clone() };
        let number_of_instances = 1 + chance.index(3);
        let instances: Vec<Instance> = (0..number_of_instances)
            .map(|number| Instance::new(number, settings.clone(), world.clone()))
            .collect();
        let paths = instances.iter().map(|instance| instance.path.clone()).collect();
        let rooms = ["general", "kitchen", "garden"];
        let palabre = 2 + chance.index(3);
        let stock = 1 + chance.index(3);
        let clients = (0..palabre)
            .map(|number| {
                let rooms = &rooms[..=chance.index(rooms.len())];
                Client::Palabre(Box::new(Palabre::new(number, rooms, chance.fork())))
            })
            .collect::<Vec<_>>();
        let stock = (0..stock).map(|number| Stock::new(number, chance.fork()));
        let stock: Vec<Client> = stock.map(|stock| Client::Stock(Box::new(stock))).collect();
        let clients = clients.into_iter().chain(stock).collect();
        let trouble = Trouble::new(&options.kinds, chance.fork());
        world.lock().note(format_args!(
            "{number_of_instances} instances, {partitions} partitions, trouble: {:?}",
            trouble.kinds()
        ));
        let mut run =
            Self { now: Duration::ZERO, chance, world, instances, clients, paths, trouble };
        run.instances.iter_mut().for_each(Instance::start);
        run
    }

    fn is_unbroken(&self) -> bool {
        self.world.lock().violations.is_empty()
    }

    /// Lets a little time pass for everybody.
    fn step(&mut self, longest: u64, busy: bool) {
        let step = self.chance.millis(1, longest);
        self.now += step;
        self.world.lock().pass(self.now);
        let first = self.chance.index(self.instances.len());
        for turn in 0..self.instances.len() {
            let at = (first + turn) % self.instances.len();
            self.instances[at].turn(self.now, step);
        }
        let turn = Turn { now: self.now, world: &self.world, paths: &self.paths, busy };
        for client in &mut self.clients {
            client.turn(&turn);
        }
        self.trouble.turn(self.now, &self.world, &mut self.instances, &mut self.clients);
        for panic in panics::seen() {
            self.world.lock().violated("running", format_args!("{panic}"));
        }
    }

    /// Waits until everybody has what is due.
    fn heal(&mut self) {
        let patience = self.now + HEALING_MAX;
        let mut calm_since = self.now;
        while self.is_unbroken() && self.now < calm_since + CALM {
            self.step(PEACE_STEP_MAX, false);
            let wanted = self.clients.iter().find_map(|client| client.wants(&self.world));
            let Some(wanted) = wanted.or_else(|| self.miscounted()) else { continue };
            calm_since = self.now;
            if self.now > patience {
                let what = format_args!("after {HEALING_MAX:?}: {wanted}");
                self.world.lock().violated("P3 no loss", what);
            }
        }
    }

    /// A client that was told a wrong number of people in one of its rooms.
    fn miscounted(&self) -> Option<String> {
        self.clients.iter().find_map(|client| {
            let Client::Palabre(palabre) = client else { return None };
            palabre.counts().iter().find_map(|(room, told)| {
                let there = self.clients.iter().filter(|other| other.is_in(room)).count() as u64;
                let name = client.name();
                (*told != there).then(|| format!("{name} is told {told} in {room}, not {there}"))
            })
        })
    }

    fn outcome(mut self) -> Outcome {
        self.instances.iter_mut().for_each(Instance::kill);
        let mut tally = Tally::default();
        for client in &self.clients {
            tally.add(&client.tally());
        }
        let mut world = self.world.lock();
        let violations = std::mem::take(&mut world.violations);
        let lines = world.journal.lines().map(str::to_owned).collect();
        Outcome { violations, lines, digest: world.journal.digest(), tally, took: self.now }
    }
}
