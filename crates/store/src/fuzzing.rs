//! What must hold for any bytes in any pieces. The fuzz targets and the property tests both call these, so that the targets cannot
//! rot. Only compiled for tests and with the feature `fuzzing`.

use crate::cut::{Cut, Cutter, Form, cut as cut_whole};

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
