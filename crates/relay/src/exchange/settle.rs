//! Carries out the verdict on an exchange: tells the tap, answers the client where no upstream did, keeps the
//! upstream's connection if it can be used again, and decides what becomes of the client's.

use super::{Exchange, Fin, Guard, Request, Verdict};
use crate::body::Piece;
use crate::client::{After, Client};
use crate::connect::ConnectError;
use crate::handler::{End, FailureKind, Handler, Phase, Tap};
use crate::problem::Problem;
use crate::server::Context;
use crate::upstream::Upstream;

/// The client left while there was no connection yet.
pub(super) fn gone_before_connected<T: Tap>(mut tap: Guard<'_, T>) -> After {
    tap.end(&End::ClientAborted);
    After::Drop
}

/// There is no connection to the upstream.
pub(super) async fn no_connection<H: Handler>(
    client: &mut Client,
    request: &Request,
    mut tap: Guard<'_, H::Tap>,
    error: ConnectError,
    context: &Context<H>,
) -> After {
    let mut body = request.body;
    // It went nowhere, but who asked, and for what, is worth knowing all the same.
    let step = body.advance(&client.inbox, |piece| {
        if let Piece::Payload(payload) = piece {
            tap.request_body(payload);
        }
    });
    if body.is_done() {
        tap.request_end();
    }
    tap.flush();
    client.consume(step.used);
    let close = !body.is_done() || request.wants_close;
    answer(client, request, tap, Problem::Connect(error), close, context).await
}

pub(super) async fn settle<H: Handler>(
    exchange: Exchange<'_, H::Tap>,
    verdict: Verdict,
    upstream: &Upstream,
    context: &Context<H>,
) -> After {
    let begun = exchange.response_has_begun();
    exchange.client.cut_on_drop = false;
    match verdict {
        Verdict::Complete => complete(exchange, upstream),
        Verdict::ClientGone => abandon(exchange),
        _ if exchange.client_gone || exchange.fin == Fin::Sent && matches!(verdict, Verdict::Cut(_)) => {
            abandon(exchange)
        }
        Verdict::Cut(message) => cut(exchange, &End::UpstreamCut { message }),
        Verdict::Silent if begun => cut(exchange, &End::Timeout { phase: Phase::ResponseBody }),
        Verdict::BadRequestBody(error) if begun => {
            cut(exchange, &End::BadRequestBody { message: error.to_string() })
        }
        Verdict::Silent => {
            let problem = Problem::Silence(exchange.clock.silence());
            fail(exchange, problem, context).await
        }
        Verdict::BadRequestBody(error) => fail(exchange, Problem::BadRequestBody(error), context).await,
        Verdict::Failed(problem) => fail(exchange, problem, context).await,
    }
}

fn complete<T: Tap>(exchange: Exchange<'_, T>, upstream: &Upstream) -> After {
    let Exchange { client, upstream: connection, mut tap, upload, download, .. } = exchange;
    if upload.is_done() && download.is_reusable() && exchange.fin == Fin::No {
        upstream.keep(connection);
    }
    if exchange.client_gone {
        tap.end(&End::ClientAborted);
        return After::Drop;
    }
    tap.end(&End::Complete);
    let nothing_more = client.fin && client.inbox.is_empty();
    if download.must_close() || !upload.is_done() || nothing_more || exchange.lifecycle.is_draining() {
        After::Close
    } else {
        After::KeepAlive
    }
}

fn abandon<T: Tap>(mut exchange: Exchange<'_, T>) -> After {
    exchange.tap.end(&End::ClientAborted);
    // What was not delivered to a client that has only ended its own side must not look like an end.
    if exchange.response_has_begun() { After::Reset } else { After::Drop }
}

/// Breaks the response off for the client too. A body with a length is short then, which the client sees; one that
/// ends with its connection would look whole, so that connection is reset.
fn cut<T: Tap>(mut exchange: Exchange<'_, T>, end: &End) -> After {
    exchange.tap.end(end);
    if exchange.download.ends_with_connection() { After::Reset } else { After::Close }
}

/// Tells the client that there will be no response.
async fn fail<H: Handler>(exchange: Exchange<'_, H::Tap>, problem: Problem, context: &Context<H>) -> After {
    let Exchange { client, upstream, tap, request, upload, download, .. } = exchange;
    drop(upstream);
    let interim = download.unsent();
    if !interim.is_empty() && !client.send(interim, context).await {
        return After::Reset;
    }
    let close = !upload.is_read() || request.wants_close;
    answer(client, &request, tap, problem, close, context).await
}

async fn answer<H: Handler>(
    client: &mut Client,
    request: &Request,
    mut tap: Guard<'_, H::Tap>,
    problem: Problem,
    close: bool,
    context: &Context<H>,
) -> After {
    let status = problem.status();
    let close = close || context.lifecycle.is_draining();
    let reply = context.handler.error_reply(status, &problem);
    let after = client.send_reply(status, &reply, close, !request.to_head, context).await;
    tap.replied(status, &reply);
    tap.end(&end_of(problem));
    after
}

fn end_of(problem: Problem) -> End {
    let message = problem.to_string();
    let kind = match problem {
        Problem::Silence(_) => return End::Timeout { phase: Phase::ResponseHead },
        Problem::BadRequestBody(error) => return End::BadRequestBody { message: error.to_string() },
        Problem::Connect(error) => error.kind,
        Problem::NoAnswer(_) => FailureKind::NoAnswer,
        _ => FailureKind::BadAnswer,
    };
    End::UpstreamFailed { message, kind }
}
