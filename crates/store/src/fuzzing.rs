//! What must hold for any bytes in any pieces. The fuzz targets and the property tests both call these, so that the targets cannot
//! rot. Only compiled for tests and with the feature `fuzzing`.

use crate::Filter;
use crate::cut::{Cut, Cutter, Form, cut as cut_whole};
use crate::filter::LONGEST;
use crate::prepare::Prepared;

/// Segments of bytes that come in parts of these lengths, cycling.
pub(crate) fn in_parts(body: &[u8], lengths: &[usize]) -> Vec<(Vec<u8>, Form)> {
    let mut cutter = Cutter::default();
    let mut held = Vec::new();
    let mut found = Vec::new();
    let mut keep = |segment: &[u8], form| -> Result<(), std::convert::Infallible> {
        found.push((segment.to_vec(), form));
        Ok(())
    };
    let mut rest = body;
    for length in lengths.iter().copied().chain([body.len()]).cycle() {
        let (now, later) = rest.split_at(length.min(rest.len()));
        held.extend_from_slice(now);
        rest = later;
        let Ok(taken) = cutter.scan(&held, rest.is_empty(), &mut keep);
        held.drain(..taken);
        if rest.is_empty() {
            break;
        }
    }
    assert!(held.is_empty());
    found
}

/// A body cut whole and in parts: the same segments, which join to its bytes. The first bytes say how long the parts are.
///
/// # Panics
/// When that does not hold.
pub fn cut(data: &[u8]) {
    let (lengths, body) = data.split_at(data.len().min(3));
    let lengths: Vec<usize> = lengths.iter().map(|length| 1 + usize::from(*length) * 37).collect();
    let whole = in_parts(body, &[]);
    assert_eq!(in_parts(body, &lengths), whole);
    let mut joined = Vec::new();
    cut_whole(body, &mut |part| match part {
        Cut::Literal(bytes) | Cut::Piece { bytes, .. } => joined.extend_from_slice(bytes),
    });
    assert_eq!(joined, body);
    assert!(whole.iter().flat_map(|(segment, _)| segment).eq(body));
}

/// A body prepared with the help of another: the same as without. The first two bytes say where they part.
///
/// # Panics
/// When that does not hold.
pub fn prepare(data: &[u8]) {
    let Some((part, data)) = data.split_first_chunk::<2>() else { return };
    let shared = usize::from(u16::from_le_bytes(*part)).min(data.len());
    let (shared, rest) = data.split_at(shared);
    let (before, after) = rest.split_at(rest.len() / 2);
    // Long enough to be gone on from.
    let shared = shared.repeat(if shared.is_empty() { 0 } else { 1 + (70 << 10) / shared.len() });
    let body = |end: &[u8]| [shared.as_slice(), end].concat();
    let (before, after) = (body(before), body(after));
    let common = before.iter().zip(&after).take_while(|(left, right)| left == right).count();
    let (alone, earlier) = (Prepared::new(&after, None), Prepared::new(&before, None));
    let helped = Prepared::new(&after, Some((&earlier, common)));
    assert_eq!(helped.summary(), alone.summary());
    assert_eq!(helped.segments(), alone.segments());
}

/// Any text is a filter that prints as one that means the same, or an error that points into it and says what to write instead.
///
/// # Panics
/// When that does not hold.
pub fn filter(text: &str) {
    let now = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
    match Filter::parse(text, &now) {
        Ok(filter) => {
            let printed = filter.to_string();
            // What is printed is longer than what was written, and there is an upper end.
            if printed.len() <= LONGEST {
                assert_eq!(Filter::parse(&printed, &now).ok(), Some(filter), "{text:?} -> {printed:?}");
            }
        }
        Err(error) => {
            assert!(text.get(error.at.clone()).is_some(), "{text:?}: {error:?}");
            assert!(!error.hint.is_empty(), "{text:?}: {error:?}");
        }
    }
}
