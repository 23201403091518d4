use futures_core::Stream;
use tower::BoxError;

use crate::{
    event::{Accumulator, LlmResult},
    extract::{LlmChunk, read},
};

/// Reads a stream of chunks to its end and adds them up.
///
/// Accepts a [`ChatStream`](super::ChatStream), the stream of a service with callbacks, and any other stream of
/// `Result<C, E>` with an [`LlmChunk`] `C`. The result's times are absent or zero, since they belong to a run.
///
/// # Errors
///
/// Returns the stream's first error, the [`ProviderError`](crate::ProviderError) that the answer reports, or
/// [`Truncated`](crate::event::Truncated) if the end mark did not come and not every choice has its finish reason. The chunks before are lost.
///
/// ```
/// use std::convert::Infallible;
/// use tower_llm_callbacks::{Delta, chat};
///
/// # tokio_test::block_on(async {
/// let chunks = [Delta::text("Hel"), Delta::text("lo"), Delta::finish("end_turn"), Delta::Done];
/// let stream = futures::stream::iter(chunks.map(Ok::<_, Infallible>));
///
/// let result = chat::collect(stream).await?;
/// assert_eq!(result.text(), "Hello");
/// # Ok::<_, tower::BoxError>(())
/// # }).unwrap();
/// ```
pub async fn collect<S, C, E>(stream: S) -> Result<LlmResult, BoxError>
where
    S: Stream<Item = Result<C, E>>,
    C: LlmChunk,
    E: Into<BoxError>,
{
    let mut answer = Accumulator::new();
    read(stream, &mut answer, || {}).await?;
    Ok(answer.finish())
}
