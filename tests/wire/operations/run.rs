//! A call as the layer reads it, without the layer.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use support::recordings::{cuts, pieces};
use tower_llm_callbacks::{
    Delta, LlmResult, LlmStart, ProviderError, RunType,
    event::Accumulator,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse,
        operations::{
            CohereEmbed, Embeddings, GoogleEmbeddings, Imagen, Images, Moderations, OllamaEmbed,
            Rerank, Speech, Transcriptions,
        },
    },
};

/// The formats, in the order of the layer.
pub(super) const FORMATS: [&dyn Format; 10] = [
    &OllamaEmbed,
    &CohereEmbed,
    &Embeddings,
    &GoogleEmbeddings,
    &Rerank,
    &Images,
    &Imagen,
    &Speech,
    &Transcriptions,
    &Moderations,
];

/// Returns the format of a call, and the type of its run.
fn call_of(request: &LlmHttpRequest<'_>) -> Option<(&'static dyn Format, RunType)> {
    let mut formats =
        FORMATS.into_iter().filter(|format| format.matches(request.method, &request.path()));
    formats.find_map(|format| Some((format, format.describe(request).run_type()?)))
}

/// Returns the format of a call whose path says what it is.
pub(super) fn format_of(path: &str) -> Option<&'static dyn Format> {
    let (uri, headers, body) = (path.parse().unwrap(), HeaderMap::new(), Bytes::from("{}"));
    Some(call_of(&LlmHttpRequest::new(&Method::POST, &uri, &headers, &body))?.0)
}

/// What a call and its answer are read as.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) run_type: RunType,
    pub(super) start: LlmStart,
    pub(super) result: LlmResult,
    pub(super) error: Option<ProviderError>,
    pub(super) done: bool,
}

pub(super) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

pub(super) fn start(target: &str, content_type: &str, body: impl Into<Bytes>) -> LlmStart {
    let uri: Uri = target.parse().unwrap();
    let (headers, body) = (headers(&[("content-type", content_type)]), body.into());
    let request = LlmHttpRequest::new(&Method::POST, &uri, &headers, &body);
    call_of(&request).unwrap_or_else(|| panic!("{target}")).0.start(&request)
}

/// Reads a call, and its answer of status 200 at many cuts, all of which must read the same.
pub(super) fn read(
    target: &str,
    (request_type, request): (&str, &[u8]),
    (content_type, body): (Option<&str>, &[u8]),
) -> Read {
    let start = start(target, request_type, request.to_vec());
    let uri: Uri = target.parse().unwrap();
    let (no_headers, sent) = (HeaderMap::new(), Bytes::copy_from_slice(request));
    let call = LlmHttpRequest::new(&Method::POST, &uri, &no_headers, &sent);
    let (format, run_type) = call_of(&call).unwrap();
    let headers: HeaderMap =
        content_type.map_or_else(HeaderMap::new, |it| headers(&[("content-type", it)]));
    let response = LlmHttpResponse::new(StatusCode::OK, &headers).request(&start);
    let whole = deltas(format.decoder(&response), [body]);
    for lengths in cuts(target, body) {
        let cut = deltas(format.decoder(&response), pieces(body, &lengths));
        assert_eq!(cut, whole, "{target}");
    }
    let mut sum = Accumulator::new();
    whole.iter().for_each(|delta| sum.delta(delta));
    let error = whole.iter().find_map(|delta| match delta {
        Delta::Error(error) => Some(error.clone()),
        _ => None,
    });
    let done = whole.contains(&Delta::Done);
    Read { run_type, start, result: sum.finish(), error, done }
}

fn deltas<'a>(
    mut decoder: Box<dyn Decoder>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Delta<'static>> {
    let mut all: Vec<Delta<'static>> = Vec::new();
    let mut each = |delta: Delta<'_>| {
        let ended = matches!(all.last(), Some(Delta::Done | Delta::Error(_)));
        assert!(!ended, "{delta:?} after the end");
        all.push(delta.into_owned());
    };
    pieces.into_iter().for_each(|piece| decoder.push(piece, &mut each));
    decoder.finish(&mut each);
    all
}
