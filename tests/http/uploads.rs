//! A request whose body does not arrive is the client's failure, whatever the inner service makes of it.

use std::io;

use bytes::Bytes;
use futures::stream;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use support::http::{PROMPT, Scripted, Step, data, post};
use support::{Mode, Recorders, everywhere};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    ErrorKind, HttpCallbackLayer,
    http_layer::{RequestBody, TransportFailure, UploadFailure},
};

type Upload = http_body_util::combinators::BoxBody<Bytes, BoxError>;

/// An upload that breaks off with an error.
fn broken(error: impl Into<BoxError>) -> Upload {
    let error: BoxError = error.into();
    let mut pieces = vec![Ok(Frame::data(Bytes::from_static(&PROMPT.as_bytes()[..20])))];
    pieces.push(Err(error));
    let pieces: Vec<Result<Frame<Bytes>, BoxError>> = pieces;
    BodyExt::boxed(StreamBody::new(stream::iter(pieces)))
}

fn limited() -> Upload {
    let limited = Limited::new(Full::new(Bytes::from_static(PROMPT.as_bytes())), 5);
    BodyExt::boxed(limited)
}

fn error(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, "the body is broken")
}

#[test]
fn a_failed_upload_is_not_booked_on_the_upstream() {
    support::Flavor::Current.runtime().block_on(async {
        let uploads: [(fn() -> Upload, ErrorKind); 8] = [
            (|| broken(error(io::ErrorKind::UnexpectedEof)), ErrorKind::Cancelled),
            (|| broken(error(io::ErrorKind::ConnectionReset)), ErrorKind::Cancelled),
            (|| broken("gone"), ErrorKind::Cancelled),
            (|| broken(error(io::ErrorKind::InvalidInput)), ErrorKind::Invalid),
            (|| broken(error(io::ErrorKind::InvalidData)), ErrorKind::Invalid),
            (|| broken(io::Error::other(error(io::ErrorKind::InvalidData))), ErrorKind::Invalid),
            (|| broken(Box::new(error(io::ErrorKind::BrokenPipe))), ErrorKind::Cancelled),
            (limited, ErrorKind::Invalid),
        ];
        for (upload, kind) in uploads {
            for refuses in [false, true] {
                // All of it is captured, or it breaks while the inner service reads it.
                for captured in [usize::MAX, 3] {
                    let recorders = Recorders::new(&support::MODES);
                    let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
                    let layer = layer.max_request_bytes(captured);
                    let server =
                        service_fn(move |request: Request<RequestBody<Upload>>| async move {
                            let error = request.into_body().collect().await.unwrap_err();
                            if !refuses {
                                return Err(error);
                            }
                            let mut response = Response::new(Full::<Bytes>::from("no"));
                            *response.status_mut() = StatusCode::BAD_GATEWAY;
                            response.extensions_mut().insert(TransportFailure::new("no response"));
                            Ok(response)
                        });
                    let response = layer.layer(server).oneshot(post(upload())).await;
                    if let Ok(response) = response {
                        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
                        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "no");
                    }
                    let terminal = recorders.ended(Some(kind)).await;
                    let status = terminal.error().unwrap().status();
                    assert_eq!(status, refuses.then_some(502));
                }
            }
        }
    });
}

/// Only an upload that the inner service read and that failed counts.
#[test]
fn other_failures_are_the_upstreams() {
    everywhere(|recorders| async move {
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).max_request_bytes(3);
        let server = service_fn(|_: Request<RequestBody<Scripted>>| async {
            Err::<Response<Scripted>, BoxError>("connection refused".into())
        });
        let body = Scripted::new([data(PROMPT), Step::Fail]);
        layer.layer(server).oneshot(post(body)).await.unwrap_err();
        recorders.ended(Some(ErrorKind::Transport)).await;
    });
}

#[test]
fn an_answer_in_spite_of_a_broken_upload_is_an_answer() {
    let runtime = support::Flavor::Current.runtime();
    runtime.block_on(async {
        let recorders = Recorders::new(&[Mode::Inline]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).max_request_bytes(3);
        let server = service_fn(|request: Request<RequestBody<Scripted>>| async {
            request.into_body().collect().await.unwrap_err();
            let answer = Scripted::chunks(support::http::HELLO);
            Ok::<_, BoxError>(support::http::event_stream(answer))
        });
        let body = Scripted::new([data(PROMPT), Step::Fail]);
        let response = layer.layer(server).oneshot(post(body)).await.unwrap();
        response.into_body().collect().await.unwrap();
        recorders.ended(None).await;
    });
}

#[test]
fn a_length_limit_is_invalid_however_deep() {
    let limit = || {
        let runtime = support::Flavor::Current.runtime();
        runtime.block_on(limited().collect()).unwrap_err()
    };
    assert!(limit().is::<LengthLimitError>());
    assert_eq!(UploadFailure::of(&*limit()), UploadFailure::Invalid);
    assert_eq!(UploadFailure::of(&io::Error::other(limit())), UploadFailure::Invalid);
}
