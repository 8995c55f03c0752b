//! Where a plan's window is heading: a straight line over the window so far.

/// A moment of a window: milliseconds since the Unix epoch, and the fraction spent.
pub(crate) type Point = (i64, f64);

/// Where it is heading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Projection {
    /// Fractions an hour, since the window began.
    pub(crate) per_hour: f64,
    /// When all is spent if it goes on so, milliseconds since the Unix epoch; `None`: not before the window begins anew.
    pub(crate) exhausted_at: Option<i64>,
}

/// Projects a window that begins anew at `reset` and lasts `length` (milliseconds), of which `spent` is spent at `now`. `None`: it has
/// begun anew since, or has just begun.
pub(crate) fn project(spent: f64, now: i64, reset: i64, length: i64) -> Option<Projection> {
    let began = reset.saturating_sub(length);
    let lasted = now.saturating_sub(began);
    if now >= reset || lasted < MINUTE {
        return None;
    }
    let per_ms = spent / as_float(lasted);
    let left = (1.0 - spent).max(0.0);
    let end = if spent >= 1.0 {
        Some(now)
    } else {
        (per_ms > 0.0).then(|| now.saturating_add(as_ms(left / per_ms)))
    };
    Some(Projection {
        per_hour: spent * as_float(60 * MINUTE) / as_float(lasted),
        exhausted_at: end.filter(|end| *end < reset),
    })
}

const MINUTE: i64 = 60_000;

#[expect(clippy::cast_precision_loss, reason = "times of a few days stay far below 2^53 milliseconds")]
fn as_float(ms: i64) -> f64 {
    ms as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a float beyond the range saturates")]
fn as_ms(ms: f64) -> i64 {
    ms as i64
}

/// At most so many points of a history: in each of as many equal stretches the last, and the very first and last.
pub(crate) fn thinned(points: &[Point], most: usize) -> Vec<Point> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    if points.len() <= most || most < 2 {
        return points.to_vec();
    }
    let stretches = i64::try_from(most - 1).unwrap_or(i64::MAX);
    let width = ((last.0 - first.0) / stretches).max(1);
    let mut kept: Vec<Point> = vec![*first];
    for pair in points.windows(2) {
        if (pair[0].0 - first.0) / width != (pair[1].0 - first.0) / width && pair[0].0 != first.0 {
            kept.push(pair[0]);
        }
    }
    kept.push(*last);
    kept.truncate(most);
    if let Some(end) = kept.last_mut() {
        *end = *last;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * MINUTE;

    #[test]
    fn a_window_goes_on_as_it_began() {
        let at = |end: Option<i64>, per_hour: f64| Some(Projection { per_hour, exhausted_at: end });
        for (spent, now, expected) in [
            // Of five hours two have passed.
            (0.5, 2 * HOUR, at(Some(4 * HOUR), 0.25)),
            (0.25, 2 * HOUR, at(None, 0.125)),
            (0.0, 2 * HOUR, at(None, 0.0)),
            (1.0, 2 * HOUR, at(Some(2 * HOUR), 0.5)),
            (0.9, 5 * HOUR, None),
            (0.1, 30_000, None),
        ] {
            assert_eq!(project(spent, now, 5 * HOUR, 5 * HOUR), expected, "{spent} at {now}");
        }
    }

    #[test]
    fn a_history_is_thinned_to_its_shape() {
        let points: Vec<Point> = (0..1_000).map(|at| (at * 1_000, as_float(at) / 1_000.0)).collect();
        let kept = thinned(&points, 200);
        assert!(kept.len() <= 200 && kept.len() > 150, "{}", kept.len());
        assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
        assert!(kept.is_sorted_by_key(|point| point.0));
        assert_eq!(thinned(&points[..3], 200), points[..3]);
        assert_eq!(thinned(&[], 200), []);
    }
}
