//! Lengths of time that several things took at once, each moment counted once.

/// From and to, microseconds.
pub(super) type Span = (i64, i64);

/// How long at least one of them lasted, microseconds.
pub(super) fn union(mut spans: Vec<Span>) -> u64 {
    spans.retain(|(from, to)| to > from);
    spans.sort_unstable();
    let mut total = 0_u64;
    let mut open: Option<Span> = None;
    for (from, to) in spans {
        match &mut open {
            Some((_, end)) if from <= *end => *end = (*end).max(to),
            _ => {
                total += length(open.replace((from, to)));
            }
        }
    }
    total + length(open)
}

fn length(span: Option<Span>) -> u64 {
    span.map_or(0, |(from, to)| u64::try_from(to.saturating_sub(from)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_moment_counts_once(spans in proptest::collection::vec((0_i64..60, 0_i64..20), 0..12)) {
            let spans: Vec<Span> = spans.into_iter().map(|(from, length)| (from, from + length)).collect();
            let covered = (0..100).filter(|at| spans.iter().any(|(from, to)| from <= at && at < to)).count();
            prop_assert_eq!(union(spans), covered as u64);
        }
    }
}
