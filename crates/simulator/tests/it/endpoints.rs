//! Everything beside messages: counts, models, batches, files, limits.

use serde_json::{Value, json};

use crate::support::{ask, call, exchange, prompt, start};

#[tokio::test]
async fn counted_tokens_equal_the_usage() {
    let simulator = start().await;
    let body = prompt("How long is this?", false);
    let counted =
        call(&simulator, "POST", "/v1/messages/count_tokens", "", body.to_string().as_bytes()).await.json();
    let used = ask(&simulator, &body).await.json();
    assert_eq!(counted["input_tokens"], used["usage"]["input_tokens"]);
    assert!(counted["input_tokens"].as_u64().unwrap() > 3);
}

#[tokio::test]
async fn models_are_listed_in_pages() {
    let simulator = start().await;
    let first = call(&simulator, "GET", "/v1/models?limit=3", "", b"").await.json();
    assert_eq!((first["data"].as_array().unwrap().len(), &first["has_more"]), (3, &json!(true)));
    let after = first["last_id"].as_str().unwrap();
    let rest =
        call(&simulator, "GET", &format!("/v1/models?limit=99&after_id={after}"), "", b"").await.json();
    assert_eq!(rest["has_more"], false);
    assert_ne!(rest["first_id"], first["last_id"]);
    assert_eq!(call(&simulator, "GET", &format!("/v1/models/{after}"), "", b"").await.json()["id"], after);
    assert_eq!(call(&simulator, "GET", "/v1/models/none", "", b"").await.status(), 404);
    assert_eq!(call(&simulator, "GET", "/v1/modelsx", "", b"").await.status(), 404);
    assert_eq!(exchange(&simulator, b"HEAD / HTTP/1.0\r\n\r\n").await.status(), 200);
}

#[tokio::test]
async fn a_batch_runs_and_gives_its_results() {
    let simulator = start().await;
    let one = |id: &str, text: &str| json!({"custom_id": id, "params": prompt(text, false)});
    let body = json!({"requests": [one("a", "[sim:text=first]"), one("b", "[sim:error=529]")]});
    let made = call(&simulator, "POST", "/v1/messages/batches", "", body.to_string().as_bytes()).await.json();
    assert_eq!((&made["processing_status"], &made["results_url"]), (&json!("in_progress"), &Value::Null));
    let path = format!("/v1/messages/batches/{}", made["id"].as_str().unwrap());
    let ended = call(&simulator, "GET", &path, "", b"").await.json();
    assert_eq!(ended["request_counts"]["succeeded"], 1);
    assert_eq!(ended["request_counts"]["errored"], 1);
    let url = ended["results_url"].as_str().unwrap();
    assert_eq!(url, format!("{}{path}/results", simulator.url()));
    let results = call(&simulator, "GET", &format!("{path}/results"), "", b"").await.body();
    let lines: Vec<Value> =
        String::from_utf8(results).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["result"]["message"]["content"][0]["text"], "first");
    assert_eq!(lines[0]["result"]["message"]["usage"]["service_tier"], "batch");
    assert_eq!(lines[1]["result"]["error"]["error"]["type"], "overloaded_error");
    let made = call(&simulator, "POST", "/v1/messages/batches", "", body.to_string().as_bytes()).await.json();
    let other = format!("/v1/messages/batches/{}", made["id"].as_str().unwrap());
    let canceled = call(&simulator, "POST", &format!("{other}/cancel"), "", b"").await.json();
    assert_eq!(canceled["processing_status"], "canceling");
    assert_eq!(call(&simulator, "GET", &other, "", b"").await.json()["request_counts"]["canceled"], 2);
    assert_eq!(call(&simulator, "DELETE", &other, "", b"").await.json()["type"], "message_batch_deleted");
    assert_eq!(
        call(&simulator, "GET", "/v1/messages/batches", "", b"").await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(call(&simulator, "GET", &other, "", b"").await.status(), 404);
}

#[tokio::test]
async fn files_come_back_byte_for_byte() {
    let simulator = start().await;
    let content: Vec<u8> = (0..=255).chain(*b"\r\n--other\r\n\r\n").collect();
    let mut body = b"--xYz\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nany\r\n--xYz\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a b.bin\"\r\nContent-Type: image/png\r\n\r\n"
        .to_vec();
    body.extend_from_slice(&content);
    body.extend_from_slice(b"\r\n--xYz--\r\n");
    let kind = "Content-Type: multipart/form-data; boundary=xYz\r\n";
    let file = call(&simulator, "POST", "/v1/files?beta=true", kind, &body).await.json();
    assert_eq!((&file["filename"], &file["size_bytes"]), (&json!("a b.bin"), &json!(content.len())));
    let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
    let back = call(&simulator, "GET", &format!("{path}/content"), "", b"").await;
    assert_eq!((back.body(), back.header("content-type").as_deref()), (content, Some("image/png")));
    assert_eq!(call(&simulator, "GET", &path, "", b"").await.json(), file);
    assert_eq!(call(&simulator, "GET", "/v1/files", "", b"").await.json()["data"][0], file);
    assert_eq!(call(&simulator, "DELETE", &path, "", b"").await.json()["type"], "file_deleted");
    assert_eq!(call(&simulator, "GET", &path, "", b"").await.status(), 404);
    for broken in ["--xYz\r\n", "", "--xYz\r\nfilename=\"\r\n\r\n\r\n--xYz"] {
        assert_eq!(
            call(&simulator, "POST", "/v1/files", kind, broken.as_bytes()).await.status(),
            400,
            "{broken:?}"
        );
    }
}

#[tokio::test]
async fn the_unified_limits_fill_up() {
    let simulator = start().await;
    let share = |answer: &crate::support::Answer| -> f64 {
        answer.header("anthropic-ratelimit-unified-5h-utilization").unwrap().parse().unwrap()
    };
    let body = prompt(&format!("{} [sim:words=2000]", "word ".repeat(4_000)), false);
    let first = share(&ask(&simulator, &body).await);
    let second = ask(&simulator, &body).await;
    assert!(share(&second) > first);
    assert_eq!(second.header("anthropic-ratelimit-unified-status").as_deref(), Some("allowed"));
    assert!(second.header("anthropic-ratelimit-input-tokens-reset").unwrap().ends_with('Z'));
    let refused = ask(&simulator, &prompt("[sim:error=429]", false)).await;
    assert_eq!(refused.header("anthropic-ratelimit-unified-status").as_deref(), Some("rejected"));
}
