//! Bounds of services that the compiler can explain.
//!
//! Each trait stands for a bound on types of the standard library or of `futures`, and holds for every type that fulfils it:
//! nobody implements it. Where a stack does not fulfil a bound, the compiler's error says what to change, instead of naming
//! a trait that the code does not mention. `checked` of a service has that error where the stack is built:
//!
//! ```compile_fail,E0277
//! use tower::{Layer, service_fn};
//! use tower_llm_callbacks::{CallbackLayer, Callbacks, chat::ChatRequest};
//!
//! let model = service_fn(|_: ChatRequest| async { Ok::<_, tower::BoxError>("Hello") });
//! // error: the response `&str` is not a stream of results
//! let model = CallbackLayer::new(Callbacks::new()).layer(model).checked::<ChatRequest>();
//! ```

use std::error::Error;

use futures_core::Stream;
use http::{Request, Response};
use tower::{BoxError, Service};

/// A service that is `Clone`, as one below a callback layer has to be.
#[diagnostic::on_unimplemented(
    message = "the service `{Self}` is not `Clone`",
    label = "a layer above this service needs it to be `Clone`",
    note = "a call may have to wait for handlers before it is made: then a clone takes the place of the ready service",
    note = "of tower's services, `RateLimit` and balancers become `Clone` below a `.buffer(…)`, and `BoxCloneService` takes the place of `BoxService`"
)]
pub trait CloneService: Clone {}

#[diagnostic::do_not_recommend]
impl<S: Clone> CloneService for S {}

/// A stream whose items are `Result`s, as the response of a streaming service has to be.
#[diagnostic::on_unimplemented(
    message = "the response `{Self}` is not a stream of results",
    label = "this service's response must be a `Stream<Item = Result<_, _>>`",
    note = "for a stream of items that cannot fail, wrap each in `Ok::<_, BoxError>`",
    note = "for a response that is whole, use a `layer::ModelLayer` for calls of models, or a `RunLayer` for chains, tools and retrievers"
)]
pub trait ResultStream: Stream {}

#[diagnostic::do_not_recommend]
impl<St, T, E> ResultStream for St where St: Stream<Item = Result<T, E>> {}

/// An error that can be boxed, as those of a service below a callback layer have to be.
#[diagnostic::on_unimplemented(
    message = "the error `{Self}` does not convert into a `tower::BoxError`",
    label = "a layer above this service boxes its errors",
    note = "implement `std::error::Error` for `{Self}`, which also has to be `Send + Sync + 'static`, or convert it with `map_err`"
)]
pub trait IntoBoxError: Into<BoxError> {}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> IntoBoxError for E {}

/// An error that a retry or a fallback can read.
#[diagnostic::on_unimplemented(
    message = "a retry or fallback cannot read the error `{Self}`",
    label = "the error must be a `tower::BoxError`, a `chat::ModelError`, or another `AsRef<dyn Error + Send + Sync>`",
    note = "a `CallbackLayer` below boxes errors; otherwise put `.map_err(BoxError::from)` between"
)]
pub trait ReadError: AsRef<dyn Error + Send + Sync> {}

#[diagnostic::do_not_recommend]
impl<E: AsRef<dyn Error + Send + Sync>> ReadError for E {}

/// An HTTP service for requests with bodies of type `B`, as a typed model and an HTTP layer need.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an HTTP service for requests with the body `{B}`",
    label = "must be a `Service<http::Request<{B}>>` whose response is an `http::Response`",
    note = "a `reqwest::Client` is one in a `model::ReqwestService` (feature `reqwest`)",
    note = "the body below an `HttpCallbackLayer` is an `http_layer::RequestBody`: a client of hyper-util has the type of its body as a parameter"
)]
pub trait HttpService<B>: Service<Request<B>> {}

#[diagnostic::do_not_recommend]
impl<S, B, B2> HttpService<B> for S where S: Service<Request<B>, Response = Response<B2>> {}
