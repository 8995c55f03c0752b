//! `/v1/messages/batches`: create, list, get, cancel, delete, results. A batch has ended when it is next looked at.

use serde_json::{Value, json};

use super::conversation::array;
use super::error::ApiError;
use super::{Api, Request};
use crate::reply::Reply;
use crate::server::lock;

/// A batch: its object as it is now, and its results, one a line.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    object: Value,
    results: Vec<Value>,
    /// Stated once the batch has ended.
    results_url: String,
}

impl Api {
    /// `rest` is the path after `/v1/messages/batches`, without a slash in front.
    pub(super) fn batches(&self, request: &Request<'_>, rest: &str) -> Result<Reply, ApiError> {
        match (request.method, rest.split_once('/').unwrap_or((rest, ""))) {
            ("POST", ("", "")) => self.create_batch(request),
            ("GET", ("", "")) => {
                let data: Vec<Value> =
                    lock(&self.batches).iter().rev().map(|batch| batch.object.clone()).collect();
                let id_of = |batch: Option<&Value>| batch.map_or(Value::Null, |batch| batch["id"].clone());
                Ok(Reply::json(
                    200,
                    &json!({"first_id": id_of(data.first()), "last_id": id_of(data.last()),
                    "has_more": false, "data": data}),
                ))
            }
            ("GET", (id, "")) => self.change_batch(id, Batch::end),
            ("GET", (id, "results")) => {
                self.change_batch(id, Batch::end)?;
                let batches = lock(&self.batches);
                let results =
                    batches.iter().find(|batch| batch.object["id"] == id).map(|batch| &batch.results);
                let lines: String =
                    results.into_iter().flatten().map(|result| format!("{result}\n")).collect();
                Ok(Reply::whole(200, "application/x-jsonl", lines))
            }
            ("POST", (id, "cancel")) => {
                let now = self.clock().rfc3339(0);
                self.change_batch(id, |batch| batch.cancel(&now))
            }
            ("DELETE", (id, "")) => {
                self.change_batch(id, |_| {})?;
                lock(&self.batches).retain(|batch| batch.object["id"] != id);
                Ok(Reply::json(200, &json!({"id": id, "type": "message_batch_deleted"})))
            }
            _ => {
                Err(ApiError::not_found(format!("Not found: {} /v1/messages/batches/{rest}", request.method)))
            }
        }
    }

    fn create_batch(&self, request: &Request<'_>) -> Result<Reply, ApiError> {
        let body = super::json::parse(&request.body).map_err(ApiError::invalid)?;
        let requests = array(&body, "requests");
        if requests.is_empty() {
            return Err(ApiError::invalid("requests: List should have at least 1 item"));
        }
        let results: Vec<Value> = requests.iter().map(|one| self.batch_result(request, one)).collect();
        let id = self.new_id("msgbatch");
        let host = request.header("host").map_or_else(|| self.addr.to_string(), str::to_owned);
        let object = json!({
            "id": id, "type": "message_batch", "processing_status": "in_progress",
            "request_counts": {"processing": requests.len(), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
            "created_at": self.clock().rfc3339(0), "expires_at": self.clock().rfc3339(24 * 3600),
            "ended_at": null, "cancel_initiated_at": null, "archived_at": null,
            "results_url": null,
        });
        let results_url = format!("http://{host}/v1/messages/batches/{id}/results");
        lock(&self.batches).push(Batch { object: object.clone(), results, results_url });
        Ok(Reply::json(200, &object))
    }

    fn batch_result(&self, request: &Request<'_>, one: &Value) -> Value {
        let result = match self.message_for(request, &one["params"]) {
            Ok(mut message) => {
                message["usage"]["service_tier"] = "batch".into();
                json!({"type": "succeeded", "message": message})
            }
            Err(error) => json!({"type": "errored", "error": error.json(&self.new_id("req"))}),
        };
        json!({"custom_id": one["custom_id"], "result": result})
    }

    fn change_batch(&self, id: &str, change: impl FnOnce(&mut Batch)) -> Result<Reply, ApiError> {
        let mut batches = lock(&self.batches);
        let found = batches.iter_mut().find(|batch| batch.object["id"] == id);
        let batch = found.ok_or_else(|| ApiError::not_found(format!("Message batch not found: {id}")))?;
        change(batch);
        Ok(Reply::json(200, &batch.object))
    }
}

impl Batch {
    fn end(&mut self) {
        if self.object["processing_status"] == "ended" {
            return;
        }
        let count =
            |kind: &str| self.results.iter().filter(|result| result["result"]["type"] == kind).count();
        self.object["request_counts"] = json!({"processing": 0, "succeeded": count("succeeded"),
            "errored": count("errored"), "canceled": count("canceled"), "expired": 0});
        self.object["processing_status"] = "ended".into();
        self.object["results_url"] = self.results_url.clone().into();
        self.object["ended_at"] = self.object["created_at"].clone();
    }

    fn cancel(&mut self, now: &str) {
        if self.object["processing_status"] != "in_progress" {
            return;
        }
        for result in &mut self.results {
            result["result"] = json!({"type": "canceled"});
        }
        self.object["processing_status"] = "canceling".into();
        self.object["cancel_initiated_at"] = now.into();
    }
}
