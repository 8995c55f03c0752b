//! Shell commands that repeat the requests. The key is `$ANTHROPIC_API_KEY`; everything else is quoted for any POSIX shell.

use super::{Format, Item, Opening};
use crate::view;
use base64::Engine as _;
use std::io::{self, Write};
use store::{Exchange, Headers, Side};

/// Headers that curl makes itself, or that belong to one connection, or to the coding that was undone.
const OWN: [&str; 9] = [
    "host",
    "content-length",
    "content-encoding",
    "connection",
    "transfer-encoding",
    "accept-encoding",
    "keep-alive",
    "te",
    "expect",
];

/// A script of one command a request.
pub(super) struct Curl;

impl Format for Curl {
    fn content_type(&self) -> &'static str {
        "text/x-shellscript; charset=utf-8"
    }

    fn extension(&self) -> &'static str {
        "sh"
    }

    fn begin(&mut self, out: &mut dyn Write, _: &Opening) -> io::Result<()> {
        out.write_all(b"#!/bin/sh\n# Set ANTHROPIC_API_KEY, then run what is wanted of this.\n")
    }

    fn exchange(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        let exchange = &item.recorded.exchange;
        let model = exchange.model.as_deref().unwrap_or_default();
        // A line end in a comment would begin a command.
        let about = format!("{} {} {model}", exchange.id, view::iso(exchange.started_us));
        writeln!(out, "\n# {}", about.trim_end().replace(char::is_control, " "))?;
        if let Some(why) = item.missing(Side::Request) {
            writeln!(out, "# Its body is not here ({why}): put your own after --data-binary")?;
        }
        let body = item.decoded(Side::Request);
        if let Some(body) = &body {
            put_body(out, body)?;
        }
        match exchange.method.as_str() {
            "HEAD" => out.write_all(b"curl --silent --show-error --head")?,
            method => write!(out, "curl --silent --show-error --request {}", quoted(method))?,
        }
        write!(out, " --compressed --globoff --path-as-is \\\n  --url {}", quoted(&url(exchange)))?;
        for line in headers(&exchange.request_headers, body.is_some()) {
            write!(out, " \\\n  --header {line}")?;
        }
        out.write_all(if body.is_some() { b" \\\n  --data-binary @-\n" } else { b"\n" })
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// The command that writes the body, and the pipe after it. `head` takes off the line end that a heredoc adds.
fn put_body(out: &mut dyn Write, body: &[u8]) -> io::Result<()> {
    let mut marker = "END_OF_BODY".to_owned();
    while memchr::memmem::find(body, marker.as_bytes()).is_some() {
        marker.push('_');
    }
    if std::str::from_utf8(body).is_ok() && !body.contains(&0) {
        writeln!(out, "head -c {} <<'{marker}' |", body.len())?;
        out.write_all(body)?;
        out.write_all(b"\n")?;
    } else {
        writeln!(out, "base64 -d <<'{marker}' |")?;
        for line in base64::engine::general_purpose::STANDARD.encode(body).as_bytes().chunks(76) {
            out.write_all(line)?;
            out.write_all(b"\n")?;
        }
    }
    writeln!(out, "{marker}")
}

fn url(exchange: &Exchange) -> String {
    if exchange.url.starts_with("http://") || exchange.url.starts_with("https://") {
        return exchange.url.clone();
    }
    let upstream = match exchange.upstream.as_str() {
        "" => "https://api.anthropic.com",
        known => known.trim_end_matches('/'),
    };
    format!("{upstream}{}", exchange.url)
}

/// Header lines, quoted. Those that curl would add on its own account are told to stay away.
fn headers(sent: &Headers, has_body: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, value) in sent.iter().filter(|(name, _)| !OWN.iter().any(|own| name.eq_ignore_ascii_case(own)))
    {
        if name.starts_with('@') {
            // curl would read a file of that name.
            continue;
        }
        if name.eq_ignore_ascii_case("authorization") {
            lines.push(format!("{}\"$ANTHROPIC_API_KEY\"", quoted(&format!("{name}: Bearer "))));
        } else if name.eq_ignore_ascii_case("x-api-key") {
            lines.push(format!("{}\"$ANTHROPIC_API_KEY\"", quoted(&format!("{name}: "))));
        } else if protocol::secrets::is_secret_header(name) {
            // Its value is masked, and no variable is known for it.
        } else if value.is_empty() {
            lines.push(quoted(&format!("{name};")));
        } else {
            lines.push(quoted(&format!("{name}: {value}")));
        }
    }
    let is_sent = |wanted: &str| sent.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    for name in ["Accept", "User-Agent", "Content-Type"] {
        if !is_sent(name) && (has_body || name != "Content-Type") {
            lines.push(quoted(&format!("{name}:")));
        }
    }
    lines
}

/// One word for the shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::Recorded;
    use std::process::Command;

    /// What `curl` is told and given, as a shell that runs the script sees it.
    fn run(bodies: &[&[u8]], headers: &Headers) -> Vec<(Vec<String>, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let mut script = Vec::new();
        let mut curl = Curl;
        curl.begin(&mut script, &Opening::default()).unwrap();
        for body in bodies {
            let exchange = Exchange {
                method: "POST".into(),
                url: "/v1/it's?a=$(touch x)&b=`c`".into(),
                upstream: "http://127.0.0.1:1".into(),
                request_headers: headers.clone(),
                request_bytes: body.len() as u64,
                ..Exchange::default()
            };
            let request = Some(store::Body { bytes: body.to_vec(), complete: true });
            let item = Item::made(Recorded { exchange, request, ..Recorded::default() });
            curl.exchange(&mut script, &item).unwrap();
        }
        curl.end(&mut script).unwrap();
        let fake =
            "n=$(ls | wc -l); for word in \"$@\"; do printf '%s\\0' \"$word\"; done >args$n; cat >body$n\n";
        std::fs::write(
            folder.path().join("script.sh"),
            [b"curl() { ".as_slice(), fake.as_bytes(), b"}\n", &script].concat(),
        )
        .unwrap();
        let done = Command::new("sh")
            .arg("script.sh")
            .current_dir(folder.path())
            .env("ANTHROPIC_API_KEY", "the key")
            .output()
            .unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
        let numbers = (0..bodies.len()).map(|number| 1 + 2 * number);
        let read = |name: String| std::fs::read(folder.path().join(name)).unwrap();
        numbers
            .map(|number| {
                let args = String::from_utf8(read(format!("args{number}"))).unwrap();
                let args = args.split_terminator('\0').map(str::to_owned).collect();
                (args, read(format!("body{number}")))
            })
            .collect()
    }

    #[test]
    fn a_shell_gives_curl_exactly_what_was_sent() {
        let bodies: [&[u8]; 6] = [
            b"{\"text\":\"it's $HOME `x` \\\\n \\\" END_OF_BODY\"}",
            b"ends with lines\n\n",
            b"END_OF_BODY\nEND_OF_BODY_\nrm -rf",
            b"\xff\x00binary",
            "ä\r\n\t".as_bytes(),
            b"x",
        ];
        let headers: Headers = [
            ("Host", "x"),
            ("X-Api-Key", "sk-ant-api...wxyz"),
            ("authorization", "Bearer abc...wxyz"),
            ("X-Odd", "it's \"$(id)\""),
            ("X-Empty", ""),
            ("Cookie", "a=***"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        for ((args, got), body) in run(&bodies, &headers).into_iter().zip(bodies) {
            assert_eq!(got, body);
            let after = |flag: &str| {
                let pairs = args.windows(2).filter(|pair| pair[0] == flag);
                pairs.map(|pair| pair[1].clone()).collect::<Vec<_>>()
            };
            assert_eq!(after("--url"), ["http://127.0.0.1:1/v1/it's?a=$(touch x)&b=`c`"]);
            assert_eq!(after("--request"), ["POST"]);
            let expected = [
                "X-Api-Key: the key",
                "authorization: Bearer the key",
                "X-Odd: it's \"$(id)\"",
                "X-Empty;",
                "Accept:",
                "User-Agent:",
                "Content-Type:",
            ];
            assert_eq!(after("--header"), expected);
        }
    }
}
