//! What the figures must be, and what they are meant to become.

use crate::loads::Kind;

/// A bound and the aim beyond it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) must: f64,
    pub(crate) aim: f64,
    /// Whether more is better.
    pub(crate) more: bool,
}

impl Target {
    fn at_least(must: f64, aim: f64) -> Target {
        Target { must, aim, more: true }
    }

    fn at_most(must: f64, aim: f64) -> Target {
        Target { must, aim, more: false }
    }

    fn reaches(self, value: f64, bound: f64) -> bool {
        if self.more { value >= bound } else { value <= bound }
    }

    /// The target in words, and whether this value meets it.
    pub(crate) fn judge(self, value: f64) -> String {
        let verdict = match () {
            () if self.reaches(value, self.aim) => "met, the aim too",
            () if self.reaches(value, self.must) => "met",
            () => "MISSED",
        };
        let word = if self.more { "at least" } else { "at most" };
        format!("must {word} {}, aim {}: {verdict}", self.must, self.aim)
    }
}

/// Requests a second against nginx's.
pub(crate) fn rate(kind: Kind) -> Option<Target> {
    match kind {
        Kind::Small => Some(Target::at_least(0.2, 0.35)),
        Kind::Turns => Some(Target::at_least(0.6, 0.85)),
        Kind::Large => Some(Target::at_least(0.3, 0.6)),
        Kind::Sessions => Some(Target::at_least(0.5, 0.8)),
        Kind::Overload => Some(Target::at_least(0.7, 0.9)),
        // As many as are asked for: what counts is what each waits.
        Kind::Paced | Kind::One => None,
    }
}

/// The added delay of a delta against nginx's, in the middle and at 99 %.
pub(crate) fn delay() -> (Target, Target) {
    (Target::at_most(1.5, 1.0), Target::at_most(2.0, 1.2))
}

/// The added latency of one request after the other against nginx's, in the middle.
pub(crate) fn latency() -> Target {
    Target::at_most(2.0, 1.2)
}

/// Peak memory in MiB. `None`: the queue's bound comes on top, which this load fills.
pub(crate) fn memory(kind: Kind) -> Option<Target> {
    match kind {
        Kind::Paced => Some(Target::at_most(128.0, 64.0)),
        Kind::Large => Some(Target::at_most(256.0, 128.0)),
        Kind::Overload => None,
        _ => Some(Target::at_most(64.0, 32.0)),
    }
}

/// Bytes stored for each byte moved, the search index included.
pub(crate) fn stored(kind: Kind) -> Option<Target> {
    (kind == Kind::Sessions).then(|| Target::at_most(0.05, 0.03))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_misses_meets_or_exceeds_its_target() {
        let rate = Target::at_least(0.2, 0.35);
        assert!(rate.judge(0.1).ends_with("MISSED"));
        assert!(rate.judge(0.3).ends_with("met"));
        assert!(rate.judge(0.4).ends_with("aim too"));
        let memory = Target::at_most(64.0, 32.0);
        assert!(memory.judge(65.0).ends_with("MISSED"));
        assert!(memory.judge(31.0).ends_with("aim too"));
    }
}
