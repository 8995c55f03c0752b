//! Who sent a request. Golden cases: a new one is a file in `tests/identities`, a request as it was sent and what is known of its sender.
//! The number in a name is the place of that source in the order in which they are asked.

use protocol::identity::{Identity, Source, Sourced, identify};
use protocol::request;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[expect(dead_code, reason = "for people")]
    about: String,
    path: String,
    headers: Vec<(String, String)>,
    /// `null`: it has not come, or there is none.
    body: Value,
    /// Only what it names is compared.
    is: Map<String, Value>,
}

fn known(sourced: Option<&Sourced<String>>) -> Value {
    sourced.map_or(Value::Null, |found| json!([found.value, found.source.as_str()]))
}

/// As the cases say it.
fn said(identity: &Identity) -> Value {
    let client = identity.client.as_ref();
    json!({
        "session": known(identity.session.as_ref()),
        "agent": identity.agent.id,
        "parent": identity.agent.parent_id,
        "kind": identity.agent.kind,
        "class": known(identity.request_class.as_ref()),
        "client": client.map(|client| json!([client.name, client.version, client.entrypoint])),
        "prompt": identity.prompt_id,
        "request": identity.client_request_id,
        "device": identity.device_id,
        "account": identity.account_id,
        "project": known(identity.working_directory.as_ref()),
        "compaction": identity.compaction,
        "compacted": identity.context_compacted,
        "tools": identity.tool_durations,
    })
}

#[test]
fn golden_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identities");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let case: Case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let request = (!case.body.is_null()).then(|| request::parse(case.body.to_string().as_bytes()).0);
        let headers = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let said = said(&identify(&case.path, headers, request.as_ref()));
        for (key, is) in &case.is {
            assert_eq!(said.get(key), Some(is), "{name}: {key}");
        }
        seen += 1;
    }
    assert!(seen >= 35, "{seen} cases");
}

#[test]
fn sources_have_the_names_of_the_api() {
    for source in [Source::Header, Source::Metadata, Source::Inferred] {
        assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
    }
    assert_eq!(Source::Inferred.as_str(), "inferred");
}
