//! Replacements in bytes, and where everything else then stands.

use std::borrow::Cow;
use std::ops::Range;
use store::Frame;

/// Something to put in place of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) with: Cow<'static, str>,
}

/// In order, those that overlap joined: the first of them says what stands there.
pub(super) fn settle(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by(|a, b| a.range.start.cmp(&b.range.start).then(b.range.end.cmp(&a.range.end)));
    let mut settled: Vec<Edit> = Vec::with_capacity(edits.len());
    for edit in edits {
        match settled.last_mut() {
            Some(last) if edit.range.start < last.range.end => {
                last.range.end = last.range.end.max(edit.range.end);
            }
            _ => settled.push(edit),
        }
    }
    settled
}

/// The bytes with these edits, which are in order and do not overlap.
pub(super) fn apply<'a>(bytes: &'a [u8], edits: &[Edit]) -> Cow<'a, [u8]> {
    if edits.is_empty() {
        return Cow::Borrowed(bytes);
    }
    let mut edited = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for edit in edits {
        edited.extend_from_slice(&bytes[at..edit.range.start]);
        edited.extend_from_slice(edit.with.as_bytes());
        at = edit.range.end;
    }
    edited.extend_from_slice(&bytes[at..]);
    Cow::Owned(edited)
}

/// The frames of the edited bytes. What arrived before the end of something replaced is still told before its end.
pub(super) fn moved(frames: &[Frame], edits: &[Edit]) -> Vec<Frame> {
    let mut edits = edits.iter().peekable();
    let (mut old_end, mut new_end) = (0_usize, 0_usize);
    // What the edits passed so far took away and put in.
    let (mut taken, mut put) = (0_usize, 0_usize);
    let mut result = Vec::with_capacity(frames.len());
    for frame in frames {
        old_end += frame.len as usize;
        while let Some(edit) = edits.next_if(|edit| edit.range.end <= old_end) {
            taken += edit.range.len();
            put += edit.with.len();
        }
        let moved = match edits.peek() {
            Some(edit) if edit.range.start < old_end => {
                let inside = (old_end - edit.range.start).min(edit.with.len().saturating_sub(1));
                edit.range.start - taken + put + inside
            }
            _ => old_end - taken + put,
        };
        let len = u32::try_from(moved.saturating_sub(new_end)).unwrap_or(u32::MAX);
        new_end = moved.max(new_end);
        result.push(Frame { len, at_us: frame.at_us });
    }
    result
}
