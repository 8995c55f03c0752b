//! How much of a context an image takes: by its pixels, not by its bytes.
//!
//! Anthropic counts about one token for 750 pixels, of an image that is first made smaller where it is large.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Tokens of the largest image, and of one whose size is not known.
const MOST_TOKENS: u64 = 1_600;

const PIXELS_A_TOKEN: u64 = 750;

/// Bytes of text that make a token, roughly: what makes images comparable with texts.
const BYTES_A_TOKEN: u64 = 4;

/// Base64 digits in which the size has to be found.
const HEAD: usize = 64 << 10;

/// What an image weighs against bytes of text, by the beginning of its base64 data; none: it is somewhere else.
pub(super) fn weight(data: Option<&str>) -> u64 {
    let pixels = data.and_then(pixels);
    pixels.map_or(MOST_TOKENS, |pixels| (pixels / PIXELS_A_TOKEN).clamp(1, MOST_TOKENS)) * BYTES_A_TOKEN
}

fn pixels(data: &str) -> Option<u64> {
    let data = data.as_bytes();
    let head = &data[..data.len().min(HEAD) / 4 * 4];
    let head = STANDARD.decode(head).ok()?;
    let (width, height) =
        png(&head).or_else(|| gif(&head)).or_else(|| webp(&head)).or_else(|| jpeg(&head))?;
    Some(u64::from(width) * u64::from(height))
}

fn png(head: &[u8]) -> Option<(u32, u32)> {
    let sizes = head.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..16)?;
    Some((big(&sizes[..4]), big(&sizes[4..])))
}

fn gif(head: &[u8]) -> Option<(u32, u32)> {
    let sizes = head.strip_prefix(b"GIF8")?.get(2..6)?;
    Some((little(&sizes[..2]), little(&sizes[2..])))
}

fn webp(head: &[u8]) -> Option<(u32, u32)> {
    let (kind, rest) = head.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WEBP")?.split_at_checked(4)?;
    match kind {
        b"VP8X" => {
            let sizes = rest.get(8..14)?;
            Some((little(&sizes[..3]) + 1, little(&sizes[3..]) + 1))
        }
        b"VP8L" => {
            let bits = little(rest.get(5..9)?);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " => {
            let sizes = rest.get(10..14)?;
            Some((little(&sizes[..2]) & 0x3fff, little(&sizes[2..]) & 0x3fff))
        }
        _ => None,
    }
}

/// The size stands in the frame header, after segments that are skipped by their length.
fn jpeg(head: &[u8]) -> Option<(u32, u32)> {
    let mut rest = head.strip_prefix(b"\xff\xd8")?;
    loop {
        let (marker, after) = rest.split_first_chunk::<2>()?;
        let [0xff, kind] = *marker else { return None };
        if matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc) {
            let sizes = after.get(3..7)?;
            return Some((big(&sizes[2..]), big(&sizes[..2])));
        }
        let length = big(after.get(..2)?) as usize;
        rest = after.get(length.max(2)..)?;
    }
}

fn big(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn little(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_image_weighs_by_its_pixels() {
        let jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x01\x2c\x01\x90...";
        let cases: [(&[u8], u64); 7] = [
            (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\x90\0\0\x01\x2c\x08", 640),
            (b"GIF89a\x90\x01\x2c\x01....", 640),
            (jpeg, 640),
            (b"RIFF....WEBPVP8X\x0a\0\0\0\0\0\0\0\x8f\x01\0\x2b\x01\0", 640),
            (b"RIFF....WEBPVP8 ....\0\0\0\x9d\x01\x2a\x90\x01\x2c\x01", 640),
            (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xff\xff\0\0\xff\xff\x08", 6_400),
            (b"what is this", 6_400),
        ];
        for (bytes, expected) in cases {
            assert_eq!(weight(Some(&STANDARD.encode(bytes))), expected, "{bytes:?}");
        }
        assert_eq!(weight(None), 6_400);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(kind in 0_usize..5, bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let heads: [&[u8]; 5] = [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"RIFF....WEBPVP8"];
            let bytes = [heads[kind], &bytes].concat();
            prop_assert!(weight(Some(&STANDARD.encode(bytes))) <= 6_400);
        }
    }
}
