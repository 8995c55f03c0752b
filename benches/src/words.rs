//! Text that looks like a language's, the same for the same seed, quick to make, and safe within a JSON string.

/// Makes numbers and text out of a seed.
pub(crate) struct Words(u64);

const SYLLABLES: [&str; 32] = [
    "an", "be", "ca", "do", "er", "fi", "go", "ha", "in", "jo", "ku", "la", "me", "no", "or", "pa", "qui",
    "re", "so", "ta", "un", "ve", "wa", "xi", "yo", "za", "tion", "ing", "ment", "ster", "ly", "est",
];

impl Words {
    /// The same seeds give the same text, in this order.
    pub(crate) fn new(seeds: &[u64]) -> Words {
        let mut words = Words(0x5eed);
        for seed in seeds {
            words.0 ^= seed.wrapping_mul(0xff51_afd7_ed55_8ccd);
            words.next();
        }
        words
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Appends about `length` bytes of words: 3,000 different ones, some of them often, with line ends as JSON writes them.
    pub(crate) fn prose(&mut self, text: &mut String, length: usize) {
        let end = text.len() + length;
        while text.len() < end {
            let word = self.below(3_000).min(self.below(3_000));
            for part in 0..2 + word % 2 {
                text.push_str(
                    SYLLABLES[usize::try_from((word * 7 + part * 13 + word / 32) % 32).unwrap_or(0)],
                );
            }
            text.push_str(if self.below(12) == 0 { "\\n" } else { " " });
        }
    }

    /// Appends at least `length` bytes that no compressor makes much smaller: a document in base64.
    pub(crate) fn document(&mut self, text: &mut String, length: usize) {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let end = text.len() + length;
        while text.len() < end {
            let number = self.next();
            for place in 0..10 {
                text.push(char::from(ALPHABET[usize::try_from((number >> (place * 6)) & 63).unwrap_or(0)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seeds_say_the_same_and_others_say_something_else() {
        let say = |seeds: &[u64]| {
            let mut text = String::new();
            Words::new(seeds).prose(&mut text, 200);
            text
        };
        assert_eq!(say(&[1, 2]), say(&[1, 2]));
        assert_ne!(say(&[1, 2]), say(&[2, 1]));
        serde_json::from_str::<String>(&format!("\"{}\"", say(&[3]))).unwrap();
    }
}
