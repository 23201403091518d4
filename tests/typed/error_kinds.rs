//! The kinds of errors, and the causes that their messages name.

use std::{error::Error, fmt, io};

use support::{MODES, Recorders, everywhere, request};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    ErrorKind, RunLayer,
    chat::{ChatChunk, ChatRequest, ModelError},
    event::InvalidRequest,
    model::anthropic::{AnthropicConfig, AnthropicLayer},
};

/// An error of the user's own, which says little by itself.
#[derive(Debug)]
struct Own(BoxError);

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the model is not reachable")
    }
}

impl Error for Own {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

fn refused() -> io::Error {
    io::Error::from_raw_os_error(111)
}

type Make = fn() -> BoxError;
type Chunks = futures::stream::Empty<Result<ChatChunk, BoxError>>;

/// The run's message has every cause, to the last source, whoever's error it is.
#[test]
fn a_transport_error_names_its_cause() {
    let errors: [(Make, &str); 6] = [
        (|| refused().into(), "Connection refused (os error 111)"),
        (
            || Own(refused().into()).into(),
            "the model is not reachable: Connection refused (os error 111)",
        ),
        (
            || Own(Own("dns error: no such host models.example".into()).into()).into(),
            "the model is not reachable: dns error: no such host models.example",
        ),
        (
            || io::Error::other(Own("invalid peer certificate: Expired".into())).into(),
            "the model is not reachable: invalid peer certificate: Expired",
        ),
        (
            || ModelError::Transport("the pool is empty".into()).into(),
            "the HTTP call to the provider failed: the pool is empty",
        ),
        (
            || ModelError::Transport(Own(refused().into()).into()).into(),
            "the HTTP call to the provider failed: the model is not reachable: Connection refused (os error 111)",
        ),
    ];
    for (error, message) in errors {
        everywhere(move |recorders| async move {
            let model = service_fn(move |_: ChatRequest| async move { Err::<Chunks, _>(error()) });
            let mut model = recorders.layer().layer(model);
            assert!(model.ready().await.unwrap().call(request()).await.is_err());
            let end = recorders.ended(Some(ErrorKind::Transport)).await;
            assert_eq!(end.error().unwrap().message(), message);
        });
    }
}

/// Neither a request that is not sent nor a configuration that cannot work is the transport's fault.
#[test]
fn an_invalid_request_or_configuration_is_invalid() {
    let http = || {
        service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| {
            std::future::pending::<io::Result<http::Response<http_body_util::Full<bytes::Bytes>>>>()
        })
    };
    let cases = [
        (AnthropicConfig::new("key"), ChatRequest::new("").user("Hi"), "no model"),
        (AnthropicConfig::new("key").base_url("nowhere"), request(), "base_url"),
        (AnthropicConfig::new("key\n"), request(), "api_key"),
    ];
    for (config, request, message) in cases {
        let runtime = support::Flavor::Current.runtime();
        runtime.block_on(async {
            let recorders = Recorders::new(&MODES);
            let mut model = recorders.layer().layer(AnthropicLayer::new(config).layer(http()));
            let _ = model.ready().await.unwrap().call(request).await.map(drop).unwrap_err();
            let end = recorders.ended(Some(ErrorKind::Invalid)).await;
            let found = end.error().unwrap().message();
            assert!(found.starts_with("invalid request: ") && found.contains(message), "{found}");
        });
    }
    // An error of the user's own that says so.
    everywhere(|recorders| async move {
        let model = service_fn(|_: ChatRequest| async {
            Err::<Chunks, _>(Own(InvalidRequest::new("temperature must be 0 to 2").into()))
        });
        let mut model = recorders.layer().layer(model);
        assert!(model.ready().await.unwrap().call(request()).await.is_err());
        recorders.ended(Some(ErrorKind::Invalid)).await;
    });
}

/// A tool that fails by itself has failed. What the cause says comes first.
#[test]
fn a_tools_own_failure_is_failed() {
    let errors: [(Make, ErrorKind); 3] = [
        (|| "no such city".into(), ErrorKind::Failed),
        (|| refused().into(), ErrorKind::Failed),
        (|| tower_llm_callbacks::ProviderError::new("busy").into(), ErrorKind::Provider),
    ];
    for (error, kind) in errors {
        everywhere(move |recorders| async move {
            let tool = RunLayer::tool("weather").callbacks(&recorders.callbacks);
            assert!(tool.run(async { Err::<(), _>(error()) }).await.is_err());
            assert!(recorders.callbacks.flush(support::PATIENCE).await.is_complete());
            for (_, recorder) in &recorders.each {
                assert_eq!(recorder.terminals()[0].error().unwrap().kind(), kind);
            }
        });
    }
}
