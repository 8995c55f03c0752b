//! Any request body: what it asks for, and who sent it, is read without fail.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (request, _problems) = protocol::request::parse(data);
    let headers = [("user-agent", "claude-cli/2.1.330 (external, cli)")];
    let identity = protocol::identity::identify("/v1/messages?beta=true", headers, Some(&request));
    assert!(identity.client.is_some());
    assert!(request.first_user_text.is_none_or(|text| text.len() <= protocol::request::TEXT_LIMIT));
    let _ = protocol::lenient(data);
});
