//! What the page's settings stand on: what is kept, what went, and the demonstration.

mod support;

use serde_json::{Value, json};
use support::raw::{BODY, Client, Echoing, call};
use support::{Proxy, wait};

fn status_and_body(url: &str) -> (u16, Value) {
    let agent =
        ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
    let mut answer = agent.get(url).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
}

fn post(proxy: &Proxy, path: &str) -> Value {
    ureq::post(&format!("{}{path}", proxy.url)).send_empty().unwrap().body_mut().read_json().unwrap()
}

fn recorded(flags: &[&str]) -> (Proxy, Echoing, String) {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let proxy = Proxy::with(&upstream.url, flags);
    Client::connect(proxy.authority()).send(call(BODY)).read_until(b"ok");
    let row = wait("the row to end", || proxy.rows(1).into_iter().find(|row| row["status"] != "pending"));
    let id = row["id"].as_str().unwrap().to_owned();
    (proxy, upstream, id)
}

#[test]
fn a_link_to_a_deleted_request_says_when_and_why_it_went() {
    let (proxy, _upstream, id) = recorded(&[]);
    let link = format!("{}/api/monitor/requests/{id}", proxy.url);
    post(&proxy, "/api/monitor/prune?count=0");
    let (status, answer) = status_and_body(&link);
    assert_eq!((status, &answer["deleted"]["why"]), (404, &json!("retention")), "{answer}");
    let at: jiff::Timestamp = answer["deleted"]["at"].as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(at).as_secs() < 60, "{at}");

    let (proxy, _upstream, id) = recorded(&[]);
    post(&proxy, "/api/monitor/clear");
    let (status, answer) = status_and_body(&format!("{}/api/monitor/requests/{id}", proxy.url));
    assert_eq!((status, &answer["deleted"]["why"]), (404, &json!("asked")), "{answer}");
}

#[test]
fn a_link_to_what_was_never_here_says_no_more() {
    let (proxy, _upstream, _) = recorded(&[]);
    for id in ["019f0000-0000-7000-8000-000000000000", "nonsense"] {
        let (status, answer) = status_and_body(&format!("{}/api/monitor/requests/{id}", proxy.url));
        assert_eq!((status, answer), (404, json!({ "error": "Request not found" })));
    }
}

#[test]
fn the_configuration_says_what_is_kept_and_which_prices_hold() {
    let (proxy, _upstream, _) = recorded(&["--retain-age", "30d", "--retain-size", "5gb"]);
    let config = proxy.get("/api/monitor/config");
    assert_eq!(
        config["retention"],
        json!({ "ageSeconds": 2_592_000, "bytes": 5_000_000_000_u64, "count": null })
    );
    assert_eq!(config["record"]["requests"], 1);
    assert!(config["record"]["bytes"].as_u64().unwrap() > 4096, "{config}");
    assert!(config["record"]["oldest"].as_str().unwrap().ends_with('Z'), "{config}");
    assert!(config["prices"]["date"].as_str().unwrap().starts_with("20"), "{config}");
    assert_eq!((&config["prices"]["own"], &config["hasToken"]), (&json!(false), &json!(false)));
}

#[test]
fn a_demonstration_runs_beside_the_record_and_leaves_it_alone() {
    let (proxy, _upstream, _) = recorded(&[]);
    let page = post(&proxy, "/api/monitor/demo")["url"].as_str().unwrap().to_owned();
    assert_eq!(post(&proxy, "/api/monitor/demo")["url"], page, "there is one at the most");
    let stats = page.replace("/monitor", "/api/monitor/stats");
    wait("simulated requests", || {
        status_and_body(&stats).1["totalRequests"].as_u64().filter(|total| *total > 3)
    });
    assert_eq!(proxy.get("/api/monitor/stats")["totalRequests"], 1);
}

#[test]
fn a_proxy_that_others_reach_starts_no_demonstration() {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let proxy = Proxy::with_environment(
        &upstream.url,
        &["--host", "0.0.0.0"],
        &[("MONITOR_TOKEN", "open-sesame-1234")],
    );
    let agent =
        ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
    let mut answer = agent
        .post(&format!("http://127.0.0.1:{}/api/monitor/demo", proxy.authority().rsplit(':').next().unwrap()))
        .header("authorization", "Bearer open-sesame-1234")
        .send_empty()
        .unwrap();
    assert_eq!(answer.status().as_u16(), 409);
    assert!(answer.body_mut().read_to_string().unwrap().contains("anthropic-proxy demo"));
}

#[test]
fn live_streams_have_places_and_more_are_refused_until_one_is_free() {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let proxy = Proxy::with(&upstream.url, &[]);
    let open = || {
        let mut page = Client::connect(proxy.authority());
        page.send("GET /api/monitor/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let head = String::from_utf8(page.read_until(b"\r\n\r\n")).unwrap();
        (page, head)
    };
    let mut pages: Vec<_> = (0..256).map(|_| open()).collect();
    assert!(pages.iter().all(|(_, head)| head.starts_with("HTTP/1.1 200")));
    let (_, refused) = open();
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    // Traffic is not touched by that.
    Client::connect(proxy.authority()).send(call(BODY)).read_until(b"ok");
    pages.pop();
    wait("a place", || open().1.starts_with("HTTP/1.1 200").then_some(()));
}
