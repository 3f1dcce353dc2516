//! How long things took, counted so that it can be told and added up.

use hdrhistogram::Histogram;

/// The longest time that is told apart, in microseconds; longer ones count as this.
const LONGEST_US: u64 = 600 * 1_000_000;

/// Values and how often each was there, in ascending order: how histograms travel.
pub(crate) type Counted = Vec<(u64, u64)>;

/// A histogram of microseconds in which a value is off by less than a thousandth.
pub(crate) fn fine() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("these bounds are valid")
}

/// One that is off by less than a hundredth, and smaller.
pub(crate) fn coarse() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 2).expect("these bounds are valid")
}

/// What a histogram has counted.
pub(crate) fn counted(times: &Histogram<u64>) -> Counted {
    times.iter_recorded().map(|at| (at.value_iterated_to(), at.count_at_value())).collect()
}

/// Adds what another histogram has counted.
pub(crate) fn add(times: &mut Histogram<u64>, counted: &[(u64, u64)]) {
    for (value, count) in counted {
        times.saturating_record_n(*value, *count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_survives_the_journey() {
        let (mut here, mut there) = (fine(), fine());
        for value in [1, 1, 7, 20_000, u64::MAX] {
            here.saturating_record(value);
        }
        add(&mut there, &counted(&here));
        assert_eq!(there.len(), 5);
        for quantile in [0.2, 0.5, 0.8, 1.0] {
            let at = |times: &Histogram<u64>| times.value_at_quantile(quantile);
            assert_eq!(at(&here), at(&there));
        }
        assert!(there.max() >= LONGEST_US);
    }
}
