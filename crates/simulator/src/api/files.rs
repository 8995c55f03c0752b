//! `/v1/files`: multipart upload, list, metadata, download, delete.

use bytes::Bytes;
use serde_json::{Value, json};

use super::error::ApiError;
use super::{Api, Request};
use crate::reply::Reply;
use crate::server::lock;

/// An uploaded file.
#[derive(Clone, Debug)]
pub(super) struct File {
    object: Value,
    media_type: String,
    content: Bytes,
}

impl Api {
    /// `rest` is the path after `/v1/files`, without a slash in front.
    pub(super) fn files(&self, request: &Request<'_>, rest: &str) -> Result<Reply, ApiError> {
        match (request.method, rest.split_once('/').unwrap_or((rest, ""))) {
            ("POST", ("", "")) => self.upload(request),
            ("GET", ("", "")) => {
                let files = lock(&self.files);
                let data: Vec<Value> = files.iter().rev().map(|file| file.object.clone()).collect();
                let id_of = |file: Option<&Value>| file.map_or(Value::Null, |file| file["id"].clone());
                Ok(Reply::json(
                    200,
                    &json!({"first_id": id_of(data.first()), "last_id": id_of(data.last()),
                    "has_more": false, "data": data}),
                ))
            }
            ("GET", (id, "")) => Ok(Reply::json(200, &self.file(id)?.object)),
            ("GET", (id, "content")) => {
                let file = self.file(id)?;
                Ok(Reply::whole(200, &file.media_type, file.content))
            }
            ("DELETE", (id, "")) => {
                self.file(id)?;
                lock(&self.files).retain(|file| file.object["id"] != id);
                Ok(Reply::json(200, &json!({"id": id, "type": "file_deleted"})))
            }
            _ => Err(ApiError::not_found(format!("Not found: {} /v1/files/{rest}", request.method))),
        }
    }

    fn file(&self, id: &str) -> Result<File, ApiError> {
        let found = lock(&self.files).iter().find(|file| file.object["id"] == id).cloned();
        found.ok_or_else(|| ApiError::not_found(format!("File not found: {id}")))
    }

    fn upload(&self, request: &Request<'_>) -> Result<Reply, ApiError> {
        let content_type = request.header("content-type").unwrap_or_default();
        let boundary = content_type
            .split(';')
            .find_map(|part| part.trim().strip_prefix("boundary="))
            .map(|boundary| boundary.trim_matches('"'))
            .ok_or_else(|| ApiError::invalid("expected a multipart/form-data body with a boundary"))?;
        let part =
            file_part(&request.body, boundary).ok_or_else(|| ApiError::invalid("file: Field required"))?;
        let object = json!({"id": self.new_id("file"), "type": "file", "filename": part.filename,
            "mime_type": part.media_type, "size_bytes": part.content.len(),
            "created_at": self.clock().rfc3339(0), "downloadable": true});
        let file = File { object: object.clone(), media_type: part.media_type, content: part.content };
        lock(&self.files).push(file);
        Ok(Reply::json(200, &object))
    }
}

struct Part {
    filename: String,
    media_type: String,
    content: Bytes,
}

/// The first part of a multipart body that is a file.
fn file_part(body: &Bytes, boundary: &str) -> Option<Part> {
    let opening = format!("--{boundary}\r\n").into_bytes();
    let closing = format!("\r\n--{boundary}").into_bytes();
    let mut at = find(body, &opening, 0)? + opening.len();
    loop {
        let head_end = find(body, b"\r\n\r\n", at)?;
        let content_end = find(body, &closing, head_end + 2)?;
        let head = String::from_utf8_lossy(&body[at..head_end]);
        if let Some(filename) = quoted_after(&head, "filename=\"") {
            let media_type = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
            });
            let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
            return Some(Part {
                filename,
                media_type,
                content: body.slice((head_end + 4).min(content_end)..content_end),
            });
        }
        at = content_end + closing.len() + 2;
    }
}

fn quoted_after(text: &str, before: &str) -> Option<String> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(rest[..rest.find('"')?].to_owned())
}

fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}
