use super::*;
use crate::fuzzing::{self, in_parts};
use proptest::prelude::*;

fn joined(segments: &[(Vec<u8>, Form)]) -> Vec<u8> {
    segments.iter().flat_map(|(bytes, _)| bytes.clone()).collect()
}

/// Bytes that look like JSON often enough to reach every state, with long strings and escapes.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => Just(b"\"".to_vec()),
        2 => Just(b"\\".to_vec()),
        2 => Just(b"},{".to_vec()),
        1 => Just(b"]".to_vec()),
        3 => (1_usize..600, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
        1 => (1_usize..90_000, any::<u8>()).prop_map(|(length, byte)| {
            (0..length).map(|at| byte.wrapping_add((at * at % 251) as u8) | 0x80).collect()
        }),
        2 => proptest::collection::vec(any::<u8>(), 0..40),
    ];
    (any::<bool>(), proptest::collection::vec(part, 0..24)).prop_map(|(json, parts)| {
        let mut body = if json { b" {".to_vec() } else { Vec::new() };
        body.extend(parts.concat());
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn segments_join_to_the_bytes_and_do_not_depend_on_the_split(
        body in bodies(),
        lengths in proptest::collection::vec(1_usize..30_000, 1..5),
    ) {
        let whole = in_parts(&body, &[body.len().max(1)]);
        prop_assert_eq!(joined(&whole), body.clone());
        for (segment, _) in &whole {
            prop_assert!(!segment.is_empty() && segment.len() < MAX + GLUE_MAX + MIN, "{}", segment.len());
        }
        prop_assert_eq!(in_parts(&body, &lengths), whole);
        fuzzing::cut(&body);
    }
}

fn pieces(body: &str) -> Vec<String> {
    let mut found = Vec::new();
    cut(body.as_bytes(), &mut |part| {
        if let Cut::Piece { bytes, .. } = part {
            found.push(String::from_utf8_lossy(bytes).into_owned());
        }
    });
    found
}

#[test]
fn a_long_string_is_a_piece_whatever_stands_around_it() {
    let text = "the same words \\\"again\\\" ".repeat(20);
    let blocks = format!(
        r#"{{"messages":[{{"role":"system","content":[{{"type":"text","text":"{text}","cache_control":{{"type":"ephemeral"}}}}]}}]}}"#
    );
    let plain = format!(r#"{{"messages": [ {{"role":"system","content":"{text}"}} ]}}"#);
    assert_eq!(pieces(&blocks), pieces(&plain));
    assert_eq!(pieces(&plain), [text]);
}

#[test]
fn elements_of_short_strings_end_where_json_ends() {
    let tool = format!("{{{}}}", vec![r#""name":{"type":"string"}"#; 60].join(","));
    let one = format!("{{\"tools\":[{tool},{tool}]}}");
    for piece in pieces(&one) {
        assert!(piece.ends_with('}') || piece.ends_with(']'), "{piece}");
    }
}

#[test]
fn what_is_not_json_is_cut_by_its_content() {
    let noise: Vec<u8> = (0_u32..400_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let keys = |bytes: &[u8]| {
        let mut keys = Vec::new();
        cut(bytes, &mut |part| {
            if let Cut::Piece { key, .. } = part {
                keys.push(key);
            }
        });
        keys
    };
    let before = keys(&noise);
    let after = keys(&[b"some bytes in front of it".as_slice(), &noise].concat());
    let same = after.iter().filter(|key| before.contains(key)).count();
    assert!(same + 2 >= before.len(), "{same} of {} pieces are the same", before.len());
}
