/// An extension of HTTP responses that marks an answer as one from a cache, as [`Run::set_cached`](crate::Run::set_cached)
/// does.
///
/// ```
/// use http::Response;
/// use tower_llm_callbacks::http_layer::Cached;
///
/// fn from_cache<B>(body: B) -> Response<B> {
///     let mut response = Response::new(body);
///     response.extensions_mut().insert(Cached);
///     response
/// }
/// # from_cache("");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cached;
