//! Golden cases: a new one is a file in `cases/`: a call as the client sent it, and the state of each thing.

use super::{Seen, judge, numbers};
use protocol::request;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[expect(dead_code, reason = "for people")]
    about: String,
    version: Option<String>,
    #[serde(default)]
    betas: Vec<String>,
    #[serde(default)]
    hints: bool,
    context: Option<u64>,
    body: Value,
    is: BTreeMap<String, String>,
}

#[test]
fn golden_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/analysis/client_changes/cases");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let case: Case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (request, _) = request::parse(case.body.to_string().as_bytes());
        let call = Seen {
            version: case.version,
            has_hints: case.hints,
            context: case.context,
            betas: case.betas,
            ..Seen::of(request)
        };
        let said: BTreeMap<String, String> = judge(&call)
            .into_iter()
            .map(|found| (found.id.to_owned(), found.state.as_str().to_owned()))
            .collect();
        for (id, state) in &case.is {
            assert_eq!(said.get(id), Some(state), "{name}: {id}");
        }
        assert!(judge(&call).iter().all(|found| !found.evidence.is_empty() && !found.value.is_empty()));
        seen += 1;
    }
    assert!(seen >= 6, "{seen} cases");
}

#[test]
fn versions_are_numbers() {
    for (version, expected) in [
        ("2.1.330", Some([2, 1, 330])),
        ("2.1.330-beta.1", Some([2, 1, 330])),
        ("2.1", None),
        ("x.1.2", None),
        ("", None),
    ] {
        assert_eq!(numbers(version), expected, "{version}");
    }
}
