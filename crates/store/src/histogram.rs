//! Times and rates counted into a histogram: merged ones give the percentiles of all values, never averages of averages.

use hdrhistogram::Histogram;

/// Digits of a value that are kept.
const DIGITS: u8 = 3;

/// The largest value that is told apart: a day in microseconds.
const LARGEST: u64 = 86_400_000_000;

/// How often each value occurred, to 3 significant digits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// `None`: nothing was counted yet.
    counts: Option<Histogram<u64>>,
}

/// A stretch of values and how often they occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Its first value.
    pub from: u64,
    /// The first value after it.
    pub to: u64,
    /// Values in it.
    pub count: u64,
}

impl Spread {
    /// Counts a value; one beyond a day of microseconds counts as that.
    pub fn count(&mut self, value: u64) {
        if let Some(counts) = self.counts() {
            // Its size was made sure of.
            let _ = counts.record(value.min(LARGEST));
        }
    }

    /// Counts all that another one has counted, too.
    pub fn merge(&mut self, other: &Spread) {
        if let Some(other) = &other.counts
            && let Some(counts) = self.counts()
        {
            let _ = counts.add(other);
        }
    }

    fn counts(&mut self) -> Option<&mut Histogram<u64>> {
        if self.counts.is_none() {
            let mut counts = Histogram::new(DIGITS).ok()?;
            counts.auto(true);
            self.counts = Some(counts);
        }
        self.counts.as_mut()
    }

    /// How many values.
    pub fn len(&self) -> u64 {
        self.counts.as_ref().map_or(0, Histogram::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The smallest value that at least so many of 100 do not exceed, to 3 digits, rounded up. `None` without values.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        let counts = self.counts.as_ref().filter(|counts| !counts.is_empty())?;
        Some(counts.value_at_percentile(percent).min(counts.max()))
    }

    /// The largest, to 3 digits, rounded up. `None` without values.
    pub fn max(&self) -> Option<u64> {
        self.counts.as_ref().filter(|counts| !counts.is_empty()).map(Histogram::max)
    }

    /// To draw: from the stretch of the smallest value to that of the largest without a gap, two for each doubling above `first`, all
    /// below that in one.
    pub fn bars(&self, first: u64) -> Vec<Bar> {
        let Some(counts) = &self.counts else { return Vec::new() };
        let mut bars: Vec<Bar> = Vec::new();
        let (mut from, mut to) = (0, first.max(2));
        for cell in counts.iter_recorded() {
            let value = cell.value_iterated_to();
            while value >= to {
                (from, to) = (to, after(to, first.max(2)));
                if !bars.is_empty() && value >= to {
                    bars.push(Bar { from, to, count: 0 });
                }
            }
            match bars.last_mut() {
                Some(bar) if bar.from == from => bar.count += cell.count_at_value(),
                _ => bars.push(Bar { from, to, count: cell.count_at_value() }),
            }
        }
        bars
    }
}

/// The bound after one: `first` × 1, 1.5, 2, 3, 4, 6, 8, …
fn after(bound: u64, first: u64) -> u64 {
    let mut doubled = first;
    while doubled <= bound / 2 {
        doubled *= 2;
    }
    if bound == doubled { doubled + doubled / 2 } else { doubled * 2 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spread(values: &[u64]) -> Spread {
        let mut spread = Spread::default();
        values.iter().for_each(|value| spread.count(*value));
        spread
    }

    #[test]
    fn bars_are_without_a_gap_between_the_ends() {
        let bars = spread(&[1_200, 1_400, 5_000]).bars(1_000);
        let bars: Vec<_> = bars.iter().map(|bar| (bar.from, bar.to, bar.count)).collect();
        assert_eq!(
            bars,
            [(1_000, 1_500, 2), (1_500, 2_000, 0), (2_000, 3_000, 0), (3_000, 4_000, 0), (4_000, 6_000, 1)]
        );
        assert_eq!(spread(&[3]).bars(1_000), [Bar { from: 0, to: 1_000, count: 1 }]);
        assert_eq!(Spread::default().bars(1_000), []);
    }

    proptest! {
        #[test]
        fn merged_ones_are_as_if_all_was_counted_at_once(
            one in prop::collection::vec(0_u64..200_000_000_000, 0..60),
            other in prop::collection::vec(0_u64..60_000_000, 0..60),
        ) {
            let mut merged = spread(&one);
            merged.merge(&spread(&other));
            let all = spread(&[one, other].concat());
            prop_assert_eq!(merged.len(), all.len());
            prop_assert_eq!(merged.bars(1_000), all.bars(1_000));
            prop_assert_eq!(merged.max(), all.max());
            for percent in [0.0, 50.0, 90.0, 95.0, 99.0, 100.0] {
                prop_assert_eq!(merged.percentile(percent), all.percentile(percent));
            }
        }

        #[test]
        fn percentiles_are_true_to_three_digits(mut values in prop::collection::vec(0..LARGEST, 1..60)) {
            let spread = spread(&values);
            values.sort_unstable();
            for percent in [50_usize, 90, 95, 99] {
                let exact = values[(values.len() * percent).div_ceil(100) - 1];
                let found = spread.percentile(percent as f64).expect("there are some");
                prop_assert!(found >= exact && found - exact <= exact / 1_000 + 1, "{found} is not {exact}");
            }
        }

        #[test]
        fn bars_count_every_value_once(values in prop::collection::vec(0..LARGEST, 0..60)) {
            let bars = spread(&values).bars(1_000);
            prop_assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), values.len() as u64);
            prop_assert!(bars.windows(2).all(|pair| pair[0].to == pair[1].from));
        }
    }
}
