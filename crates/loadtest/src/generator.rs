//! What the load generator itself spent, and whether that falsified what it measured.

use serde::Serialize;

use crate::plan::Effort;
use crate::report::Latency;

/// A worker that computed or waited for a core for more than this part of the time had none to
/// spare.
const BUSY_SHARE_MAX: f64 = 0.9;

/// The generator may have this part in the p99 of the deliveries. What it knows of its own part is
/// an upper bound.
const OWN_PART_MAX: f64 = 0.25;

/// Milliseconds below which the generator's part is small in any case.
const OWN_PART_MS_MIN: f64 = 1.0;

/// The load generator's own part.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Generator {
    /// Cores that it used while messages were under way: 1 is one whole core.
    pub cpu_share: f64,
    /// The part of that time in which its busiest worker computed, or was ready and had no core.
    pub busy_share: f64,
    /// How long deliveries lay unread here at most, in milliseconds: part of their latency.
    pub unread: Latency,
    /// Whether it was too slow to measure the server; then latencies and rates are not given.
    pub was_bottleneck: bool,
    /// Why, in words.
    pub why: Vec<String>,
}

/// The part of the time in which a worker had no core to spare.
pub(crate) fn busy_share(effort: Effort) -> f64 {
    share(effort.cpu + effort.waited, effort.wall)
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Whether workers that spent this had no core to spare.
pub(crate) fn was_busy(efforts: &[Effort]) -> bool {
    efforts.iter().any(|effort| busy_share(*effort) > BUSY_SHARE_MAX)
}

impl Generator {
    /// Judges by what each worker spent, and by the times that it measured.
    pub(crate) fn judge(
        efforts: &[Effort],
        delivery: &Latency,
        lag: &Latency,
        unread: Latency,
    ) -> Self {
        let wall = efforts.iter().map(|effort| effort.wall).max().unwrap_or(0);
        let cpu_share = share(efforts.iter().map(|effort| effort.cpu).sum(), wall);
        let busy_share = efforts.iter().copied().map(busy_share).fold(0.0, f64::max);
        let mut why = Vec::new();
        if busy_share > BUSY_SHARE_MAX {
            let percent = busy_share * 100.0;
            why.push(format!("it was busy, or had no core, for {percent:.0} % of the time"));
        }
        let allowed = (delivery.p99 * OWN_PART_MAX).max(OWN_PART_MS_MIN);
        if lag.p99 > allowed {
            why.push(format!("it sent up to {:.1} ms late (p99)", lag.p99));
        }
        if unread.p99 > allowed {
            why.push(format!("deliveries lay here unread for up to {:.1} ms (p99)", unread.p99));
        }
        Self { cpu_share, busy_share, unread, was_bottleneck: !why.is_empty(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(efforts: &[Effort], lag: f64, unread: f64) -> Generator {
        let p99 = |p99| Latency { p99, ..Latency::default() };
        Generator::judge(efforts, &p99(40.0), &p99(lag), p99(unread))
    }

    fn effort(cpu: u64, waited: u64) -> Effort {
        Effort { wall: 1000, cpu, waited }
    }

    #[test]
    fn generator_with_time_to_spare_is_no_bottleneck() {
        let calm = judge(&[effort(400, 100), effort(300, 0)], 9.9, 9.9);
        assert_eq!((calm.cpu_share, calm.busy_share), (0.7, 0.5));
        assert!(!calm.was_bottleneck, "{:?}", calm.why);
        assert!(!judge(&[], 0.0, 0.0).was_bottleneck);
    }

    #[test]
    fn one_busy_worker_or_one_without_a_core_is() {
        assert!(judge(&[effort(100, 0), effort(950, 0)], 0.0, 0.0).was_bottleneck);
        assert!(judge(&[effort(200, 750)], 0.0, 0.0).was_bottleneck);
        assert!(was_busy(&[effort(200, 750)]) && !was_busy(&[effort(200, 650)]));
    }

    #[test]
    fn own_delays_are_a_reason() {
        assert!(judge(&[effort(1, 0)], 10.1, 0.0).was_bottleneck);
        assert!(judge(&[effort(1, 0)], 0.0, 10.1).was_bottleneck);
    }
}
