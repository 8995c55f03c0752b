//! Which of the codings at hand an `Accept-Encoding` value prefers (RFC 9110, 12.5.3). Anything unreadable in it is passed over.

/// A content coding that files are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
    Identity,
}

/// The best of what is there; identity if nothing else is wanted.
pub(crate) fn best(accept: &str, has_brotli: bool, has_gzip: bool) -> Coding {
    let there = [(Coding::Brotli, "br", has_brotli), (Coding::Gzip, "gzip", has_gzip)];
    let mut chosen = (Coding::Identity, 0.0);
    for (coding, name, _) in there.into_iter().filter(|(_, _, has)| *has) {
        let weight = weight(accept, name);
        // Equal weights: the earlier is the smaller file.
        if weight > chosen.1 {
            chosen = (coding, weight);
        }
    }
    chosen.0
}

/// The weight of `name`, or that of `*`; 0 is "not wanted".
fn weight(accept: &str, name: &str) -> f32 {
    let mut any = 0.0;
    for part in accept.split(',') {
        let mut pieces = part.split(';').map(str::trim);
        let coding = pieces.next().unwrap_or_default();
        let value = pieces
            .find_map(|piece| piece.strip_prefix("q=").or_else(|| piece.strip_prefix("Q=")))
            .map_or(Some(1.0), |q| q.parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q)))
            .unwrap_or(0.0);
        if coding.eq_ignore_ascii_case(name) {
            return value;
        }
        if coding == "*" {
            any = value;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_what_the_client_weighs_most() {
        use Coding::{Brotli, Gzip, Identity};
        let cases = [
            ("gzip, deflate, br, zstd", Brotli),
            ("gzip", Gzip),
            ("GZIP;Q=0.5", Gzip),
            ("br;q=0.2, gzip;q=0.8", Gzip),
            ("br;q=0, gzip;q=0", Identity),
            ("br; q=0", Identity),
            ("*", Brotli),
            ("*;q=0.1, br;q=0", Gzip),
            ("", Identity),
            ("identity", Identity),
            ("brotli", Identity),
            ("br;q=nonsense", Identity),
            ("br;q=7", Identity),
            (",;,;q=,", Identity),
        ];
        for (accept, expected) in cases {
            assert_eq!(best(accept, true, true), expected, "{accept}");
        }
    }

    #[test]
    fn offers_only_what_is_there() {
        assert_eq!(best("br, gzip", false, true), Coding::Gzip);
        assert_eq!(best("br, gzip", false, false), Coding::Identity);
    }
}
