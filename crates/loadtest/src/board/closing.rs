//! When a load test is over, and what came of it.

use super::{
    BTreeMap, BenchArgs, Board, Connect, Effort, Fate, Generator, Histogram, Latency, Ledger, Loop,
    Point, Progress, Receiver, Report, Settlement, Tally, add, fine, now_us,
};
use crate::plan::{Findings, Remains};

impl Board {
    /// Whether all has arrived, or nothing more comes.
    pub(crate) fn is_complete(&mut self) -> bool {
        let now = now_us();
        let sum = |of: fn(&Progress) -> u64| self.progress.iter().map(of).sum::<u64>();
        let happened = (sum(|p| p.sent), sum(|p| p.answered), sum(|p| p.received));
        let last_due_us = self.last_due_us();
        if happened != self.moved.0 {
            self.moved = (happened, now.max(last_due_us));
        }
        let has_all = self.has_all();
        let nobody_is_left = self.connected() <= sum(|p| p.dropped);
        let is_over =
            has_all || nobody_is_left || now > self.moved.1.max(last_due_us) + self.patience_us;
        let (sent, answered, received) = happened;
        let line = format!("{sent} sent, {answered} answered, {received} received");
        self.display.show(&line, self.part_done(now, sent), now, is_over);
        is_over
    }

    fn has_all(&self) -> bool {
        let after_us = now_us().saturating_sub(self.start_us());
        let sum = |of: fn(&Progress) -> u64| self.progress.iter().map(of).sum::<u64>();
        let course = &self.plans[0].course;
        let is_through = match (&self.pace, Loop::of(course)) {
            // Somebody still says what may go.
            (Some(pace), _) => {
                pace.is_over(after_us) && sum(|p| p.sent) >= u64::from(pace.allowed())
            }
            (None, Some(_)) => {
                let is_timely = course.duration_us.is_none_or(|duration| after_us >= duration);
                let allowed = self.progress[0].allowed;
                (is_timely || allowed == course.messages_max)
                    && sum(|p| p.sent) >= u64::from(allowed)
            }
            (None, None) => self.progress.iter().all(|p| p.is_through),
        };
        let taken_on = sum(|p| p.answered) - sum(|p| p.refused);
        let have_all_rooms = |plan: &crate::plan::Plan| plan.clients >= plan.room_count();
        let mut workers = self.plans.iter().zip(&self.progress);
        is_through
            && sum(|p| p.sent) == sum(|p| p.answered)
            && sum(|p| p.behind) == 0
            && workers.all(|(plan, p)| p.seen >= taken_on || !have_all_rooms(plan))
    }

    /// When the last message is due; in a closed loop nobody knows.
    fn last_due_us(&self) -> u64 {
        let course = &self.plans[0].course;
        let due_us = course.due_us(course.messages_max.saturating_sub(1)).unwrap_or(0);
        self.start_us() + due_us
    }

    fn part_done(&self, now: u64, sent: u64) -> f64 {
        let course = &self.plans[0].course;
        let by_number = sent as f64 / f64::from(course.messages_max);
        let after_us = now.saturating_sub(self.start_us()) as f64;
        let by_time = course.duration_us.map_or(0.0, |duration| after_us / duration as f64);
        by_number.max(by_time).min(1.0)
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.remains.iter().all(Option::is_some)
    }

    pub(crate) fn has_settled(&self) -> bool {
        self.findings.iter().all(Option::is_some)
    }

    /// Why clients failed.
    pub(crate) fn failures(&self) -> BTreeMap<String, u64> {
        let mut failures = BTreeMap::new();
        for findings in self.findings.iter().flatten() {
            for (why, count) in &findings.failures {
                *failures.entry(why.clone()).or_default() += count;
            }
        }
        failures
    }

    /// Puts together what all workers know of the messages, and compares the orders in which
    /// their clients saw them.
    pub(crate) fn settle(&mut self) -> Settlement {
        let remains: Vec<&Remains> = self.remains.iter().flatten().collect();
        let messages = remains.iter().map(|remains| remains.messages).max().unwrap_or(0);
        let fates = remains.iter().flat_map(|remains| &remains.fates);
        let excused = fates.map(|(number, _)| *number).collect();
        let plan = &self.plans[0];
        let rooms = plan.room_count();
        let mut ledger = Ledger::new(plan.course.messages_max, plan.senders, rooms);
        let mut tally = Tally::default();
        for remains in &remains {
            for (room, order) in (0..).zip(&remains.orders) {
                let mut receiver = Receiver::new(room);
                for number in order {
                    receiver.take(*number, &mut ledger, &mut tally);
                }
            }
        }
        self.disordered = tally.disordered;
        self.settlement = Settlement { messages, excused };
        self.settlement.clone()
    }

    pub(crate) fn report(&self, args: &BenchArgs) -> Report {
        let all: Vec<&Findings> = self.findings.iter().flatten().collect();
        let mut tally = Tally::default();
        for findings in &all {
            tally.add(findings.tally);
        }
        let histogram = |of: fn(&Findings) -> &[(u64, u64)]| {
            let mut sum = fine();
            for findings in &all {
                add(&mut sum, of(findings));
            }
            sum
        };
        let delivery = histogram(|findings| &findings.delivery);
        let answer = Latency::of(&histogram(|findings| &findings.answer));
        let lag = Latency::of(&histogram(|findings| &findings.lag));
        let unread = Latency::of(&histogram(|findings| &findings.unread));
        let efforts: Vec<Effort> = self.progress.iter().map(|progress| progress.effort).collect();
        let latency = Latency::of(&delivery);
        let generator = Generator::judge(&efforts, &latency, &lag, unread);
        let last_us = all.iter().map(|findings| findings.last_us).max().unwrap_or(0);
        let acknowledged = self.remains.iter().flatten().map(|remains| remains.acknowledged).sum();
        let is_true = !generator.was_bottleneck;
        let per_second =
            |count: u64| (is_true && last_us > 0).then(|| count as f64 / (last_us as f64 / 1e6));
        let course = &self.plans[0].course;
        let messages = match self.pace.or(Loop::of(course)) {
            None => course.messages_max,
            Some(_) => self.settlement.messages,
        };
        Report {
            urls: args.url.clone(),
            transport: args.transport,
            clients: args.clients,
            rooms: args.rooms,
            senders: args.senders(),
            rate: args.rate(),
            in_flight: args.in_flight,
            size: args.size,
            churn: args.churn,
            workers: self.plans.len(),
            connected: self.connected(),
            failures: self.failures(),
            connect: Connect::default(),
            came: self.sum(|progress| progress.came),
            left: self.sum(|progress| progress.left),
            messages,
            sent: self.sum(|progress| progress.sent),
            acknowledged,
            refused: self.refused(),
            unanswered: self.unanswered(),
            deliveries: tally.received,
            expected: self.expected(args),
            seconds: last_us as f64 / 1e6,
            messages_per_second: per_second(acknowledged),
            deliveries_per_second: per_second(tally.received),
            lost: tally.lost,
            doubled: tally.doubled,
            disordered: tally.disordered + self.disordered,
            misdirected: tally.misdirected,
            strangers: all.iter().map(|findings| findings.strangers).sum(),
            delivery: is_true.then_some(latency),
            acknowledgement: is_true.then_some(answer),
            generator_lag: lag,
            generator,
            memory: None,
            cpu_us_per_delivery: None,
            timeline: self.timeline(is_true),
            distribution: delivery,
        }
    }

    /// Codes with which messages were refused, and how often.
    fn refused(&self) -> BTreeMap<String, u64> {
        let mut refused = BTreeMap::new();
        for (code, count) in self.remains.iter().flatten().flat_map(|remains| &remains.refused) {
            *refused.entry(code.clone()).or_default() += count;
        }
        refused
    }

    fn unanswered(&self) -> u64 {
        let fates = self.remains.iter().flatten().flat_map(|remains| &remains.fates);
        fates.filter(|(_, fate)| *fate == Fate::Unanswered).count() as u64
    }

    /// How many deliveries there should be, where nobody comes or goes.
    fn expected(&self, args: &BenchArgs) -> Option<u64> {
        if args.churn.is_some() {
            return None;
        }
        let (rooms, senders) = (u64::from(self.plans[0].room_count()), u64::from(args.senders()));
        let clients_in = |room: u64| {
            let clients = u64::from(args.clients);
            clients / rooms + u64::from(room < clients % rooms)
        };
        let taken_on = (0..self.settlement.messages)
            .filter(|number| !self.settlement.excused.contains(number))
            .map(|number| clients_in(u64::from(number) % senders % rooms));
        Some(taken_on.sum())
    }

    fn timeline(&self, is_true: bool) -> Vec<Point> {
        let at = |bin: &Histogram<u64>, quantile| {
            is_true.then(|| bin.value_at_quantile(quantile) as f64 / 1000.0)
        };
        let width = self.plans[0].bin_seconds;
        let ends = self.bins.keys().chain(self.memory.keys());
        let Some(last) = ends.max() else { return Vec::new() };
        (0..=*last)
            .map(|second| {
                let bin = self.bins.get(&second);
                Point {
                    second: second * width,
                    deliveries: bin.map_or(0, |(deliveries, _)| *deliveries),
                    p50: bin.and_then(|(_, times)| at(times, 0.5)),
                    p99: bin.and_then(|(_, times)| at(times, 0.99)),
                    memory: self.memory.get(&second).copied(),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
